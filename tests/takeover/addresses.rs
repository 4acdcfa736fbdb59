//! Listeners on other addresses of the same number: which are in the way, and which of ours are meant.

use support::free_ports;

use crate::holder::{Holder, Place, Plan};
use crate::taker::{Takeover, Way};

/// How a listener is started: its host, and whether it refuses IPv4.
#[derive(Clone, Copy)]
struct At(&'static str, bool);

impl At {
    fn start(self, plan: Plan, port: u16) -> Holder {
        let plan = if self.1 { plan.word("--v6only") } else { plan };
        plan.listens_at((self.0, port)).start()
    }
}

async fn foreign_blocks(at: At, wanted: &str) {
    for way in Way::BOTH {
        let [port] = free_ports();
        let foreign = at.start(Plan::foreign(), port);
        Takeover::of(&[(wanted, port)]).by(way).is_refused_for(foreign.pid());
        foreign.is_untouched().await;
    }
}

async fn foreign_does_not_block(at: At, wanted: &str) {
    for way in Way::BOTH {
        let [port] = free_ports();
        let foreign = at.start(Plan::foreign(), port);
        // It is claimed too: both live beside each other.
        Takeover::of(&[(wanted, port)]).by(way).is_free();
        foreign.is_untouched().await;
    }
}

async fn ours_is_meant(at: At, wanted: &str) {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = at.start(Plan::agent(), port);
        let place: Place<'_> = (wanted, port);
        Takeover::of(&[place]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn ipv6_loopback() {
    foreign_does_not_block(At("::1", true), "127.0.0.1").await;
    foreign_does_not_block(At("::1", true), "localhost").await;
    foreign_blocks(At("::1", true), "::1").await;
    ours_is_meant(At("::1", true), "127.0.0.1").await;
}

#[tokio::test]
async fn ipv6_only() {
    foreign_does_not_block(At("::", true), "127.0.0.1").await;
    foreign_blocks(At("::", true), "::1").await;
    ours_is_meant(At("::", true), "127.0.0.1").await;
}

#[tokio::test]
async fn dual_stack() {
    foreign_blocks(At("::", false), "127.0.0.1").await;
    foreign_blocks(At("::", false), "localhost").await;
    foreign_blocks(At("127.0.0.1", false), "::").await;
    ours_is_meant(At("::", false), "127.0.0.1").await;
    ours_is_meant(At("::ffff:127.0.0.1", false), "127.0.0.1").await;
}

#[tokio::test]
async fn another_loopback_address() {
    foreign_does_not_block(At("127.0.0.2", false), "127.0.0.1").await;
    foreign_does_not_block(At("127.0.0.2", false), "localhost").await;
    foreign_blocks(At("127.0.0.2", false), "0.0.0.0").await;
    ours_is_meant(At("127.0.0.2", false), "localhost").await;
}

#[tokio::test]
async fn ours_on_another_loopback_address_is_not_meant() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let backend = At("127.0.0.2", false).start(Plan::agent(), port);
        Takeover::of_ports(&[port]).by(way).is_free();
        backend.is_untouched().await;
    }
}
