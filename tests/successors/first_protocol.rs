//! Real programs of 4.0.0, whose host cannot come back: this version over it, and it over this version.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::round::{Load, Measured, clients, raised_in_place, seen_by};
use crate::desktop::Desktop;
use crate::home::Home;
use crate::process::{Owned, send};
use crate::programs::{CURRENT, Programs, place};
use crate::soak::within;
use crate::soak::world::all_in;

/// The version of the programs.
const FIRST: &str = "4.0.0";
/// How long it may take until it is over: 4.0.0 gives its backend five attempts.
const OVER_WITHIN: Duration = Duration::from_secs(25);
/// How long it must stay as it is then.
const STAYS_FOR: Duration = Duration::from_secs(3);

/// What is started over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// As the table calls it.
    pub name: &'static str,
    /// Whether 4.0.0 runs, and this version is started; or the other way round.
    first_runs: bool,
    /// What goes wrong with the one that is started.
    fault: Fault,
    /// Who must serve in the end; any of them if it is not said.
    serves: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Its backend crashes before it is prepared.
    Crashes,
    /// Its backend's program is missing.
    Missing,
    /// The state has a schema that it does not know.
    StateTooNew,
}

/// All of them.
pub const ALL: [Order; 7] = [
    Order { name: "4.1 over 4.0.0", first_runs: true, fault: Fault::None, serves: Some(CURRENT) },
    Order {
        name: "4.1 over 4.0.0, backend crashes",
        first_runs: true,
        fault: Fault::Crashes,
        serves: Some(FIRST),
    },
    Order {
        name: "4.1 over 4.0.0, backend missing",
        first_runs: true,
        fault: Fault::Missing,
        serves: Some(FIRST),
    },
    Order {
        name: "4.1 over 4.0.0, state too new for it",
        first_runs: true,
        fault: Fault::StateTooNew,
        serves: Some(FIRST),
    },
    // The person decides: nobody has to be replaced, and nobody may be lost.
    Order { name: "4.0.0 over 4.1", first_runs: false, fault: Fault::None, serves: None },
    Order {
        name: "4.0.0 over 4.1, backend missing",
        first_runs: false,
        fault: Fault::Missing,
        serves: Some(CURRENT),
    },
    Order {
        name: "4.0.0 over 4.1, state too new for it",
        first_runs: false,
        fault: Fault::StateTooNew,
        serves: Some(CURRENT),
    },
];

/// Starts one over the other. Gives who serves in the end, and what clients saw.
pub async fn round(order: Order, first: &Path, load: Load) -> (String, Measured) {
    let home = Home::new();
    let desktop = Desktop::new();
    let first = Programs::at(FIRST, first);
    let (runs, comes) =
        if order.first_runs { (first, Programs::current()) } else { (Programs::current(), first) };
    let folder = home.path().join("comes");
    install(&comes, &folder, order.fault);
    let start = |app: &Path, name: &str| {
        let mut command = Command::new(app);
        desktop.furnish(home.furnish(&mut command)).stdin(Stdio::null()).stdout(Stdio::null());
        Owned::start(command.stderr(File::create(home.path().join(name)).expect("a file")))
    };
    let _running = start(&runs.app(), "runs.log");
    let clients = clients(load, home.network);
    let mut wrong = Vec::new();
    let enough = within(OVER_WITHIN, async || (clients.answered_by(runs.version) >= 50).then_some(())).await;
    if enough.is_none() {
        wrong.push(format!("{} does not answer", runs.version));
    }
    if order.fault == Fault::StateTooNew {
        raised_in_place(&home.path().join("data/state/agent-events.jsonl"));
    }
    let launched = SystemTime::now();
    let _coming = start(&folder.join("taskpaw"), "comes.log");
    // It is over when the same one has answered for a while, and what was started has decided.
    let deadline = launched + OVER_WITHIN;
    let (mut last, mut since) = (String::new(), SystemTime::now());
    while SystemTime::now() < deadline {
        let now = home
            .ping()
            .await
            .and_then(|answer| Some(answer["version"].as_str()?.to_owned()))
            .unwrap_or_default();
        if now != last {
            (last, since) = (now, SystemTime::now());
        }
        // 4.0.0 needs seconds to see that it cannot serve.
        let least = launched + Duration::from_secs(8);
        if !last.is_empty() && since.elapsed().is_ok_and(|time| time > STAYS_FOR) && SystemTime::now() > least
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let requests = clients.requests();
    drop(clients);
    let mut measured = seen_by(&requests, launched);
    if last.is_empty() {
        wrong.push("nobody serves".to_owned());
    } else if order.serves.is_some_and(|wanted| wanted != last) {
        wrong.push(format!("{last} serves"));
    }
    if order.fault != Fault::None && measured.refused + measured.cut > 0 {
        wrong.push(format!("{} refused, {} cut, although the start fails", measured.refused, measured.cut));
    }
    measured.wrong = wrong;
    for (pid, _) in all_in(home.path()) {
        send(pid, libc::SIGKILL);
    }
    (if last.is_empty() { "nobody".to_owned() } else { last }, measured)
}

fn install(programs: &Programs, folder: &Path, fault: Fault) {
    std::fs::create_dir_all(folder).expect("the folder");
    place(&programs.app(), &folder.join("taskpaw"));
    place(&programs.ports(), &folder.join("taskpaw-ports"));
    match fault {
        Fault::Missing => {}
        Fault::Crashes => {
            let own = std::env::current_exe().expect("its own path");
            let failure = r#"{"at":"greeting","how":"crashes","once":false,"role":"agent"}"#;
            programs.install_failing(folder, &own.with_file_name("failing"), failure);
        }
        Fault::None | Fault::StateTooNew => place(&programs.backend(), &folder.join("taskpaw-backend")),
    }
}
