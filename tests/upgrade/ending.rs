//! However the app ends, no backend is left, and its ports are free.

use std::net::TcpListener;
use std::time::Duration;

use support::process::{runs, send};
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window, until};

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

async fn backend_pid(window: &Window) -> u32 {
    window.role_is("agent", "ready").await;
    let timeline = window.timeline().await;
    let ready = timeline.iter().find(|event| event["type"] == "backend_ready").expect("it is ready");
    u32::try_from(ready["backend"]["pid"].as_u64().expect("a pid")).expect("a pid")
}

#[tokio::test]
async fn a_killed_app_leaves_no_backend_behind() {
    let home = Home::new();
    let window = Window::open(&Programs::current(), &home).await;
    let backend = backend_pid(&window).await;
    send(window.host_pid(), libc::SIGKILL);
    until("the backend is gone", Duration::from_secs(3), async || !runs(backend)).await;
    assert!(is_free(home.network) && is_free(home.control));
}

#[tokio::test]
async fn quitting_leaves_nothing_behind() {
    for how in ["signal", "window"] {
        let home = Home::new();
        let window = Window::open(&Programs::current(), &home).await;
        let backend = backend_pid(&window).await;
        let host = window.host_pid();
        if how == "signal" {
            send(host, libc::SIGTERM);
        } else {
            window.quit().await;
        }
        until("the app is gone", LONG, async || !runs(host)).await;
        assert!(!runs(backend), "its backend went before it");
        assert!(is_free(home.network) && is_free(home.control), "the ports are free at once");
    }
}
