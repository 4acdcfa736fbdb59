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
    // Said by development builds alone. A test has put a pipe there.
    let log = home.path().join("data/logs/taskpaw.log");
    let log = if log.is_file() { fs::read_to_string(log).unwrap_or_default() } else { String::new() };
    assert!(!log.contains("a thread that answers the window waits"), "{log}");
}

#[tokio::test]
async fn a_standard_error_that_is_full_closed_or_read_by_nobody_costs_nothing() {
    for bad in ["full", "closed", "unread", "may not grow"] {
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
            // Larger already than any file may become; there is nothing in it.
            "may not grow" => {
                let file = home.path().join("stderr");
                File::create(&file).and_then(|it| it.set_len(5 << 30)).expect("a file");
                command.arg("ulimit -f 4194304; exec \"$0\" 2>>\"$1\"").arg(&program).arg(&file);
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

/// GDK ends the process by itself then, from the middle of whatever it does.
#[tokio::test]
async fn a_display_that_goes_away_is_the_last_line_of_the_log() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut command = Command::new(Programs::current().app());
    let mut app = Owned::start(quiet(&mut command, &home, &desktop));
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    desktop.end_display();
    assert_eq!(app.ended(LONG).await, Some(1));
    let log = fs::read_to_string(home.path().join("data/logs/taskpaw.log")).expect("the log");
    let last = log.lines().rfind(|line| line.contains("ERROR")).expect("an error");
    assert!(last.contains("the app ends, since its display is gone"), "{log}");
    until("no backend is left", LONG, async || home.ping().await.is_none()).await;
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

/// Programs that stand for those of a desktop that show a message: each notes what it was told, and ends as it is told to.
fn with_programs<'c>(command: &'c mut Command, home: &Home, programs: &[(&str, &str)]) -> &'c mut Command {
    let folder = home.path().join("programs");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, ends) in programs {
        let program = folder.join(name);
        let noted = home.path().join(name).display().to_string();
        fs::write(&program, format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {noted}\n{ends}\n"))
            .expect("a program");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&program, mode).expect("it can be run");
    }
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
}

#[tokio::test]
async fn a_wrong_display_is_said_and_shown_by_what_the_desktop_has_and_ends_the_app_with_1() {
    let cases: [(&str, &str, &[&str]); 4] = [
        ("DISPLAY", ":64999", &[]),
        ("DISPLAY", ":64999", &["--background"]),
        ("DISPLAY", "no display at all", &[]),
        ("GDK_BACKEND", "wayland", &[]),
    ];
    for (name, value, arguments) in cases {
        let (home, desktop) = (Home::new(), Desktop::new());
        let mut command = Command::new(Programs::current().app());
        quiet(&mut command, &home, &desktop).env(name, value).args(arguments).stderr(Stdio::piped());
        // It stays until a person has read it, and nobody waits for that.
        let programs = [("zenity", "exit 1"), ("kdialog", "exec sleep 3")];
        let child = with_programs(&mut command, &home, &programs).env("LC_ALL", "zh_CN.UTF-8").spawn();
        let output = child.expect("it runs").wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{value}: {said}");
        assert!(said.contains("there is no display") && !said.contains("panicked"), "{said}");
        let shown = fs::read_to_string(home.path().join("kdialog")).expect("it was shown");
        assert!(shown.contains("没有启动") && shown.contains("taskpaw.log"), "{shown}");
        let log = fs::read_to_string(home.path().join("data/logs/taskpaw.log")).expect("the log");
        assert!(log.contains("there is no display"), "{log}");
    }
}

/// A bus that takes a connection and never says a word hangs GTK before anything of the app runs.
#[tokio::test]
async fn a_bus_that_is_silent_from_the_first_moment_is_done_without() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let silent = home.path().join("bus");
    let _bus = std::os::unix::net::UnixListener::bind(&silent).expect("a socket");
    let mut command = Command::new(Programs::current().app());
    quiet(&mut command, &home, &desktop)
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", silent.display()));
    let mut app = Owned::start(&mut command);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    ends(&mut app, &home).await;
}

/// A terminal that is gone: what is written to it is an error, and SIGHUP came before anybody heard it.
#[tokio::test]
async fn a_terminal_that_is_gone_costs_nothing() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut command = Command::new("python3");
    let program = "import os, pty, sys\nmaster, slave = pty.openpty()\nos.dup2(slave, 2)\nos.close(slave)\n\
                   os.close(master)\nos.execv(sys.argv[1], sys.argv[1:])";
    quiet(&mut command, &home, &desktop).env("TASKPAW_LOG", "debug").args(["-c", program]);
    let mut app = Owned::start(command.arg(Programs::current().app()));
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    ends(&mut app, &home).await;
}

#[tokio::test]
async fn a_language_that_the_system_does_not_have_costs_nothing() {
    for language in ["xx_YY.UTF-8", "no such thing"] {
        let (home, desktop) = (Home::new(), Desktop::new());
        let mut command = Command::new(Programs::current().app());
        quiet(&mut command, &home, &desktop).env("LC_ALL", language).env("LANG", language);
        let mut app = Owned::start(&mut command);
        until(language, LONG, async || home.ping().await.is_some()).await;
        ends(&mut app, &home).await;
    }
}

/// A socket's path has 108 bytes at most, and a folder's name 255.
#[tokio::test]
async fn folders_with_names_of_200_letters_work_and_the_same_version_finds_the_app() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let long = home.path().join("x".repeat(200));
    let config = long.join("c".repeat(200));
    fs::create_dir_all(&config).expect("folders");
    fs::copy(home.config_file(), config.join("config.json")).expect("the configuration");
    let start = |arguments: &[&str]| {
        let mut command = Command::new(Programs::current().app());
        quiet(&mut command, &home, &desktop).env("TASKPAW_CONFIG_DIR", &config);
        command.env("TASKPAW_DATA_DIR", long.join("d".repeat(200))).args(arguments);
        Owned::start(&mut command)
    };
    let mut app = start(&[]);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    assert_eq!(start(&[]).ended(LONG).await, Some(0), "it has the window shown, and ends");
    assert!(app.is_alive(), "the first one goes on");
    ends(&mut app, &home).await;
}

/// Place and socket are in the data folder: without one, the session bus leads to the app.
#[tokio::test]
async fn an_app_without_a_data_folder_is_ended_by_quit() {
    let (home, desktop) = (Home::new(), Desktop::new());
    // A file in the place of the folder: nobody can make one there, whoever it is.
    fs::create_dir_all(home.path().join("data")).expect("a folder");
    File::create(home.path().join("data/instance")).expect("a file");
    let start = |arguments: &[&str]| {
        let mut command = Command::new(Programs::current().app());
        Owned::start(quiet(&mut command, &home, &desktop).args(arguments))
    };
    assert_eq!(
        start(&["--quit"]).ended(LONG).await,
        Some(1),
        "nobody is there, and it is said why nobody can tell"
    );
    let mut app = start(&[]);
    let log = home.path().join("data/logs/taskpaw.log");
    let is_met =
        async || fs::read_to_string(&log).is_ok_and(|it| it.contains("other TaskPaws cannot be found"));
    until("the app has looked for others", LONG, is_met).await;
    // It is found as soon as it has a window, and `--quit` is given again until then.
    until("the app is told to end", LONG, async || start(&["--quit"]).ended(LONG).await == Some(0)).await;
    assert_eq!(app.ended(ENDS_WITHIN).await, Some(0));
}

/// A pipe that nobody reads stands for a disk that does not answer: a process that opens it waits without an end.
#[tokio::test]
async fn a_log_on_a_disk_that_does_not_answer_costs_nothing() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let logs = home.path().join("data/logs");
    fs::create_dir_all(&logs).expect("a folder");
    let made = Command::new("mkfifo").arg(logs.join("taskpaw.log")).status().expect("it runs");
    assert!(made.success());
    let mut command = Command::new(Programs::current().app());
    let mut app = Owned::start(quiet(&mut command, &home, &desktop));
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    ends(&mut app, &home).await;
}
