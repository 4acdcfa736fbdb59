//! The file `status.md` of TaskPaw V3: how every agent is, line by line, for programs that look for it there.
//!
//! The form is V3's to the letter, since nobody knows what reads it. Of an agent's numbers V3's names count first: an
//! agent of this version has both.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Zoned};
use serde_json::{Map, Value};
use taskpaw_contract::ipc::FleetAgent;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval_at};

use super::Shared;

/// How long a name or a state may be in a line, in letters, as in V3.
const LONGEST: usize = 200;
/// After the first polls: before, every agent would be away.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// Writes the file after each round of polls, for ever.
pub(super) async fn write_again_and_again(shared: Arc<Shared>, path: PathBuf) {
    let first = tokio::time::Instant::now() + shared.within + FIRST_AFTER;
    let mut ticks = interval_at(first, shared.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    loop {
        ticks.tick().await;
        let text = text(&shared.fleet.agents(), &Zoned::now());
        let to = path.clone();
        let written = spawn_blocking(move || write(&to, &text)).await.map_err(io::Error::other).flatten();
        match written {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                tracing::warn!("{} cannot be written: {error}", path.display());
                is_failing = true;
            }
            Err(_) => {}
        }
    }
}

/// Whole at every moment, and readable for the programs of others, as V3 left it. After a loss of power it is written
/// again, so nobody waits for the disk. A link stays one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = &durable_file::link_target(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left is as little wanted as it is a fault of its own.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// What stands in the file.
fn text(agents: &[FleetAgent], now: &Zoned) -> String {
    let local = now.datetime();
    let mut lines = vec![
        "# TaskPaw Hub Status".to_owned(),
        String::new(),
        format!("Last updated: {}", local.strftime("%Y-%m-%d %H:%M:%S")),
        String::new(),
    ];
    for agent in agents.iter().filter(|agent| agent.enabled) {
        let name = one_line(&agent.name);
        if agent.online {
            lines.push(format!("## {name}: ONLINE"));
            let monitors = agent.status.iter().flat_map(|status| &status.monitors);
            lines.extend(monitors.map(|(name, monitor)| line_of(name, monitor)));
        } else {
            lines.push(match agent.last_seen_seconds.and_then(|ago| seen_at(now, ago)) {
                Some(seen) => format!("## {name}: OFFLINE (last seen {})", seen.strftime("%H:%M:%S")),
                None => format!("## {name}: OFFLINE"),
            });
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

/// When an agent has answered last, by the clock on the wall.
fn seen_at(now: &Zoned, seconds_ago: f64) -> Option<DateTime> {
    let ago = SignedDuration::try_from_secs_f64(seconds_ago).ok()?;
    now.checked_sub(ago).ok().map(|then| then.datetime())
}

fn line_of(name: &str, monitor: &Value) -> String {
    let Value::Object(keys) = monitor else {
        return format!("- {}: {}", one_line(name), one_line(&word(monitor)));
    };
    let metrics = keys.get("metrics").and_then(Value::as_object).filter(|metrics| !metrics.is_empty());
    let state =
        ["state", "status"].iter().find_map(|key| keys.get(*key).map(word).filter(|word| !word.is_empty()));
    let is_off = keys.get("enabled") == Some(&Value::Bool(false))
        && metrics.is_none()
        && keys.get("state").is_none_or(|state| {
            matches!(word(state).to_lowercase().as_str(), "" | "stopped" | "unknown" | "none" | "null")
        });
    let said = if is_off {
        "disabled".to_owned()
    } else {
        let state = state.unwrap_or_else(|| "unknown".to_owned());
        let type_id = keys.get("type_id").and_then(Value::as_str).filter(|type_id| !type_id.is_empty());
        let numbers = metrics.map(|metrics| Numbers(metrics).said(type_id, &state)).unwrap_or_default();
        if numbers.is_empty() { one_line(&state) } else { numbers.join(" | ") }
    };
    format!("- {}: {said}", one_line(name))
}

/// The numbers of a monitor.
struct Numbers<'a>(&'a Map<String, Value>);

impl Numbers<'_> {
    fn of(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
    }

    /// A number of per cent, by V3's name or by ours.
    fn percent(&self, v3: &str, ours: &str) -> Option<f64> {
        self.of(v3).or_else(|| self.of(ours))
    }

    /// A number of MiB.
    fn mebibytes(&self, v3: &str, ours: &str) -> Option<f64> {
        self.of(v3).or_else(|| Some(self.of(ours)? / 1_048_576.0))
    }

    /// In V3's words. One that is out of order says so, and no numbers, which may be old.
    fn said(&self, type_id: Option<&str>, state: &str) -> Vec<String> {
        if matches!(state.to_lowercase().as_str(), "error" | "stopped" | "unreachable") {
            return Vec::new();
        }
        // By its numbers only if it does not say what it is.
        let is = |kind: &str, keys: &[&str]| match type_id {
            Some(type_id) => type_id == kind,
            None => keys.iter().any(|key| self.of(key).is_some()),
        };
        let mut said = Vec::new();
        if is("host_metrics", &["disk_pct", "mem_used_mb"]) {
            self.machine(&mut said);
        }
        if is("lada", &["queue_total"])
            && let Some(total) = self.of("queue_total")
        {
            let done = self.of("queue_completed").unwrap_or_default().trunc();
            let left = self.of("queue_remaining").unwrap_or(total.trunc() - done).trunc().max(0.0);
            let mut queue = format!("{done:.0}/{:.0} done ({left:.0} left)", total.trunc());
            let file = self.0.get("current_file").and_then(Value::as_str).map(one_line).unwrap_or_default();
            if !file.is_empty() {
                queue.push_str(&format!(" | {file} |"));
            }
            said.push(queue);
        }
        let depth = ["running", "pending"];
        if is("comfyui", &depth) && depth.iter().any(|key| self.of(key).is_some()) {
            let [running, pending] = depth.map(|key| self.of(key).unwrap_or_default().trunc());
            said.push(format!("{running:.0} running, {pending:.0} pending"));
        }
        said
    }

    fn machine(&self, said: &mut Vec<String>) {
        let of = |used: Option<f64>, all: Option<f64>| match (used, all) {
            (Some(used), Some(all)) if all > 0.0 => {
                Some(format!("{:.1}/{:.1}GB", used / 1024.0, all / 1024.0))
            }
            _ => None,
        };
        said.extend(self.percent("cpu_pct", "cpu_percent").map(|percent| format!("CPU {percent:.0}%")));
        let memory = of(
            self.mebibytes("mem_used_mb", "memory_used_bytes"),
            self.mebibytes("mem_total_mb", "memory_total_bytes"),
        );
        said.extend(memory.map(|memory| format!("RAM {memory}")));
        said.extend(self.of("gpu_pct").map(|percent| format!("GPU {percent:.0}%")));
        let memory = of(self.of("gpu_mem_used_mb"), self.of("gpu_mem_total_mb"));
        said.extend(memory.map(|memory| format!("VRAM {memory}")));
    }
}

/// A value as a word.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text that stays in its line, so that no name of an agent can make lines of its own.
fn one_line(text: &str) -> String {
    let plain = |letter: char| {
        let is_hidden = letter.is_control()
            || (letter.is_whitespace() && letter != ' ')
            || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e000}'..='\u{f8ff}');
        if is_hidden { ' ' } else { letter }
    };
    text.chars().map(plain).collect::<String>().trim().chars().take(LONGEST).collect()
}

#[cfg(test)]
#[path = "status_md/tests.rs"]
mod tests;
