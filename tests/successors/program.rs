//! `npm run trial:successors`: broken successors of every kind over a version that works, and hosts that are killed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use support::soak::world::World;
use support::successors::killed::{self, Victim, kill};
use support::successors::kinds::ALL;
use support::successors::round::{Load, Measured};
use support::successors::{Row, first_protocol, trial};
use tokio::task::{LocalSet, spawn_local};

const USAGE: &str = "usage: successors [--only TEXT] [--rounds N] [--kills N] [--load idle|clients] [--seed S] \
    [--later DIR | --old DIR]";
const LOADS: [(Load, &str); 2] = [(Load::Idle, "idle"), (Load::Clients, "four clients")];

struct Wish {
    only: String,
    rounds: usize,
    kills: usize,
    seed: u64,
    load: String,
    later: Option<PathBuf>,
    /// The programs of 4.0.0, to be tried in place of everything else.
    first: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(wish) = wish() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(first) = &wish.first {
        return tokio::select! {
            code = both_directions(&wish, first) => code,
            _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        };
    }
    let rows = LocalSet::new();
    // Dropped in the middle, it ends what it started.
    tokio::select! {
        code = rows.run_until(all(&wish)) => code,
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

fn wish() -> Option<Wish> {
    let (only, load) = (String::new(), String::new());
    let mut wish = Wish { only, rounds: 5, kills: 50, seed: 1, load, later: None, first: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--only" => wish.only = value,
            "--rounds" => wish.rounds = value.parse().ok()?,
            "--kills" => wish.kills = value.parse().ok()?,
            "--seed" => wish.seed = value.parse().ok()?,
            "--load" => wish.load = value,
            "--old" => wish.first = Some(value.into()),
            "--later" => wish.later = Some(value.into()),
            _ => return None,
        }
    }
    Some(wish)
}

async fn all(wish: &Wish) -> ExitCode {
    let begun = Instant::now();
    let mut lines = Vec::new();
    let (mut good, mut tried) = (0, 0);
    let mut tell = |name: &str, load: &str, row: Option<Row>| {
        let Some(row) = row else {
            println!("{name}, {load}: SKIPPED");
            lines.push(format!("| {name} | {load} | – | | | | | |"));
            return;
        };
        (good, tried) = (good + row.good, tried + row.rounds.len());
        for wrong in &row.wrong {
            println!("  WRONG  {name}, {load}: {wrong}");
        }
        lines.push(line(name, load, &row));
        println!("{}", lines.last().map_or("", String::as_str));
    };
    for kind in ALL.iter().filter(|kind| kind.name.contains(&wish.only)) {
        for (load, load_name) in LOADS.into_iter().filter(|(_, name)| name.contains(&wish.load)) {
            let (rounds, later) = (wish.rounds, wish.later.clone());
            // A window that does not do what a test waits for panics: that is the end of this row alone.
            let trying = spawn_local(async move { trial(kind, load, rounds, later.as_deref()).await });
            let row = trying.await.unwrap_or_else(|error| {
                let wrong = vec![format!("it could not be tried: {error}")];
                Some(Row { rounds: vec![Measured::default(); rounds], wrong, ..Row::default() })
            });
            tell(kind.name, load_name, row);
        }
    }
    for (victim, name) in [(Victim::Old, "old host killed"), (Victim::New, "new host killed")] {
        for (load, load_name) in LOADS.into_iter().filter(|(_, name)| name.contains(&wish.load)) {
            if name.contains(&wish.only) && wish.kills > 0 {
                tell(name, load_name, Some(kills(wish, victim, load).await));
            }
        }
    }
    println!(
        "\n| what is wrong | who asks | good | refused | cut | unanswered | longest darkness, ms | from the failure to the next answer, ms |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for line in &lines {
        println!("{line}");
    }
    println!("\n{good} of {tried} rounds were good; it took {:.0} s", begun.elapsed().as_secs_f64());
    if good == tried { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 4.0.0 and this version, in both directions.
async fn both_directions(wish: &Wish, first: &Path) -> ExitCode {
    println!(
        "| what is started | who asks | good | serves in the end | refused | cut | longest darkness, ms |"
    );
    println!("| --- | --- | ---: | --- | ---: | ---: | ---: |");
    let mut is_good = true;
    for order in first_protocol::ALL.into_iter().filter(|order| order.name.contains(&wish.only)) {
        for (load, load_name) in LOADS.into_iter().filter(|(_, name)| name.contains(&wish.load)) {
            let (mut row, mut served) = (Row::default(), BTreeSet::new());
            for _ in 0..wish.rounds {
                let (version, measured) = first_protocol::round(order, first, load).await;
                served.insert(version);
                row.good += usize::from(measured.wrong.is_empty());
                row.wrong.extend(measured.wrong.clone());
                row.rounds.push(measured);
            }
            is_good &= row.good == wish.rounds;
            let served: Vec<String> = served.into_iter().collect();
            println!(
                "| {} | {load_name} | {} of {} | {} | {} | {} | {} |",
                order.name,
                row.good,
                wish.rounds,
                served.join(", "),
                row.most(|it| it.refused),
                row.most(|it| it.cut),
                row.longest(|it| Some(it.dark)).unwrap_or_default().as_millis()
            );
            for wrong in row.wrong {
                eprintln!("  WRONG  {}, {load_name}: {wrong}", order.name);
            }
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The worst of all rounds.
fn line(name: &str, load: &str, row: &Row) -> String {
    let ms = |time: Option<Duration>| time.map_or("–".to_owned(), |time| time.as_millis().to_string());
    format!(
        "| {name} | {load} | {} of {} | {} | {} | {} | {} | {} |",
        row.good,
        row.rounds.len(),
        row.most(|it| it.refused),
        row.most(|it| it.cut),
        row.most(|it| it.unanswered),
        ms(row.longest(|it| Some(it.dark))),
        ms(row.longest(|it| it.back)),
    )
}

async fn kills(wish: &Wish, victim: Victim, load: Load) -> Row {
    let mut row = Row::default();
    let mut world: Option<World> = None;
    let mut length = None;
    // A moment at which there are not two hosts any more is drawn again.
    for seed in (wish.seed..).take(wish.kills * 4) {
        if row.rounds.len() == wish.kills {
            break;
        }
        let mut here = match world.take() {
            Some(world) => world,
            None => World::new().await,
        };
        if length.is_none() {
            length = killed::length(&mut here).await.ok();
        }
        match kill(&mut here, seed, victim, load, length.unwrap_or(Duration::from_secs(1))).await {
            Ok(Some(measured)) => {
                let is_good = measured.wrong.is_empty();
                row.good += usize::from(is_good);
                row.wrong.extend(measured.wrong.iter().map(|wrong| format!("seed {seed}: {wrong}")));
                row.rounds.push(measured);
                world = is_good.then_some(here);
            }
            Ok(None) => world = Some(here),
            Err(why) => row.wrong.push(format!("seed {seed}: {why}")),
        }
    }
    row
}
