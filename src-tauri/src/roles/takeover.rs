//! The takeover of a role's ports, told to the window as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use port_takeover::sys::{Native, System as _};
use port_takeover::{
    AddressReuse, Claim, Decision, Doubt, HolderKind, HowEnded, Incumbent, Limits, LookError, Outcome, Pid,
    PortOutlook, PortState, PortVerdict, Process, Record, Report, TakeoverEvent, Terminated, Verdict,
    WantedPort, decide, next_free_port,
};
use taskpaw_contract::clock::{milliseconds, unix_ms};
use taskpaw_contract::config::{Config, Endpoint};
use taskpaw_contract::identity::{self, Generation};
use taskpaw_contract::ipc::{
    ChildView, Event, Failure, HolderView, LingeringCause, PortView, Replaced, Stage,
};
use taskpaw_contract::{PortStatus, Role};
use taskpaw_v3::EndedWithV3;

use super::displacement::Reclaim;

/// Why a role has not its ports.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refused {
    /// For this.
    For(Failure),
    /// Only because this machine does not have the address.
    AddressAway,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

/// One takeover of one role.
pub(super) struct Takeover<'a> {
    pub(super) role: Role,
    pub(super) generation: u32,
    pub(super) config: &'a Config,
    /// Where the role's state is kept: who keeps it is ours.
    pub(super) state_folder: &'a Path,
    /// Tells the window.
    pub(super) publish: &'a dyn Fn(Event),
    /// Whether this attempt is still wanted; a wait for a lingering port ends when it is not.
    pub(super) is_current: &'a dyn Fn() -> bool,
    /// Whether a backend of V3 may be ended that still works at something.
    pub(super) may_end_busy: bool,
    /// What is done about stale backends that hold the ports.
    pub(super) reclaim: Reclaim,
    /// Called before those are ended that had taken the ports of a backend that was lost.
    pub(super) taking_back: &'a dyn Fn(),
}

/// What is learnt of those that are about to be ended, before they are.
#[derive(Default)]
struct Learnt {
    generations: BTreeMap<Pid, Generation>,
    ended_with_v3: EndedWithV3,
    /// Why nobody is ended.
    left_alone: Option<Failure>,
    /// Whether those who are ended had taken the ports of a backend that was lost.
    displaced: bool,
    /// Why a port may have to be waited for.
    reuse_refused: bool,
}

impl Learnt {
    fn add(&mut self, incumbents: &[Incumbent], may_end_busy: bool) {
        for it in incumbents {
            let (pid, generation) = (it.process.pid, Generation::of(&it.process, it.rule));
            if generation == Generation::Unknown {
                tracing::info!(%pid, "its program does not tell its version; it is not taken for TaskPaw 3");
            }
            let children = self.ended_with_v3.look(it, incumbents);
            if !children.is_empty() && !may_end_busy && self.left_alone.is_none() {
                let children = children.iter().map(child_view).collect();
                self.left_alone = Some(Failure::V3Busy { pid: pid.get(), children });
            }
            self.generations.insert(pid, generation);
        }
    }

    /// What one that has ended had started and that still runs.
    fn left_by(&self, pid: Pid) -> Vec<ChildView> {
        self.ended_with_v3.left_by(pid).into_iter().map(child_view).collect()
    }
}

fn child_view(child: &Process) -> ChildView {
    ChildView { pid: child.pid.get(), name: child.name.clone() }
}

impl Takeover<'_> {
    /// Takes over all ports of the role. Blocks; at most a minute and a half, if a port lingers.
    ///
    /// Gives the listeners of ports that could not be bound. The record is for the journal; nothing if nobody was in the way.
    pub(super) fn run(&self) -> (Result<Vec<Claim>, Refused>, Option<Record>) {
        let (role, generation) = (self.role, self.generation);
        let wanted = match self.config.wanted_ports(role) {
            Ok(wanted) => wanted,
            Err(problem) => return (Err(Failure::Config { problem }.into()), None),
        };
        let mut learnt = Learnt::default();
        let mut seconds_told = None;
        let taken = port_takeover::take_over_keeping(
            &Native::of(identity::installation(self.state_folder)),
            &identity::rules(),
            &role.into(),
            &wanted,
            Limits::default(),
            |event| {
                match event {
                    TakeoverEvent::Looked(verdict) if verdict.decision == Decision::Reclaim => {
                        (self.publish)(self.reclaim_started(verdict));
                    }
                    TakeoverEvent::Verified(incumbents) => {
                        if self.reclaim == Reclaim::Never {
                            learnt.left_alone = incumbents.first().map(displaced);
                            return ControlFlow::Break(());
                        }
                        learnt.add(incumbents, self.may_end_busy);
                        if learnt.left_alone.is_some() {
                            return ControlFlow::Break(());
                        }
                        if self.reclaim == Reclaim::Back && !learnt.displaced {
                            learnt.displaced = true;
                            (self.taking_back)();
                        }
                        self.take_events_along(incumbents, &mut learnt.ended_with_v3);
                        self.note_files(incumbents);
                    }
                    TakeoverEvent::Reuse(_, AddressReuse::Refused(_)) => learnt.reuse_refused = true,
                    TakeoverEvent::Asked(pid) => self.progress(pid.get(), Stage::Asked),
                    TakeoverEvent::Forcing(pid) => self.progress(pid.get(), Stage::Forced),
                    TakeoverEvent::Gone(ended) => self.progress(ended.process.pid.get(), Stage::Gone),
                    TakeoverEvent::Lingering { left } => {
                        let seconds_left = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
                        if seconds_told.replace(seconds_left) != Some(seconds_left) {
                            let cause = if learnt.reuse_refused {
                                LingeringCause::NotAllowed
                            } else {
                                LingeringCause::Connections
                            };
                            (self.publish)(Event::LingeringWait { role, generation, seconds_left, cause });
                        }
                    }
                    _ => {}
                }
                if (self.is_current)() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        match taken {
            Ok((report, kept)) => {
                let record = (report.first.decision != Decision::Start).then(|| {
                    let mut record = Record::of(&report, taskpaw_contract::version(), unix_ms());
                    learnt.ended_with_v3.note(&mut record);
                    record
                });
                (self.finish(report, learnt).map(|()| kept), record)
            }
            Err(error) => {
                let asked_by = taskpaw_contract::version();
                let record = Record::of_failed_look(&error, &role.into(), &wanted, asked_by, unix_ms());
                (Err(Failure::Takeover { message: error.to_string() }.into()), Some(record))
            }
        }
    }

    /// What only the memory of a V3 agent holds ends with it. The backend that follows puts it into its journal.
    fn take_events_along(&self, incumbents: &[Incumbent], ended_with_v3: &mut EndedWithV3) {
        let token = &self.config.agent.token;
        match taskpaw_v3::events::take_along_from(incumbents, token, self.state_folder) {
            None | Some((_, Ok(0))) => {}
            Some((_, Ok(taken))) => {
                tracing::info!("{taken} events that TaskPaw 3 had not sent yet are taken along")
            }
            Some((pid, Err(error))) => {
                tracing::warn!("events that TaskPaw 3 had not sent yet end with it: {error}");
                ended_with_v3.lose(pid, error.to_string());
            }
        }
    }

    /// Where a hub of V3 has its files may be known only as long as it runs. The hub that follows takes them over.
    fn note_files(&self, incumbents: &[Incumbent]) {
        match taskpaw_v3::note_files_of(incumbents, self.state_folder) {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(
                    "the hub of TaskPaw 3 says where its files are: they are taken over from there"
                )
            }
            Err(error) => {
                tracing::warn!("where the hub of TaskPaw 3 has its files cannot be noted: {error}")
            }
        }
    }

    fn reclaim_started(&self, verdict: &Verdict) -> Event {
        let (role, generation) = (self.role, self.generation);
        let pids = verdict.terminate.iter().map(|pid| pid.get()).collect();
        Event::ReclaimStarted { role, generation, ports: views(self.config, role, verdict, None), pids }
    }

    fn progress(&self, pid: u32, stage: Stage) {
        (self.publish)(Event::ReclaimProgress { role: self.role, generation: self.generation, pid, stage });
    }

    fn finish(&self, report: Report, learnt: Learnt) -> Result<(), Refused> {
        let (role, generation) = (self.role, self.generation);
        if !report.terminated.is_empty() {
            let replaced = report.terminated.iter().map(|ended| replaced(ended, &learnt)).collect();
            let elapsed_ms = milliseconds(report.elapsed);
            (self.publish)(Event::ReclaimFinished { role, generation, replaced, elapsed_ms });
        }
        if report.outcome == Outcome::Ready {
            let ports = views(self.config, role, &report.last, None);
            (self.publish)(Event::BackendStarting { role, generation, ports });
            return Ok(());
        }
        if let (Some(Doubt::CalledOff), Some(why)) = (&report.doubt, learnt.left_alone) {
            return Err(why.into());
        }
        if let Some(doubt) = report.doubt {
            return Err(Failure::Takeover { message: doubt.to_string() }.into());
        }
        if let Some((pid, reason)) = report.survived.first() {
            let message = format!("process {pid} cannot be ended: {reason}");
            return Err(Failure::Takeover { message }.into());
        }
        let mut ports = views(self.config, role, &report.last, None);
        suggest(role, self.config, &mut ports);
        (self.publish)(Event::PortConflict { role, generation, ports });
        Err(if is_only_away(&report.last) { Refused::AddressAway } else { Failure::PortConflict.into() })
    }
}

fn replaced(ended: &Terminated, learnt: &Learnt) -> Replaced {
    let left = learnt.left_by(ended.process.pid);
    if !left.is_empty() {
        tracing::warn!(pid = %ended.process.pid, ?left, "the backend that was ended left processes running");
    }
    let (name, version) = known_as(&ended.process, learnt.generations.get(&ended.process.pid));
    let (pid, forced) = (ended.process.pid.get(), ended.how == HowEnded::Forced);
    let displaced = learnt.displaced;
    Replaced { pid, name, version, forced, ms: milliseconds(ended.took), left, displaced }
}

/// The name and version by which people know a backend: what a process of V3 is called is Python's name, or the same as ours.
fn known_as(process: &Process, generation: Option<&Generation>) -> (String, Option<String>) {
    match generation {
        Some(Generation::V3) => ("TaskPaw".to_owned(), Some("3".to_owned())),
        Some(Generation::Stamped(version)) => (process.name.clone(), Some(version.clone())),
        Some(Generation::Unknown) | None => (process.name.clone(), None),
    }
}

/// It has taken the ports again, and is left alone.
fn displaced(by: &Incumbent) -> Failure {
    let (name, version) = known_as(&by.process, Some(&Generation::of(&by.process, by.rule)));
    Failure::Displaced { pid: by.process.pid.get(), name, version }
}

/// Whether the ports could be had if this machine had their address.
fn is_only_away(verdict: &Verdict) -> bool {
    let states = || verdict.ports.iter().map(|port| port.state);
    let is_away = |state| state == PortState::AddressUnavailable;
    states().any(is_away) && states().all(|state| is_away(state) || state.outlook() == PortOutlook::Starts)
}

/// Looks at the ports of a configuration without changing anything. It may be one that is being typed: a port that nobody
/// can want as it is written is `invalid`, and not looked at. `child` is the role's own running backend, which is not stale.
///
/// # Errors
/// Why they cannot be looked at.
pub(crate) fn look(
    config: &Config,
    state_folder: &Path,
    role: Role,
    child: Option<u32>,
) -> Result<Vec<PortView>, String> {
    let wanted: Vec<WantedPort> = config
        .endpoints(role)
        .into_iter()
        .filter_map(|(name, endpoint)| endpoint.wanted(name).ok())
        .collect();
    let system = Native::of(identity::installation(state_folder));
    let snapshot = system.look(&role.into(), &wanted).map_err(|error| error.to_string())?;
    let verdict = decide(&snapshot, &identity::rules());
    let mut ports = views(config, role, &verdict, child);
    suggest(role, config, &mut ports);
    Ok(ports)
}

/// Adds the next free number to every port that cannot be had because of its number.
fn suggest(role: Role, config: &Config, ports: &mut [PortView]) {
    let mut avoid = config.port_numbers();
    for port in ports.iter_mut().filter(|port| !port.in_use_by_app && wants_another_number(port)) {
        let Ok(wanted) = WantedPort::new(&*port.name, &port.host, port.port) else { continue };
        match next_free(role, &wanted, &avoid) {
            Ok(found) => {
                avoid.extend(found);
                port.suggestion = found;
            }
            Err(error) => tracing::warn!(%error, "no free port can be suggested"),
        }
    }
}

/// The next number after a wanted one that is free and not among `avoid`.
///
/// # Errors
/// Why it cannot be found out.
pub(crate) fn next_free(
    role: Role,
    wanted: &WantedPort,
    avoid: &BTreeSet<u16>,
) -> Result<Option<u16>, LookError> {
    next_free_port(&Native::new(), &identity::rules(), &role.into(), wanted, avoid)
}

fn wants_another_number(port: &PortView) -> bool {
    matches!(port.state, Some(PortStatus::Judged(state)) if state.wants_another_number())
}

/// Every port of a role as it is configured, with what was judged of it.
fn views(config: &Config, role: Role, verdict: &Verdict, child: Option<u32>) -> Vec<PortView> {
    let view = |(name, endpoint): (&str, &Endpoint)| {
        view(name, endpoint, verdict.ports.iter().find(|port| port.wanted.name == name), child)
    };
    config.endpoints(role).into_iter().map(view).collect()
}

fn view(name: &str, endpoint: &Endpoint, judged: Option<&PortVerdict>, child: Option<u32>) -> PortView {
    let status = judged.map_or(PortStatus::Invalid, |port| port.state.into());
    let holders: Vec<HolderView> = judged
        .iter()
        .flat_map(|port| &port.holders)
        .map(|holder| HolderView {
            pid: holder.pid.get(),
            name: holder.process.as_ref().map(|process| process.name.clone()),
            exe: holder.process.as_ref().and_then(|process| process.exe.clone()),
            user: holder.process.as_ref().and_then(|process| process.user.clone()),
            role: holder.role.as_ref().and_then(|role| role.as_str().parse().ok()),
            ours: holder.kind == HolderKind::Own,
        })
        .collect();
    let in_use_by_app =
        child.is_some() && !holders.is_empty() && holders.iter().all(|holder| Some(holder.pid) == child);
    PortView {
        name: name.to_owned(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        state: Some(status),
        outlook: Some(if in_use_by_app { PortOutlook::Starts } else { status.outlook() }),
        in_use_by_app,
        holders,
        suggestion: None,
    }
}
