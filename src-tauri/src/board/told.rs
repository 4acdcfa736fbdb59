//! What happens to a role, as lines of the app's own log: every start, wait, failure, restart and end, and every takeover,
//! each with its reason.

use taskpaw_contract::ipc::{Event, Failure, LingeringCause, PortView, Replaced};

/// Logs an event that changes what a role does.
pub(super) fn log(event: &Event) {
    let Some((role, start)) = event.attempt() else { return };
    match event {
        Event::TakeoverStarted { ports, .. } => {
            tracing::info!(%role, start, "starts on {}", named(ports));
        }
        Event::ReclaimStarted { pids, .. } => {
            tracing::info!(%role, start, ?pids, "an earlier backend has the ports, and is ended");
        }
        Event::ReclaimFinished { replaced, elapsed_ms, .. } => {
            for one in replaced {
                tracing::info!(%role, start, "replaced {}", ended(one));
            }
            tracing::info!(%role, start, elapsed_ms, "the takeover is over");
        }
        Event::PortConflict { ports, .. } => match conflicts(ports) {
            found if found.is_empty() => tracing::info!(%role, start, "its ports are free"),
            found => tracing::warn!(%role, start, "ports that it cannot have: {found}"),
        },
        Event::LingeringWait { seconds_left, cause, .. } if seconds_left % 30 == 0 => {
            let cause = match cause {
                LingeringCause::Connections => "connections that ended lately keep it",
                LingeringCause::NotAllowed => {
                    "its connections could not be made free before its backend was ended"
                }
            };
            tracing::info!(%role, start, seconds_left, "waits for a port: {cause}");
        }
        Event::BackendReady { backend, .. } => {
            let (pid, ready_ms) = (backend.pid, backend.ready_ms);
            tracing::info!(%role, start, pid, version = backend.version, ready_ms, "ready");
        }
        Event::BackendWaiting { failure, .. } => {
            tracing::warn!(%role, start, "waits, and starts as soon as it can: {}", reason(failure));
        }
        Event::BackendBackoff { failure, wait_ms, attempt, .. } => {
            tracing::warn!(%role, start, attempt, wait_ms, "failed, and is tried again: {}", reason(failure));
        }
        Event::BackendFailed { failure, retry_ms: Some(retry_ms), .. } => {
            tracing::error!(%role, start, retry_ms, "does not run, and is tried again: {}", reason(failure));
        }
        Event::BackendFailed { failure, retry_ms: None, .. } => {
            tracing::error!(%role, start, "does not run, and waits for a person: {}", reason(failure));
        }
        Event::BackendStopping { .. } => tracing::info!(%role, start, "is stopped"),
        Event::BackendStoodDown { .. } => tracing::info!(%role, start, "stands by for another TaskPaw"),
        Event::BackendExited { status, .. } => tracing::info!(%role, start, status, "has ended"),
        _ => {}
    }
}

fn named(ports: &[PortView]) -> String {
    let named: Vec<String> = ports.iter().map(|it| format!("{} {}:{}", it.name, it.host, it.port)).collect();
    named.join(", ")
}

fn ended(one: &Replaced) -> String {
    let Replaced { pid, name, version, forced, ms, left } = one;
    let version = version.as_deref().map_or(String::new(), |version| format!(" {version}"));
    let how = if *forced { "by force" } else { "as it was asked" };
    let left = if left.is_empty() { String::new() } else { format!(", and left running: {left:?}") };
    format!("{name}{version} (pid {pid}), which ended {how} in {ms:.1} ms{left}")
}

/// The ports that cannot be had, each with why and by whom.
fn conflicts(ports: &[PortView]) -> String {
    let blocked =
        ports.iter().filter(|it| it.outlook.is_some_and(|it| it != port_takeover::PortOutlook::Starts));
    let said: Vec<String> = blocked
        .map(|port| {
            let holders: Vec<String> = port
                .holders
                .iter()
                .map(|holder| {
                    let name = holder.name.as_deref().or(holder.exe.as_deref()).unwrap_or("unnamed");
                    format!("{name} (pid {})", holder.pid)
                })
                .collect();
            let by =
                if holders.is_empty() { String::new() } else { format!(", held by {}", holders.join(", ")) };
            let state = port.state.map(|state| serde_json::to_string(&state).unwrap_or_default());
            format!("{} {}:{} is {}{by}", port.name, port.host, port.port, state.unwrap_or_default())
        })
        .collect();
    said.join("; ")
}

/// The reason, in the words that the window is sent. The last lines of a backend's log are in that log.
pub(crate) fn reason(failure: &Failure) -> String {
    let short = match failure {
        Failure::Exited { status, .. } => return format!("its backend ended with {status}"),
        Failure::NotReady { seconds, .. } => return format!("its backend was not ready within {seconds} s"),
        Failure::Unhealthy { missed, .. } => {
            return format!("its backend missed {missed} health calls in a row");
        }
        Failure::BrokenProtocol { message, .. } | Failure::Takeover { message } => return message.clone(),
        Failure::StartupError { message, .. } => return message.clone(),
        other => serde_json::to_string(other),
    };
    short.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the lines of a test go.
    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_start_failure_pause_and_end_is_a_line_with_its_reason() {
        use taskpaw_contract::Role;

        let (role, generation) = (Role::Hub, 7);
        let unhealthy = Failure::Unhealthy { missed: 3, log: Vec::new() };
        let broken = Failure::BrokenProtocol { message: "no line of a sidecar".into(), log: Vec::new() };
        let told = [
            (Event::TakeoverStarted { role, generation, ports: Vec::new() }, "INFO", "starts on"),
            (
                Event::BackendBackoff { role, generation, failure: unhealthy, wait_ms: 500, attempt: 1 },
                "WARN",
                "failed, and is tried again: its backend missed 3 health calls in a row",
            ),
            (
                Event::BackendWaiting { role, generation, failure: Failure::PortConflict },
                "WARN",
                "waits, and starts as soon as it can: {\"kind\":\"port_conflict\"}",
            ),
            (
                Event::BackendFailed { role, generation, failure: broken.clone(), retry_ms: Some(300_000) },
                "ERROR",
                "does not run, and is tried again: no line of a sidecar",
            ),
            (
                Event::BackendFailed { role, generation, failure: broken, retry_ms: None },
                "ERROR",
                "does not run, and waits for a person: no line of a sidecar",
            ),
            (Event::BackendStopping { role, generation }, "INFO", "is stopped"),
            (Event::BackendStoodDown { role, generation }, "INFO", "stands by for another TaskPaw"),
            (Event::BackendExited { role, generation, status: "exit status 1".into() }, "INFO", "has ended"),
        ];
        let lines = Lines::default();
        let to = lines.clone();
        let written = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
        tracing::subscriber::with_default(written, || told.iter().for_each(|(event, ..)| log(event)));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), told.len(), "{text}");
        for (line, (_, level, reason)) in text.lines().zip(&told) {
            let has_all = [*level, *reason, "role=hub", "start=7"].iter().all(|part| line.contains(*part));
            assert!(has_all, "{line} says not {reason}");
        }
    }

    #[test]
    fn who_was_ended_is_told_with_how_and_how_long() {
        let one = Replaced {
            pid: 812,
            name: "TaskPaw".into(),
            version: Some("3".into()),
            forced: true,
            ms: 5_001.0,
            left: Vec::new(),
        };
        assert_eq!(ended(&one), "TaskPaw 3 (pid 812), which ended by force in 5001.0 ms");
    }

    #[test]
    fn a_reason_holds_no_log_of_a_backend() {
        let exited = Failure::Exited { status: "exit status 1".into(), log: vec!["secret".into()] };
        assert_eq!(reason(&exited), "its backend ended with exit status 1");
        assert_eq!(reason(&Failure::PortConflict), r#"{"kind":"port_conflict"}"#);
    }
}
