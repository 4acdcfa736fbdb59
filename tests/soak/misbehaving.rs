//! Backends that misbehave: each is started again for a while, then given up and shown with its last words, and one
//! click leads on once the backend is sound.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::LocalSet;

use crate::home::Home;
use crate::programs::{Programs, replace};
use crate::window::Window;

/// What a backend does wrong, and what is to be seen then.
#[derive(Debug, Clone, Copy)]
pub struct Misbehaviour {
    /// In the words of `tests/helpers/misbehaving.rs`.
    pub name: &'static str,
    /// The kind of failure that the window shows.
    failure: &'static str,
    /// From the start until it is given up, with room for a busy machine.
    within: Duration,
}

/// Those that are given up within seconds.
pub const QUICK: [Misbehaviour; 4] = [
    Misbehaviour::new("crashes at once", "exited", 45),
    Misbehaviour::new("crashes after a second", "exited", 45),
    Misbehaviour::new("crashes when it was ready", "exited", 45),
    Misbehaviour::new("writes garbage", "broken_protocol", 45),
];

/// Those that are noticed by waiting: five times 10 s for one that is never ready, and five times three health calls
/// for one that answers none.
pub const SLOW: [Misbehaviour; 2] = [
    Misbehaviour::new("is never ready", "not_ready", 160),
    Misbehaviour::new("answers no health call", "unhealthy", 330),
];

impl Misbehaviour {
    const fn new(name: &'static str, failure: &'static str, seconds: u64) -> Self {
        Self { name, failure, within: Duration::from_secs(seconds) }
    }
}

/// Tries all at the same time, since most of it is waiting. Gives the time until each was given up, or nothing for
/// one with which the window did not show what it must; standard error says what.
pub async fn all_at_once(
    misbehaviours: impl Iterator<Item = Misbehaviour>,
    program: &Path,
) -> Vec<(&'static str, Option<Duration>)> {
    let mut tried = Vec::new();
    let all = LocalSet::new();
    for misbehaviour in misbehaviours {
        let program = program.to_owned();
        let trying = all.spawn_local(async move { is_given_up(misbehaviour, &program).await });
        tried.push((misbehaviour.name, trying));
    }
    all.run_until(async {
        let mut ended = Vec::new();
        for (name, trying) in tried {
            ended.push((name, trying.await.ok()));
        }
        ended
    })
    .await
}

/// Puts a misbehaving backend beside an app and looks at what the window makes of it. Gives the time until it was
/// given up.
async fn is_given_up(misbehaviour: Misbehaviour, program: &Path) -> Duration {
    let Misbehaviour { name, failure, within } = misbehaviour;
    let home = Home::new();
    let folder = home.path().join("installed");
    std::fs::create_dir(&folder).expect("the folder");
    let programs = Programs::current();
    programs.install(&folder);
    let backend = folder.join("taskpaw-backend");
    replace(&backend, &std::fs::read(program).expect("the misbehaving program"));
    std::fs::write(folder.join("behaviour"), name).expect("what it does wrong");

    let started = Instant::now();
    let window = Window::open_program(&folder.join("taskpaw"), &home).await;
    window.role_is_within("agent", "backoff", within).await;
    window.role_is_within("agent", "failed", within).await;
    let took = started.elapsed();
    window.text_with("failure", &format!("a backend that misbehaves: {name}")).await;
    window.text("action-show-log").await;
    window.picture(&format!("misbehaving-{}", name.replace(' ', "-"))).await;
    let state = window.call(json!({ "command": "snapshot" })).await["roles"][0]["state"].clone();
    assert_eq!(state["failure"]["kind"], failure, "{name}: {state}");

    replace(&backend, &std::fs::read(programs.backend()).expect("the program"));
    window.click("action-retry").await;
    window.role_is("agent", "ready").await;
    took
}
