//! The window is where the person has put it, and as large.

use serde_json::json;
use support::programs::Programs;
use support::wait::LONG;
use support::{Desktop, Home, until, until_some};

use crate::{start, start_of};

#[tokio::test]
async fn the_window_comes_back_where_it_was() {
    let (home, desktop) = (Home::new(), Desktop::with_window_manager().await);
    home.configure(&json!({ "app": { "on_close": "quit" } }));
    let screen = desktop.screen();
    let wanted = (150, 90, 800, 560);
    for launch in ["the first", "the second"] {
        let mut app = start(&home, &desktop, &[]);
        let window = until_some("the window is there", LONG, async || screen.window_of(app.pid())).await;
        if launch == "the first" {
            screen.put(window, wanted);
        }
        // The size is the window's own; the place is that of its frame, and so a few pixels off.
        let is_there = || {
            let (x, y, width, height) = screen.place(window).unwrap_or_default();
            let is_near = |is: i16, wanted: i16| (is - wanted).abs() <= 40;
            (width, height) == (wanted.2, wanted.3) && is_near(x, wanted.0) && is_near(y, wanted.1)
        };
        until(&format!("{launch} window is there"), LONG, async || is_there()).await;
        until("the agent answers", LONG, async || home.ping().await.is_some()).await;
        // The display tells the app of this after it has told it of the place.
        screen.close(window);
        assert_eq!(app.ended(LONG).await, Some(0));
    }
}

#[tokio::test]
async fn the_window_of_the_next_version_stands_where_the_old_one_stands() {
    let (home, desktop) = (Home::new(), Desktop::with_window_manager().await);
    home.configure(&json!({ "app": { "on_close": "quit" } }));
    let screen = desktop.screen();
    let mut old = start(&home, &desktop, &[]);
    let window = until_some("the window is there", LONG, async || screen.window_of(old.pid())).await;
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    screen.put(window, (150, 90, 800, 560));
    let has_size =
        |window| screen.place(window).is_some_and(|(.., width, height)| (width, height) == (800, 560));
    until("the window was moved", LONG, async || has_size(window)).await;
    let (x, y, ..) = screen.place(window).expect("its place");

    let new = start_of(&Programs::newer(), &home, &desktop, &[]);
    let window = until_some("the new window is there", LONG, async || screen.window_of(new.pid())).await;
    let is_near = |is: i16, wanted: i16| (is - wanted).abs() <= 40;
    let is_there = || screen.place(window).is_some_and(|(nx, ny, ..)| is_near(nx, x) && is_near(ny, y));
    until("it stands there", LONG, async || has_size(window) && is_there()).await;
    assert_eq!(old.ended(LONG).await, Some(0));
}
