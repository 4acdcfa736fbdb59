//! `npm run soak`: upgrades back and forth with faults (`--cycles N --seed S`), the gap under load (`--gap N`), successors
//! that do not come to serve under load (`--returns N`), upgrades of what hangs (`--hung N`), starts
//! at the same moment (`--pairs N`), launches that are killed (`--kills N --seed S`), a machine that sleeps in the middle of updates
//! (`--sleeps N --seed S`), or backends that misbehave (`--misbehaving`).

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::programs::CURRENT;
use support::soak::gap::{self, Hung, Return, Upgrade, percentile, upgrade};
use support::soak::misbehaving::{QUICK, SLOW, all_at_once};
use support::soak::world::World;
use support::soak::{Rounds, kills, pairs, rounds, sleeps, soak};

const USAGE: &str = "usage: soak [--cycles N] [--seed S] | soak --gap N | soak --returns N | soak --hung N | soak --pairs N | soak --kills N [--seed S] | soak --sleeps N [--seed S] | soak --misbehaving";
/// Under so many clients the gap is measured.
const CLIENTS: u64 = 4;
/// An answer that takes longer has its steps told.
const SLOW_ANSWER: Duration = Duration::from_millis(60);

enum Wish {
    Cycles { cycles: u64, seed: u64 },
    Gap(u64),
    Returns(u64),
    Hung(u64),
    Pairs(u64),
    Kills { kills: u64, seed: u64 },
    Sleeps { sleeps: u64, seed: u64 },
    Misbehaving,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(wish) = wish() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let work = async {
        match wish {
            Wish::Cycles { cycles, seed } => cycles_from(seed, cycles).await,
            Wish::Gap(upgrades) => upgrades_under_load(upgrades).await,
            Wish::Returns(number) => returns(number).await,
            Wish::Hung(number) => hung(number).await,
            Wish::Pairs(number) => {
                let done = rounds(&["agent", "hub"], 0..number, pairs::kind, pairs::pair, tell).await;
                told("pairs", "from the starts to a window that shows something", &done)
            }
            Wish::Misbehaving => misbehaving().await,
            Wish::Kills { kills: number, seed } => {
                println!("the first seed is {seed}, each launch has the next one");
                let done = rounds(&["agent"], seed..seed + number, kills::kind, kills::kill, tell).await;
                told("killed launches", "from the kill until nothing was left of it", &done)
            }
            Wish::Sleeps { sleeps: number, seed } => {
                println!("the first seed is {seed}, each update has the next one");
                let done =
                    rounds(&["agent", "hub"], seed..seed + number, sleeps::kind, sleeps::sleep, tell).await;
                told("a machine that sleeps", "from its waking until the newer version serves alone", &done)
            }
        }
    };
    // Dropped in the middle, it ends what it started.
    tokio::select! {
        code = work => code,
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

fn wish() -> Option<Wish> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let (mut what, mut many, mut seed) = ("--cycles".to_owned(), 100, now);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--misbehaving" {
            return Some(Wish::Misbehaving);
        }
        let number = words.next()?.parse().ok()?;
        match word.as_str() {
            "--seed" => seed = number,
            _ => (what, many) = (word, number),
        }
    }
    match what.as_str() {
        "--cycles" => Some(Wish::Cycles { cycles: many, seed }),
        "--gap" => Some(Wish::Gap(many)),
        "--returns" => Some(Wish::Returns(many)),
        "--hung" => Some(Wish::Hung(many)),
        "--pairs" => Some(Wish::Pairs(many)),
        "--kills" => Some(Wish::Kills { kills: many, seed }),
        "--sleeps" => Some(Wish::Sleeps { sleeps: many, seed }),
        _ => None,
    }
}

async fn misbehaving() -> ExitCode {
    let own = std::env::current_exe().unwrap_or_default();
    let tried = all_at_once(QUICK.into_iter().chain(SLOW), &own.with_file_name("misbehaving")).await;
    for (name, took) in &tried {
        match took {
            Some(took) => {
                println!("a backend that {name:<26} was given up after {:>5.1} s", took.as_secs_f64())
            }
            None => println!("a backend that {name:<26} FAILED"),
        }
    }
    if tried.iter().all(|(_, took)| took.is_some()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(line: &str) {
    println!("{line}");
}

/// Prints what became of all rounds.
fn told(what: &str, measured: &str, done: &Rounds) -> ExitCode {
    println!("\n{what:<44} good  failed");
    let mut all = [0, 0];
    for (kind, [good, failed]) in &done.counts {
        println!("{kind:<44} {good:>4}  {failed:>6}");
        all = [all[0] + good, all[1] + failed];
    }
    println!("{:<44} {:>4}  {:>6}", "all", all[0], all[1]);
    let took: Vec<f64> = done.took.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    println!(
        "{measured}: median {:.0} ms, p95 {:.0} ms, longest {:.0} ms",
        percentile(&took, 0.5),
        percentile(&took, 0.95),
        percentile(&took, 1.0)
    );
    for failure in &done.failures {
        println!("  {}", failure.lines().take(2).collect::<Vec<_>>().join("\n  "));
    }
    if done.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn cycles_from(seed: u64, cycles: u64) -> ExitCode {
    let begun = Instant::now();
    println!("{cycles} cycles; the first seed is {seed}, each cycle has the next one");
    let outcome = soak(seed..seed + cycles, |line| println!("{line}")).await;
    println!("\n{:<32} good  failed", "fault");
    let mut all = [0, 0];
    for (kind, [good, failed]) in &outcome.counts {
        println!("{:<32} {good:>4}  {failed:>6}", kind.to_string());
        all = [all[0] + good, all[1] + failed];
    }
    println!("{:<32} {:>4}  {:>6}", "all", all[0], all[1]);
    println!(
        "{} requests were answered; the model allows all {} steps of the hosts; it took {:.0} s",
        outcome.answered,
        outcome.steps,
        begun.elapsed().as_secs_f64()
    );
    if outcome.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nwhat failed (`--cycles 1 --seed S` repeats one):");
    for failure in &outcome.failures {
        println!("  {}", failure.lines().take(2).collect::<Vec<_>>().join("\n  "));
    }
    ExitCode::FAILURE
}

/// Upgrades of one whose backend hangs, and of one whose host does, in turn: what clients see of each.
async fn hung(number: u64) -> ExitCode {
    // Without a command of a monitor: what a killed backend had started is left.
    let mut world = World::new().await;
    world.start(CURRENT);
    for (number, what) in (1..=number).zip([Hung::Backend, Hung::Host].into_iter().cycle()) {
        match gap::replace_hung(&mut world, CLIENTS, what).await {
            Ok(it) => println!(
                "{number:>3}  {what:?} hangs: no answer for {:.0} ms, {:.0} ms from the start to the first answer; refused {}, cut {}, \
                 without an answer {}",
                it.dark.as_secs_f64() * 1e3,
                it.took.as_secs_f64() * 1e3,
                it.refused,
                it.cut,
                it.unanswered
            ),
            Err(why) => {
                println!("{number:>3}  FAILED: {what:?} hangs  {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    match world.end().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Successors whose backend ends when it is prepared, has gone on, is about to be ready, has just said so, or is to become live, in
/// turn.
async fn returns(number: u64) -> ExitCode {
    let own = std::env::current_exe().unwrap_or_default();
    let failing = own.with_file_name("failing");
    let mut world = gap::world().await;
    world.start(CURRENT);
    let mut done: Vec<Return> = Vec::new();
    for (number, at) in
        (1..=number).zip(["prepared", "go_on", "before_ready", "ready", "live"].into_iter().cycle())
    {
        match gap::fails(&mut world, CLIENTS, &failing, at).await {
            Ok(it) => {
                println!(
                    "{number:>3}  fails at {at:<12}  refused {}, cut {:.1?}, without an answer {}, slowest answer {:.1} ms, \
                     port taken by another {:?}",
                    it.refused,
                    it.cut,
                    it.unanswered,
                    it.slowest.as_secs_f64() * 1e3,
                    it.stolen
                );
                if it.slowest > SLOW_ANSWER {
                    for (step, at) in &it.steps {
                        println!("       {:>8}  {step}", at.map_or("-".to_owned(), |at| format!("{at:.1}")));
                    }
                }
                done.push(it);
            }
            Err(why) => {
                println!("{number:>3}  FAILED at {at}  {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let slowest: Vec<f64> = done.iter().map(|it| it.slowest.as_secs_f64() * 1e3).collect();
    let sum = |count: fn(&Return) -> usize| done.iter().map(count).sum::<usize>();
    let lost = [sum(|it| it.refused), sum(|it| it.cut.len()), sum(|it| it.unanswered), sum(|it| it.stolen.1)];
    let is_good = lost == [0; 4] && !done.is_empty();
    println!(
        "\nrefused {}, cut {}, without an answer {}, port taken by another {}; slowest answer median {:.1} ms, longest {:.1} ms",
        lost[0],
        lost[1],
        lost[2],
        lost[3],
        percentile(&slowest, 0.5),
        percentile(&slowest, 1.0)
    );
    match world.end().await {
        Ok(()) if is_good => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn upgrades_under_load(upgrades: u64) -> ExitCode {
    let mut world = gap::world().await;
    world.start(CURRENT);
    let mut done: Vec<Upgrade> = Vec::new();
    for number in 1..=upgrades {
        match upgrade(&mut world, CLIENTS).await {
            Ok(it) => {
                println!(
                    "{number:>3}  {} → {}  no answer for {:>7.1} ms, {:>6.1} ms after the start; under way {} \
                     (lost {:?}), cut later {:.1?}, refused {}, slowest answer {:.1} ms, port taken by another {:?}",
                    it.from,
                    it.to,
                    it.gap.as_secs_f64() * 1e3,
                    it.until_last.as_secs_f64() * 1e3,
                    it.under_way,
                    it.under_way_lost,
                    it.cut_later,
                    it.refused,
                    it.slowest.as_secs_f64() * 1e3,
                    it.stolen
                );
                done.push(it);
            }
            Err(why) => {
                println!("{number:>3}  FAILED  {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let left = world.end().await;
    summary(&done);
    match left {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn summary(done: &[Upgrade]) {
    let row = |name: &str, values: &[f64]| {
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} |",
            percentile(values, 0.5),
            percentile(values, 0.95),
            percentile(values, 1.0)
        );
    };
    println!("\n| over {} upgrades under {CLIENTS} clients, in ms | median | p95 | longest |", done.len());
    println!("| --- | --- | --- | --- |");
    row(
        "last answer of the old version → first of the new one",
        &done.iter().map(|it| it.gap.as_secs_f64() * 1e3).collect::<Vec<_>>(),
    );
    row("slowest answer", &done.iter().map(|it| it.slowest.as_secs_f64() * 1e3).collect::<Vec<_>>());
    let steps = done.first().map_or(0, |it| it.steps.len());
    for step in 0..steps {
        let values: Vec<f64> = done.iter().filter_map(|it| it.steps[step].1).collect();
        row(&format!("last answer → {}", done[0].steps[step].0), &values);
    }
    let sum = |count: fn(&Upgrade) -> usize| done.iter().map(count).sum::<usize>();
    println!(
        "\nunder way when the old backend was asked to stop: {}; never answered: {} on fresh connections, {} on kept \
         ones; cut that were sent later: {}; refused: {}; tries of another program to take the port: {}, of which {} came to it",
        sum(|it| it.under_way),
        sum(|it| it.under_way_lost[0]),
        sum(|it| it.under_way_lost[1]),
        sum(|it| it.cut_later.len()),
        sum(|it| it.refused),
        sum(|it| it.stolen.0),
        sum(|it| it.stolen.1)
    );
}
