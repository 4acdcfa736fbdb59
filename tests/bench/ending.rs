//! From SIGTERM until the ports can be bound, with a holder that obeys at once.

use std::fs;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::Criterion;
use port_takeover::sys::Native;
use port_takeover::{Limits, Outcome, TakeoverEvent, claim_all, take_over};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use taskpaw_contract::{Role, identity};

use crate::crowd::{Stale, free_ports};
use crate::table::Table;
use crate::takeover::wanted;

pub(crate) fn measure(criterion: &mut Criterion, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("taskpaw-backend");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy");
    let group = "ending";
    table.section(
        "From SIGTERM to bound ports, with a holder that obeys at once",
        ["what is measured", ""],
        Some("bare"),
    );
    for (id, what, run) in [
        (
            "bare",
            "the holder itself: SIGTERM, poll of the pidfd, bind and listen",
            bare as fn(&Stale) -> Duration,
        ),
        ("take_over", "this library: from its SIGTERM to claimed ports", from_term),
        ("whole", "this library: from the first look to claimed ports", whole),
    ] {
        criterion.benchmark_group(group).bench_function(id, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| run(&fresh(&program))).sum());
        });
        table.row(group, id, what, "");
    }
    table.at_most_above("take_over", Duration::from_millis(5), "bare");
}

fn fresh(program: &Path) -> Stale {
    Stale::start_program(program, free_ports(), false)
}

/// What any taker must wait for.
fn bare(stale: &Stale) -> Duration {
    let pid = i32::try_from(stale.pids[0]).ok().and_then(Pid::from_raw).expect("a pid");
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("a pidfd");
    let began = Instant::now();
    pidfd_send_signal(&pidfd, Signal::TERM).expect("SIGTERM");
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None).expect("its end");
    let sockets = stale.ports.map(|port| TcpListener::bind(("127.0.0.1", port)).expect("a free port"));
    let took = began.elapsed();
    drop(sockets);
    took
}

fn from_term(stale: &Stale) -> Duration {
    taken_over(stale).0
}

fn whole(stale: &Stale) -> Duration {
    taken_over(stale).1
}

/// How long it took from SIGTERM, and altogether.
fn taken_over(stale: &Stale) -> (Duration, Duration) {
    let wanted = wanted(stale.ports);
    let began = Instant::now();
    let mut asked = began;
    let (rules, role) = (identity::rules(), Role::Agent.into());
    let report = take_over(&Native::new(), &rules, &role, &wanted, Limits::default(), |event| {
        if matches!(event, TakeoverEvent::Asked(_)) {
            asked = Instant::now();
        }
        ControlFlow::Continue(())
    })
    .expect("a look");
    assert_eq!(report.outcome, Outcome::Ready);
    let claims = claim_all(&wanted).expect("the ports are free");
    let took = (asked.elapsed(), began.elapsed());
    drop(claims);
    took
}
