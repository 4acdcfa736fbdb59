//! The takeover of a role's ports, told to the window as it happens.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use port_takeover::sys::Native;
use port_takeover::{
    AddressReuse, Claim, Decision, Doubt, Holder, HowEnded, Incumbent, Limits, Outcome, Pid, Process,
    ProcessIdentity, Record, Report, TakeoverEvent, Terminated, Verdict,
};
use taskpaw_contract::Role;
use taskpaw_contract::clock::{milliseconds, unix_ms};
use taskpaw_contract::config::Config;
use taskpaw_contract::identity::{self, Generation};
use taskpaw_contract::ipc::{ChildView, Event, Failure, LingeringCause, Replaced, Stage};
use taskpaw_v3::EndedWithV3;

use super::blocked::{Blocked, Past, known_as};
use super::ports::views;

/// Why a role does not have its ports.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refused {
    /// An attempt has failed.
    For(Failure),
    /// Somebody has them, or they cannot be had yet: they are to be watched.
    Blocked(Box<Blocked>),
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
    /// When the role was launched last, in the system's own measure; nothing where that cannot be said.
    pub(super) launched_at: Option<u64>,
    /// Whether this is that launch: else nobody is ended who has started since.
    pub(super) is_launch: bool,
}

/// What is learnt about the processes that are about to be ended, before they are.
#[derive(Default)]
struct Learnt {
    generations: BTreeMap<Pid, Generation>,
    ended_with_v3: EndedWithV3,
    /// Why nobody is ended.
    left_alone: Option<Failure>,
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
            Limits { not_started_after: self.launched_at.filter(|_| !self.is_launch), ..Limits::default() },
            |event| {
                match event {
                    TakeoverEvent::Looked(verdict) if verdict.decision == Decision::Reclaim => {
                        (self.publish)(self.reclaim_started(verdict));
                    }
                    TakeoverEvent::Verified(incumbents) => {
                        learnt.add(incumbents, self.may_end_busy);
                        if learnt.left_alone.is_some() {
                            return ControlFlow::Break(());
                        }
                        self.take_events_along(incumbents, &mut learnt.ended_with_v3);
                        self.note_files(incumbents);
                    }
                    TakeoverEvent::Reuse(pid, AddressReuse::Refused(reason)) => {
                        tracing::warn!(%role, %pid, reason, "what is left of its connections may keep a port for a minute");
                        learnt.reuse_refused = true;
                    }
                    TakeoverEvent::Reuse(pid, AddressReuse::Allowed(sockets)) if *sockets > 0 => {
                        tracing::info!(%role, %pid, sockets, "its connections will not keep the ports");
                    }
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
        let past = Past { launched_at: self.launched_at, denied: denied(&report) };
        let blocked = Blocked::now(role, self.config, &report.last, &past);
        match (report.doubt, report.survived.first()) {
            (Some(Doubt::StartedSince(_) | Doubt::Denied(_)) | None, None) => {}
            (Some(doubt), _) => return Err(Failure::Takeover { message: doubt.to_string() }.into()),
            (None, Some((pid, reason))) => {
                let message = format!("process {pid} cannot be ended: {reason}");
                return Err(Failure::Takeover { message }.into());
            }
        }
        let Some(blocked) = blocked else {
            let message = "other backends of this role take its ports again and again".to_owned();
            return Err(Failure::Takeover { message }.into());
        };
        (self.publish)(Event::PortConflict { role, generation, ports: blocked.shown(role, self.config) });
        Err(Refused::Blocked(Box::new(blocked)))
    }
}

/// The process that may not be ended, if that is why nobody was.
fn denied(report: &Report) -> Option<ProcessIdentity> {
    let Some(Doubt::Denied(pid)) = report.doubt else { return None };
    let process = |holder: &Holder| holder.process.as_ref().map(Process::identity);
    report.holders.iter().find(|holder| holder.pid == pid).and_then(process)
}

fn replaced(ended: &Terminated, learnt: &Learnt) -> Replaced {
    let left = learnt.left_by(ended.process.pid);
    if !left.is_empty() {
        tracing::warn!(pid = %ended.process.pid, ?left, "the backend that was ended left processes running");
    }
    let (name, version) = known_as(&ended.process, learnt.generations.get(&ended.process.pid));
    let (pid, forced) = (ended.process.pid.get(), ended.how == HowEnded::Forced);
    Replaced { pid, name, version, forced, ms: milliseconds(ended.took), left }
}
