//! Help, completions, the manual; colours; and readers that go away.

use std::process::Stdio;

use crate::run::Home;

const CALLS: [&str; 6] = ["status", "reclaim", "explain", "snapshot", "completions", "manual"];

#[test]
fn the_help_of_each_call() {
    let home = Home::new();
    let mut seen = home.run(&["--help"]).seen();
    for call in CALLS {
        let ran = home.run(&[call, "--help"]);
        assert!(ran.stdout.contains("Examples:\n  taskpaw-ports "), "{call} has examples");
        seen += &format!("\n$ taskpaw-ports {call} --help\n{}", ran.seen());
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn the_manual_page_has_every_call() {
    let ran = Home::new().run(&["manual"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    for call in CALLS {
        let heading = format!("\n.SH \"TASKPAW/-PORTS {}\"\n", call.to_uppercase());
        assert_eq!(ran.stdout.matches(&heading).count(), 1, "{call}");
    }
    assert!(ran.stdout.contains(".SH \"EXIT STATUS AND EXAMPLES\"\n.nf\n"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches(".nf\n").count(), ran.stdout.matches(".fi\n").count());
}

#[test]
fn every_shell_has_its_completions() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = home.run(&["completions", shell]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{shell}");
        for word in CALLS.iter().chain(&["dry-run", "config-dir"]) {
            assert!(ran.stdout.contains(word), "{word} in {shell}");
        }
    }
}

#[test]
fn only_a_terminal_gets_colours() {
    let home = Home::new();
    let call = ["status", "--port", "web=192.0.2.1:80"];
    let ran = home.run(&call);
    assert!(!ran.seen().contains('\u{1b}'), "{}", ran.seen());

    let forced = home.command(&call).env("CLICOLOR_FORCE", "1").output().unwrap();
    let forced = String::from_utf8(forced.stdout).unwrap();
    insta::assert_snapshot!(forced.replace('\u{1b}', "ESC"));

    let json = ["status", "--json", "--port", "web=192.0.2.1:80"];
    let json = home.command(&json).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok(), "a script gets no colours");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    for call in [
        &["status", "--port", "web=127.0.0.1:1"][..],
        &["snapshot", "--port", "web=127.0.0.1:1"],
        &["reclaim", "--dry-run", "--json", "--port", "web=192.0.2.1:1"],
        &["completions", "bash"],
        &["manual"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            home.command(call).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
        let output = output.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let refused = call.contains(&"web=192.0.2.1:1");
        assert_eq!(output.status.code(), Some(if refused { 3 } else { 0 }), "{call:?}: {stderr}");
        assert!(!stderr.contains("pipe") && !stderr.contains("panic"), "{call:?}: {stderr}");
    }
}

#[test]
fn nobody_needs_to_read_the_messages() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let call = ["reclaim", "--port", "web=192.0.2.1:1"];
    let output = Home::new().command(&call).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_printed_is_told() {
    let home = Home::new();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = home.command(&["manual"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());

    // What a reclaim did is done, and its status says it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let call = ["reclaim", "--port", &format!("web=127.0.0.1:{port}")];
    assert_eq!(home.command(&call).stdout(full()).output().unwrap().status.code(), Some(0));
}
