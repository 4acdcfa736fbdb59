//! The two ways to take over: the library in this process, and `taskpaw-ports reclaim` as a person calls it.

use std::ops::ControlFlow;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use port_takeover::sys::Native;
use port_takeover::{
    AddressReuse, Claim, Limits, Outcome, Report, TakeoverEvent, WantedPort, claim_all, take_over,
    take_over_keeping,
};
use serde_json::{Value, json};
use support::programs::Programs;
use taskpaw_contract::Role;

use crate::holder::{NOBODY, Place, copy_program};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Library,
    CommandLine,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Library, Self::CommandLine];
}

/// A takeover that is still to be done.
#[derive(Debug, Clone)]
pub(crate) struct Takeover {
    role: Role,
    wanted: Vec<WantedPort>,
    grace: Duration,
    wait: Duration,
    without_pidfd_getfd: bool,
    data: Option<PathBuf>,
}

/// What it said. Both ways say the same.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    /// The exit status; for the library, the one that its outcome stands for.
    pub(crate) status: i32,
    pub(crate) decision: String,
    /// The first state of each wanted port.
    pub(crate) states: Vec<String>,
    /// The state of each wanted port at the end, if they could not all be had.
    pub(crate) states_after: Vec<String>,
    /// The holders that count: pid and whether it is ours.
    pub(crate) holders: Vec<(u32, bool)>,
    /// The processes that ended, and how.
    pub(crate) ended: Vec<(u32, String)>,
    /// The processes whose sockets the system does not let be changed.
    pub(crate) reuse_refused: Vec<u32>,
}

impl Takeover {
    /// As an agent that wants these ports.
    pub(crate) fn of(places: &[Place<'_>]) -> Self {
        let wanted = places.iter().enumerate().map(|(at, (host, port))| {
            WantedPort::new(format!("port{at}"), host, (*port).into()).expect("a port of a test")
        });
        Self {
            role: Role::Agent,
            wanted: wanted.collect(),
            grace: Duration::from_secs(20),
            wait: Duration::ZERO,
            without_pidfd_getfd: false,
            data: None,
        }
    }

    /// As an agent that wants ports of `127.0.0.1`.
    pub(crate) fn of_ports(ports: &[u16]) -> Self {
        let places: Vec<Place<'_>> = ports.iter().map(|&port| ("127.0.0.1", port)).collect();
        Self::of(&places)
    }

    pub(crate) fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// As the TaskPaw that has its data in this folder.
    pub(crate) fn with_data_in(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// Kills after so long. Else the time is so long that only an obedient holder passes.
    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Waits so long for a lingering port. Else not at all.
    pub(crate) fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// In a sandbox that does not let it change the sockets of others.
    pub(crate) fn where_sockets_may_not_be_changed(mut self) -> Self {
        self.without_pidfd_getfd = true;
        self
    }

    /// Does it. A port of which it says that it can be had is then claimed for a moment, as a backend does.
    pub(crate) fn by(&self, way: Way) -> Told {
        self.by_then(way, || ())
    }

    /// Does it, and something else as soon as it waits for a lingering port.
    pub(crate) fn by_then(&self, way: Way, on_lingering: impl FnOnce() + Send) -> Told {
        let told = match way {
            // A filter of system calls is of one thread, and of what that starts.
            Way::Library if self.without_pidfd_getfd => std::thread::scope(|scope| {
                let sandboxed = scope.spawn(|| {
                    refuse_pidfd_getfd().expect("a filter");
                    self.by_library(on_lingering)
                });
                sandboxed.join().expect("it does not panic")
            }),
            Way::Library => self.by_library(on_lingering),
            Way::CommandLine => self.by_command(&mut self.command(), on_lingering),
        };
        if told.status == 0 {
            let claimed = claim_all(&self.wanted);
            claimed.unwrap_or_else(|error| panic!("{way:?} said that it can be had: {error}"));
        }
        told
    }

    /// Does it as another user. The program is copied to where everybody may run it.
    pub(crate) fn by_nobody(&self) -> Told {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everybody).expect("a folder for everybody");
        let program = folder.path().join("taskpaw-ports");
        copy_program(&Programs::current().ports(), &program);
        let mut command = Command::new(program);
        command.args(self.arguments()).uid(NOBODY).gid(NOBODY);
        self.by_command(&mut command, || ())
    }

    /// The outcome of the library, with everything that was seen.
    pub(crate) fn report(&self, mut on_lingering: impl FnMut()) -> Report {
        let limits = Limits { grace: self.grace, lingering: self.wait, ..Limits::default() };
        let rules = taskpaw_contract::identity::rules();
        let system = match &self.data {
            Some(folder) => Native::of(taskpaw_contract::identity::installation(&folder.join("state"))),
            None => Native::new(),
        };
        take_over(&system, &rules, &self.role.into(), &self.wanted, limits, |event| {
            if matches!(event, TakeoverEvent::Lingering { .. }) {
                on_lingering();
            }
            ControlFlow::Continue(())
        })
        .expect("the look works")
    }

    /// Does it by the library, keeping the listeners of those whose ports could not be bound at once.
    pub(crate) fn keeping(&self) -> (Told, Vec<Claim>) {
        let limits = Limits { grace: self.grace, lingering: self.wait, ..Limits::default() };
        let rules = taskpaw_contract::identity::rules();
        let goes_on = |_: TakeoverEvent<'_>| ControlFlow::Continue(());
        let taken =
            take_over_keeping(&Native::new(), &rules, &self.role.into(), &self.wanted, limits, goes_on);
        let (report, kept) = taken.expect("the look works");
        (Told::of_report(&report), kept)
    }

    pub(crate) fn wanted(&self) -> &[WantedPort] {
        &self.wanted
    }

    /// The call of the command line.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(Programs::current().ports());
        command.args(self.arguments());
        if let Some(folder) = &self.data {
            command.env("TASKPAW_DATA_DIR", folder);
        }
        if self.without_pidfd_getfd {
            // SAFETY: between fork and exec it only makes two system calls, on memory of its own stack.
            unsafe { command.pre_exec(refuse_pidfd_getfd) };
        }
        command
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["reclaim".to_owned(), "--json".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--role", self.role.to_string());
        option("--grace", self.grace.as_secs_f64().to_string());
        option("--wait", self.wait.as_secs_f64().to_string());
        for port in &self.wanted {
            option("--port", format!("{}={port}", port.name));
        }
        arguments
    }

    fn by_library(&self, on_lingering: impl FnOnce()) -> Told {
        let mut on_lingering = Some(on_lingering);
        let report = self.report(|| {
            if let Some(first_time) = on_lingering.take() {
                first_time();
            }
        });
        Told::of_report(&report)
    }

    fn by_command(&self, command: &mut Command, on_lingering: impl FnOnce() + Send) -> Told {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("taskpaw-ports");
        let messages = child.stderr.take().expect("it is piped");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut lines = std::io::BufRead::lines(std::io::BufReader::new(messages));
                if lines.any(|line| line.is_ok_and(|line| line.contains("waiting for the system"))) {
                    on_lingering();
                }
                lines.for_each(drop);
            });
            child.wait_with_output().expect("its end")
        });
        Told::of_output(&output)
    }
}

impl Told {
    /// What the command line printed.
    pub(crate) fn of_output(output: &Output) -> Self {
        let status = output.status.code().expect("it was not killed");
        let text = String::from_utf8_lossy(&output.stdout);
        let answer =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("status {status}: {error}: {text}"));
        Self::of_answer(status, &answer)
    }

    fn of_answer(status: i32, answer: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let states = |key: &str| list(&answer[key]).iter().map(|port| string(&port["state"])).collect();
        let holders = list(&answer["ports"]).into_iter().flat_map(|port| list(&port["holders"]));
        let ended = list(&answer["terminated"]);
        Self {
            status,
            decision: string(&answer["decision"]),
            states: states("ports"),
            states_after: states("ports_after"),
            holders: holders.map(|holder| (pid(&holder["pid"]), holder["ours"] == true)).collect(),
            reuse_refused: list(&answer["reuse_refused"]).iter().map(pid).collect(),
            ended: ended.iter().map(|process| (pid(&process["pid"]), string(&process["how"]))).collect(),
        }
    }

    fn of_report(report: &Report) -> Self {
        let status = match report.outcome {
            Outcome::Ready => 0,
            Outcome::Refused => 3,
            Outcome::NotFree => 4,
        };
        let states = |verdict: &port_takeover::Verdict| -> Vec<String> {
            verdict.ports.iter().map(|port| string(&json!(port.state))).collect()
        };
        let holders = report.first.ports.iter().flat_map(|port| &port.holders);
        let ours = |kind| kind == port_takeover::HolderKind::Own;
        let called_off = report.doubt.is_some() && status == 3;
        Self {
            status,
            decision: if called_off { "refuse".to_owned() } else { string(&json!(report.first.decision)) },
            states: states(&report.first),
            states_after: if status == 0 { Vec::new() } else { states(&report.last) },
            holders: holders.map(|holder| (holder.pid.get(), ours(holder.kind))).collect(),
            reuse_refused: report
                .reuse
                .iter()
                .filter(|(_, done)| matches!(done, AddressReuse::Refused(_)))
                .map(|(pid, _)| pid.get())
                .collect(),
            ended: report
                .terminated
                .iter()
                .map(|ended| (ended.process.pid.get(), string(&json!(ended.how))))
                .collect(),
        }
    }

    /// Refused because of the state of a port, with nothing ended.
    #[track_caller]
    pub(crate) fn is_refused(&self, state: &str) {
        assert_eq!((self.status, self.decision.as_str()), (3, "refuse"), "{self:?}");
        assert!(self.states.iter().any(|seen| seen == state), "{self:?}");
        assert!(self.ended.is_empty(), "{self:?}");
    }

    /// Refused because a foreign process that it names holds a port.
    #[track_caller]
    pub(crate) fn is_refused_for(&self, foreign: u32) {
        self.is_refused("foreign");
        assert!(self.holders.contains(&(foreign, false)), "{self:?}");
    }

    /// Everything was reclaimed, and exactly these ended, in this way.
    #[track_caller]
    pub(crate) fn is_reclaimed(&self, pids: &[u32], how: &str) {
        assert_eq!((self.status, self.decision.as_str()), (0, "reclaim"), "{self:?}");
        let mut ended: Vec<(u32, &str)> = self.ended.iter().map(|(pid, how)| (*pid, how.as_str())).collect();
        ended.sort_unstable();
        let mut expected: Vec<(u32, &str)> = pids.iter().map(|&pid| (pid, how)).collect();
        expected.sort_unstable();
        assert_eq!(ended, expected, "{self:?}");
    }

    /// Nothing was in the way.
    #[track_caller]
    pub(crate) fn is_free(&self) {
        assert_eq!((self.status, self.decision.as_str()), (0, "start"), "{self:?}");
        assert!(self.ended.is_empty() && self.holders.is_empty(), "{self:?}");
    }

    /// A port did not become free by itself in time, and nobody was ended.
    #[track_caller]
    pub(crate) fn is_lingering(&self) {
        assert_eq!((self.status, self.decision.as_str()), (3, "wait"), "{self:?}");
        assert_eq!(self.states, ["lingering"], "{self:?}");
        assert!(self.ended.is_empty() && self.holders.is_empty(), "{self:?}");
    }
}

/// From now on this thread, and what it starts, is refused `pidfd_getfd` with EPERM, as by Yama or a sandbox.
fn refuse_pidfd_getfd() -> std::io::Result<()> {
    let operation = |code: u32, yes: u8, no: u8, value: u32| libc::sock_filter {
        code: code.try_into().unwrap_or(u16::MAX),
        jt: yes,
        jf: no,
        k: value,
    };
    let number = u32::try_from(libc::SYS_pidfd_getfd).unwrap_or(u32::MAX);
    let mut filter = [
        // The number of the system call is the first word of `struct seccomp_data`.
        operation(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        operation(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        operation(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()),
        operation(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: the first call takes numbers only; the second one a program that outlives it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if refused { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn pid(value: &Value) -> u32 {
    value.as_u64().and_then(|pid| pid.try_into().ok()).unwrap_or_else(|| panic!("{value} is no pid"))
}
