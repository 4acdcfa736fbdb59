//! Another TaskPaw that ends the app's backend and takes its ports, and is started again each time it is ended.

use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window};

#[tokio::test]
async fn one_that_takes_the_ports_again_is_ended_once_and_then_named_and_left_alone() {
    let home = Home::new();
    let programs = Programs::current();
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;

    let mut first = home.start_backend(&programs, "agent");
    assert_eq!(first.ended(LONG).await, Some(0), "the app takes its ports back");
    window.role_is("agent", "ready").await;
    let holder = format!("taskpaw-backend {} (pid {})", programs.version, first.pid());
    window.text_with("timeline", &format!("{holder} had taken the ports of a backend that was ended")).await;

    let mut second = home.start_backend(&programs, "agent");
    window.role_is("agent", "failed").await;
    window.says("failure", "Another TaskPaw keeps taking the ports", "另一个 TaskPaw 反复占用端口").await;
    window
        .text_with("failure", &format!("taskpaw-backend {} (pid {})", programs.version, second.pid()))
        .await;
    window.picture("displaced").await;
    assert!(second.is_alive(), "it is left alone");

    window.click("action-retry").await;
    window.role_is("agent", "ready").await;
    assert_eq!(second.ended(LONG).await, Some(0), "a person wanted it");
}
