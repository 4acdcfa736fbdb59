//! Every kind of broken successor once, over a version that works: that one goes on, with every connection and every event.
//!
//! How fast, under clients, what the windows say, and versions with other schemas: `npm run trial:successors`.

use std::path::Path;

use support::successors::kinds::{ALL, Found, Kind, Wrong};
use support::successors::once;

const FAILING: &str = env!("CARGO_BIN_EXE_failing");

/// Those that are tried here. The disk that is full needs root (`upgrade`, `disk`), and a version with higher schemas a build of
/// its own.
fn kinds(of: impl Fn(&Kind) -> bool) -> Vec<&'static Kind> {
    let is_here = |kind: &&Kind| !matches!(kind.wrong, Wrong::Later { .. } | Wrong::Found(Found::DiskFull));
    ALL.iter().filter(is_here).filter(|kind| of(kind)).collect()
}

fn is_found(kind: &Kind) -> bool {
    matches!(kind.wrong, Wrong::Found(_))
}

async fn are_harmless(kinds: &[&'static Kind]) {
    assert!(!kinds.is_empty());
    let wrong = once(kinds.iter().copied(), Path::new(FAILING)).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_a_step(kind: &Kind) -> bool {
    matches!(kind.wrong, Wrong::Step { .. })
}

#[tokio::test]
async fn those_that_are_no_backend() {
    are_harmless(&kinds(|kind| !kind.hangs && !is_found(kind) && !is_a_step(kind))).await;
}

#[tokio::test]
async fn those_that_fail_at_a_step() {
    are_harmless(&kinds(|kind| !kind.hangs && is_a_step(kind))).await;
}

#[tokio::test]
async fn those_that_find_something_broken() {
    are_harmless(&kinds(is_found)).await;
}

/// Each is given 10 s: they are waited for side by side.
#[tokio::test]
async fn those_that_say_nothing() {
    let all = kinds(|kind| kind.hangs);
    let third = |number: usize| all.iter().copied().skip(number).step_by(3).collect::<Vec<_>>();
    let (first, second, last) = (third(0), third(1), third(2));
    tokio::join!(are_harmless(&first), are_harmless(&second), are_harmless(&last));
}
