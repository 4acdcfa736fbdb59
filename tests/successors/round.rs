//! One broken successor is started over the version that runs: what clients saw of it, and what the windows say.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use super::kinds::{Found, Kind, Outcome, Wrong};
use super::machine::{Machine, Started};
use crate::process::{crash, running, send};
use crate::programs::{CURRENT, NEWER, Programs};
use crate::soak::clients::{Became, Clients, Request};
use crate::soak::times::first_after;
use crate::soak::within;

/// How long it may take until it is seen what becomes of a successor.
const SETTLED_WITHIN: Duration = Duration::from_secs(40);
/// How long after an event a line of the log may come that tells of it.
const LOGGED_WITHIN: Duration = Duration::from_secs(5);
/// Of the heavier load.
const MOST_CLIENTS: usize = 4;
/// What a successor logs that has failed.
const KEPT: &str = "this one does not replace it";
/// How many events a later version tells before it is killed.
const EVENTS: usize = 520;

/// Who asks meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// Two clients with a pause of 5 ms, so that the darkness can be measured.
    Idle,
    /// Four clients without a pause.
    Clients,
}

/// What a round may cost those who ask.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest darkness.
    pub dark: Duration,
    /// The longest darkness of one that says nothing until its time is over.
    pub dark_hanging: Duration,
    /// From the failure to the next answer.
    pub back: Duration,
    /// So many kept connections may be closed in the moment in which their client asks again.
    pub cut: usize,
}

impl Limits {
    /// On a machine that does nothing else, with programs as people get them.
    pub const QUIET: Self = Self {
        dark: Duration::from_secs(5),
        dark_hanging: Duration::from_secs(12),
        back: Duration::from_secs(2),
        cut: 0,
    };
    /// On a machine that is busy with other tests: these show what becomes of a successor, not how fast.
    pub const BUSY: Self = Self {
        dark: Duration::from_secs(20),
        dark_hanging: Duration::from_secs(30),
        back: Duration::from_secs(15),
        cut: 2,
    };
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Connections that were refused.
    pub refused: usize,
    /// Requests that were cut: there was a connection, and no answer.
    pub cut: usize,
    /// Requests without an answer for 20 s.
    pub unanswered: usize,
    /// The longest time without an answer.
    pub dark: Duration,
    /// From the failure to the next answer.
    pub back: Option<Duration>,
    /// What is not as it must be.
    pub wrong: Vec<String>,
    /// What the logs say then.
    pub evidence: String,
}

/// What was done to what both versions find, so that it can be undone.
#[derive(Debug, Default)]
struct Done {
    restore: Vec<(std::path::PathBuf, Vec<u8>)>,
    stranger: Option<Child>,
    is_full: bool,
}

/// Clients of a load.
pub fn clients(load: Load, port: u16) -> Clients {
    match load {
        Load::Idle => Clients::ask(port, 2, Duration::from_millis(5)),
        Load::Clients => Clients::ask(port, MOST_CLIENTS as u64, Duration::ZERO),
    }
}

/// Runs one round; the older version must run on this machine. With `language` the windows are read too.
pub async fn round(
    machine: &mut Machine,
    kind: &Kind,
    load: Load,
    language: Option<&str>,
    limits: &Limits,
) -> Measured {
    let mut wrong = Vec::new();
    if let Some(language) = language {
        machine.old.speaks(language, "light").await;
    }
    let is_quiet = matches!(kind.wrong, Wrong::Found(_));
    machine.in_journal();
    if !is_quiet {
        machine.put(3);
    }
    let clients = clients(load, machine.home.network);
    let enough = within(SETTLED_WITHIN, async || (clients.answered_by(CURRENT) >= 50).then_some(())).await;
    if enough.is_none() {
        wrong.push("the older version does not answer".to_owned());
    }
    let done = prepare(machine, kind);
    let launched = SystemTime::now();
    let log = machine.log();
    let from = std::fs::metadata(&log).map_or(0, |log| log.len());
    let successor = machine.start_successor(language.is_some()).await;
    let is_followed = settled(machine, kind, &successor, from).await;
    let mut failed_at = failed_at(machine, kind, launched);
    if let Some(followed) = is_followed
        && (kind.outcome == Outcome::Follows) != followed
        && kind.outcome != Outcome::Either
    {
        wrong.push(if followed { "it follows" } else { "it does not follow" }.to_owned());
    }
    if is_followed.is_none() {
        wrong.push("it is not seen what becomes of it".to_owned());
    }
    let is_followed = is_followed.unwrap_or_default();
    let done = release(done);
    if matches!(kind.wrong, Wrong::Later { at: None, .. }) && is_followed {
        match kill_after_events(machine).await {
            Ok(at) => failed_at = Some(at),
            Err(why) => wrong.push(why),
        }
    }
    // Somebody serves, and goes on to.
    let expected = if is_followed { NEWER } else { CURRENT };
    let serves = within(SETTLED_WITHIN, async || {
        let since = failed_at.unwrap_or(launched);
        let answered = clients
            .requests()
            .iter()
            .filter(|it| it.ended > since && it.answered_by() == Some(expected))
            .count();
        (answered >= 20).then_some(())
    });
    if serves.await.is_none() {
        wrong.push(format!("{expected} does not serve at the end"));
    }
    if let (Some(language), Started::Driven(new)) = (language, &successor)
        && !is_followed
    {
        wrong.extend(unsaid(machine, new, kind, language).await);
    }
    if failed_at.is_none() {
        // One that hangs when it has the place is given up only now; and a log is written a moment after what it tells of.
        let look = || self::failed_at(machine, kind, launched);
        failed_at = if has_to_fail(kind) { within(LOGGED_WITHIN, async || look()).await } else { look() };
    }
    let requests = clients.requests();
    drop(clients);
    let mut measured = measure(&requests, launched, failed_at, kind, limits);
    measured.wrong.extend(wrong);
    if !measured.wrong.is_empty() {
        measured.evidence = evidence(machine, from);
    }
    if is_followed {
        machine.runs_now = Some(successor);
    } else if let Err(why) = machine.end_successor(successor).await {
        measured.wrong.push(why);
    }
    restore(done);
    if !is_followed && !machine.is_old().await {
        measured.wrong.push("the older version is gone with the successor".to_owned());
    }
    measured
}

/// Waits until it is seen what becomes of a successor: true if it has the place.
async fn settled(machine: &Machine, kind: &Kind, successor: &Started, from: u64) -> Option<bool> {
    let own_log = machine.home.path().join("successor.log");
    within(SETTLED_WITHIN, async || {
        let text = match successor {
            Started::Plain(_) => std::fs::read_to_string(&own_log).unwrap_or_default(),
            Started::Driven(_) => read_from(&machine.log(), from),
        };
        if text.contains(KEPT) {
            return Some(false);
        }
        let follows = text.contains("to=Running");
        // One that fails when it is live has to have failed.
        let has_failed = match kind.wrong {
            Wrong::Step { once: true, .. } | Wrong::Later { at: Some(_), once: true } => {
                machine.told().is_some()
            }
            _ => true,
        };
        (follows && has_failed).then_some(true)
    })
    .await
}

/// The ends of the logs of a round.
fn evidence(machine: &Machine, from: u64) -> String {
    let hosts = read_from(&machine.log(), from);
    let agents = read_from(&machine.log().with_file_name("agent.log"), 0);
    let last = |text: &str, most: usize| {
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(most)..]
            .iter()
            .map(|line| format!("      {line}\n"))
            .collect::<String>()
    };
    format!("{}    agents:\n{}", last(&hosts, 60), last(&agents, 25))
}

fn read_from(log: &Path, from: u64) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(log) {
        let _rotated = file.seek(SeekFrom::Start(from));
        let _not_yet = file.read_to_string(&mut text);
    }
    text
}

/// When the successor failed: when its backend did, or when its host saw that its time was over.
fn failed_at(machine: &Machine, kind: &Kind, launched: SystemTime) -> Option<SystemTime> {
    let log = machine.log();
    let failures: &[&str] = match kind.outcome {
        Outcome::Follows if kind.hangs => &["was not ready within"],
        _ => &["input=CannotPrepare", "input=BackendFailed", "input=Disconnected"],
    };
    let seen = failures.iter().filter_map(|input| first_after(&log, input, launched)).min();
    if kind.hangs { seen } else { machine.told().or(seen) }
}

/// What clients saw since a launch.
pub(super) fn seen_by(requests: &[Request], launched: SystemTime) -> Measured {
    let since: Vec<&Request> = requests.iter().filter(|it| it.ended >= launched).collect();
    let count = |became: &Became| since.iter().filter(|it| it.became == *became).count();
    let answers = answers(requests);
    let dark = answers
        .windows(2)
        .filter(|pair| pair[1] >= launched)
        .filter_map(|pair| pair[1].duration_since(pair[0]).ok())
        .max()
        .unwrap_or_default();
    Measured {
        refused: count(&Became::Refused),
        cut: count(&Became::Cut),
        unanswered: count(&Became::Late),
        dark,
        back: None,
        ..Measured::default()
    }
}

/// When requests were answered, in order.
pub(super) fn answers(requests: &[Request]) -> Vec<SystemTime> {
    let mut answers: Vec<SystemTime> =
        requests.iter().filter(|it| it.answered_by().is_some()).map(|it| it.ended).collect();
    answers.sort();
    answers
}

/// Whether it is known of the kind that something fails.
fn has_to_fail(kind: &Kind) -> bool {
    kind.outcome != Outcome::Either && !is_sound(kind)
}

/// A stranger never gets the port.
fn is_sound(kind: &Kind) -> bool {
    kind.wrong == Wrong::Found(Found::PortTaken)
}

fn measure(
    requests: &[Request],
    launched: SystemTime,
    failed_at: Option<SystemTime>,
    kind: &Kind,
    limits: &Limits,
) -> Measured {
    let mut measured = seen_by(requests, launched);
    let answers = answers(requests);
    measured.back = failed_at.and_then(|failed| {
        answers.iter().find(|answer| **answer >= failed).and_then(|answer| answer.duration_since(failed).ok())
    });
    let (dark, back) = (measured.dark, measured.back);
    let most = if kind.hangs { limits.dark_hanging } else { limits.dark };
    if dark > most {
        measured.wrong.push(format!("dark for {} ms", dark.as_millis()));
    }
    if back.is_some_and(|back| back > limits.back) {
        measured.wrong.push(format!("back after {} ms", back.unwrap_or_default().as_millis()));
    }
    if failed_at.is_none() && has_to_fail(kind) {
        measured.wrong.push("it is not known when it failed".to_owned());
    }
    // Where somebody is asked, the ports are passed on.
    let never_away = is_sound(kind) || matches!(kind.outcome, Outcome::NeverAsked | Outcome::ServesAgain);
    if never_away && (measured.refused > 0 || measured.cut > limits.cut) {
        measured.wrong.push(format!("{} refused, {} cut", measured.refused, measured.cut));
    }
    if measured.unanswered > 0 {
        measured.wrong.push(format!("{} unanswered", measured.unanswered));
    }
    measured
}

/// What the windows should say, and do not.
async fn unsaid(machine: &Machine, new: &crate::window::Window, kind: &Kind, language: &str) -> Vec<String> {
    let is_english = language == "en";
    let (said, goes_on, not_replaced) = if is_english {
        (kind.said.0, format!("TaskPaw {CURRENT} goes on"), format!("TaskPaw {NEWER} could not start"))
    } else {
        (kind.said.1, format!("TaskPaw {CURRENT} 继续工作"), format!("TaskPaw {NEWER} 无法启动"))
    };
    let mut unsaid = Vec::new();
    let mut look = async |window: &crate::window::Window, test_id: &str, parts: [&str; 2]| {
        let mut text = String::new();
        let found = within(Duration::from_secs(20), async || {
            text = window.shown(test_id).await.unwrap_or_default();
            parts.iter().all(|part| text.contains(part)).then_some(())
        });
        if found.await.is_none() {
            let text: String = text.chars().take(400).collect();
            unsaid.push(format!("{language}: {test_id} says {text:?}, not {parts:?}"));
        }
    };
    look(new, "launch-kept", [&goes_on, said]).await;
    if kind.outcome == Outcome::ServesAgain {
        look(&machine.old, "not-replaced", [&not_replaced, said]).await;
    }
    unsaid
}

/// Does what is wrong with what both versions find.
fn prepare(machine: &Machine, kind: &Kind) -> Done {
    let mut done = Done::default();
    let Wrong::Found(found) = kind.wrong else { return done };
    let (config, state) = (machine.home.config_file(), machine.state());
    let journal = state.join("agent-events.jsonl");
    let mut keep = |path: &Path| {
        done.restore.push((path.to_owned(), std::fs::read(path).unwrap_or_default()));
    };
    match found {
        Found::ConfigurationBroken => {
            keep(&config);
            std::fs::write(&config, "{ \"schema\": 1,").expect("the file");
        }
        Found::ConfigurationTooNew => {
            keep(&config);
            let text = std::fs::read_to_string(&config).expect("the file");
            std::fs::write(&config, raised(&text)).expect("the file");
        }
        // In the place where it lies: the older version has it open.
        Found::JournalTooNew => raised_in_place(&journal),
        Found::JournalDamaged => {
            let header =
                std::fs::read_to_string(&journal).expect("the journal").find('\n').unwrap_or_default() + 1;
            write_at(&journal, header as u64, b"?????");
        }
        Found::JournalUnreadable => {
            if journal.is_file() {
                std::fs::rename(&journal, state.join("aside")).expect("its new name");
            }
            std::fs::create_dir_all(&journal).expect("the folder");
        }
        Found::MemoryTooNew => {
            let path = state.join("agent-cursor.json");
            let text = std::fs::read_to_string(&path).expect("the file");
            // The older version writes it too, whenever its hub has something new.
            let script = "import os, sys, time\nwhile True:\n\topen(sys.argv[1] + '.t', 'w').write(sys.argv[2])\n\
                \tos.replace(sys.argv[1] + '.t', sys.argv[1])\n\ttime.sleep(0.005)";
            done.stranger = Some(python(script, &[&path.display().to_string(), &raised(&text)]));
        }
        Found::DatabaseTooNew => sql(&state.join("hub.db"), "PRAGMA user_version = 9"),
        Found::Locked => {
            let script = "import fcntl, sys\nfile = open(sys.argv[1], 'r+')\nfcntl.flock(file, fcntl.LOCK_EX)\nsys.stdin.read()";
            done.stranger = Some(python(script, &[&state.join("agent.lock").display().to_string()]));
        }
        Found::PortTaken => {
            let script = "import socket, sys, time\n\
                while True:\n\
                \ttry:\n\
                \t\tsock = socket.socket()\n\
                \t\tsock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
                \t\tsock.bind(('127.0.0.1', int(sys.argv[1])))\n\
                \t\tsock.listen()\n\
                \t\tbreak\n\
                \texcept OSError:\n\
                \t\tsock.close()\n\
                \t\ttime.sleep(0.0005)\n\
                sys.stdin.read()";
            done.stranger = Some(python(script, &[&machine.home.network.to_string()]));
        }
        Found::DiskFull => {
            let mut file = std::fs::File::create(machine.home.path().join("data/full")).expect("a file");
            while file.write_all(&[0; 256]).is_ok() {}
            done.is_full = true;
            done.restore.push((machine.home.path().join("data/full"), Vec::new()));
        }
    }
    done
}

fn raised(text: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    value["schema"] = serde_json::json!(9);
    value.to_string()
}

/// The journal gets a schema of a later version, while somebody has it open.
pub(super) fn raised_in_place(journal: &Path) {
    write_at(journal, 0, b"{\"schema\":9}");
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("the file");
    file.seek(SeekFrom::Start(at)).expect("the place");
    file.write_all(bytes).expect("the file");
}

fn sql(database: &Path, statement: &str) {
    let script = "import sqlite3, sys\nsqlite3.connect(sys.argv[1], timeout=5, isolation_level=None).execute(sys.argv[2])";
    let mut python = python(script, &[&database.display().to_string(), statement]);
    drop(python.stdin.take());
    assert!(python.wait().expect("its end").success(), "{statement}");
}

fn python(script: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new("python3");
    command.args(["-c", script]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().expect("python3")
}

/// The stranger goes.
fn release(mut done: Done) -> Done {
    if let Some(mut stranger) = done.stranger.take() {
        drop(stranger.stdin.take());
        // It may still wait for what it never got.
        let _ended = stranger.kill();
        let _reaped = stranger.wait();
    }
    done
}

fn restore(done: Done) {
    for (path, content) in done.restore {
        if done.is_full {
            let _not_there = std::fs::remove_file(path);
        } else {
            std::fs::write(path, content).expect("the file");
        }
    }
}

/// A later version tells events, the hub has half of them, and its backend is killed.
async fn kill_after_events(machine: &mut Machine) -> Result<SystemTime, String> {
    machine.tell(EVENTS / 2).await?;
    send(machine.hub_process.pid(), libc::SIGSTOP);
    machine.put(EVENTS / 2);
    let all = machine.files;
    let told = within(SETTLED_WITHIN, async || (machine.in_journal().len() >= all).then_some(())).await;
    let backends = running(&machine.folder.join("taskpaw-backend"), machine.home.path());
    let agent = backends.iter().find(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split('\0').nth(1) == Some("agent"))
    });
    if let Some(agent) = agent {
        crash(*agent);
    }
    let at = SystemTime::now();
    send(machine.hub_process.pid(), libc::SIGCONT);
    match (told, agent) {
        (Some(()), Some(_)) => Ok(at),
        (None, _) => Err(format!("{} of {all} events are in the journal", machine.in_journal().len())),
        (_, None) => Err("the new agent cannot be found".to_owned()),
    }
}

/// The programs that a kind is made of.
pub fn programs_of(kind: &Kind, later: Option<&Path>) -> Option<Programs> {
    match kind.wrong {
        Wrong::Later { .. } => Some(Programs::at(NEWER, later?)),
        _ => Some(Programs::newer()),
    }
}
