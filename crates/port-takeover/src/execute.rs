//! The takeover itself: look, decide, verify, end, and look again.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::claim::Claim;
use crate::decision::{Decision, Verdict, decide};
use crate::error::{EndError, LookError, ReuseError};
use crate::identity::{IdentityRules, Role, RuleName};
use crate::report::{AddressReuse, HowEnded, Outcome, Report, Terminated};
use crate::snapshot::{BindOutcome, Listener, Pid, Process, ProcessIdentity, Snapshot, WantedPort};
use crate::sys::{Asked, System};

/// How long a takeover may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the ask to stop until the kill; shared by all processes of a round.
    pub grace: Duration,
    /// From the kill until a process that does not end is given up (one that hangs in the kernel).
    pub kill_wait: Duration,
    /// How long a lingering port is waited for. Linux keeps TIME_WAIT for 60 s (`TCP_TIMEWAIT_LEN`).
    pub lingering: Duration,
    /// How often stale processes are ended before one that always comes back is refused.
    pub rounds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
            kill_wait: Duration::from_secs(2),
            lingering: Duration::from_secs(62),
            rounds: 2,
        }
    }
}

/// Between two trial binds of a lingering port: no system has an event for it.
const LINGERING_STEP: Duration = Duration::from_millis(100);

/// A look is confirmed once more where the observer took longer than this over [`TakeoverEvent::Verified`]: what was
/// verified before is then no longer of this moment. Far above what an observer needs that only takes notes.
const VERIFIED_FOR: Duration = Duration::from_millis(20);

/// A process that is verified to be a stale holder, with a handle that cannot come to mean another process.
/// Only [`take_over`] makes one, after its second look; nothing else can be asked to stop or killed.
#[derive(Debug)]
pub struct VerifiedHolder<H> {
    identity: ProcessIdentity,
    handle: H,
}

impl<H> VerifiedHolder<H> {
    /// The caller has proved that the handle means this process, and that it may be ended.
    pub(crate) fn new(identity: ProcessIdentity, handle: H) -> Self {
        Self { identity, handle }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// The handle.
    #[must_use]
    pub fn handle(&self) -> &H {
        &self.handle
    }
}

/// Why a takeover was called off. The round that had the doubt signalled nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// Between the looks, the decision became another one.
    #[error("what holds the ports changed while it was being verified")]
    DecisionChanged,
    /// Between the looks, a process became another one.
    #[error("process {0} is no longer the one that was seen first")]
    ProcessChanged(Pid),
    /// A process that must be ended holds the ports only since the second look.
    #[error("process {0} began to hold a port while it was being verified")]
    HolderAppeared(Pid),
    /// When a process started cannot be read, so it cannot be told from a later one with its id.
    #[error("when process {0} started cannot be read")]
    NoStartTime(Pid),
    /// A process may not be opened or signalled.
    #[error("{0}")]
    NotAllowed(String),
    /// The ports could not be looked at once more.
    #[error("{0}")]
    LookFailed(String),
    /// The observer of [`TakeoverEvent::Verified`] did not want it.
    #[error("it was called off before any process was asked to stop")]
    CalledOff,
}

/// A stale holder that is verified and about to be asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incumbent {
    /// What was seen of it.
    pub process: Process,
    /// The role it plays.
    pub role: Role,
    /// The form by which it is ours.
    pub rule: RuleName,
    /// The wanted ports that it holds, in the order in which they were asked for.
    pub ports: Vec<WantedPort>,
}

/// What happens during a takeover.
#[derive(Debug)]
#[non_exhaustive]
pub enum TakeoverEvent<'a> {
    /// The ports were looked at; sent for every look.
    Looked(&'a Verdict),
    /// All that are to be ended are verified, and none was asked to stop yet: the last moment to ask something of them.
    /// `Break` calls the takeover off with nothing signalled, as [`Doubt::CalledOff`]. Sent once for each round.
    Verified(&'a [Incumbent]),
    /// What was done so that the connections of one of them do not keep its ports; sent before any is asked, and not where
    /// the system has no way to do it.
    Reuse(Pid, &'a AddressReuse),
    /// A process was asked to stop.
    Asked(Pid),
    /// A process has ended.
    Gone(&'a Terminated),
    /// A process did not stop in time and is killed.
    Forcing(Pid),
    /// A port becomes free by itself; sent for every trial.
    Lingering {
        /// Until it is given up.
        left: Duration,
    },
}

/// What an observer answers: `Break` ends a wait for a lingering port, and calls a reclaim off that was only verified. It
/// never leaves a reclaim half done.
pub type Called = ControlFlow<()>;

/// Takes over all wanted ports of a role, or none.
///
/// Blocks until the outcome is known: at most `rounds` × (`grace` + `kill_wait` + `lingering`) + `lingering`, and the looks.
///
/// # Errors
/// [`LookError`] if the first look fails; nothing was touched then. A later look that fails ends the
/// takeover too, after processes may have been ended: the report says so, as [`Doubt::LookFailed`].
pub fn take_over<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
) -> Result<Report, LookError> {
    run(system, rules, role, wanted, limits, observe, false).map(|(report, _none_is_kept)| report)
}

/// As [`take_over`], and keeps the listeners of those stale holders that never set SO_REUSEADDR: connections of theirs that
/// ended within the last minute would keep the port, but not from who has its listener. Clients that connect meanwhile wait
/// in its queue. The caller serves them, or passes them to the process that will; [`claim_the_rest`](crate::claim_the_rest)
/// claims the ports that are missing.
///
/// Linux only, and only where the system lets this process have them; else nothing is kept.
///
/// # Errors
/// As [`take_over`].
pub fn take_over_keeping<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
) -> Result<(Report, Vec<Claim>), LookError> {
    run(system, rules, role, wanted, limits, observe, true)
}

fn run<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
    keeps: bool,
) -> Result<(Report, Vec<Claim>), LookError> {
    let started = system.now();
    let snapshot = system.look(role, wanted)?;
    let first = decide(&snapshot, rules);
    let mut run = Run {
        system,
        rules,
        limits,
        observe,
        terminated: Vec::new(),
        survived: Vec::new(),
        reuse: Vec::new(),
        keeps,
        kept: Vec::new(),
        signalled: false,
    };
    let (mut seen, mut verdict) = (snapshot.clone(), first.clone());
    let (mut rounds, mut doubt, mut lingering_since) = (0, None, None);
    let mut holders = Vec::new();
    loop {
        Report::note_holders(&mut holders, &verdict);
        let called = (run.observe)(TakeoverEvent::Looked(&verdict));
        match verdict.decision {
            Decision::Start | Decision::Refuse => break,
            Decision::Reclaim => {
                if rounds == limits.rounds {
                    break;
                }
                rounds += 1;
                // What lingers afterwards is another thing than what was waited for before.
                lingering_since = None;
                if let Err(why) = run.reclaim(&seen, &verdict) {
                    doubt = Some(why);
                    break;
                }
            }
            Decision::Wait => {
                let since = *lingering_since.get_or_insert(system.now());
                let left = limits.lingering.saturating_sub(system.now().saturating_sub(since));
                let mut told = || (run.observe)(TakeoverEvent::Lingering { left });
                if left.is_zero() || called.is_break() || told().is_break() {
                    break;
                }
                system.pause(LINGERING_STEP.min(left));
            }
        }
        match system.look(role, wanted) {
            Ok(again) => seen = without_kept(again, &run.kept),
            Err(error) => {
                doubt = Some(Doubt::LookFailed(error.to_string()));
                break;
            }
        }
        verdict = decide(&seen, rules);
    }
    let outcome = match (verdict.decision, run.signalled) {
        (Decision::Start, _) => Outcome::Ready,
        (_, false) => Outcome::Refused,
        (_, true) => Outcome::NotFree,
    };
    // What cannot be served is not held either.
    let kept = if outcome == Outcome::Ready { run.kept } else { Vec::new() };
    let report = Report {
        snapshot,
        first,
        last: verdict,
        holders,
        terminated: run.terminated,
        survived: run.survived,
        reuse: run.reuse,
        doubt,
        outcome,
        elapsed: system.now().saturating_sub(started),
    };
    Ok((report, kept))
}

/// What was seen, but for the listeners that this process itself has kept: to it their ports are free.
fn without_kept(mut seen: Snapshot, kept: &[Claim]) -> Snapshot {
    for claim in kept {
        let Some(wanted) = seen.wanted.iter().find(|wanted| claim.name == wanted.name).cloned() else {
            continue;
        };
        let Some((host, number)) = wanted.target() else { continue };
        let is_it = |listener: &Listener| listener.port == number && listener.host() == Some(host);
        for listener in seen.listeners.iter_mut().filter(|listener| is_it(listener)) {
            listener.pids.retain(|pid| *pid != seen.self_pid);
        }
        // Somebody else who has it as well, such as a child of the one that ended, is judged like anybody.
        seen.listeners.retain(|listener| !is_it(listener) || !listener.pids.is_empty());
        if !seen.listeners.iter().any(is_it) {
            seen.binds.insert(claim.name.clone(), BindOutcome::Ok);
        }
    }
    seen
}

struct Run<'a, S, O> {
    system: &'a S,
    rules: &'a IdentityRules,
    limits: Limits,
    observe: O,
    terminated: Vec<Terminated>,
    survived: Vec<(Pid, String)>,
    reuse: Vec<(Pid, AddressReuse)>,
    /// Whether listeners are kept.
    keeps: bool,
    kept: Vec<Claim>,
    /// Whether any process was asked to stop or killed.
    signalled: bool,
}

/// A process on its way to its end.
struct Ending<H> {
    process: Process,
    holder: VerifiedHolder<H>,
    forced: bool,
}

impl<S: System, O: FnMut(TakeoverEvent<'_>) -> Called> Run<'_, S, O> {
    /// One round: handles first, then the second look, and only if both agree the ending.
    fn reclaim(&mut self, seen: &Snapshot, verdict: &Verdict) -> Result<(), Doubt> {
        let mut handles = Vec::new();
        let mut gone = BTreeSet::new();
        for &pid in &verdict.terminate {
            match self.system.open(pid) {
                Ok(Some(handle)) => handles.push((pid, handle)),
                Ok(None) => {
                    gone.insert(pid);
                }
                Err(error) => return Err(Doubt::NotAllowed(error.to_string())),
            }
        }
        let again = self.look_again(seen)?;
        let again_verdict = decide(&again, self.rules);
        // What was read between the opening of a handle and now, with the handle's process still alive, was
        // read of that very process: its id cannot have been given away.
        let opened: Vec<&S::Handle> = handles.iter().map(|(_, handle)| handle).collect();
        let exited = self.system.wait_any(&opened, Duration::ZERO);
        let exited = exited.map_err(|error| Doubt::NotAllowed(error.to_string()))?;
        gone.extend(handles.iter().zip(&exited).filter(|(_, exited)| **exited).map(|((pid, _), _)| *pid));

        verify(seen, verdict, &again, &again_verdict, &gone)?;
        for &pid in &gone {
            if let Some(process) = seen.process(pid) {
                let process = process.clone();
                self.ended(process, HowEnded::AlreadyGone, Duration::ZERO);
            }
        }
        handles.retain(|(pid, _)| !gone.contains(pid));
        if !handles.is_empty() {
            self.announce(&again, &again_verdict, &gone)?;
        }
        let endings = handles.into_iter().filter_map(|(pid, handle)| {
            let process = again.process(pid)?.clone();
            let holder = VerifiedHolder::new(process.identity(), handle);
            Some(Ending { process, holder, forced: false })
        });
        let endings: Vec<_> = endings.collect();
        self.allow_reuse(&endings, &seen.wanted);
        self.end(endings)
    }

    fn look_again(&self, seen: &Snapshot) -> Result<Snapshot, Doubt> {
        let again = self.system.look(&seen.role, &seen.wanted);
        Ok(without_kept(again.map_err(|error| Doubt::LookFailed(error.to_string()))?, &self.kept))
    }

    /// Sees to it that the ports can be had at once when those that hold them have ended, as far as the system lets it.
    fn allow_reuse(&mut self, endings: &[Ending<S::Handle>], wanted: &[WantedPort]) {
        let ports = wanted.iter().filter_map(WantedPort::target).map(|(_host, number)| number).collect();
        for ending in endings {
            let done = match self.system.allow_reuse(&ending.holder, &ports) {
                Ok(allowed) => {
                    self.keep(allowed.listeners, wanted);
                    AddressReuse::Allowed(allowed.sockets)
                }
                Err(ReuseError::Unsupported) => continue,
                Err(error) => AddressReuse::Refused(error.to_string()),
            };
            let pid = ending.process.pid;
            self.tell(TakeoverEvent::Reuse(pid, &done));
            self.reuse.push((pid, done));
        }
    }

    /// Keeps those listeners that are just the wanted ones.
    fn keep(&mut self, listeners: Vec<TcpListener>, wanted: &[WantedPort]) {
        for listener in listeners.into_iter().filter(|_| self.keeps) {
            let claim = Claim { name: String::new(), listener };
            let port = wanted.iter().find(|port| claim.is_for(port));
            if let Some(port) = port.filter(|port| self.kept.iter().all(|kept| kept.name != port.name)) {
                self.kept.push(Claim { name: port.name.clone(), ..claim });
            }
        }
    }

    /// Tells the observer who is about to be asked, and makes sure once more of all of them if it took its time.
    fn announce(&mut self, seen: &Snapshot, verdict: &Verdict, gone: &BTreeSet<Pid>) -> Result<(), Doubt> {
        let told_at = self.system.now();
        if (self.observe)(TakeoverEvent::Verified(&incumbents(verdict, gone))).is_break() {
            return Err(Doubt::CalledOff);
        }
        if self.system.now().saturating_sub(told_at) < VERIFIED_FOR {
            return Ok(());
        }
        let again = self.look_again(seen)?;
        verify(seen, verdict, &again, &decide(&again, self.rules), gone)
    }

    /// Asks all of them, waits for all of them together, and kills those that do not obey.
    fn end(&mut self, endings: Vec<Ending<S::Handle>>) -> Result<(), Doubt> {
        let asked_at = self.system.now();
        let mut waiting = Vec::new();
        for mut ending in endings {
            let pid = ending.process.pid;
            match self.system.ask(&ending.holder) {
                Ok(Asked::Delivered) => {
                    self.signalled = true;
                    self.tell(TakeoverEvent::Asked(pid));
                    waiting.push(ending);
                }
                Ok(Asked::AlreadyGone) => {
                    self.ended(ending.process, HowEnded::AlreadyGone, Duration::ZERO);
                }
                Ok(Asked::NotPossible) => match self.force(&mut ending) {
                    Ok(()) => waiting.push(ending),
                    Err(error) => self.not_allowed(pid, &error)?,
                },
                Err(error) => self.not_allowed(pid, &error)?,
            }
        }
        let waiting = self.wait(waiting, asked_at, asked_at + self.limits.grace);
        let mut killed = Vec::new();
        for mut ending in waiting {
            // One that was killed already because it cannot be asked is not killed twice.
            let forced = if ending.forced { Ok(()) } else { self.force(&mut ending) };
            match forced {
                Ok(()) => killed.push(ending),
                // It is not waited for: nothing was done to it. The reason stands.
                Err(error) => self.survives(ending.process.pid, error.to_string()),
            }
        }
        let killed_at = self.system.now();
        let left = self.wait(killed, asked_at, killed_at + self.limits.kill_wait);
        for ending in left {
            self.survives(ending.process.pid, "it does not end, even though it was killed".to_owned());
        }
        Ok(())
    }

    /// The first that may not be ended calls everything off, as long as nothing was signalled.
    fn not_allowed(&mut self, pid: Pid, error: &EndError) -> Result<(), Doubt> {
        if !self.signalled {
            return Err(Doubt::NotAllowed(error.to_string()));
        }
        self.survives(pid, error.to_string());
        Ok(())
    }

    fn force(&mut self, ending: &mut Ending<S::Handle>) -> Result<(), EndError> {
        self.system.kill(&ending.holder)?;
        ending.forced = true;
        self.signalled = true;
        self.tell(TakeoverEvent::Forcing(ending.process.pid));
        Ok(())
    }

    /// Waits until all have ended or the deadline has come; gives back those that live.
    fn wait(
        &mut self,
        mut waiting: Vec<Ending<S::Handle>>,
        asked_at: Duration,
        deadline: Duration,
    ) -> Vec<Ending<S::Handle>> {
        loop {
            let left = deadline.saturating_sub(self.system.now());
            if waiting.is_empty() {
                return waiting;
            }
            let handles: Vec<&S::Handle> = waiting.iter().map(|ending| ending.holder.handle()).collect();
            let Ok(exited) = self.system.wait_any(&handles, left) else {
                // Nobody is killed early because the system cannot say who has ended.
                self.system.pause(left);
                return waiting;
            };
            let mut alive = Vec::new();
            for (ending, exited) in waiting.into_iter().zip(exited) {
                if exited {
                    let how = if ending.forced { HowEnded::Forced } else { HowEnded::Graceful };
                    let took = self.system.now().saturating_sub(asked_at);
                    self.ended(ending.process, how, took);
                } else {
                    alive.push(ending);
                }
            }
            waiting = alive;
            if left.is_zero() {
                return waiting;
            }
        }
    }

    fn survives(&mut self, pid: Pid, reason: String) {
        self.survived.retain(|(known, _)| *known != pid);
        self.survived.push((pid, reason));
    }

    /// An ending is never left half done, whatever the observer answers.
    fn tell(&mut self, event: TakeoverEvent<'_>) {
        let _goes_on = (self.observe)(event);
    }

    fn ended(&mut self, process: Process, how: HowEnded, took: Duration) {
        self.survived.retain(|(pid, _)| *pid != process.pid);
        let ended = Terminated { process, how, took };
        self.tell(TakeoverEvent::Gone(&ended));
        self.terminated.push(ended);
    }
}

/// Those that are still to be ended, with what was seen of them in the look that confirmed it.
fn incumbents(verdict: &Verdict, gone: &BTreeSet<Pid>) -> Vec<Incumbent> {
    let held =
        |pid: Pid| verdict.ports.iter().filter(move |port| port.holders.iter().any(|it| it.pid == pid));
    let incumbent = |pid: Pid| {
        let holder = held(pid).flat_map(|port| &port.holders).find(|holder| holder.pid == pid)?;
        let (process, role) = (holder.process.clone()?, holder.role.clone()?);
        let ports = held(pid).map(|port| port.wanted.clone()).collect();
        Some(Incumbent { process, role, rule: holder.rule, ports })
    };
    verdict.terminate.iter().copied().filter(|pid| !gone.contains(pid)).filter_map(incumbent).collect()
}

/// Whether a second look confirms the first, so that everything that is still to be ended may be ended.
///
/// `gone` are the processes of the first look that have exited since: that is no reason for doubt.
///
/// # Errors
/// [`Doubt`] if anything at all is different.
pub fn verify(
    seen: &Snapshot,
    verdict: &Verdict,
    again: &Snapshot,
    again_verdict: &Verdict,
    gone: &BTreeSet<Pid>,
) -> Result<(), Doubt> {
    let expected: BTreeSet<Pid> =
        verdict.terminate.iter().copied().filter(|pid| !gone.contains(pid)).collect();
    let found: BTreeSet<Pid> =
        again_verdict.terminate.iter().copied().filter(|pid| !gone.contains(pid)).collect();
    if let Some(&pid) = found.difference(&expected).next() {
        return Err(Doubt::HolderAppeared(pid));
    }
    if found != expected {
        return Err(Doubt::DecisionChanged);
    }
    for pid in expected {
        let (Some(first), Some(second)) = (seen.process(pid), again.process(pid)) else {
            return Err(Doubt::ProcessChanged(pid));
        };
        if first.started_at.is_none() {
            return Err(Doubt::NoStartTime(pid));
        }
        if first.identity() != second.identity() {
            return Err(Doubt::ProcessChanged(pid));
        }
    }
    Ok(())
}
