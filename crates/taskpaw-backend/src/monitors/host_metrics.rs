//! `host_metrics`: this machine itself. It is always on.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Networks, System};
use taskpaw_contract::ipc::{EventKind, EventLevel, FieldFault, MonitorState};

use super::form::{self, Values};
use super::gpu::Gpus;
use super::{BadSetup, Check, Kind, Memory, Monitor, Notice, Setup};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "host_metrics",
    title: "This machine",
    about: "Processors, memory, disk, network and load of the machine itself, and its graphics cards where \
            nvidia-smi is.",
    always_on: true,
    fields: form::HOST_METRICS,
    build: |values, setup| Ok(Box::new(HostMetrics::new(values, setup)?)),
};

/// A share of the processors' time and a rate need two looks; the second one follows soon.
const FIRST_AGAIN: Duration = Duration::from_millis(500);
/// How many high looks in a row make an alert: a short peak is nothing to worry about.
const PATIENCE: u32 = 3;

struct HostMetrics {
    system: System,
    networks: Networks,
    /// When the network counters were read last.
    last_look: Option<Instant>,
    /// A folder on the disk that is watched.
    disk: PathBuf,
    watched: [Level; 3],
    gpus: Gpus,
    every: Duration,
}

impl HostMetrics {
    fn new(values: &Values, setup: &Setup) -> Result<Self, BadSetup> {
        let unreadable =
            |error: sysinfo::Error| BadSetup::System(format!("this system cannot be read: {error}"));
        let is_told = values.flag("alerts");
        let level = |title, key, setting| {
            Level::new(title, key, if is_told { values.number(setting) } else { f64::INFINITY })
        };
        let disk = values.path("disk_path");
        let is_own = disk.as_os_str().is_empty();
        if !is_own && !disk.is_absolute() {
            return Err(BadSetup::field(
                "disk_path",
                FieldFault::NotAPath,
                "write the whole path, from the root on",
            ));
        }
        Ok(Self {
            system: System::new().map_err(unreadable)?,
            networks: Networks::new().map_err(unreadable)?,
            last_look: None,
            disk: if is_own { setup.data_folder.clone() } else { disk },
            watched: [
                level("CPU", "cpu", "cpu_alert_pct"),
                level("Memory", "memory", "mem_alert_pct"),
                level("Disk", "disk", "disk_alert_pct"),
            ],
            gpus: Gpus::find(setup.leash.clone()),
            every: values.seconds("poll_interval"),
        })
    }

    /// Bytes received and sent in each second since the last look.
    fn network_rates(&mut self) -> Option<(f64, f64)> {
        self.networks.refresh(true);
        let seconds = self.last_look.replace(Instant::now())?.elapsed().as_secs_f64();
        let outer = || self.networks.iter().filter(|(name, _)| !is_loopback(name)).map(|(_, data)| data);
        let received: u64 = outer().map(sysinfo::NetworkData::received).sum();
        let sent: u64 = outer().map(sysinfo::NetworkData::transmitted).sum();
        (seconds > 0.0).then(|| (received as f64 / seconds, sent as f64 / seconds))
    }
}

impl Monitor for HostMetrics {
    fn check(&mut self) -> Check {
        let is_first = self.last_look.is_none();
        self.system.refresh_memory_specifics(MemoryRefreshKind::everything());
        self.system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        // The first reading is the share since the machine was started, which nobody asked for.
        let cpu = (!is_first).then(|| f64::from(self.system.global_cpu_usage()));
        let rates = self.network_rates();
        let (used, total) = (self.system.used_memory(), self.system.total_memory());
        let disk = disk_usage(&self.disk).ok();
        // Windows has no load average.
        let load = if cfg!(windows) { None } else { System::load_average().ok() };

        let mut metrics: Map<String, Value> = [
            ("cpu_percent", json!(cpu.map(|percent| round(percent, 1)))),
            ("memory_used_bytes", json!(used)),
            ("memory_total_bytes", json!(total)),
            ("swap_used_bytes", json!(self.system.used_swap())),
            ("disk_used_bytes", json!(disk.map(|(used, _)| used))),
            ("disk_total_bytes", json!(disk.map(|(_, total)| total))),
            ("network_rx_bytes_per_s", json!(rates.map(|(received, _)| round(received, 0)))),
            ("network_tx_bytes_per_s", json!(rates.map(|(_, sent)| round(sent, 0)))),
            ("load_1m", json!(load.as_ref().map(|load| round(load.one, 2)))),
            ("load_5m", json!(load.as_ref().map(|load| round(load.five, 2)))),
            ("load_15m", json!(load.as_ref().map(|load| round(load.fifteen, 2)))),
            ("uptime_seconds", json!(System::uptime().ok())),
            ("cpu_count", json!(self.system.cpus().len())),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();

        // Readiness waits for the first look: it starts no other program.
        let gpus = if is_first { None } else { self.gpus.look(Instant::now()) };
        if let Some(gpus) = gpus {
            metrics.insert("gpus".to_owned(), json!(gpus));
        }

        let shares = [cpu, share(used, total), disk.and_then(|(used, total)| share(used, total))];
        let notices =
            self.watched.iter_mut().zip(shares).filter_map(|(level, now)| level.look(now)).collect();
        let high: Vec<String> = self.watched.iter().filter_map(Level::complaint).collect();
        let (state, detail) = if high.is_empty() {
            (MonitorState::Ok, summary(cpu, share(used, total)))
        } else {
            (MonitorState::Degraded, high.join(", "))
        };
        Check { state, detail, metrics, notices, again_in: if is_first { FIRST_AGAIN } else { self.every } }
    }

    fn memory(&mut self) -> Option<Value> {
        let high = self.watched.iter().filter(|level| level.alerted.is_some());
        Some(json!({ "high": high.map(|level| level.key).collect::<Vec<_>>() }))
    }

    fn recall(&mut self, memory: &Memory) {
        self.watched.iter_mut().for_each(|level| level.recall(memory));
    }
}

fn summary(cpu: Option<f64>, memory: Option<f64>) -> String {
    let part = |name: &str, share: Option<f64>| share.map(|share| format!("{name} {share:.0} %"));
    [part("CPU", cpu), part("memory", memory)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn share(used: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| used as f64 * 100.0 / total as f64)
}

fn round(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}

/// `lo` on Linux, `lo0` on macOS, `Loopback Pseudo-Interface 1` on Windows.
fn is_loopback(interface: &OsStr) -> bool {
    interface == "lo" || interface == "lo0" || interface.to_string_lossy().starts_with("Loopback")
}

/// Bytes used and in total of the disk that a folder is on, as `df` counts them: what is kept for the administrator is
/// no room for anybody else, so that a disk on which nobody can write any more is full. Only that disk is asked: another one may be a
/// network share whose server does not answer.
fn disk_usage(folder: &Path) -> io::Result<(u64, u64)> {
    let disk = fs4::statvfs(folder)?;
    let used = disk.total_space().saturating_sub(disk.free_space().max(disk.available_space()));
    Ok((used, used.saturating_add(disk.available_space())))
}

/// A share that should stay below the threshold.
struct Level {
    title: &'static str,
    key: &'static str,
    /// From here on it is too much, in per cent.
    threshold: f64,
    /// How many looks in a row were over the threshold.
    over: u32,
    /// The last share of an alert that was given and not taken back.
    alerted: Option<f64>,
}

impl Level {
    fn new(title: &'static str, key: &'static str, threshold: f64) -> Self {
        // 0: never.
        let threshold = if threshold > 0.0 { threshold } else { f64::INFINITY };
        Self { title, key, threshold, over: 0, alerted: None }
    }

    /// Goes on after a restart: it was told that it is high, and not that it is well again.
    fn recall(&mut self, memory: &Memory) {
        let about_it = memory.told.iter().rev().filter(|told| told.data["metric"] == self.key);
        let is_high = match about_it
            .map(|told| told.kind)
            .find(|kind| matches!(kind, EventKind::High | EventKind::Normal))
        {
            Some(kind) => kind == EventKind::High,
            None => memory.found["high"].as_array().is_some_and(|high| high.contains(&self.key.into())),
        };
        if is_high {
            (self.over, self.alerted) = (PATIENCE, Some(self.threshold));
        }
    }

    /// Notes a look; a share that cannot be known changes nothing.
    fn look(&mut self, now: Option<f64>) -> Option<Notice> {
        let now = now?;
        let notice = |kind, level, title: String, message: String| {
            let data = json!({ "metric": self.key, "percent": round(now, 1), "threshold": self.threshold });
            Some(Notice { kind, level, title, message, data: Some(data), note: None })
        };
        if now >= self.threshold {
            self.over = self.over.saturating_add(1);
            let is_new = self.over >= PATIENCE && self.alerted.is_none();
            if self.over >= PATIENCE {
                self.alerted = Some(now);
            }
            if is_new {
                let message = format!("{} is at {now:.0} %, for {PATIENCE} checks in a row", self.title);
                return notice(
                    EventKind::High,
                    EventLevel::Alert,
                    format!("{} is high", self.title),
                    message,
                );
            }
            return None;
        }
        self.over = 0;
        self.alerted.take()?;
        let message = format!("{} is back at {now:.0} %", self.title);
        notice(EventKind::Normal, EventLevel::Done, format!("{} is normal again", self.title), message)
    }

    fn complaint(&self) -> Option<String> {
        self.alerted.map(|share| format!("{} at {share:.0} %", self.title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitors::Told;
    use crate::monitors::tests::made;

    #[test]
    fn three_high_looks_alert_once_and_a_lower_one_ends_it() {
        let mut level = Level::new("CPU", "cpu", 95.0);
        let mut levels = |shares: &[f64]| -> Vec<Option<EventLevel>> {
            shares.iter().map(|&share| level.look(Some(share)).map(|notice| notice.level)).collect()
        };
        assert_eq!(levels(&[96.0, 97.0, 94.9, 95.0, 95.0]), [None; 5]);
        assert_eq!(levels(&[95.0, 100.0]), [Some(EventLevel::Alert), None]);
        assert_eq!(levels(&[10.0, 10.0]), [Some(EventLevel::Done), None]);
        assert!(level.look(None).is_none());
    }

    #[test]
    fn what_was_high_before_a_restart_is_not_told_again_and_its_end_is() {
        let told = |kind, key: &str| Told { kind, data: json!({ "metric": key }), note: None };
        let mut memory = Memory { found: json!({ "high": ["cpu"] }), ..Memory::default() };
        let recalled = |memory: &Memory, key| {
            let mut level = Level::new("It", key, 95.0);
            level.recall(memory);
            [99.0, 99.0, 99.0, 10.0].map(|share| level.look(Some(share)).map(|notice| notice.kind))
        };
        let (high, normal) = (Some(EventKind::High), Some(EventKind::Normal));
        assert_eq!(recalled(&memory, "cpu"), [None, None, None, normal]);
        assert_eq!(recalled(&memory, "disk"), [None, None, high, normal]);
        memory.add(told(EventKind::High, "disk"));
        memory.add(told(EventKind::Normal, "cpu"));
        assert_eq!(recalled(&memory, "disk"), [None, None, None, normal]);
        assert_eq!(recalled(&memory, "cpu"), [None, None, high, normal]);
    }

    #[test]
    fn this_machine_has_numbers_at_once_and_rates_soon() {
        let mut monitor = made(&KIND, json!({}));
        let first = monitor.check();
        assert_eq!(first.again_in, FIRST_AGAIN);
        assert_eq!(first.metrics.len(), 13);
        for key in
            ["memory_used_bytes", "memory_total_bytes", "disk_total_bytes", "uptime_seconds", "cpu_count"]
        {
            assert!(first.metrics[key].as_u64().unwrap() > 0, "{key}");
        }
        assert!(first.metrics["cpu_percent"].is_null());
        let second = monitor.check();
        assert!(second.metrics["cpu_percent"].is_number());
        assert!(second.metrics["network_rx_bytes_per_s"].is_number());
    }
}
