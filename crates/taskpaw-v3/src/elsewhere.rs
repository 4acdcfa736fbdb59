//! A hub of V3 that was started with `--config` or `--db` has its files where its command line says, and not where they
//! are looked for. That is known only as long as it runs, so it is noted before it is ended.

#[cfg(feature = "database")]
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "database")]
use durable_file::read_plain;
use durable_file::replace_file;
use port_takeover::{Incumbent, Process};
#[cfg(feature = "database")]
use serde_json::Value;
use serde_json::json;
use taskpaw_contract::Role;
use taskpaw_contract::identity::Generation;

use super::hub::expanded;

/// The note, in the state folder of this version.
const NOTE: &str = "v3-hub-files.json";
/// Longer than two paths, on any system.
#[cfg(feature = "database")]
const MOST_BYTES: u64 = 64 << 10;

/// The files of a hub of V3 that are not where they are looked for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// Its `hub.yaml`.
    pub(super) config: Option<PathBuf>,
    /// Its `hub.db`.
    pub(super) database: Option<PathBuf>,
}

/// Notes where a hub of V3 that is about to be ended has its files, if its command line says so, for the hub that follows
/// it. Says whether it does.
///
/// # Errors
/// What the system says.
pub fn note_files_of(incumbents: &[Incumbent], state_folder: &Path) -> io::Result<bool> {
    let is_hub = |incumbent: &&Incumbent| {
        incumbent.role.as_str() == Role::Hub.as_str()
            && Generation::of(&incumbent.process, incumbent.rule) == Generation::V3
    };
    let said = incumbents.iter().filter(is_hub).map(|hub| said_by(&hub.process));
    let Some(Elsewhere { config, database }) = said.into_iter().find(|said| *said != Elsewhere::default())
    else {
        return Ok(false);
    };
    let note = json!({ "schema": 1, "config": config, "database": database });
    replace_file(&state_folder.join(NOTE), &serde_json::to_vec(&note)?)?;
    Ok(true)
}

/// What a hub's command line says, as Python's `argparse` reads it: the value behind the option or joined by `=`, and an
/// option may be cut short. What cannot be told from outside is nothing.
fn said_by(process: &Process) -> Elsewhere {
    let whole = |text: &str| {
        let path = expanded(text);
        let path = if path.is_absolute() { path } else { Path::new(process.cwd.as_deref()?).join(path) };
        path.is_absolute().then_some(path)
    };
    let value_of = |option: &str| {
        let is_it = |word: &str| word.len() > "--".len() && option.starts_with(word);
        let words = &process.argv;
        words.iter().enumerate().rev().find_map(|(at, word)| match word.split_once('=') {
            Some((name, value)) => is_it(name).then(|| whole(value)),
            None => is_it(word).then(|| whole(words.get(at + 1)?)),
        })?
    };
    Elsewhere { config: value_of("--config"), database: value_of("--db") }
}

/// What is noted; nothing if there is none, or if it is not such a note.
#[cfg(feature = "database")]
pub(super) fn noted(state_folder: &Path) -> Option<Elsewhere> {
    let bytes = read_plain(&state_folder.join(NOTE), MOST_BYTES).ok()??;
    let note: Value = serde_json::from_slice(&bytes).ok()?;
    let path = |key: &str| {
        note.get(key).and_then(Value::as_str).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    let elsewhere = Elsewhere { config: path("config"), database: path("database") };
    (elsewhere != Elsewhere::default()).then_some(elsewhere)
}

/// It was dealt with.
///
/// # Errors
/// What the system says.
#[cfg(feature = "database")]
pub(super) fn forget(state_folder: &Path) -> io::Result<()> {
    match fs::remove_file(state_folder.join(NOTE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use port_takeover::Pid;
    use taskpaw_contract::identity::PYTHON_PACKAGE;

    use super::*;

    /// A hub of V3 with this command line.
    pub(in super::super) fn hub_with(words: &str) -> Incumbent {
        let process = Process {
            pid: Pid::new(2).unwrap(),
            name: "python3".into(),
            exe: None,
            argv: format!("python3 -m taskpaw_v3.hub {words}").split(' ').map(str::to_owned).collect(),
            cwd: Some("/srv/v3".into()),
            same_user: Some(true),
            user: None,
            started_at: Some(1),
        };
        let role = port_takeover::Role::new("hub");
        Incumbent { process, role, rule: PYTHON_PACKAGE, ports: Vec::new() }
    }

    #[cfg(unix)]
    #[test]
    fn a_command_line_is_read_as_v3_reads_it() {
        for (words, config, database) in [
            ("run", None, None),
            ("--config /a/my.yaml --db /b/x.sqlite run", Some("/a/my.yaml"), Some("/b/x.sqlite")),
            ("--db=/b/x run", None, Some("/b/x")),
            ("--conf=my.yaml --d ./x run", Some("/srv/v3/my.yaml"), Some("/srv/v3/./x")),
            ("--db /a --db /b", None, Some("/b")),
            ("run --db", None, None),
            ("-- --dbx /a --cfg /b", None, None),
        ] {
            let said = said_by(&hub_with(words).process);
            let path = |path: Option<&str>| path.map(PathBuf::from);
            assert_eq!(said, Elsewhere { config: path(config), database: path(database) }, "{words}");
        }
        let mut hidden = hub_with("--db x").process;
        hidden.cwd = None;
        assert_eq!(said_by(&hidden), Elsewhere::default(), "nobody knows in which folder that is");
    }

    #[cfg(all(unix, feature = "database"))]
    #[test]
    fn it_is_noted_until_it_was_dealt_with() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!note_files_of(&[hub_with("run")], folder.path()).unwrap());
        assert_eq!(noted(folder.path()), None);
        let mut agent = hub_with("--db /a");
        agent.role = port_takeover::Role::new("agent");
        assert!(!note_files_of(&[agent], folder.path()).unwrap());
        assert!(note_files_of(&[hub_with("--db /a")], folder.path()).unwrap());
        let expected = Elsewhere { config: None, database: Some("/a".into()) };
        assert_eq!(noted(folder.path()), Some(expected));
        forget(folder.path()).unwrap();
        forget(folder.path()).unwrap();
        assert_eq!(noted(folder.path()), None);
        for broken in ["", "[]", r#"{"config": 1}"#, r#"{"config": "relative"}"#] {
            fs::write(folder.path().join(NOTE), broken).unwrap();
            assert_eq!(noted(folder.path()), None, "{broken}");
        }
    }
}
