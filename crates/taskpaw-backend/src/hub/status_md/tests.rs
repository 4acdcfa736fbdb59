//! The file as V3's own hub writes it of the same answers.

use std::sync::Arc;

use serde_json::json;
use taskpaw_contract::ipc::AgentStatus;

use super::*;

fn agent(name: &str, online: bool, last_seen_seconds: Option<f64>, monitors: Value) -> FleetAgent {
    let Value::Object(monitors) = monitors else { panic!() };
    let status = AgentStatus {
        machine: "m".into(),
        server_id: "s".into(),
        os: "o".into(),
        version: None,
        monitors,
        event_cursor: None,
        event_refusals: Vec::new(),
        names_in_use_twice: Vec::new(),
    };
    FleetAgent {
        name: name.into(),
        url: "u".into(),
        enabled: true,
        has_token: false,
        online,
        last_seen_seconds,
        error: None,
        error_code: None,
        installed_anew_seconds: None,
        missed_events: None,
        status: Some(Arc::new(status)),
    }
}

fn now() -> Zoned {
    "2026-07-01T12:35:56+02:00[+02:00]".parse().unwrap()
}

/// What V3's `render_status_md` of July 2026 gives for these answers.
const OF_V3: &str = "# TaskPaw Hub Status

Last updated: 2026-07-01 12:35:56

## render: ONLINE
- render-host: CPU 5% | RAM 2.0/23.5GB | GPU 72% | VRAM 8.0/24.0GB
- typed: CPU 0%
- broken: error
- Lada: 4/9 done (5 left) | a b.mp4 |
- left: 0/9 done (0 left)
- comfy: 1 running, 0 pending
- queue: 2 running, 3 pending
- folder: ok
- off: disabled
- off but runs: ok
- proc ## fake: ONLINE: ok - x
- nothing: unknown
- word: ok

## mac: OFFLINE (last seen 12:34:56)

## never: OFFLINE
";

#[test]
fn it_is_v3s_to_the_letter() {
    let monitors = json!({
        "render-host": { "state": "ok", "metrics": {
            "cpu_pct": 5.4, "mem_pct": 9.1, "mem_used_mb": 2048, "mem_total_mb": 24064, "disk_pct": 50,
            "gpu_pct": 71.6, "gpu_mem_used_mb": 8192, "gpu_mem_total_mb": 24576 } },
        "typed": { "state": "degraded", "type_id": "host_metrics",
            "metrics": { "cpu_pct": 0.5, "mem_used_mb": 1, "mem_total_mb": 0, "gpu_pct": "n/a" } },
        "broken": { "state": "error", "type_id": "host_metrics", "metrics": { "cpu_pct": 5 } },
        "Lada": { "state": "running", "type_id": "lada",
            "metrics": { "queue_total": 9, "queue_completed": 4, "current_file": " a\nb.mp4 " } },
        "left": { "state": "running", "metrics": { "queue_total": 9.9, "queue_remaining": -3 } },
        "comfy": { "state": "running", "type_id": "comfyui", "metrics": { "running": 1 } },
        "queue": { "state": "idle", "metrics": { "pending": 3, "running": 2 } },
        "folder": { "state": "ok", "type_id": "folder", "metrics": { "pending": 2 } },
        "off": { "state": "stopped", "enabled": false, "metrics": {} },
        "off but runs": { "state": "ok", "enabled": false, "metrics": { "alive": true } },
        "proc\n## fake: ONLINE": { "state": "ok\u{2028}- x", "metrics": { "alive": true } },
        "nothing": {},
        "word": "ok",
    });
    let agents = [
        agent("render", true, Some(1.0), monitors),
        agent("mac", false, Some(60.0), json!({})),
        FleetAgent { enabled: false, ..agent("off", true, Some(1.0), json!({})) },
        agent("never", false, None, json!({})),
    ];
    assert_eq!(text(&agents, &now()), OF_V3);
}

#[test]
fn numbers_by_our_names_are_shown_as_well_and_v3s_count_first() {
    let said = |metrics: Value| {
        line_of("host_metrics", &json!({ "state": "ok", "type_id": "host_metrics", "metrics": metrics }))
    };
    let ours = json!({ "cpu_percent": 7.0, "memory_used_bytes": 2_147_483_648_u64, "memory_total_bytes": 4_294_967_296_u64 });
    assert_eq!(said(ours), "- host_metrics: CPU 7% | RAM 2.0/4.0GB");
    assert_eq!(said(json!({ "cpu_percent": 7.0, "cpu_pct": 8.0 })), "- host_metrics: CPU 8%");
    assert_eq!(said(json!({ "cpu_pct": "high" })), "- host_metrics: ok");
}

#[test]
fn whoever_reads_it_has_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub").join("status.md");
    write(&path, "one").unwrap();
    write(&path, "two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert!(write(&path.join("in-it"), "x").is_err());
}
