//! `npm run demo`: an upgrade to look at, told as it happens.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use support::soak::clients::Clients;
use support::soak::world::World;
use support::wait::until;

/// So many answers are shown before and after.
const ANSWERS: usize = 300;
const LONG: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let begun = Instant::now();
    // Dropped in the middle, it ends what it started.
    let told = tokio::select! {
        told = show(begun) => told,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(begun, &format!("This should not have happened: {why}"));
            ExitCode::FAILURE
        }
    }
}

async fn show(begun: Instant) -> Result<(), String> {
    let mut world = World::new().await;
    let network = world.home.network;
    say(begun, "Here is a home of its own in a temporary folder, with a display that nobody sees.");
    world.start("4.0.0");
    let old = world.gets_well(Some("4.0.0")).await?;
    say(begun, &format!("TaskPaw 4.0.0 runs (pid {}); its backend (pid {})", old.host, old.backend));
    say(begun, &format!("answers on http://127.0.0.1:{network}/ping. A client asks it all the time now."));

    let clients = Clients::ask(network, 1, Duration::from_millis(2));
    until("4.0.0 answers", LONG, async || clients.answered_by("4.0.0") >= ANSWERS).await;
    say(begun, &format!("{} answers came, all from 4.0.0.", clients.answered_by("4.0.0")));
    say(begun, "Now 4.0.1 is started, as after an update. Nobody has closed 4.0.0.");
    world.start("4.0.1");
    let new = world.gets_well(Some("4.0.1")).await?;
    until("4.0.1 answers", LONG, async || clients.answered_by("4.0.1") >= ANSWERS).await;
    let requests = clients.requests();
    drop(clients);

    let of = |version: &'static str| requests.iter().filter(move |it| it.answered_by() == Some(version));
    let last = of("4.0.0").map(|it| it.ended).max().ok_or("4.0.0 never answered")?;
    let first = of("4.0.1").map(|it| it.ended).min().ok_or("4.0.1 never answered")?;
    let gap = first.duration_since(last).unwrap_or_default().as_secs_f64() * 1e3;
    match world.hosts[0].process.ended(LONG).await {
        Some(0) => {}
        other => return Err(format!("4.0.0 ended with {other:?}")),
    }
    say(begun, &format!("4.0.1 runs (pid {}) with its backend (pid {}).", new.host, new.backend));
    say(begun, "4.0.0 was asked to hand over: it stopped its backend and ended by itself.");
    say(
        begun,
        &format!("Between the last answer of 4.0.0 and the first of 4.0.1 no answer came for {gap:.0} ms."),
    );
    let (before, after) = (of("4.0.0").count(), of("4.0.1").count());
    let without = requests.len() - before - after;
    say(
        begun,
        &format!(
            "The client got {before} answers of 4.0.0, then {after} of 4.0.1; {without} attempts got none."
        ),
    );
    world.end().await?;
    say(begun, "Everything is ended, and nothing is left behind.");
    Ok(())
}

fn say(begun: Instant, text: &str) {
    println!("[{:>4.1} s] {text}", begun.elapsed().as_secs_f64());
}
