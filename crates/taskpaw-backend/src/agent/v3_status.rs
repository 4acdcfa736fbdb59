//! What the hubs of TaskPaw V3 read in a status, beside what this version says.
//!
//! Its dashboard and its `status.md` know a machine's numbers under other names; without them they show no numbers.

use serde_json::{Map, Value, json};

use super::board::{Board, Health};

/// The type of the machine's own monitor, in both versions.
const HOST: &str = "host_metrics";
const MIB: f64 = 1024.0 * 1024.0;
/// What V3 says of a number that a machine does not have.
const NONE: &str = "n/a";

/// Adds V3's keys to each monitor of a status, and to the numbers of the machine.
pub(super) fn add_keys(monitors: &mut Map<String, Value>, board: &Board, last_events: &Map<String, Value>) {
    for (name, monitor) in monitors {
        let Value::Object(monitor) = monitor else { continue };
        add_to_monitor(monitor, board.health(name), last_events.get(name));
    }
}

fn add_to_monitor(monitor: &mut Map<String, Value>, health: Health, last_event: Option<&Value>) {
    let state = monitor.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
    let keys = [
        ("enabled", json!(state != "stopped")),
        ("alive", json!(health.is_alive)),
        ("failures", json!(health.failures)),
        ("degraded", json!(health.failures > 0)),
        ("dropped", json!(health.dropped)),
    ];
    monitor.extend(keys.map(|(key, value)| (key.to_owned(), value)));
    if let Some(time) = last_event {
        monitor.insert("last_event_at".to_owned(), time.clone());
    }
    let is_host = monitor.get("type_id").and_then(Value::as_str) == Some(HOST);
    if let (true, Some(Value::Object(metrics))) = (is_host, monitor.get_mut("metrics"))
        && !metrics.is_empty()
    {
        add_numbers(metrics);
    }
}

fn add_numbers(metrics: &mut Map<String, Value>) {
    let number = |key: &str| metrics.get(key).and_then(Value::as_f64);
    let mib = |bytes: Option<f64>| bytes.map(|bytes| (bytes / MIB).round());
    let share = |used: Option<f64>, total: Option<f64>| {
        used.zip(total).filter(|(_, total)| *total > 0.0).map(|(used, total)| tenth(used * 100.0 / total))
    };
    let (used, total) = (number("memory_used_bytes"), number("memory_total_bytes"));
    let known = [
        ("cpu_pct", number("cpu_percent")),
        ("mem_pct", share(used, total)),
        ("mem_used_mb", mib(used)),
        ("mem_total_mb", mib(total)),
        ("disk_pct", share(number("disk_used_bytes"), number("disk_total_bytes"))),
        ("net_in_bps", number("network_rx_bytes_per_s")),
        ("net_out_bps", number("network_tx_bytes_per_s")),
    ];
    let cards: Vec<&Value> = metrics.get("gpus").and_then(Value::as_array).into_iter().flatten().collect();
    let of_cards =
        |key: &str| -> Vec<f64> { cards.iter().filter_map(|card| card.get(key)?.as_f64()).collect() };
    let (busy, memory, room) =
        (of_cards("utilization_percent"), of_cards("memory_used_bytes"), of_cards("memory_total_bytes"));
    let sum = |amounts: &[f64]| (!amounts.is_empty()).then(|| amounts.iter().sum::<f64>());
    let gpu = [
        ("gpu_pct", sum(&busy).map(|sum| tenth(sum / busy.len() as f64))),
        ("gpu_mem_used_mb", mib(sum(&memory))),
        ("gpu_mem_total_mb", mib(sum(&room))),
    ];
    for (key, value) in known {
        metrics.insert(key.to_owned(), json!(value));
    }
    for (key, value) in gpu {
        metrics.insert(key.to_owned(), value.map_or_else(|| json!(NONE), |value| json!(value)));
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Calls the machine's own monitor as V3 does, where no other has that name: readers of `status.md` look for it.
pub(super) fn name_host(monitors: &mut Map<String, Value>, machine: &str) {
    let named = format!("{machine}-host");
    if monitors.contains_key(&named) || !monitors.contains_key(HOST) {
        return;
    }
    let all = std::mem::take(monitors);
    monitors.extend(
        all.into_iter().map(
            |(name, monitor)| {
                if name == HOST { (named.clone(), monitor) } else { (name, monitor) }
            },
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!() };
        object
    }

    #[test]
    fn a_machine_has_the_numbers_under_the_names_of_v3() {
        let mut monitor = object(json!({ "type_id": "host_metrics", "state": "ok", "metrics": {
            "cpu_percent": 5.25, "memory_used_bytes": 2_147_483_648_u64, "memory_total_bytes": 8_589_934_592_u64,
            "disk_used_bytes": 1, "disk_total_bytes": 3, "network_rx_bytes_per_s": 7.0,
            "network_tx_bytes_per_s": null, "gpus": [
                { "utilization_percent": 30.0, "memory_used_bytes": 1_048_576, "memory_total_bytes": 4_194_304 },
                { "utilization_percent": 40.0, "memory_used_bytes": 1_048_576, "memory_total_bytes": 4_194_304 },
            ] } }));
        add_to_monitor(&mut monitor, Health { is_alive: true, failures: 2, dropped: 3 }, Some(&json!("t")));
        for (key, value) in [
            ("cpu_pct", json!(5.25)),
            ("mem_pct", json!(25.0)),
            ("mem_used_mb", json!(2048.0)),
            ("mem_total_mb", json!(8192.0)),
            ("disk_pct", json!(33.3)),
            ("net_in_bps", json!(7.0)),
            ("net_out_bps", Value::Null),
            ("gpu_pct", json!(35.0)),
            ("gpu_mem_used_mb", json!(2.0)),
            ("gpu_mem_total_mb", json!(8.0)),
            ("cpu_percent", json!(5.25)),
        ] {
            assert_eq!(monitor["metrics"][key], value, "{key}");
        }
        for (key, value) in [
            ("enabled", json!(true)),
            ("alive", json!(true)),
            ("failures", json!(2)),
            ("degraded", json!(true)),
            ("dropped", json!(3)),
            ("last_event_at", json!("t")),
        ] {
            assert_eq!(monitor[key], value, "{key}");
        }
    }

    #[test]
    fn what_is_switched_off_is_disabled_and_a_machine_without_cards_says_so() {
        let mut off = object(json!({ "type_id": "tcp_check", "state": "stopped", "metrics": {} }));
        add_to_monitor(&mut off, Health::default(), None);
        assert_eq!(
            (&off["enabled"], &off["alive"], &off["metrics"]),
            (&json!(false), &json!(false), &json!({}))
        );
        assert!(!off.contains_key("last_event_at"));
        let mut plain = object(json!({ "type_id": "host_metrics", "metrics": { "cpu_percent": 1.0 } }));
        add_to_monitor(&mut plain, Health::default(), None);
        assert_eq!(
            (&plain["metrics"]["gpu_pct"], &plain["metrics"]["mem_pct"]),
            (&json!("n/a"), &Value::Null)
        );
    }

    #[test]
    fn the_monitor_of_the_machine_has_its_old_name_and_its_place() {
        let mut monitors = object(json!({ "host_metrics": 1, "a": 2 }));
        name_host(&mut monitors, "box");
        assert_eq!(Value::Object(monitors).to_string(), r#"{"box-host":1,"a":2}"#);
        let mut taken = object(json!({ "host_metrics": 1, "box-host": 2 }));
        name_host(&mut taken, "box");
        assert!(taken.contains_key("host_metrics"));
    }
}
