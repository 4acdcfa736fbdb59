//! Who has a port that cannot be had, for readers of the log of a backend without a window.

use port_takeover::{Holder, PortState, PortVerdict};

/// What a person reads behind the place of the port: who has it, and what to do. Nothing where the bind itself says it.
pub(super) fn sentence(port: &PortVerdict) -> Option<String> {
    let who = listed(&port.holders);
    Some(match port.state {
        PortState::OwnOtherUser => {
            let user = port.holders.iter().find_map(|holder| holder.process.as_ref()?.user.as_deref());
            let user = user.map_or_else(|| "another user".to_owned(), |user| format!("the user {user}"));
            format!("is held by {who}, the TaskPaw of {user}. Stop it as that user, or choose another port")
        }
        PortState::OwnOtherInstallation => {
            format!("is held by {who}, a TaskPaw with another data folder. Quit that one, or choose another port")
        }
        PortState::OwnOtherRole => {
            format!("is held by {who}, the other role of TaskPaw. Give the two roles different ports")
        }
        PortState::OwnStale => {
            format!("is held by {who}, an earlier TaskPaw that could not be ended. Stop it, and start again")
        }
        PortState::Foreign => format!("is held by {who}. Stop that program, or choose another port"),
        PortState::UnknownHolder => {
            "is held by a program that this user may not see. It may be TaskPaw 3, on Linux often started by root: stop it \
             there, or choose another port"
                .to_owned()
        }
        PortState::Occupied if port.holders.is_empty() => {
            "is in use by a program that does not listen on it and that this user may not see. Look as administrator, or \
             choose another port"
                .to_owned()
        }
        PortState::Occupied => {
            format!("is in use by {who}, without listening. Stop that program, or choose another port")
        }
        _ => return None,
    })
}

fn listed(holders: &[Holder]) -> String {
    let named = holders.iter().map(|holder| match &holder.process {
        Some(process) => format!("{} (process {})", process.name, holder.pid),
        None => format!("process {}", holder.pid),
    });
    match named.collect::<Vec<_>>().as_slice() {
        [] => "a program".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use port_takeover::{Snapshot, decide};
    use serde_json::{Value, json};
    use taskpaw_contract::identity;

    use super::*;

    /// The sentence about a port on which this process listens; nobody can be seen without one.
    fn about(argv: &[&str], same_user: bool) -> String {
        let process = argv.first().map(|name| {
            json!({ "pid": 812, "name": name, "exe": format!("/usr/bin/{name}"), "argv": argv,
                    "same_user": same_user, "user": "anna" })
        });
        let snapshot = json!({
            "schema": 1, "role": "agent", "self_pid": 10,
            "wanted": [{ "name": "network", "host": "127.0.0.1", "port": 5680 }],
            "processes": process.into_iter().collect::<Vec<Value>>(),
            "listeners": [{ "address": "127.0.0.1", "port": 5680, "pids": [812] }],
        });
        let snapshot: Snapshot = serde_json::from_value(snapshot).unwrap();
        sentence(&decide(&snapshot, &identity::rules()).ports[0]).unwrap()
    }

    #[test]
    fn the_log_says_who_has_a_port() {
        let v3 = ["python3", "-m", "taskpaw_v3.agent"];
        let hub = ["python3", "-m", "taskpaw_v3.hub"];
        for (argv, same_user, expected) in [
            (
                &v3[..],
                false,
                "is held by python3 (process 812), the TaskPaw of the user anna. Stop it as that user",
            ),
            (&v3[..], true, "is held by python3 (process 812), an earlier TaskPaw that could not be ended."),
            (&hub[..], true, "is held by python3 (process 812), the other role of TaskPaw."),
            (&["postgres"][..], true, "is held by postgres (process 812). Stop that program"),
            (&[][..], true, "is held by a program that this user may not see. It may be TaskPaw 3"),
        ] {
            let told = about(argv, same_user);
            assert!(told.starts_with(expected), "{told}");
        }
    }
}
