//! The takeover of a role's ports, told to the window as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use port_takeover::sys::{Native, System as _};
use port_takeover::{
    AddressReuse, Claim, Decision, Doubt, HolderKind, HowEnded, Incumbent, Limits, LookError, Outcome, Pid,
    PortOutlook, PortState, PortVerdict, Process, Record, Report, TakeoverEvent, Terminated, Verdict,
    WantedPort, decide, next_free_port,
};
use taskpaw_contract::Role;
use taskpaw_contract::clock::{milliseconds, unix_ms};
use taskpaw_contract::config::Config;
use taskpaw_contract::folders::Folders;
use taskpaw_contract::identity::{self, Generation};
use taskpaw_contract::ipc::{
    ChildView, Event, Failure, HolderView, LingeringCause, PortView, Replaced, Stage,
};

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
    /// Tells the window.
    pub(super) publish: &'a dyn Fn(Event),
    /// Whether this attempt is still wanted; a wait for a lingering port ends when it is not.
    pub(super) is_current: &'a dyn Fn() -> bool,
    /// Whether a backend of V3 may be ended that still works at something.
    pub(super) may_end_busy: bool,
}

/// A child that lives through so many looks is at work: together a second.
const CHILD_LOOKS: u32 = 5;
const BETWEEN_CHILD_LOOKS: Duration = Duration::from_millis(200);

/// What is learnt of those that are about to be ended, before they are.
#[derive(Default)]
struct Learnt {
    generations: BTreeMap<Pid, Generation>,
    /// What a backend of V3 has started. On another system than Linux it is not known.
    children: BTreeMap<Pid, Vec<Process>>,
    /// Why nobody is ended.
    busy: Option<Failure>,
    /// Why a port may have to be waited for.
    reuse_refused: bool,
}

impl Learnt {
    fn add(&mut self, incumbents: &[Incumbent], may_end_busy: bool) {
        for it in incumbents {
            let (pid, generation) = (it.process.pid, Generation::of(&it.process, it.rule));
            if generation == Generation::V3 {
                // One that holds a port itself is asked itself.
                let mut children = lasting_children(pid);
                children.retain(|child| !incumbents.iter().any(|it| it.process.pid == child.pid));
                if !children.is_empty() && !may_end_busy && self.busy.is_none() {
                    let children = children.iter().map(child_view).collect();
                    self.busy = Some(Failure::V3Busy { pid: pid.get(), children });
                }
                self.children.insert(pid, children);
            }
            self.generations.insert(pid, generation);
        }
    }

    /// What one that has ended had started and that still runs.
    fn left_by(&self, pid: Pid) -> Vec<ChildView> {
        let still_runs = |child: &&Process| {
            Native::new().describe(child.pid).is_some_and(|now| child.identity().is_still(&now.identity()))
        };
        self.children.get(&pid).into_iter().flatten().filter(still_runs).map(child_view).collect()
    }
}

/// What a process has started and that is more than one of the short questions that V3 asks of the system all the time.
fn lasting_children(pid: Pid) -> Vec<Process> {
    let mut children = Native::new().descendants(pid);
    for _ in 0..CHILD_LOOKS {
        if children.is_empty() {
            break;
        }
        std::thread::sleep(BETWEEN_CHILD_LOOKS);
        let now = Native::new().descendants(pid);
        children.retain(|child| now.iter().any(|it| child.identity() == it.identity()));
    }
    children
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
        let wanted = self.config.wanted_ports(role);
        let mut learnt = Learnt::default();
        let mut seconds_told = None;
        let taken = port_takeover::take_over_keeping(
            &Native::new(),
            &identity::rules(),
            &role.into(),
            &wanted,
            Limits::default(),
            |event| {
                match event {
                    TakeoverEvent::Looked(verdict) if verdict.decision == Decision::Reclaim => {
                        (self.publish)(reclaim_started(role, generation, verdict));
                    }
                    TakeoverEvent::Verified(incumbents) => {
                        learnt.add(incumbents, self.may_end_busy);
                        if learnt.busy.is_some() {
                            return ControlFlow::Break(());
                        }
                        self.take_events_along(incumbents);
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
                let record = (report.first.decision != Decision::Start)
                    .then(|| Record::of(&report, taskpaw_contract::version(), unix_ms()));
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
    fn take_events_along(&self, incumbents: &[Incumbent]) {
        let Ok(folders) = Folders::find() else { return };
        let token = &self.config.agent.token;
        match taskpaw_v3::events::take_along_from(incumbents, token, &folders.state()) {
            None | Some(Ok(0)) => {}
            Some(Ok(taken)) => {
                tracing::info!("{taken} events that TaskPaw 3 had not sent yet are taken along")
            }
            Some(Err(error)) => {
                tracing::warn!("events that TaskPaw 3 had not sent yet end with it: {error}");
            }
        }
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
            let ports = views(&report.last, None);
            (self.publish)(Event::BackendStarting { role, generation, ports });
            return Ok(());
        }
        if let (Some(Doubt::CalledOff), Some(busy)) = (&report.doubt, learnt.busy) {
            return Err(busy.into());
        }
        if let Some(doubt) = report.doubt {
            return Err(Failure::Takeover { message: doubt.to_string() }.into());
        }
        if let Some((pid, reason)) = report.survived.first() {
            let message = format!("process {pid} cannot be ended: {reason}");
            return Err(Failure::Takeover { message }.into());
        }
        let mut ports = views(&report.last, None);
        suggest(role, self.config, &mut ports);
        (self.publish)(Event::PortConflict { role, generation, ports });
        Err(if is_only_away(&report.last) { Refused::AddressAway } else { Failure::PortConflict.into() })
    }
}

/// V3 is told by the name that people know: what its process is called is Python's name, or the same as ours.
fn replaced(ended: &Terminated, learnt: &Learnt) -> Replaced {
    let left = learnt.left_by(ended.process.pid);
    if !left.is_empty() {
        tracing::warn!(pid = %ended.process.pid, ?left, "the backend that was ended left processes running");
    }
    let (name, version) = match learnt.generations.get(&ended.process.pid) {
        Some(Generation::V3) => ("TaskPaw".to_owned(), Some("3".to_owned())),
        Some(Generation::Stamped(version)) => (ended.process.name.clone(), Some(version.clone())),
        None => (ended.process.name.clone(), None),
    };
    let (pid, forced) = (ended.process.pid.get(), ended.how == HowEnded::Forced);
    Replaced { pid, name, version, forced, ms: milliseconds(ended.took), left }
}

/// Whether the ports could be had if this machine had their address.
fn is_only_away(verdict: &Verdict) -> bool {
    let states = || verdict.ports.iter().map(|port| port.state);
    let is_away = |state| state == PortState::AddressUnavailable;
    states().any(is_away) && states().all(|state| is_away(state) || state.outlook() == PortOutlook::Starts)
}

fn reclaim_started(role: Role, generation: u32, verdict: &Verdict) -> Event {
    let pids = verdict.terminate.iter().map(|pid| pid.get()).collect();
    Event::ReclaimStarted { role, generation, ports: views(verdict, None), pids }
}

/// Looks at the ports of a configuration without changing anything. `child` is the role's own running
/// backend, which is not stale.
///
/// # Errors
/// Why they cannot be looked at.
pub(crate) fn look(config: &Config, role: Role, child: Option<u32>) -> Result<Vec<PortView>, String> {
    let snapshot =
        Native::new().look(&role.into(), &config.wanted_ports(role)).map_err(|error| error.to_string())?;
    let verdict = decide(&snapshot, &identity::rules());
    let mut ports = views(&verdict, child);
    suggest(role, config, &mut ports);
    Ok(ports)
}

/// Adds the next free number to every port that cannot be had because of its number.
fn suggest(role: Role, config: &Config, ports: &mut [PortView]) {
    let mut avoid = config.port_numbers();
    for port in ports.iter_mut().filter(|port| !port.in_use_by_app && wants_another_number(port)) {
        let wanted = WantedPort { name: port.name.clone(), host: port.host.clone(), port: port.port };
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
    port.state.is_some_and(PortState::wants_another_number)
}

fn views(verdict: &Verdict, child: Option<u32>) -> Vec<PortView> {
    verdict.ports.iter().map(|port| view(port, child)).collect()
}

fn view(port: &PortVerdict, child: Option<u32>) -> PortView {
    let holders: Vec<HolderView> = port
        .holders
        .iter()
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
        name: port.wanted.name.clone(),
        host: port.wanted.host.clone(),
        port: port.wanted.port,
        state: Some(port.state),
        outlook: Some(if in_use_by_app { PortOutlook::Starts } else { port.state.outlook() }),
        in_use_by_app,
        holders,
        suggestion: None,
    }
}
