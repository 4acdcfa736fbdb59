//! Takeovers that meet each other, and one that is killed in the middle.

use std::process::{Command, Stdio};
use std::time::Duration;

use port_takeover::{Outcome, claim_all};
use support::wait::LONG;
use support::{Owned, free_ports, until};

use crate::holder::Plan;
use crate::taker::{Takeover, Told, Way};

/// Each takeover may win, or be called off because what it saw changed; none may fail in another way.
fn may_happen(told: &Told) -> bool {
    told.status == 0 || (told.status == 3 && told.ended.is_empty())
}

#[tokio::test]
async fn two_takeovers_at_once() {
    for _ in 0..5 {
        let [network, control, beside] = free_ports();
        let mut backend = Plan::agent().listens(network).listens(control).start();
        let foreign = Plan::foreign().listens(beside).start();
        let takeover = Takeover::of_ports(&[network, control]);
        let start = |mut command: Command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("a taker")
        };
        let takers = [start(takeover.command()), start(takeover.command())];
        let told = takers.map(|taker| Told::of_output(&taker.wait_with_output().expect("its end")));
        assert!(told.iter().all(may_happen), "{told:?}");
        assert!(told.iter().any(|told| told.status == 0), "one of them wins: {told:?}");
        backend.stopped_by_itself().await;
        foreign.is_untouched().await;
    }
}

#[tokio::test]
async fn of_two_takeovers_one_gets_the_ports() {
    for _ in 0..5 {
        let [network, control] = free_ports();
        let mut backend = Plan::agent().listens(network).listens(control).start();
        let takeover = Takeover::of_ports(&[network, control]);
        let claims = std::thread::scope(|scope| {
            let takers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let report = takeover.report(|| ());
                    // As a backend does: all ports, or none.
                    (report.outcome == Outcome::Ready).then(|| claim_all(takeover.wanted()).ok()).flatten()
                })
            });
            takers.map(|taker| taker.join().expect("no panic"))
        });
        assert_eq!(claims.iter().flatten().count(), 1, "exactly one has all ports");
        backend.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn a_takeover_that_is_killed_half_way() {
    let [network, control, beside] = free_ports();
    let mut backend = Plan::agent().word("--ignore-term").listens(network).listens(control).start();
    let foreign = Plan::foreign().listens(beside).start();
    let takeover = Takeover::of_ports(&[network, control]);
    let mut killed = Owned::start(takeover.command().stdout(Stdio::null()).stderr(Stdio::null()));
    until("the backend was asked", LONG, async || backend.signals().contains(&libc::SIGTERM)).await;
    killed.signal(libc::SIGKILL);
    assert_eq!(killed.ended(LONG).await, None);
    assert!(support::process::runs(backend.pid()), "nothing was forced by a dead taker");

    // The next one finds everything as it must be, and finishes.
    let again = takeover.grace(Duration::from_millis(200)).by(Way::CommandLine);
    again.is_reclaimed(&[backend.pid()], "forced");
    backend.was_killed().await;
    foreign.is_untouched().await;
}
