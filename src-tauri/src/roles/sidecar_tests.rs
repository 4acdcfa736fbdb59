//! A sidecar that does not outlive its host: with real processes, which are this program again in other parts.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

use port_takeover::Pid;
use port_takeover::sys::{Native, System as _};

use super::*;

/// Which part this program plays, when a test has started it.
const PART: &str = "TASKPAW_TEST_PART";
/// The file in which the sidecar says its process id.
const FILE: &str = "TASKPAW_TEST_FILE";
/// How long whatever is waited for may take. Who plays a part ends by itself soon after.
const LONG: Duration = Duration::from_secs(20);

/// This program, in another part.
fn this_program(part: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "roles::sidecar::tests::plays_its_part", "--ignored", "--nocapture"]);
    command.env(PART, part).env(FILE, file);
    command
}

/// Not a test: what the program does that another test has started.
#[tokio::test]
#[ignore = "a program that other tests start"]
async fn plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let file = std::path::PathBuf::from(std::env::var_os(FILE).unwrap());
    if part == "host" {
        // Kept, and with it the sidecar, until this process is killed.
        let _sidecar = Ungreeted::start(this_program("sidecar", &file), Role::Agent, Vec::new()).unwrap();
        tokio::time::sleep(LONG).await;
        return;
    }
    let whole = file.with_extension("whole");
    std::fs::write(&whole, std::process::id().to_string()).unwrap();
    std::fs::rename(whole, file).unwrap();
    if cfg!(unix) {
        // Here the end of its standard input tells it that the host is gone.
        std::thread::spawn(|| {
            let _broken_is_an_end_as_well = io::copy(&mut io::stdin(), &mut io::sink());
            std::process::exit(0);
        });
    }
    // On Windows nothing tells it: the job alone ends it.
    tokio::time::sleep(LONG).await;
}

/// A process that a test has started, and that does not outlive it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _nothing_to_do = self.0.wait();
    }
}

#[tokio::test]
async fn a_sidecar_ends_with_a_host_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let mut host = Ended(this_program("host", &file).spawn().unwrap());
    let began = Instant::now();
    let pid = loop {
        if let Some(pid) = std::fs::read_to_string(&file).ok().and_then(|text| text.parse().ok()) {
            break Pid::new(pid).unwrap();
        }
        assert!(began.elapsed() < LONG, "the sidecar does not start");
        assert!(host.0.try_wait().unwrap().is_none(), "the host has ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let sidecar = Native::new().describe(pid).expect("it runs").identity();

    host.0.kill().unwrap();
    host.0.wait().unwrap();
    let killed = Instant::now();
    while Native::new().describe(pid).is_some_and(|found| found.identity() == sidecar) {
        assert!(killed.elapsed() < Duration::from_secs(3), "the sidecar outlives its host");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_sidecar_that_nobody_greets_ends_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let ungreeted = Ungreeted::start(this_program("sidecar", &file), Role::Agent, Vec::new()).unwrap();
    let pid = Pid::new(ungreeted.pid).unwrap();
    let began = Instant::now();
    while !file.exists() {
        assert!(began.elapsed() < LONG, "the sidecar does not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sidecar = Native::new().describe(pid).expect("it runs").identity();
    drop(ungreeted);
    let dropped = Instant::now();
    while Native::new().describe(pid).is_some_and(|found| found.identity() == sidecar) {
        assert!(dropped.elapsed() < Duration::from_secs(3), "the sidecar goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The descriptors of a process that mean a socket.
#[cfg(target_os = "linux")]
fn descriptors_of(pid: u32, socket: &Path) -> Vec<String> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let is_it = |entry: &std::fs::DirEntry| std::fs::read_link(entry.path()).is_ok_and(|it| it == socket);
    folder.filter(is_it).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sidecar_inherits_a_listener_and_its_host_has_it_no_more() {
    use std::os::fd::AsRawFd as _;

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let socket = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
    let claims = vec![Claim { name: "network".to_owned(), listener }];
    assert_eq!(passed(&claims), [PassedListener { name: "network".to_owned(), descriptor: 3 }]);
    let mut program = Command::new("sh");
    program.args(["-c", "exec cat"]);
    let ungreeted = Ungreeted::start(program, Role::Agent, claims).unwrap();
    assert_eq!(descriptors_of(ungreeted.pid, &socket), ["3"]);
    assert!(descriptors_of(std::process::id(), &socket).is_empty());
}
