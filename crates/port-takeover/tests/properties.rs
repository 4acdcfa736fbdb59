//! The promise, over generated machines: whatever is seen, no decision lists a process that is not ours.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::collections::{BTreeMap, BTreeSet};

use port_takeover::{
    Arguments, BindOutcome, BoundSocket, Decision, ExecutableName, Holder, HolderKind, IdentityRules,
    Listener, Pid, PortState, Process, ProcessIdentity, Role, SCHEMA, Snapshot, StateSeen, WantedPort,
    decide,
};
use proptest::prelude::*;
use proptest::sample::select;

const SELF: u32 = 1;

fn rules() -> IdentityRules {
    IdentityRules::new(Role::new("agent"))
        .with_role(Role::new("hub"))
        .with_rule(ExecutableName::new("backend"))
        .with_rule(Arguments::new("python3", ["-m", "old.agent"]))
}

fn pid(raw: u32) -> Pid {
    Pid::new(raw).unwrap()
}

/// Processes near and on both sides of the border of what is ours.
fn process(raw: u32) -> impl Strategy<Value = Process> {
    let exe = select(vec![
        Some("/opt/backend"),
        Some("/opt/backend (deleted)"),
        Some("/opt/backend-x86_64-unknown-linux-gnu"),
        Some("/opt/backend-logger"),
        Some("/usr/bin/python3"),
        Some("/usr/sbin/nginx"),
        None,
    ]);
    let name = select(vec!["backend", "python3", "nginx", ""]);
    let argv = select(vec![
        vec!["backend", "agent"],
        vec!["backend", "hub"],
        vec!["backend"],
        vec!["python3", "-m", "old.agent"],
        vec!["python3", "serve.py", "-m", "old.agent"],
        vec![],
    ]);
    let same_user = select(vec![Some(true), Some(true), Some(false), None]);
    (exe, name, argv, same_user).prop_map(move |(exe, name, argv, same_user)| Process {
        pid: pid(raw),
        name: name.to_owned(),
        exe: exe.map(str::to_owned),
        argv: argv.into_iter().map(str::to_owned).collect(),
        cwd: None,
        same_user,
        user: None,
        started_at: Some(u64::from(raw)),
    })
}

/// What lies beside the lock: nothing, the truth, or anything that somebody could have written there.
fn state() -> impl Strategy<Value = Option<StateSeen>> {
    let record = (SELF..8, 0..9_u64, select(vec![Some("/opt/backend"), Some("/usr/sbin/nginx"), None]));
    let holder = record.prop_map(|(raw, started_at, exe)| ProcessIdentity {
        pid: pid(raw),
        started_at: Some(started_at),
        exe: exe.map(str::to_owned),
    });
    // As often as not it names a process just as it is.
    let exact = (SELF..8).prop_map(|raw| ProcessIdentity {
        pid: pid(raw),
        started_at: Some(u64::from(raw)),
        exe: Some("/opt/backend".to_owned()),
    });
    let pids = || prop::collection::btree_set((SELF..8).prop_map(pid), 0..3);
    let held = select(vec![None, Some(true), Some(true), Some(false)]);
    prop::option::of((held, prop::option::of(prop_oneof![holder, exact]), pids(), pids()).prop_map(
        |(held, holder, predecessors, unrecorded)| StateSeen { held, holder, predecessors, unrecorded },
    ))
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let hosts =
        || select(vec!["127.0.0.1", "127.0.0.2", "::1", "localhost", "0.0.0.0", "::", "", "192.168.1.5"]);
    let numbers = || select(vec![5680_i64, 5681, 5682]);
    let wanted = prop::collection::vec((hosts(), numbers()), 1..4);
    let listeners = prop::collection::vec(
        (
            select(vec!["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "192.168.1.5"]),
            select(vec![5680_u16, 5681, 5682]),
            prop::collection::vec(SELF..8, 0..4),
            any::<bool>(),
        ),
        0..5,
    );
    let binds = prop::collection::btree_map(
        select(vec!["p0", "p1", "p2"]).prop_map(str::to_owned),
        select(vec![
            BindOutcome::Ok,
            BindOutcome::InUse,
            BindOutcome::InUse,
            BindOutcome::Denied,
            BindOutcome::Reserved,
            BindOutcome::Unavailable,
        ]),
        0..3,
    );
    let sockets = prop::option::of(prop::collection::vec(
        (
            select(vec!["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "192.168.1.5"]),
            select(vec![5680_u16, 5681, 5682]),
            prop::collection::vec(SELF..8, 0..3),
            any::<(bool, bool)>(),
        ),
        0..4,
    ));
    // Six of the seven possible holders are seen: one never is.
    let processes = (process(SELF), process(2), process(3), process(4), process(5), process(6));
    (wanted, listeners, sockets, binds, processes, select(vec!["agent", "hub"]), state()).prop_map(
        |(wanted, listeners, sockets, binds, (a, b, c, d, e, f), role, state)| Snapshot {
            state,
            schema: SCHEMA,
            role: Role::new(role),
            self_pid: pid(SELF),
            wanted: wanted
                .into_iter()
                .enumerate()
                .map(|(at, (host, port))| WantedPort::new(format!("p{at}"), host, port).unwrap())
                .collect(),
            processes: vec![a, b, c, d, e, f],
            listeners: listeners
                .into_iter()
                .map(|(address, port, pids, v6only)| Listener {
                    address: address.to_owned(),
                    port,
                    pids: pids.into_iter().map(pid).collect(),
                    v6only,
                })
                .collect(),
            sockets: sockets.map(|sockets| {
                let socket =
                    |(address, port, pids, (v6only, orphaned)): (&str, u16, Vec<u32>, _)| BoundSocket {
                        address: address.to_owned(),
                        port,
                        pids: if orphaned { Vec::new() } else { pids.into_iter().map(pid).collect() },
                        v6only,
                        orphaned,
                    };
                sockets.into_iter().map(socket).collect()
            }),
            binds,
        },
    )
}

/// Ours, said another way than the decision says it.
fn is_ours(snapshot: &Snapshot, pid: Pid) -> bool {
    let Some(process) = snapshot.processes.iter().find(|process| process.pid == pid) else { return false };
    let argv: Vec<&str> = process.argv.iter().map(String::as_str).collect();
    let named = argv.iter().skip(1).find(|word| matches!(**word, "agent" | "hub")).copied().or(Some("agent"));
    let role = match (process.exe.as_deref(), process.name.as_str()) {
        (
            Some("/opt/backend" | "/opt/backend (deleted)" | "/opt/backend-x86_64-unknown-linux-gnu"),
            "backend",
        ) => named,
        (None, "backend") if !argv.is_empty() => named,
        (Some("/usr/bin/python3"), _) | (None, "python3") if argv == ["python3", "-m", "old.agent"] => {
            Some("agent")
        }
        _ => None,
    };
    pid != snapshot.self_pid
        && process.same_user == Some(true)
        && role == Some(snapshot.role.as_str())
        && is_of_this_installation(snapshot, process)
}

fn is_of_this_installation(snapshot: &Snapshot, process: &Process) -> bool {
    let Some(state) = &snapshot.state else { return true };
    let named = state.holder.as_ref().is_some_and(|holder| {
        let exe = process.exe.as_deref().map(|exe| exe.trim_end_matches(" (deleted)"));
        holder.pid == process.pid
            && holder.started_at == process.started_at
            && (exe.is_none() || exe == holder.exe.as_deref())
    });
    match state.held {
        Some(false) if named => state.predecessors.contains(&process.pid),
        _ if named || state.predecessors.contains(&process.pid) => true,
        Some(true) => state.holder.is_none() && state.unrecorded.contains(&process.pid),
        _ => false,
    }
}

/// How many cases are drawn. They are the same on every system, and Wine needs half a minute for what Linux does in seconds.
const CASES: u32 = if cfg!(windows) { 1_000 } else { 20_000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn no_decision_lists_a_process_that_is_not_ours(snapshot in snapshot()) {
        let verdict = decide(&snapshot, &rules());
        for &listed in &verdict.terminate {
            prop_assert!(is_ours(&snapshot, listed), "{listed} in {verdict:#?}");
        }
        let unique: BTreeSet<Pid> = verdict.terminate.iter().copied().collect();
        prop_assert_eq!(unique.len(), verdict.terminate.len(), "once each");
        prop_assert_eq!(verdict.terminate.is_empty(), verdict.decision != Decision::Reclaim);
    }

    /// What refuses comes before what is waited for, and that before anything is ended: whatever else becomes of a port, a
    /// decision never goes from the careful to the less careful one.
    #[test]
    fn a_port_that_gets_worse_never_makes_a_decision_bolder(snapshot in snapshot(), at in 0..3_usize) {
        let before = decide(&snapshot, &rules());
        let at = at % snapshot.wanted.len();
        let WantedPort { name, host, port } = snapshot.wanted[at].clone();
        let number = port.get();
        if before.ports[at].state != PortState::Free {
            return Ok(());
        }

        let mut foreign = snapshot.clone();
        foreign.listeners.push(Listener {
            address: host.bind_address().to_string(),
            port: number,
            pids: Vec::new(),
            v6only: false,
        });
        prop_assert_eq!(decide(&foreign, &rules()).decision, Decision::Refuse);

        let mut left_over = snapshot.clone();
        left_over.binds.insert(name, BindOutcome::InUse);
        if let Some(sockets) = &mut left_over.sockets {
            sockets.clear();
            sockets.push(BoundSocket {
                address: host.bind_address().to_string(),
                port: number,
                pids: Vec::new(),
                v6only: false,
                orphaned: true,
            });
        }
        if before.decision == Decision::Refuse {
            return Ok(());
        }
        let after = decide(&left_over, &rules());
        prop_assert!(matches!(after.decision, Decision::Wait | Decision::Refuse), "{after:?}");
        prop_assert!(after.terminate.is_empty());
    }

    /// A socket that is in the way without listening refuses, unless it is ours or nobody's.
    #[test]
    fn a_socket_that_does_not_listen_is_never_nobody(snapshot in snapshot()) {
        let verdict = decide(&snapshot, &rules());
        for port in verdict.ports.iter().filter(|port| port.state == PortState::Lingering) {
            let number = port.wanted.port.get();
            let mut on_it = snapshot.sockets.iter().flatten().filter(|socket| socket.port == number);
            prop_assert!(snapshot.sockets.is_none() || on_it.any(|socket| socket.orphaned), "{port:?}");
            prop_assert!(port.holders.is_empty());
        }
        for port in verdict.ports.iter().filter(|port| port.state == PortState::Occupied) {
            prop_assert_eq!(verdict.decision, Decision::Refuse);
            prop_assert!(snapshot.sockets.is_some());
            let ours = |holder: &Holder| holder.kind == HolderKind::Own;
            let unseen = snapshot.sockets.iter().flatten().any(|it| it.pids.is_empty() && !it.orphaned);
            prop_assert!(port.holders.is_empty() || unseen || !port.holders.iter().all(ours), "{port:?}");
        }
    }

    #[test]
    fn a_reclaim_lists_every_holder(snapshot in snapshot()) {
        let verdict = decide(&snapshot, &rules());
        if verdict.decision == Decision::Reclaim {
            let held: BTreeSet<Pid> =
                verdict.ports.iter().flat_map(|port| &port.holders).chain(&verdict.state_holder).map(|holder| holder.pid).collect();
            prop_assert_eq!(held.into_iter().collect::<Vec<_>>(), verdict.terminate);
        }
    }

    /// Whatever lies beside the lock can only spare a process, or end one of ours that keeps the state.
    #[test]
    fn a_record_never_makes_a_stranger_ours(snapshot in snapshot()) {
        let without = decide(&Snapshot { state: None, ..snapshot.clone() }, &rules());
        let verdict = decide(&snapshot, &rules());
        for (port, alone) in verdict.ports.iter().zip(&without.ports) {
            if port.state == PortState::OwnStale {
                prop_assert_eq!(alone.state, PortState::OwnStale);
            }
        }
        if let Some(keeps) = &verdict.state_holder {
            let state = snapshot.state.as_ref().unwrap();
            prop_assert_eq!(state.holder.as_ref().map(|it| it.pid), Some(keeps.pid));
            prop_assert!(state.held == Some(true) && is_ours(&snapshot, keeps.pid));
        }
    }

    #[test]
    fn the_order_of_what_was_seen_does_not_matter(snapshot in snapshot()) {
        let mut turned = snapshot.clone();
        turned.processes.reverse();
        turned.listeners.reverse();
        if let Some(sockets) = &mut turned.sockets {
            sockets.reverse();
        }
        for listener in &mut turned.listeners {
            listener.pids.reverse();
        }
        prop_assert_eq!(decide(&snapshot, &rules()), decide(&turned, &rules()));

        let mut other_order = snapshot.clone();
        other_order.wanted.reverse();
        let by_name = |snapshot: &Snapshot| -> (Decision, Vec<Pid>, BTreeMap<String, PortState>) {
            let verdict = decide(snapshot, &rules());
            let states = verdict.ports.into_iter().map(|port| (port.wanted.name, port.state)).collect();
            (verdict.decision, verdict.terminate, states)
        };
        prop_assert_eq!(by_name(&snapshot), by_name(&other_order));
    }

    #[test]
    fn a_snapshot_survives_being_stored(snapshot in snapshot()) {
        let stored = serde_json::to_string(&snapshot).unwrap();
        prop_assert_eq!(serde_json::from_str::<Snapshot>(&stored).unwrap(), snapshot);
    }
}
