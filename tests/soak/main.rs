//! A part of the soak that belongs to every test run.

use support::programs::CURRENT;
use support::soak::{gap, kills, pairs, rounds, soak};

/// Every kind of fault, and of each kind what is quick; most of them at moments that matter.
const SEEDS: [u64; 15] = [26, 27, 29, 17, 8, 18, 9, 6, 2, 7, 14, 73, 51, 101, 20];
/// How many kinds there are.
const KINDS: usize = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifteen_cycles() {
    let outcome = soak(SEEDS.into_iter(), |line| println!("{line}")).await;
    assert!(outcome.failures.is_empty(), "{}", outcome.failures.join("\n"));
    assert_eq!(outcome.counts.len(), KINDS, "every kind of fault came up");
    assert!(outcome.steps > SEEDS.len(), "the model was asked about what the hosts did");
}

/// Back and forth under load, and one that does not come to serve: nobody is refused, nobody else gets the port or keeps one of
/// its sockets, be it a host, a child of one, or a command of a monitor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_never_goes_away() {
    let mut world = gap::world().await;
    world.start(CURRENT);
    for _ in 0..2 {
        let upgrade = gap::upgrade(&mut world, 4).await.expect("an upgrade");
        assert_eq!((upgrade.refused, upgrade.stolen.1), (0, 0), "{upgrade:?}");
        assert!(upgrade.stolen.0 > 0, "somebody tried");
    }
    let failing = std::path::Path::new(env!("CARGO_BIN_EXE_failing"));
    for at in ["prepared", "before_ready", "ready", "live"] {
        let failed = gap::fails(&mut world, 4, failing, at).await.expect("it serves again");
        assert_eq!([failed.refused, failed.unanswered, failed.stolen.1], [0; 3], "{failed:?}");
        // A kept connection can be used just when it is closed, by a client that got no processor for long enough.
        assert!(failed.cut.len() <= 1, "{failed:?}");
    }
    world.end().await.expect("nothing is left behind");
}

#[tokio::test]
async fn five_pairs_of_starts_at_the_same_moment() {
    let outcome = rounds(&["agent", "hub"], 0..5, pairs::kind, pairs::pair, |line| println!("{line}")).await;
    assert!(outcome.failures.is_empty(), "{}", outcome.failures.join("\n"));
    assert_eq!(outcome.counts.len(), 4, "every kind of pair came up");
}

#[tokio::test]
async fn eight_launches_that_are_killed() {
    let outcome = rounds(&["agent"], 1..9, kills::kind, kills::kill, |line| println!("{line}")).await;
    assert!(outcome.failures.is_empty(), "{}", outcome.failures.join("\n"));
}
