//! Everything of the backend that reads what others have written, each as a function of any bytes: it must come back,
//! and what it finds must hold. `tests/fuzz` calls them.

use std::net::IpAddr;

use taskpaw_contract::config::HubAgent;

use crate::discovery::{Announcement, Found};

/// The host's lines on stdin.
pub fn greeting(bytes: &[u8]) {
    crate::host::fuzz(bytes);
}

/// What an agent answers to a hub.
pub fn agent_answer(bytes: &[u8]) {
    crate::hub::fuzz_answer(bytes);
}

/// The journal of an agent's events.
pub fn event_journal(bytes: &[u8]) {
    crate::agent::fuzz_journal(bytes);
}

/// What tells an agent's numbers from others, and which hub has what.
pub fn event_lineage(bytes: &[u8]) {
    crate::agent::fuzz_lineage(bytes);
}

/// What the monitors remember.
pub fn monitor_memory(bytes: &[u8]) {
    crate::agent::fuzz_memories(bytes);
}

/// The counters and the events of TaskPaw V3.
pub fn events_of_v3(bytes: &[u8]) {
    taskpaw_v3::events::fuzz(bytes);
}

/// The settings of a monitor.
pub fn monitor_settings(bytes: &[u8]) {
    crate::monitors::fuzzing::settings(bytes);
}

/// The file that a `heartbeat` watches.
pub fn heartbeat_file(bytes: &[u8]) {
    crate::monitors::fuzzing::heartbeat(bytes);
}

/// The file that a `state_file` watches.
pub fn state_file(bytes: &[u8]) {
    crate::monitors::fuzzing::state_file(bytes);
}

/// The log that a `log_pattern` watches.
pub fn log_lines(bytes: &[u8]) {
    crate::monitors::fuzzing::log(bytes);
}

/// What a ComfyUI answers: its queue, and its history.
pub fn comfyui(bytes: &[u8]) {
    crate::monitors::fuzzing::comfyui(bytes);
}

/// What a hook of a coding assistant says, and the file that is made of it.
pub fn assistant(bytes: &[u8]) {
    crate::activity::fuzz(bytes);
    crate::monitors::fuzzing::dev_activity(bytes);
}

/// What `nvidia-smi` prints.
pub fn nvidia_smi(bytes: &[u8]) {
    crate::monitors::fuzzing::nvidia_smi(bytes);
}

/// The `Host` of a request.
pub fn host_header(bytes: &[u8]) {
    crate::http::fuzz_host(bytes);
}

/// What somebody on the network says of an agent: a port, and lines of addresses and of `key=value`. Whatever is
/// offered to a person can be added.
pub fn announcement(bytes: &[u8]) {
    let Some((port, text)) = bytes.split_first_chunk::<2>() else { return };
    let text = String::from_utf8_lossy(text);
    let mut found = Found { port: u16::from_be_bytes(*port), ..Found::default() };
    for line in text.lines() {
        match (line.parse::<IpAddr>(), line.split_once('=')) {
            (Ok(address), _) => found.addresses.push(address),
            (_, Some((key, value))) => found.texts.push((key.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    let Some(announcement) = Announcement::read(&found) else { return };
    let (name, url) = (announcement.machine.clone(), announcement.url());
    let agent = HubAgent { name, url, token: String::new(), enabled: true };
    assert!(agent.check("agent").is_ok(), "an offer that cannot be added: {agent:?}");
    assert!(announcement.texts().iter().all(|(key, value)| key.len() + value.len() < 255));
    assert!(announcement.instance().len() <= 63 && announcement.host().len() <= 63 + ".local.".len());
}
