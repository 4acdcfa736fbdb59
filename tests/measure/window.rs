//! `npm run measure -- --window`: how soon the app's window is visible, beside an empty window of Tauri, and how soon
//! its agent answers. All in turns in one run, so that whatever else the machine does is the same for all.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use support::programs::Programs;
use support::soak::gap::percentile;
use support::soak::world::all_in;
use support::wait::LONG;
use support::{Desktop, Home, Owned, until};

/// How many launches of each are measured.
const LAUNCHES: usize = 24;
/// Between two attempts to reach the agent: a connection that is refused costs some microseconds.
const STEP: Duration = Duration::from_millis(1);
/// What the ratio of the windows may be at most.
const RATIO: f64 = 1.15;
/// Until the agent answers, in milliseconds.
const AGENT: f64 = 300.0;

struct Launched {
    process: Owned,
    begun: Instant,
}

/// A place where one program is launched again and again: what it keeps for the next launch it has.
struct Place {
    app: PathBuf,
    home: Home,
    desktop: Desktop,
}

impl Place {
    fn of(app: &Path) -> Self {
        Self { app: app.to_owned(), home: Home::new(), desktop: Desktop::new() }
    }

    fn launch(&self) -> Launched {
        let mut command = Command::new(&self.app);
        self.desktop.furnish(self.home.furnish(&mut command));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        Launched { process: Owned::start(&mut command), begun }
    }

    /// From the start of the process until its window is on the screen.
    async fn window_ms(&self) -> f64 {
        let screen = self.desktop.screen();
        screen.watch();
        let launched = self.launch();
        let mapped = screen.mapped_at(launched.process.pid(), LONG).expect("a window");
        let took = mapped - launched.begun;
        self.end(launched).await;
        took.as_secs_f64() * 1e3
    }

    /// From the start of the process until its agent answers a request.
    async fn agent_ms(&self) -> f64 {
        let launched = self.launch();
        while !answers(self.home.network) {
            assert!(launched.begun.elapsed() < LONG, "the agent answers");
            std::thread::sleep(STEP);
        }
        let took = launched.begun.elapsed();
        self.end(launched).await;
        took.as_secs_f64() * 1e3
    }

    /// Nothing of a launch burdens the next one.
    async fn end(&self, mut launched: Launched) {
        launched.process.signal(libc::SIGTERM);
        launched.process.ended(LONG).await;
        until("the webview's processes are gone", LONG, async || all_in(self.home.path()).is_empty()).await;
    }
}

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(
            &SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            Duration::from_secs(1),
        )?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(empty) = std::env::args_os().nth(1) else {
        eprintln!("usage: window EMPTY_WINDOW");
        return ExitCode::from(2);
    };
    let app = Place::of(&Programs::current().app());
    let empty = Place::of(Path::new(&empty));
    // The first launch of each fills the caches of the system and the webview.
    app.window_ms().await;
    empty.window_ms().await;
    let (mut windows, mut empties, mut agents) = (Vec::new(), Vec::new(), Vec::new());
    for launch in 0..LAUNCHES {
        // Neither is always the one that comes after the other.
        if launch % 2 == 0 {
            windows.push(app.window_ms().await);
            empties.push(empty.window_ms().await);
        } else {
            empties.push(empty.window_ms().await);
            windows.push(app.window_ms().await);
        }
        agents.push(app.agent_ms().await);
    }
    let ratios: Vec<f64> = windows.iter().zip(&empties).map(|(window, empty)| window / empty).collect();
    println!("| over {LAUNCHES} launches of each, in turns | target | median | p95 | longest |");
    println!("| --- | --- | ---: | ---: | ---: |");
    let row = |what: &str, target: &str, values: &[f64], digits: usize| {
        let [median, p95, longest] = [0.5, 0.95, 1.0].map(|share| percentile(values, share));
        println!("| {what} | {target} | {median:.digits$} | {p95:.digits$} | {longest:.digits$} |");
    };
    row("start → TaskPaw's window is visible, ms", "", &windows, 0);
    row("start → an empty Tauri window is visible, ms", "", &empties, 0);
    row("the one by the other, in pairs", &format!("median {RATIO}"), &ratios, 2);
    row("start → TaskPaw's agent answers, ms", &format!("{AGENT}"), &agents, 0);
    let is_reached = percentile(&ratios, 0.5) <= RATIO && percentile(&agents, 1.0) <= AGENT;
    println!("\n{}", if is_reached { "Reached." } else { "Not reached." });
    ExitCode::SUCCESS
}
