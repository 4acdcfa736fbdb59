//! `taskpaw-backend activity`: a hook of a coding assistant says what the assistant does, in the form and with the arguments of
//! TaskPaw V3 (`activity_writer.py`). Only name, state and time are written, never anything of what was said or done.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use durable_file::replace_passing_file;
use lexopt::{Arg, Parser};
use serde::Deserialize;
use serde_json::{Value, json};
use taskpaw_forms::{expanded, shortened};

/// The word that asks for it.
pub(crate) const COMMAND: &str = "activity";
/// Where it is written if nothing else is said, as in V3.
const DEFAULT_FILE: &str = "~/.taskpaw/agent-activity.json";
/// What a hook says is read so far; its tool may have answered with megabytes, of which nothing is kept.
const MOST_BYTES: u64 = 64 << 20;
/// Longer than any name, word or number of a session.
const LONGEST: usize = 200;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    tool: String,
    state: Option<String>,
    session: Option<String>,
    file: PathBuf,
}

/// What a hook of Claude Code says; the rest is passed over.
#[derive(Debug, Default, Deserialize)]
struct Hook {
    #[serde(default, alias = "hookEventName")]
    hook_event_name: Option<Value>,
    #[serde(default, alias = "sessionId")]
    session_id: Option<Value>,
}

/// Writes it. Nothing is printed where all is well: an assistant may read what its hooks say.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let said = parse(words).map_err(|wrong| wrong.to_string()).and_then(|arguments| {
        let stdin = io::stdin();
        // A person at a terminal has no hook to say anything.
        let hook = (arguments.state.is_none() && !stdin.is_terminal()).then(|| heard(stdin.lock()));
        write(&arguments, &hook.unwrap_or_default(), SystemTime::now())
            .map_err(|error| format!("{} cannot be written: {error}", arguments.file.display()))
    });
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("taskpaw-backend activity: {why}");
            // Not 2: to a hook of Claude Code that means that what it was asked about is forbidden.
            ExitCode::FAILURE
        }
    }
}

fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    let mut parser = Parser::from_args(words);
    let (mut tool, mut state, mut session, mut file) = (None, None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("tool") => tool = Some(short(&parser.value()?)),
            Arg::Long("state") => state = Some(short(&parser.value()?)),
            Arg::Long("session") => session = Some(short(&parser.value()?)),
            Arg::Long("path") => file = Some(parser.value()?),
            // Codex adds what happened, as JSON. It is not looked at.
            Arg::Value(_) => {}
            other => return Err(other.unexpected()),
        }
    }
    let file = file.unwrap_or_else(|| DEFAULT_FILE.into());
    let file = file.to_str().map_or_else(|| PathBuf::from(&file), expanded);
    Ok(Arguments { tool: tool.unwrap_or_else(|| "agent".to_owned()), state, session, file })
}

fn short(word: &OsString) -> String {
    shortened(&word.to_string_lossy(), LONGEST)
}

fn heard(input: impl Read) -> Hook {
    let mut input = io::BufReader::new(input.take(MOST_BYTES));
    let hook = serde_json::from_reader(&mut input).unwrap_or_default();
    // The process that writes is not to find that nobody reads.
    let _whatever_else_it_says = io::copy(&mut input, &mut io::sink());
    hook
}

/// What an event of Claude Code means, as in V3.
fn state_of(event: &str) -> Option<&'static str> {
    Some(match event {
        "UserPromptSubmit" | "SessionStart" | "PreToolUse" | "PostToolUse" => "busy",
        "Notification" => "waiting",
        "Stop" | "SubagentStop" | "SessionEnd" => "idle",
        _ => return None,
    })
}

/// What is written; nothing for an event that means nothing.
fn written(arguments: &Arguments, hook: &Hook, now: SystemTime) -> Option<String> {
    let event = hook.hook_event_name.as_ref().and_then(Value::as_str).and_then(state_of);
    let state = arguments.state.as_deref().or(event)?;
    let of_hook = hook.session_id.as_ref().and_then(Value::as_str).map(|id| shortened(id, LONGEST));
    let session = arguments.session.clone().or(of_hook).unwrap_or_default();
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Some(json!({ "tool": arguments.tool, "state": state, "session": session, "ts": seconds }).to_string())
}

/// An event that means nothing is not an error: a hook is not to be stopped by it.
fn write(arguments: &Arguments, hook: &Hook, now: SystemTime) -> io::Result<()> {
    let Some(text) = written(arguments, hook, now) else { return Ok(()) };
    if let Some(folder) = arguments.file.parent() {
        fs::create_dir_all(folder)?;
    }
    replace_passing_file(&arguments.file, text.as_bytes())
}

/// What is written of a hook is short, whatever it says.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let arguments = Arguments { tool: "claude".to_owned(), state: None, session: None, file: PathBuf::new() };
    let kept = written(&arguments, &heard(bytes), UNIX_EPOCH).unwrap_or_default();
    assert!(kept.len() < 16 * LONGEST, "{} bytes of it are kept", kept.len());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parsed(words: &[&str]) -> Arguments {
        parse(words.iter().map(OsString::from)).unwrap()
    }

    #[test]
    fn arguments_are_those_of_v3() {
        let home = std::env::home_dir().unwrap();
        let plain = parsed(&[]);
        assert_eq!((plain.tool.as_str(), &plain.state), ("agent", &None));
        assert_eq!(plain.file, home.join(".taskpaw").join("agent-activity.json"));
        let words =
            ["--tool=codex", "--path", "~/x.json", "--state", "idle", r#"{"type":"agent-turn-complete"}"#];
        let codex = parsed(&words);
        assert_eq!((codex.tool.as_str(), codex.state.as_deref()), ("codex", Some("idle")));
        assert_eq!(codex.file, home.join("x.json"));
        assert!(parse(["--nothing".into()]).is_err() && parse(["--tool".into()]).is_err());
    }

    #[test]
    fn a_hook_says_what_it_does_and_nothing_else_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new").join("agent-activity-claude.json");
        let now = UNIX_EPOCH + Duration::from_millis(1_750_000_000_500);
        let arguments = parsed(&["--tool", "claude", "--path", file.to_str().unwrap()]);
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        for (hook, expected) in [
            (r#"{"hook_event_name":"Nothing","session_id":"s"}"#.to_owned(), None),
            ("no JSON".to_owned(), None),
            ("[]".to_owned(), None),
            (r#"{"hook_event_name":7}"#.to_owned(), None),
            (
                format!(
                    r#"{{"prompt":"secret","deep":{deep},"hook_event_name":"PreToolUse","session_id":"s"}}"#
                ),
                Some("busy"),
            ),
            (r#"{"hookEventName":"Notification","sessionId":"s"}"#.to_owned(), Some("waiting")),
            (r#"{"hook_event_name":"Stop","session_id":"s"} and more"#.to_owned(), None),
            (r#"{"hook_event_name":"SessionEnd","session_id":"s"}"#.to_owned(), Some("idle")),
        ] {
            let _not_there_yet = fs::remove_file(&file);
            write(&arguments, &heard(hook.as_bytes()), now).unwrap();
            let written = fs::read_to_string(&file).ok();
            let expected = expected.map(|state| {
                format!(r#"{{"tool":"claude","state":"{state}","session":"s","ts":1750000000.5}}"#)
            });
            assert_eq!(written, expected, "{}", shortened(&hook, 60));
        }
    }
}
