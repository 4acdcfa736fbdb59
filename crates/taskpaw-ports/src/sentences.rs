//! The result for people, second part: what happened, why, and what to do now.

use std::fmt::Write as _;

use port_takeover::{Decision, Doubt, HowEnded, Outcome, PortState};
use taskpaw_contract::PortStatus;

use crate::report::{Answer, Port};
use crate::table::holder;
use crate::terminal::harmless;

/// What was, will be or would be done.
pub(crate) fn sentence(answer: &Answer) -> String {
    match (answer.outcome, answer.decision) {
        (None | Some(Outcome::Ready), Decision::Start) => "All ports can be bound.".to_owned(),
        (None, Decision::Reclaim) => {
            let pids: Vec<String> = answer.terminate.iter().map(ToString::to_string).collect();
            let word = if pids.len() == 1 { "process" } else { "processes" };
            let why = match &answer.state_holder {
                Some(keeps) => format!(" {} keeps the role's state and uses other ports.", holder(keeps)),
                None => String::new(),
            };
            format!("A reclaim would end {word} {}.{why}", listed(&pids))
        }
        (None, Decision::Wait) => "A reclaim would wait for the system to free a port.".to_owned(),
        (None, Decision::Refuse) => refusal(&answer.ports, answer.perhaps_v3),
        (Some(Outcome::Ready), _) => format!("{}All ports can be bound now.", ended(answer)),
        (Some(Outcome::Refused), _) => match (&answer.called_off, &answer.ports_after) {
            (Some(why), _) => format!("Called off, and nothing was ended: {why}. {}", after(why)),
            (None, Some(ports)) => refusal(ports, answer.perhaps_v3),
            (None, None) => refusal(&answer.ports, answer.perhaps_v3),
        },
        (Some(Outcome::NotFree), _) => {
            let why = match &answer.called_off {
                Some(why) => format!("Then it was called off: {why}."),
                None if answer.reuse_refused.is_empty() => "A port did not become free in time.".to_owned(),
                None => "A port did not become free in time: the system keeps what is left of its connections for a \
                         minute, and does not let TaskPaw end that sooner."
                    .to_owned(),
            };
            format!("{}{why} Look again: call status with the same options.", ended(answer))
        }
    }
}

/// What a person can do when a takeover was called off.
fn after(doubt: &Doubt) -> &'static str {
    match doubt {
        // Another attempt would have the same doubt.
        Doubt::NoStartTime(_) | Doubt::Denied(_) | Doubt::NotAllowed(_) => {
            "Stop it yourself, then try again."
        }
        _ => "Try again.",
    }
}

/// Each port that is in the way, and what can be done about it.
fn refusal(ports: &[Port], perhaps_v3: bool) -> String {
    let mut text = "Refused, and nothing was ended.".to_owned();
    for port in ports {
        if let Some(advice) = advice(port) {
            let _never_fails = write!(text, "\n  {}: {advice}.", harmless(&port.name));
        }
        if let Some(v3) = of_v3(port, perhaps_v3) {
            let _never_fails = write!(text, " {v3}");
        }
    }
    text
}

/// What a person can do about a port that cannot be had; nothing where it can be.
fn advice(port: &Port) -> Option<String> {
    let holders: Vec<String> = port.holders.iter().filter(|holder| !holder.ours).map(holder).collect();
    let holders = listed(&holders);
    let PortStatus::Judged(state) = port.state else {
        return Some(
            "correct it in TaskPaw's settings: a host such as 127.0.0.1, and a port from 1 to 65535"
                .to_owned(),
        );
    };
    Some(match state {
        PortState::Free | PortState::OwnStale => return None,
        PortState::OwnOtherInstallation => format!(
            "quit that TaskPaw, which keeps its data in another folder ({holders}), or choose another port in TaskPaw's \
             settings"
        ),
        PortState::OwnOtherRole => {
            format!("stop {holders}, or give the two roles different ports in TaskPaw's settings")
        }
        PortState::OwnOtherUser => {
            format!("ask that user to stop {holders}, or choose another port in TaskPaw's settings")
        }
        PortState::Foreign => format!("stop {holders}, or choose another port in TaskPaw's settings"),
        PortState::UnknownHolder => {
            "look as administrator who holds it, or choose another port in TaskPaw's settings".to_owned()
        }
        PortState::Occupied if port.holders.is_empty() => {
            "look as administrator which program uses it, or choose another port in TaskPaw's settings"
                .to_owned()
        }
        PortState::Occupied => format!("stop {holders}, or choose another port in TaskPaw's settings"),
        PortState::Lingering => "try again in a minute: the system still keeps it back".to_owned(),
        PortState::Reserved => {
            "choose another port in TaskPaw's settings: the system keeps this one back for itself".to_owned()
        }
        PortState::PermissionDenied => "choose a port above 1023 in TaskPaw's settings".to_owned(),
        PortState::AddressUnavailable => {
            "correct the host in TaskPaw's settings: 127.0.0.1, or an address of this machine".to_owned()
        }
        PortState::SelfCollision => "give each port its own number in TaskPaw's settings".to_owned(),
    })
}

/// That another user's TaskPaw 3 is in the way, where that is so or may be.
fn of_v3(port: &Port, perhaps_v3: bool) -> Option<&'static str> {
    match port.state {
        PortStatus::Judged(PortState::OwnOtherUser) if port.holders.iter().any(|holder| holder.is_v3) => {
            Some("It is TaskPaw 3: once that user has stopped it, TaskPaw can have the port.")
        }
        PortStatus::Judged(PortState::UnknownHolder | PortState::OwnOtherUser) if perhaps_v3 => Some(
            "It may be TaskPaw 3, started by another user (on Linux often as root): stop it there, and TaskPaw can \
             have the port.",
        ),
        _ => None,
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(things: &[String]) -> String {
    match things {
        [] => "what holds it".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn ended(answer: &Answer) -> String {
    let mut text = String::new();
    for ended in answer.terminated.iter().flatten() {
        let _never_fails = match ended.how {
            HowEnded::Graceful => {
                write!(text, "Process {} stopped when asked ({} ms). ", ended.pid, ended.ms)
            }
            HowEnded::Forced => {
                write!(text, "Process {} did not stop and was killed ({} ms). ", ended.pid, ended.ms)
            }
            HowEnded::AlreadyGone => write!(text, "Process {} had already ended. ", ended.pid),
        };
    }
    for survivor in &answer.survived {
        let _never_fails = write!(text, "Process {} lives: {}. ", survivor.pid, survivor.reason);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use port_takeover::{AddressReuse, Pid, Report, Snapshot, Terminated, decide};
    use serde_json::json;
    use taskpaw_contract::identity;

    use super::*;
    use crate::report::Answer;

    fn pid(raw: u32) -> Pid {
        Pid::new(raw).unwrap()
    }

    /// Two stale backends on the agent's two ports.
    fn snapshot() -> Snapshot {
        let backend = |pid: u32| {
            json!({ "pid": pid, "name": "taskpaw-backend", "exe": "/opt/taskpaw-backend",
                    "argv": ["taskpaw-backend", "agent"], "same_user": true, "started_at": pid })
        };
        let held = |port: u16, pid: u32| json!({ "address": "127.0.0.1", "port": port, "pids": [pid] });
        let snapshot = json!({
            "schema": 1, "role": "agent", "self_pid": 1,
            "wanted": [{ "name": "network", "host": "127.0.0.1", "port": 5680 },
                       { "name": "control", "host": "127.0.0.1", "port": 5681 }],
            "processes": [backend(300), backend(301)],
            "listeners": [held(5680, 300), held(5681, 301)],
        });
        serde_json::from_value(snapshot).unwrap()
    }

    /// What is said of a reclaim that found two stale backends.
    fn said(outcome: Outcome, change: impl FnOnce(&mut Report)) -> String {
        let snapshot = snapshot();
        let first = decide(&snapshot, &identity::rules());
        let mut report = Report {
            last: first.clone(),
            first,
            snapshot,
            holders: Vec::new(),
            terminated: Vec::new(),
            survived: Vec::new(),
            reuse: Vec::new(),
            doubt: None,
            outcome,
            elapsed: Duration::from_millis(8),
        };
        change(&mut report);
        sentence(&Answer::of_reclaim(report))
    }

    fn ended(report: &mut Report, at: usize, how: HowEnded) {
        let process = report.snapshot.processes[at].clone();
        report.terminated.push(Terminated { process, how, took: Duration::from_micros(3100) });
    }

    fn lingering(report: &mut Report) {
        for port in &mut report.last.ports {
            port.state = PortState::Lingering;
            port.holders.clear();
        }
    }

    #[test]
    fn every_outcome_of_a_reclaim() {
        let mut all = vec![
            said(Outcome::Ready, |report| {
                ended(report, 0, HowEnded::Graceful);
                ended(report, 1, HowEnded::Forced);
            }),
            said(Outcome::Ready, |report| ended(report, 0, HowEnded::AlreadyGone)),
            said(Outcome::NotFree, |report| {
                ended(report, 0, HowEnded::Graceful);
                report.survived.push((pid(301), "it does not end, even though it was killed".to_owned()));
            }),
            said(Outcome::NotFree, |report| {
                ended(report, 0, HowEnded::Graceful);
                lingering(report);
            }),
            said(Outcome::NotFree, |report| {
                ended(report, 0, HowEnded::Graceful);
                lingering(report);
                report.reuse.push((pid(300), AddressReuse::Refused("not allowed".to_owned())));
            }),
            said(Outcome::NotFree, |report| {
                ended(report, 0, HowEnded::Graceful);
                report.doubt = Some(Doubt::DecisionChanged);
            }),
            said(Outcome::Refused, lingering),
        ];
        for doubt in [
            Doubt::DecisionChanged,
            Doubt::ProcessChanged(pid(300)),
            Doubt::HolderAppeared(pid(302)),
            Doubt::NoStartTime(pid(300)),
            Doubt::Denied(pid(300)),
            Doubt::LookFailed(port_takeover::LookError::Malformed("it is truncated").to_string()),
        ] {
            all.push(said(Outcome::Refused, |report| report.doubt = Some(doubt)));
        }
        insta::assert_snapshot!(all.join("\n\n"));
    }

    #[test]
    fn things_are_listed_as_people_list_them() {
        let of = |things: &[&str]| listed(&things.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["a"]), "a");
        assert_eq!(of(&["a", "b"]), "a and b");
        assert_eq!(of(&["a", "b", "c"]), "a, b and c");
        assert_eq!(of(&[]), "what holds it");
    }
}
