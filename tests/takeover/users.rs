//! Other users, other networks, and holders that may not be looked at. All of it needs root.

use std::process::Command;

use support::free_ports;
use support::programs::Programs;

use crate::holder::Plan;
use crate::taker::{Takeover, Told, Way};

#[tokio::test]
#[ignore = "needs root"]
async fn another_users_backend() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let theirs = Plan::agent().run_by_nobody().listens(port).start();
        let told = Takeover::of_ports(&[port]).by(way);
        told.is_refused("own_other_user");
        assert_eq!(told.holders, [(theirs.pid(), false)]);
        theirs.is_untouched().await;
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn another_users_hub() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let theirs = Plan::named("taskpaw-backend").word("hub").run_by_nobody().listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_refused("own_other_user");
        theirs.is_untouched().await;
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_holder_that_nobody_may_see() {
    let [roots, hidden, own] = free_ports();
    // Root's: even its executable cannot be read by others.
    let of_root = Plan::agent().listens(roots).start();
    let told = Takeover::of_ports(&[roots]).by_nobody();
    told.is_refused("unknown_holder");
    assert!(told.holders.is_empty(), "nobody can be named: {told:?}");
    of_root.is_untouched().await;

    // The same user's, but it may not be looked at (ssh-agent does that).
    let undumpable = Plan::agent().run_by_nobody().word("--undumpable").listens(hidden).start();
    Takeover::of_ports(&[hidden]).by_nobody().is_refused("unknown_holder");
    undumpable.is_untouched().await;

    // And what is the user's own is reclaimed as ever.
    let mut backend = Plan::agent().run_by_nobody().listens(own).start();
    Takeover::of_ports(&[own]).by_nobody().is_reclaimed(&[backend.pid()], "graceful");
    backend.stopped_by_itself().await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_foreign_holder_of_another_user() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let foreign = Plan::foreign().run_by_nobody().listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_refused_for(foreign.pid());
        foreign.is_untouched().await;
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_holder_in_another_network_namespace() {
    for way in Way::BOTH {
        let [port] = free_ports();
        // Even our own: there it serves another network, and its port is not this one.
        let elsewhere = Plan::agent().word("--new-network").listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_free();
        elsewhere.is_untouched().await;

        let mut here = Plan::agent().listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[here.pid()], "graceful");
        here.stopped_by_itself().await;
        elsewhere.is_untouched().await;
    }
}

/// In a pid namespace of its own that still sees the outer `/proc`: a number that was judged there means another process
/// here, if any.
#[tokio::test]
#[ignore = "needs root"]
async fn a_pid_namespace_that_sees_the_outer_proc() {
    let [port] = free_ports();
    let backend = Plan::agent().listens(port).start();
    let takeover = Takeover::of_ports(&[port]);
    // With a process of the same number inside, and without one.
    for give_the_number in ["echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid", ":"] {
        let script = format!(
            "{give_the_number}\nsleep 60 & namesake=$!\nshift\n\"$@\"\nstatus=$?\n\
             kill -0 $namesake || exit 99\nkill $namesake\nexit $status"
        );
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "sh", "-c", &script, "sh", &backend.pid().to_string()]);
        command.arg(Programs::current().ports()).args(takeover.arguments());
        let told = Told::of_output(&command.output().expect("unshare"));
        assert_eq!((told.status, told.decision.as_str()), (3, "refuse"), "{told:?}");
        assert!(told.ended.is_empty(), "{told:?}");
        backend.is_untouched().await;
    }
}
