//! An app whose window cannot be made.

use std::process::{Command, Stdio};

use support::programs::{CURRENT, NEWER, Programs};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until};

fn start(programs: &Programs, home: &Home, desktop: &Desktop) -> Owned {
    let mut command = Command::new(programs.app());
    desktop.furnish(home.furnish(&mut command)).env("TASKPAW_TEST_NO_WINDOW", "1").stderr(Stdio::null());
    Owned::start(&mut command)
}

async fn serves(home: &Home, version: &str) {
    let answers = async || home.ping().await.is_some_and(|answer| answer["version"] == version);
    until(&format!("{version} serves"), LONG, answers).await;
}

#[tokio::test]
async fn it_does_its_work_and_is_followed_by_another_one_without_a_window() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut older = start(&Programs::current(), &home, &desktop);
    serves(&home, CURRENT).await;
    let mut newer = start(&Programs::newer(), &home, &desktop);
    serves(&home, NEWER).await;
    assert_eq!(older.ended(LONG).await, Some(0));
    assert!(newer.is_alive());
    newer.signal(libc::SIGTERM);
    assert_eq!(newer.ended(LONG).await, Some(0));
}

#[tokio::test]
async fn one_with_a_window_is_not_given_up_for_it() {
    let home = Home::new();
    let older = Window::open(&Programs::current(), &home).await;
    older.role_is("agent", "ready").await;
    let mut newer = start(&Programs::newer(), &home, &Desktop::new());
    assert_eq!(newer.ended(LONG).await, Some(1));
    older.role_is("agent", "ready").await;
    assert_eq!(home.ping().await.expect("it answers")["version"], CURRENT);
}
