//! The same version is started again: the first window comes to the front, and the second start ends at once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::programs::Programs;
use support::screen::Screen;
use support::wait::LONG;
use support::{Desktop, Home, Owned, until, until_some};

/// How long a start may take that only raises the window of another.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What is different about a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    AsTheFirst,
    FromAnotherFolder,
    WithArguments,
    WhileMinimised,
}

const ALL: [Start; 4] =
    [Start::AsTheFirst, Start::FromAnotherFolder, Start::WithArguments, Start::WhileMinimised];

#[tokio::test]
async fn the_first_window_gets_the_focus() {
    each_start_raises(true).await;
}

#[tokio::test]
async fn the_first_window_gets_the_focus_without_a_session_bus() {
    each_start_raises(false).await;
}

async fn each_start_raises(has_bus: bool) {
    let desktop = Desktop::with_window_manager().await;
    let screen = desktop.screen();
    let home = Home::new();
    let command = || {
        let mut command = Command::new(Programs::current().app());
        home.furnish(if has_bus {
            desktop.furnish(&mut command)
        } else {
            desktop.furnish_without_bus(&mut command)
        });
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut first = Owned::start(&mut command());
    let window = until_some("the window is there", LONG, async || screen.window_of(first.pid())).await;
    until("the backend answers", LONG, async || home.ping().await.is_some()).await;
    let another = screen.open_another();
    for start in ALL {
        if start == Start::WhileMinimised {
            screen.minimise(window);
            until("it is minimised", LONG, async || screen.window_of(first.pid()).is_none()).await;
        }
        until("the person works with another window", LONG, async || {
            screen.focus(another);
            screen.focused_pid() == Some(another.pid)
        })
        .await;
        let mut again = command();
        match start {
            Start::FromAnotherFolder => drop(again.current_dir(Path::new("/"))),
            Start::WithArguments => drop(again.arg("--background")),
            Start::AsTheFirst | Start::WhileMinimised => {}
        }
        let begun = Instant::now();
        let mut second = Owned::start(&mut again);
        assert_eq!(second.ended(LONG).await, Some(0), "{start:?}");
        let took = begun.elapsed();
        assert!(took <= AT_ONCE, "{start:?}: the second start took {took:?}");
        println!("{start:?}: the second start took {took:?}");
        has_focus(&screen, first.pid(), start).await;
        assert!(first.is_alive(), "{start:?}");
    }
}

async fn has_focus(screen: &Screen, pid: u32, start: Start) {
    until(&format!("{start:?}: the first window has the focus"), LONG, async || {
        screen.focused_pid() == Some(pid) && screen.window_of(pid).is_some()
    })
    .await;
}
