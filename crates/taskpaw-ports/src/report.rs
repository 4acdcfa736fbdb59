//! The one JSON object of `--json`, and what the table is made from.

use port_takeover::{
    AddressReuse, Decision, Doubt, HolderKind, HowEnded, Outcome, Pid, PortVerdict, Report, Role, RuleName,
    Snapshot, Verdict,
};
use serde::{Serialize, Serializer};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::sidecar::PortName;
use taskpaw_contract::{PortStatus, Recorded, identity};

/// The result of a call.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    schema: u32,
    role: Role,
    pub(crate) decision: Decision,
    pub(crate) ports: Vec<Port>,
    /// The process of ours that keeps the role's state and holds none of the ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state_holder: Option<Holder>,
    pub(crate) terminate: Vec<Pid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) terminated: Option<Vec<Terminated>>,
    /// Processes that were to end and did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) survived: Vec<Survivor>,
    /// Processes whose sockets the system did not let be made reusable: their ports may linger for a minute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reuse_refused: Vec<Pid>,
    /// How a real reclaim came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
    /// Why a reclaim was called off.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_words")]
    pub(crate) called_off: Option<Doubt>,
    /// The ports after a reclaim that did not free them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ports_after: Option<Vec<Port>>,
    pub(crate) elapsed_ms: f64,
    /// Whether TaskPaw 3 may have been on the machine: a holder that cannot be looked at may be its.
    #[serde(skip)]
    pub(crate) perhaps_v3: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) port: i64,
    pub(crate) state: PortStatus,
    pub(crate) holders: Vec<Holder>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    pub(crate) pid: Pid,
    pub(crate) name: Option<String>,
    pub(crate) exe: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) ours: bool,
    /// The rule that decided whose it is.
    pub(crate) rule: RuleName,
    /// Whether it is one of the forms that only TaskPaw 3 has, whoever runs it.
    #[serde(skip)]
    pub(crate) is_v3: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Terminated {
    pub(crate) pid: Pid,
    pub(crate) how: HowEnded,
    pub(crate) ms: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Survivor {
    pub(crate) pid: Pid,
    pub(crate) reason: String,
}

impl Answer {
    /// The answer of a call that only looks.
    pub(crate) fn of_look(snapshot: &Snapshot, verdict: Verdict, elapsed_ms: f64) -> Self {
        Self {
            schema: port_takeover::SCHEMA,
            role: snapshot.role.clone(),
            decision: verdict.decision,
            ports: verdict.ports.into_iter().map(Port::from).collect(),
            state_holder: verdict.state_holder.map(Holder::from),
            terminate: verdict.terminate,
            terminated: None,
            survived: Vec::new(),
            reuse_refused: Vec::new(),
            outcome: None,
            called_off: None,
            ports_after: None,
            elapsed_ms,
            perhaps_v3: false,
        }
    }

    /// The answer on a recorded snapshot, with those of its ports that nobody can want.
    pub(crate) fn of_recorded(recorded: Recorded, verdict: Verdict, elapsed_ms: f64) -> Self {
        let mut answer = Self::of_look(&recorded.snapshot, verdict, elapsed_ms);
        // Nothing is known of that machine.
        answer.perhaps_v3 = true;
        for (at, PortName { name, host, port }) in recorded.invalid {
            let state = PortStatus::Invalid;
            answer.ports.insert(at, Port { name, host, port, state, holders: Vec::new() });
        }
        answer
    }

    /// The answer of a reclaim. One that was called off is a refusal and lists nothing to terminate.
    pub(crate) fn of_reclaim(report: Report) -> Self {
        let elapsed_ms = milliseconds(report.elapsed);
        let reclaimed = report.first.decision == Decision::Reclaim && report.doubt.is_none();
        let mut answer = Self::of_look(&report.snapshot, report.first, elapsed_ms);
        if report.doubt.is_some() && report.outcome == Outcome::Refused {
            answer.decision = Decision::Refuse;
            answer.terminate.clear();
        }
        if reclaimed || !report.terminated.is_empty() {
            let terminated = report.terminated.into_iter().map(|ended| Terminated {
                pid: ended.process.pid,
                how: ended.how,
                ms: milliseconds(ended.took),
            });
            answer.terminated = Some(terminated.collect());
        }
        answer.survived = report.survived.into_iter().map(|(pid, reason)| Survivor { pid, reason }).collect();
        let refused = |(pid, done)| matches!(done, AddressReuse::Refused(_)).then_some(pid);
        answer.reuse_refused = report.reuse.into_iter().filter_map(refused).collect();
        answer.outcome = Some(report.outcome);
        answer.called_off = report.doubt;
        if report.outcome != Outcome::Ready {
            answer.ports_after = Some(report.last.ports.into_iter().map(Port::from).collect());
        }
        answer
    }
}

impl From<port_takeover::Holder> for Holder {
    fn from(holder: port_takeover::Holder) -> Self {
        let rules = identity::rules();
        let process = holder.process.as_ref();
        let form = process.and_then(|it| rules.identify(it.into())).map(|ours| ours.rule);
        let is_v3 =
            form.is_some_and(|rule| [identity::PYTHON_ENTRY, identity::PYTHON_PACKAGE].contains(&rule));
        let (name, exe, user) = holder
            .process
            .map_or((None, None, None), |process| (Some(process.name), process.exe, process.user));
        Self {
            pid: holder.pid,
            name,
            exe,
            user,
            role: holder.role,
            ours: holder.kind == HolderKind::Own,
            rule: holder.rule,
            is_v3,
        }
    }
}

impl From<PortVerdict> for Port {
    fn from(verdict: PortVerdict) -> Self {
        Self {
            holders: verdict.holders.into_iter().map(Holder::from).collect(),
            name: verdict.wanted.name,
            host: verdict.wanted.host.to_string(),
            port: verdict.wanted.port.get().into(),
            state: verdict.state.into(),
        }
    }
}

fn in_words<S: Serializer>(doubt: &Option<Doubt>, serializer: S) -> Result<S::Ok, S::Error> {
    doubt.as_ref().map(ToString::to_string).serialize(serializer)
}
