//! A backend that ends by itself is started again, and one that always does is shown with its last words.

use std::path::Path;

use support::process::{running, send};
use support::programs::Programs;
use support::soak::misbehaving::{QUICK, all_at_once};
use support::wait::LONG;
use support::{Home, Window, until};

#[tokio::test]
async fn a_backend_that_is_killed_is_started_again() {
    let home = Home::new();
    let programs = Programs::current();
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let first = running(&programs.backend(), home.path());
    send(first[0], libc::SIGKILL);
    until("another backend answers", LONG, async || {
        let now = running(&programs.backend(), home.path());
        now.len() == 1 && now != first && home.ping().await.is_some()
    })
    .await;
    window.role_is("agent", "ready").await;
}

#[tokio::test]
async fn backends_that_misbehave_are_given_up_with_their_last_words_and_a_way_on() {
    let program = Path::new(env!("CARGO_BIN_EXE_misbehaving"));
    for (name, took) in all_at_once(QUICK.into_iter(), program).await {
        println!("a backend that {name}: given up after {:?}", took.expect("it is given up"));
    }
}
