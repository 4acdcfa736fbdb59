//! The result for people: an aligned table, and sentences that say what happened, why, and what to do now.

use std::fmt::Write as _;

use port_takeover::{Decision, HowEnded, Outcome, PortState};

use crate::report::{Answer, Holder, Port};

/// The table of all ports.
pub(crate) fn table(ports: &[Port]) -> String {
    let rows: Vec<[String; 3]> =
        std::iter::once(["PORT".to_owned(), "ADDRESS".to_owned(), "STATE".to_owned()])
            .chain(ports.iter().map(|port| [port.name.clone(), address(port), state(port)]))
            .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    rows.iter().fold(String::new(), |mut text, [name, address, state]| {
        let _never_fails = writeln!(text, "{name:first$}  {address:second$}  {state}");
        text
    })
}

fn address(port: &Port) -> String {
    let host = port.host.trim();
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{}", port.port)
    } else {
        format!("{host}:{}", port.port)
    }
}

/// The state of a port in words, with its holders.
fn state(port: &Port) -> String {
    let holders = port.holders.iter().map(holder).collect::<Vec<_>>().join(", ");
    match port.state {
        PortState::Free => "free".to_owned(),
        PortState::OwnStale => format!("held by a stale TaskPaw backend: {holders}"),
        PortState::OwnOtherRole => format!("held by TaskPaw in its other role: {holders}"),
        PortState::OwnOtherUser => format!("held by another user's TaskPaw: {holders}"),
        PortState::Foreign => format!("held by {holders}"),
        PortState::UnknownHolder => "held by a process that this user may not see".to_owned(),
        PortState::Lingering => "held by nobody any more; the system frees it within a minute".to_owned(),
        PortState::Reserved => "kept back by the system".to_owned(),
        PortState::PermissionDenied => "needs administrator rights".to_owned(),
        PortState::AddressUnavailable => "the host is no address of this machine".to_owned(),
        PortState::SelfCollision => "the same port is wanted twice".to_owned(),
        PortState::Invalid => "the host is no address, or the port is not between 1 and 65535".to_owned(),
    }
}

fn holder(holder: &Holder) -> String {
    let name = holder.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("a process");
    match &holder.user {
        Some(user) if !holder.ours => format!("{name} (pid {}, user {user})", holder.pid),
        _ => format!("{name} (pid {})", holder.pid),
    }
}

/// What was, will be or would be done, in one sentence.
pub(crate) fn sentence(answer: &Answer) -> String {
    let pids = || answer.terminate.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (answer.outcome, answer.decision) {
        (None | Some(Outcome::Ready), Decision::Start) => "All ports can be bound.".to_owned(),
        (None, Decision::Reclaim) => format!("A reclaim would end {}.", pids()),
        (None, Decision::Wait) => "A reclaim would wait for the system to free a port.".to_owned(),
        (None, Decision::Refuse) => refusal(&answer.ports),
        (Some(Outcome::Ready), _) => format!("{}All ports can be bound now.", ended(answer)),
        (Some(Outcome::Refused), _) => match (&answer.called_off, &answer.ports_after) {
            (Some(why), _) => format!("Called off, and nothing was ended: {why}. Try again."),
            (None, Some(ports)) => refusal(ports),
            (None, None) => refusal(&answer.ports),
        },
        (Some(Outcome::NotFree), _) => {
            format!(
                "{}A port did not become free in time. Look again with: taskpaw-ports status",
                ended(answer)
            )
        }
    }
}

fn refusal(ports: &[Port]) -> String {
    let names: Vec<&str> = ports
        .iter()
        .filter(|port| port.state.refuses() || port.state == PortState::Lingering)
        .map(|port| port.name.as_str())
        .collect();
    format!(
        "Refused, and nothing was ended: {} cannot be had. Stop what holds it, or change the port in TaskPaw's \
         settings.",
        names.join(" and ")
    )
}

fn ended(answer: &Answer) -> String {
    let mut text = String::new();
    for ended in answer.terminated.iter().flatten() {
        let how = match ended.how {
            HowEnded::Graceful => "stopped when asked",
            HowEnded::Forced => "did not stop and was killed",
            HowEnded::AlreadyGone => "had already ended",
        };
        let _never_fails = write!(text, "Process {} {how} ({} ms). ", ended.pid, ended.ms);
    }
    for survivor in &answer.survived {
        let _never_fails = write!(text, "Process {} lives: {}. ", survivor.pid, survivor.reason);
    }
    text
}
