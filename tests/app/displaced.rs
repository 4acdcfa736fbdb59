//! Another TaskPaw of this installation that is started after the app, and takes its ports. The last launch wins: the app's
//! automatic restart leaves it alone, and goes on by itself when it has ended.

use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window};

#[tokio::test]
async fn one_that_was_started_later_is_named_and_left_alone_until_it_ends_or_a_person_starts_here() {
    let home = Home::new();
    let programs = Programs::current();
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;

    let mut first = home.start_backend(&programs, "agent");
    window.role_is("agent", "waiting").await;
    window.says("conflict", "Another TaskPaw was started later", "另一个 TaskPaw 在此之后启动").await;
    let holder = format!("taskpaw-backend {} (pid {})", programs.version, first.pid());
    window.text_with("conflict", &format!("{holder} has the ports now.")).await;
    window.text_with("action-retry", "Start here").await;
    window.picture("displaced").await;
    assert!(first.is_alive(), "it is left alone");
    first.signal(libc::SIGTERM);
    assert_eq!(first.ended(LONG).await, Some(0));
    window.role_is("agent", "ready").await;

    let mut second = home.start_backend(&programs, "agent");
    window.role_is("agent", "waiting").await;
    window.click("action-retry").await;
    window.role_is("agent", "ready").await;
    assert_eq!(second.ended(LONG).await, Some(0), "a person wanted it");
}
