//! Nothing ends the app without a word, and nothing keeps it from ending: a bad standard error, signals as another program has
//! left them, a desktop that is not there or hangs.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::process::running;
use support::programs::Programs;
use support::wait::LONG;
use support::{Desktop, Home, Owned, until};

/// From the ask to the end, with some room for a busy machine: 5 s are promised.
const ENDS_WITHIN: Duration = Duration::from_secs(7);

fn quiet<'c>(command: &'c mut Command, home: &Home, desktop: &Desktop) -> &'c mut Command {
    desktop.furnish(home.furnish(command)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

async fn ends(app: &mut Owned, home: &Home) {
    let asked = Instant::now();
    app.signal(libc::SIGTERM);
    assert_eq!(app.ended(ENDS_WITHIN).await, Some(0), "after {:?}", asked.elapsed());
    let none = async || running(&Programs::current().backend(), home.path()).is_empty();
    until("no backend is left", LONG, none).await;
}

#[tokio::test]
async fn a_standard_error_that_is_full_closed_or_read_by_nobody_costs_nothing() {
    for bad in ["full", "closed", "unread"] {
        let (home, desktop) = (Home::new(), Desktop::new());
        let mut command = Command::new("sh");
        let program = Programs::current().app();
        quiet(&mut command, &home, &desktop).env("TASKPAW_LOG", "debug").arg("-c");
        let mut unread = None;
        match bad {
            "full" => {
                command.arg("exec \"$0\" 2>/dev/full").arg(&program);
            }
            "closed" => {
                command.arg("exec \"$0\" 2>&-").arg(&program);
            }
            _ => {
                let (reader, writer) = std::io::pipe().expect("a pipe");
                command.arg("exec \"$0\"").arg(&program).stderr(writer);
                unread = Some(reader);
            }
        }
        let mut app = Owned::start(&mut command);
        drop(command);
        until(bad, LONG, async || home.ping().await.is_some()).await;
        ends(&mut app, &home).await;
        drop(unread);
    }
}

#[tokio::test]
async fn signals_that_another_program_has_blocked_or_ignored_are_heard() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut command = Command::new("env");
    quiet(&mut command, &home, &desktop);
    command.args(["--block-signal", "--ignore-signal=CHLD,TERM,INT"]).arg(Programs::current().app());
    let mut app = Owned::start(&mut command);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    ends(&mut app, &home).await;
}

#[tokio::test]
async fn without_a_display_it_says_so() {
    for arguments in [&[][..], &["--background"]] {
        let (home, desktop) = (Home::new(), Desktop::new());
        let mut command = Command::new(Programs::current().app());
        quiet(&mut command, &home, &desktop).env_remove("DISPLAY").args(arguments).stderr(Stdio::piped());
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("there is no display") && !said.contains("panicked"), "{said}");
        let log = fs::read_to_string(home.path().join("data/logs/taskpaw.log")).expect("the log");
        assert!(log.contains("there is no display"), "{log}");
    }
}

#[tokio::test]
async fn without_a_bus_and_with_one_that_freezes_it_ends_when_it_is_told() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut command = Command::new(Programs::current().app());
    quiet(&mut command, &home, &desktop).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/at/all");
    let mut app = Owned::start(&mut command);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    ends(&mut app, &home).await;

    let (home, desktop) = (Home::new(), Desktop::new());
    let (bus, address) = Owned::start_and_read_line(
        Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stderr(Stdio::null()),
    );
    let mut command = Command::new(Programs::current().app());
    quiet(&mut command, &home, &desktop).env("DBUS_SESSION_BUS_ADDRESS", address.trim());
    let mut app = Owned::start(&mut command);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    bus.signal(libc::SIGSTOP);
    ends(&mut app, &home).await;
    bus.signal(libc::SIGCONT);
}

#[tokio::test]
async fn a_backend_that_is_stopped_does_not_keep_the_app() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut command = Command::new(Programs::current().app());
    let mut app = Owned::start(quiet(&mut command, &home, &desktop));
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    for backend in running(&Programs::current().backend(), home.path()) {
        support::process::send(backend, libc::SIGSTOP);
    }
    ends(&mut app, &home).await;
}

#[tokio::test]
async fn a_configuration_folder_whose_name_is_no_text_works() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let folder = home.path().join(std::ffi::OsStr::from_bytes(b"h\xe9m"));
    fs::create_dir(&folder).expect("a folder");
    fs::copy(home.config_file(), folder.join("config.json")).expect("the configuration");
    let mut command = Command::new(Programs::current().app());
    quiet(&mut command, &home, &desktop).env("TASKPAW_CONFIG_DIR", &folder);
    let mut app = Owned::start(&mut command);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    ends(&mut app, &home).await;
    drop(File::open(folder.join("config.json")).expect("it is still there"));
}
