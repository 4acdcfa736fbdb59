//! Backends of ours that end in their own way, or not at all.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::process::runs;
use support::wait::LONG;
use support::{free_ports, until};

use crate::holder::Plan;
use crate::taker::{Takeover, Way};

/// Short enough not to be waited for twice.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn ignores_sigterm() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = Plan::agent().word("--ignore-term").listens(port).start();
        let asked = Instant::now();
        Takeover::of_ports(&[port]).grace(SHORT).by(way).is_reclaimed(&[backend.pid()], "forced");
        assert!(asked.elapsed() >= SHORT, "it had its time");
        // Of two that wait, the kernel hands the smaller number out first.
        let mut signals = backend.signals();
        signals.sort_unstable();
        assert_eq!(signals, [libc::SIGTERM, libc::SIGCONT], "it was asked first");
        backend.was_killed().await;
    }
}

/// What it has started and holds none of the ports is nobody's to end.
#[tokio::test]
async fn what_it_has_started_is_left_alone() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = Plan::agent().works_at("rsync").listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
        backend.children[0].is_untouched().await;
    }
}

#[tokio::test]
async fn stopped() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = Plan::agent().listens(port).start();
        backend.signal(libc::SIGSTOP);
        until("it is stopped", LONG, async || backend.state() == 'T').await;
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn a_stopped_foreign_holder_stays_stopped() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let foreign = Plan::foreign().listens(port).start();
        foreign.signal(libc::SIGSTOP);
        until("it is stopped", LONG, async || foreign.state() == 'T').await;
        Takeover::of_ports(&[port]).by(way).is_refused_for(foreign.pid());
        assert_eq!(foreign.state(), 'T');
        foreign.signal(libc::SIGCONT);
        until("it runs again", LONG, async || !foreign.signals().is_empty()).await;
        assert_eq!(foreign.signals(), [libc::SIGCONT], "the test's own signal, and no other");
    }
}

/// What a debugger does to a process, until the end of its standard input.
const DEBUGGER: &str = r#"
import ctypes, os, sys
pid, ptrace = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True).ptrace
ATTACH, DETACH, WAIT_ALL, NOTHING = 16, 17, 0x40000000, ctypes.c_void_p(0)
if ptrace(ATTACH, pid, NOTHING, NOTHING) != 0:
    sys.exit("not allowed")
os.waitpid(pid, WAIT_ALL)
print("held", flush=True)
sys.stdin.read()
ptrace(DETACH, pid, NOTHING, NOTHING)
"#;

#[tokio::test]
async fn a_foreign_holder_that_a_debugger_holds_stays_held() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let foreign = Plan::foreign().listens(port).start();
        let mut command = Command::new("python3");
        command.args(["-c", DEBUGGER, &foreign.pid().to_string()]);
        let mut debugger = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(debugger.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said.trim() != "held" {
            println!("skipped: this system lets nobody debug what somebody else has started");
            debugger.wait().unwrap();
            return;
        }
        Takeover::of_ports(&[port]).by(way).is_refused_for(foreign.pid());
        assert_eq!(foreign.state(), 't');
        drop(debugger.stdin.take());
        debugger.wait().unwrap();
        foreign.is_untouched().await;
    }
}

#[tokio::test]
async fn unreaped_zombie() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let backend = Plan::agent().listens(port).start();
        let began = Instant::now();
        // This test is its parent, and reaps it only when it is dropped.
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        assert_eq!(backend.state(), 'Z', "it counts as ended without being reaped");
        assert!(began.elapsed() < Duration::from_secs(10), "nothing waited for it");
        Takeover::of_ports(&[port]).by(way).is_free();
    }
}

#[tokio::test]
async fn a_zombie_leader_whose_threads_listen() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let backend = Plan::agent().word("--leader-exits").listens(port).start();
        until("its first thread has ended", LONG, async || backend.state() == 'Z').await;
        // Its data cannot be read any more: it is not known to be ours.
        Takeover::of_ports(&[port]).by(way).is_refused("unknown_holder");
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "it still listens");
        backend.received_nothing().await;
    }
}

#[tokio::test]
async fn restarted_at_once() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let supervisor = Plan::named("supervisord").supervises(port).start();
        let first = supervisor.children[0].pid;
        let told = Takeover::of_ports(&[port]).by(way);
        assert_eq!((told.status, told.decision.as_str()), (4, "reclaim"), "{told:?}");
        assert_eq!(told.states_after, ["own_stale"], "{told:?}");
        assert_eq!(told.ended.len(), 2, "it is refused after two rounds: {told:?}");
        assert!(told.ended.iter().all(|(_, how)| how == "graceful"), "{told:?}");
        assert_eq!(told.ended[0].0, first, "{told:?}");
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "the third one serves");
        supervisor.is_untouched().await;
    }
}

#[tokio::test]
async fn ten_thousand_descriptors() {
    for way in Way::BOTH {
        let [ours, others] = free_ports();
        let mut backend = Plan::agent().word("--open").word("10000").listens(ours).start();
        let foreign = Plan::foreign().word("--open").word("10000").listens(others).start();
        Takeover::of_ports(&[ours, others]).by(way).is_refused_for(foreign.pid());
        Takeover::of_ports(&[ours]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
        foreign.is_untouched().await;
    }
}

#[tokio::test]
async fn all_ports_of_a_role_or_none() {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let backend = Plan::agent().listens(network).start();
        let foreign = Plan::foreign().listens(control).start();
        let told = Takeover::of_ports(&[network, control]).by(way);
        told.is_refused_for(foreign.pid());
        assert_eq!(told.states, ["own_stale", "foreign"]);
        backend.is_untouched().await;
        foreign.is_untouched().await;
    }
}

#[tokio::test]
async fn one_backend_on_both_ports_is_ended_once() {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let mut backend = Plan::agent().listens(network).listens(control).start();
        Takeover::of_ports(&[network, control]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        assert!(!runs(backend.pid()));
        backend.stopped_by_itself().await;
    }
}
