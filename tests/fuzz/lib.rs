//! The fuzz targets: everything that reads input from outside, each as a function of any bytes. One that panics, hangs
//! or eats the memory is a fault. `npm run fuzz` gives them what libFuzzer invents (`libfuzzer/`), and the test
//! `replay` gives them what is in `corpus/` and what is near it, so that no target rots.

use std::path::Path;

use port_takeover::Record;
use taskpaw_backend::fuzzing;
use taskpaw_contract::config::ConfigFile;
use taskpaw_contract::sidecar::Line;
use taskpaw_v3 as v3;

/// One reader.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its folder in `corpus/` and of its program.
    pub name: &'static str,
    /// Reads this.
    pub read: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "agent_answer", read: fuzzing::agent_answer },
    Target { name: "announcement", read: fuzzing::announcement },
    Target { name: "assistant", read: fuzzing::assistant },
    Target { name: "comfyui", read: fuzzing::comfyui },
    Target { name: "configuration", read: configuration },
    Target { name: "event_journal", read: fuzzing::event_journal },
    Target { name: "event_lineage", read: fuzzing::event_lineage },
    Target { name: "monitor_memory", read: fuzzing::monitor_memory },
    Target { name: "events_of_v3", read: fuzzing::events_of_v3 },
    Target { name: "greeting", read: fuzzing::greeting },
    Target { name: "heartbeat_file", read: fuzzing::heartbeat_file },
    Target { name: "host_header", read: fuzzing::host_header },
    Target { name: "log_lines", read: fuzzing::log_lines },
    Target { name: "monitor_settings", read: fuzzing::monitor_settings },
    Target { name: "nvidia_smi", read: fuzzing::nvidia_smi },
    Target { name: "processes", read: processes },
    Target { name: "secrets", read: secrets },
    Target { name: "sidecar_line", read: sidecar_line },
    Target { name: "state_file", read: fuzzing::state_file },
    Target { name: "takeover_journal", read: takeover_journal },
    Target { name: "v3_database", read: v3_database },
    Target { name: "v3_files", read: v3_files },
];

/// Gives these bytes to the target of this name.
///
/// # Panics
/// If there is no such target, and on a finding.
pub fn read(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no target {name}")).read)(bytes);
}

/// `config.json`: one that can be used can be written, and then says the same.
fn configuration(bytes: &[u8]) {
    let path = Path::new("config.json");
    match ConfigFile::from_bytes(path, bytes) {
        Ok(file) => {
            let text = serde_json::to_vec(file.config()).expect("a configuration can be written");
            let again = ConfigFile::from_bytes(path, &text).expect("what was written can be read");
            assert_eq!(again.config(), file.config());
        }
        Err(problem) => assert!(!problem.to_string().is_empty()),
    }
}

/// A log that is written, and then given away: what is clean stays clean.
fn secrets(bytes: &[u8]) {
    let mut text = String::from_utf8_lossy(&redaction::clean_bytes(bytes)).into_owned();
    for round in 0.. {
        let again = redaction::without_secrets(&text).into_owned();
        if again == text {
            break;
        }
        assert!(round < 8, "it comes to no end: {text:?}");
        text = again;
    }
    let mut users = redaction::Users::default();
    users.learn("anna");
    assert!(
        !users.removed_from(&text).split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "anna")
    );
}

/// The one line of a sidecar.
fn sidecar_line(bytes: &[u8]) {
    if let Err(broken) = Line::parse(&String::from_utf8_lossy(bytes)) {
        assert!(!broken.0.is_empty());
    }
}

/// What the kernel says of sockets and processes.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "read on one system only"))]
fn processes(bytes: &[u8]) {
    #[cfg(target_os = "linux")]
    port_takeover::sys::fuzz(bytes);
}

/// A line of the journal of takeovers: what is read is written as it was.
fn takeover_journal(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Record>(bytes) else { return };
    let text = serde_json::to_vec(&record).expect("a record can be written");
    let again: Record = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(again, record);
}

/// The database of TaskPaw V3's hub.
fn v3_database(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("taskpaw-fuzz-{}.db", std::process::id()));
    std::fs::write(&path, bytes).expect("a temporary file can be written");
    v3::fuzz_database(&path);
    std::fs::remove_file(&path).expect("it is there");
}

/// `agent.yaml` and `hub.yaml` of TaskPaw V3, one line of dashes between them: what comes of them can be used, and is
/// written without a secret in the report.
fn v3_files(bytes: &[u8]) {
    const BETWEEN: &[u8] = b"\n-----\n";
    let between = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (agent, hub) = match between {
        Some(at) => (Some(&bytes[..at]), Some(&bytes[at + BETWEEN.len()..])),
        None => (Some(bytes), None),
    };
    for (agent, hub) in [(agent, hub), (None, agent)] {
        let imported = v3::import(agent, hub, v3::Starter::App);
        imported.config.check().expect("what was taken over can be used");
        let text = serde_json::to_vec(&imported.report).expect("a report can be written");
        let again: v3::ImportReport = serde_json::from_slice(&text).expect("what was written can be read");
        assert_eq!(again, imported.report);
    }
}
