//! The graphics cards of this machine, as `nvidia-smi` tells them where it exists. A look never waits for it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::program::{Ended, Leash, Running};

const PROGRAM: &str = if cfg!(windows) { "nvidia-smi.exe" } else { "nvidia-smi" };
/// Asking takes a tenth of a second of work, so it is not done at every look.
const EVERY: Duration = Duration::from_secs(10);
/// After it has failed, as with a broken driver.
const EVERY_AFTER_FAILURE: Duration = Duration::from_secs(300);
const LIMIT: Duration = Duration::from_secs(10);
/// What is asked for, in this order, and what it is called here; memory comes in MiB.
const COLUMNS: [(&str, &str); 6] = [
    ("name", "name"),
    ("utilization.gpu", "utilization_percent"),
    ("memory.used", "memory_used_bytes"),
    ("memory.total", "memory_total_bytes"),
    ("temperature.gpu", "temperature_celsius"),
    ("power.draw", "power_watts"),
];

/// The cards, as they were told last.
#[derive(Debug)]
pub(super) struct Gpus {
    program: Option<PathBuf>,
    leash: Leash,
    asked: Option<Running>,
    stuck: Option<Running>,
    next: Option<Instant>,
    cards: Option<Vec<Map<String, Value>>>,
}

impl Gpus {
    /// Looks for the program in the folders of the search path.
    pub(super) fn find(leash: Leash) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::told_by(in_path(&path), leash)
    }

    fn told_by(program: Option<PathBuf>, leash: Leash) -> Self {
        Self { program, leash, asked: None, stuck: None, next: None, cards: None }
    }

    /// What is known now; nothing where there is no such program. It is asked in passing.
    pub(super) fn look(&mut self, now: Instant) -> Option<&[Map<String, Value>]> {
        let program = self.program.as_ref()?;
        if let Some(asked) = &mut self.asked {
            let ended = asked.ended();
            if !matches!(ended, Ok(None)) {
                // With a broken driver it may not even end when it is killed: then no other one is started.
                self.stuck = self.asked.take().and_then(|mut asked| (!asked.is_gone()).then_some(asked));
                self.cards = ended.ok().flatten().and_then(|ended| cards(&ended));
                let pause = if self.cards.is_some() { EVERY } else { EVERY_AFTER_FAILURE };
                self.next = Some(now + pause);
            }
        } else if self.stuck.as_mut().is_some_and(|stuck| !stuck.is_gone()) {
            self.next = Some(now + EVERY_AFTER_FAILURE);
        } else if self.next.is_none_or(|next| now >= next) {
            let columns = COLUMNS.map(|(asked, _)| asked).join(",");
            let argv = [
                program.to_string_lossy().into_owned(),
                format!("--query-gpu={columns}"),
                "--format=csv,noheader,nounits".to_owned(),
            ];
            match Running::start(&argv, None, LIMIT, &self.leash) {
                Ok(running) => self.asked = Some(running),
                Err(error) => {
                    tracing::debug!(%error, "nvidia-smi cannot be run");
                    self.next = Some(now + EVERY_AFTER_FAILURE);
                }
            }
        }
        self.cards.as_deref()
    }
}

fn in_path(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(PROGRAM))
        .find(is_file)
}

#[expect(clippy::ptr_arg, reason = "`find` hands over a PathBuf")]
fn is_file(path: &PathBuf) -> bool {
    Path::is_file(path)
}

fn cards(ended: &Ended) -> Option<Vec<Map<String, Value>>> {
    if !ended.status?.success() {
        return None;
    }
    let cards: Vec<_> = ended.said.lines().filter_map(card).collect();
    (!cards.is_empty()).then_some(cards)
}

/// One line. What a card does not know is written as `[N/A]` or the like.
fn card(line: &str) -> Option<Map<String, Value>> {
    const MIB: f64 = 1_048_576.0;
    // The name comes first, and it is the only column that could have a comma in it.
    let mut columns: Vec<&str> = line.rsplitn(COLUMNS.len(), ',').map(str::trim).collect();
    columns.reverse();
    if columns.len() != COLUMNS.len() {
        return None;
    }
    let mut card = Map::new();
    for ((_, key), text) in COLUMNS.into_iter().zip(columns) {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let value = match key {
            "name" => json!(text),
            _ if key.ends_with("_bytes") => json!(number.map(|mib| (mib * MIB).max(0.0) as u64)),
            _ => json!(number),
        };
        card.insert(key.to_owned(), value);
    }
    Some(card)
}

/// Whatever the program prints.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    assert!(String::from_utf8_lossy(bytes).lines().filter_map(card).all(|card| card.len() == COLUMNS.len()));
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    fn fake(folder: &Path, script: &str) -> Gpus {
        let path = folder.join(PROGRAM);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Gpus::told_by(in_path(folder.as_os_str()), Leash::default())
    }

    fn until_told(gpus: &mut Gpus) -> bool {
        let started = Instant::now();
        while gpus.asked.is_some() || gpus.next.is_none() {
            assert!(started.elapsed() < Duration::from_secs(10), "no answer");
            gpus.look(Instant::now());
            thread::sleep(Duration::from_millis(5));
        }
        gpus.cards.is_some()
    }

    #[test]
    fn what_nvidia_smi_prints_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let script = "test \"$1\" = --query-gpu=name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw \
            || exit 2\n\
            echo 'NVIDIA GeForce RTX 4090, 37, 1024, 24564, 61, 123.45'\n\
            echo 'Tesla, old, [N/A], 0, 2048, 40, [Not Supported]'";
        let mut gpus = fake(folder.path(), script);
        assert!(gpus.look(Instant::now()).is_none(), "it does not wait");
        assert!(until_told(&mut gpus));
        let cards = gpus.look(Instant::now()).unwrap();
        assert_eq!(
            serde_json::to_value(cards).unwrap(),
            json!([
                { "name": "NVIDIA GeForce RTX 4090", "utilization_percent": 37.0, "memory_used_bytes": 1_073_741_824_u64,
                  "memory_total_bytes": 25_757_220_864_u64, "temperature_celsius": 61.0, "power_watts": 123.45 },
                { "name": "Tesla, old", "utilization_percent": null, "memory_used_bytes": 0,
                  "memory_total_bytes": 2_147_483_648_u64, "temperature_celsius": 40.0, "power_watts": null },
            ])
        );
        assert!(gpus.asked.is_none(), "not again at once");
        gpus.look(Instant::now() + EVERY);
        assert!(gpus.asked.is_some());
    }

    #[test]
    fn a_broken_one_or_none_is_no_card() {
        for script in ["echo 'NVIDIA-SMI has failed'; exit 9", "echo nonsense", "echo a,b", ":"] {
            let folder = tempfile::tempdir().unwrap();
            let mut gpus = fake(folder.path(), script);
            assert!(!until_told(&mut gpus), "{script}");
            gpus.look(Instant::now() + EVERY);
            assert!(gpus.asked.is_none(), "it is left alone for a while");
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(
            Gpus::told_by(in_path(empty.path().as_os_str()), Leash::default()).look(Instant::now()).is_none()
        );
    }
}
