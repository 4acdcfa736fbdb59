//! `npm run demo`: an upgrade to look at, told as it happens.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use support::programs::{CURRENT, NEWER};
use support::soak::clients::Clients;
use support::soak::world::World;
use support::wait::until;

/// How many answers are shown before and after.
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
    world.start(CURRENT);
    let old = world.gets_well(Some(CURRENT)).await?;
    say(begun, &format!("TaskPaw {CURRENT} runs (pid {}); its backend (pid {})", old.host, old.backend));
    say(begun, &format!("answers on http://127.0.0.1:{network}/ping. A client asks it all the time now."));

    let clients = Clients::ask(network, 1, Duration::from_millis(2));
    until(&format!("{CURRENT} answers"), LONG, async || clients.answered_by(CURRENT) >= ANSWERS).await;
    say(begun, &format!("{} answers came, all from {CURRENT}.", clients.answered_by(CURRENT)));
    say(begun, &format!("Now {NEWER} is started, as after an update. Nobody has closed {CURRENT}."));
    world.start(NEWER);
    let new = world.gets_well(Some(NEWER)).await?;
    until(&format!("{NEWER} answers"), LONG, async || clients.answered_by(NEWER) >= ANSWERS).await;
    let requests = clients.requests();
    drop(clients);

    let of = |version: &'static str| requests.iter().filter(move |it| it.answered_by() == Some(version));
    let last = of(CURRENT).map(|it| it.ended).max().ok_or_else(|| format!("{CURRENT} never answered"))?;
    let first = of(NEWER).map(|it| it.ended).min().ok_or_else(|| format!("{NEWER} never answered"))?;
    let gap = first.duration_since(last).unwrap_or_default().as_secs_f64() * 1e3;
    match world.hosts[0].process.ended(LONG).await {
        Some(0) => {}
        other => return Err(format!("{CURRENT} ended with {other:?}")),
    }
    say(begun, &format!("{NEWER} runs (pid {}) with its backend (pid {}).", new.host, new.backend));
    say(begun, &format!("{CURRENT} was asked to hand over: it stopped its backend and ended by itself."));
    say(
        begun,
        &format!(
            "Between the last answer of {CURRENT} and the first of {NEWER} no answer came for {gap:.0} ms."
        ),
    );
    let (before, after) = (of(CURRENT).count(), of(NEWER).count());
    let without = requests.len() - before - after;
    say(
        begun,
        &format!(
            "The client got {before} answers of {CURRENT}, then {after} of {NEWER}; {without} attempts got none."
        ),
    );
    world.end().await?;
    say(begun, "Everything is ended, and nothing is left behind.");
    Ok(())
}

fn say(begun: Instant, text: &str) {
    println!("[{:>4.1} s] {text}", begun.elapsed().as_secs_f64());
}
