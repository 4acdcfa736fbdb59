//! A TaskPaw 3 that still works at something: nothing is ended before a person has said so.

use serde_json::json;
use support::programs::Programs;
use support::{Home, Window};

use crate::holder::Plan;

#[tokio::test]
async fn a_v3_that_works_at_something_is_replaced_when_a_person_says_so() {
    let home = Home::new();
    // It has no stamp, as no program of V3 has.
    let mut old = Plan::agent().works_at("lada-cli").listens(home.network).start();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "failed").await;
    window.says("failure", "TaskPaw 3 is still working", "TaskPaw 3 仍在工作").await;
    window.text_with("failure", &format!("lada-cli (pid {})", old.children[0].pid)).await;
    window.picture("v3-busy").await;
    old.is_untouched().await;
    old.children[0].is_untouched().await;

    window.click("action-not-now").await;
    window.role_is("agent", "stopped").await;
    old.is_untouched().await;

    window.call(json!({ "command": "start", "role": "agent" })).await;
    window.role_is("agent", "failed").await;
    window.click("action-replace-v3").await;
    window.role_is("agent", "ready").await;
    old.stopped_by_itself().await;
    let child = &old.children[0];
    child.is_untouched().await;
    window.text_with("timeline", &format!("lada-cli (pid {})", child.pid)).await;
}
