//! Sockets and ports that several processes hold together.

use support::free_ports;

use crate::holder::Plan;
use crate::taker::{Takeover, Way};

#[tokio::test]
async fn our_child_that_inherited_the_socket() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = Plan::agent().listens(port).forks().start();
        let child = &backend.children[0];
        let both = [backend.pid(), child.pid];
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&both, "graceful");
        child.ended().await;
        backend.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn our_child_outlives_its_parent_with_the_socket() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = Plan::agent().listens(port).forks().start();
        let child = backend.children.remove(0);
        backend.end().await;
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[child.pid], "graceful");
        child.ended().await;
    }
}

#[tokio::test]
async fn foreign_child_that_inherited_the_socket() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let backend = Plan::agent().listens(port).spawns("nginx").start();
        let child = &backend.children[0];
        let told = Takeover::of_ports(&[port]).by(way);
        told.is_refused_for(child.pid);
        assert!(told.holders.contains(&(backend.pid(), true)), "both are shown: {told:?}");
        child.is_untouched().await;
        backend.is_untouched().await;
    }
}

#[tokio::test]
async fn our_child_of_a_foreign_parent() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let foreign = Plan::foreign().listens(port).spawns("taskpaw-backend").start();
        Takeover::of_ports(&[port]).by(way).is_refused_for(foreign.pid());
        foreign.is_untouched().await;
        foreign.children[0].is_untouched().await;
    }
}

#[tokio::test]
async fn two_listeners_with_so_reuseport() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let shared = |plan: Plan| plan.word("--reuse-port").listens(port).start();
        let mut one = shared(Plan::agent());
        let mut two = shared(Plan::agent());
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[one.pid(), two.pid()], "graceful");
        one.stopped_by_itself().await;
        two.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn a_foreign_listener_beside_ours_with_so_reuseport() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let shared = |plan: Plan| plan.word("--reuse-port").listens(port).start();
        let ours = shared(Plan::agent());
        let foreign = shared(Plan::foreign());
        Takeover::of_ports(&[port]).by(way).is_refused_for(foreign.pid());
        ours.is_untouched().await;
        foreign.is_untouched().await;
    }
}
