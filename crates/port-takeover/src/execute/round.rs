//! One round of a takeover: those that hold the ports are verified, asked to stop, waited for, and killed if they do not.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use super::verify::{incumbents, verify};
use super::{Called, Limits, TakeoverEvent};
use crate::decision::{Verdict, decide};
use crate::error::{Doubt, EndError, ReuseError};
use crate::identity::IdentityRules;
use crate::port::{Claim, WantedPort};
use crate::process::{Pid, Process};
use crate::report::{AddressReuse, HowEnded, Terminated};
use crate::snapshot::{BindOutcome, Listener, Snapshot};
use crate::sys::{Asked, System, VerifiedHolder};

/// A look is confirmed once more where the observer took longer than this over [`TakeoverEvent::Verified`]: what was
/// verified before is then no longer of this moment. Far above what an observer needs that only takes notes.
const VERIFIED_FOR: Duration = Duration::from_millis(20);

/// A takeover under way.
pub(super) struct Run<'a, S, O> {
    pub(super) system: &'a S,
    pub(super) rules: &'a IdentityRules,
    pub(super) limits: Limits,
    pub(super) observe: O,
    pub(super) terminated: Vec<Terminated>,
    pub(super) survived: Vec<(Pid, String)>,
    pub(super) reuse: Vec<(Pid, AddressReuse)>,
    /// Whether listeners are kept.
    pub(super) keeps: bool,
    pub(super) kept: Vec<Claim>,
    /// Whether any process was asked to stop or killed.
    pub(super) signalled: bool,
}

/// A process on its way to its end.
struct Ending<H> {
    process: Process,
    holder: VerifiedHolder<H>,
    forced: bool,
}

impl<S: System, O: FnMut(TakeoverEvent<'_>) -> Called> Run<'_, S, O> {
    /// One round: handles first, then the second look, and only if both agree the ending.
    pub(super) fn reclaim(&mut self, seen: &Snapshot, verdict: &Verdict) -> Result<(), Doubt> {
        let mut handles = Vec::new();
        let mut gone = BTreeSet::new();
        for &pid in &verdict.terminate {
            match self.system.open(pid) {
                Ok(Some(handle)) => handles.push((pid, handle)),
                Ok(None) => {
                    gone.insert(pid);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let again = self.look_again(seen)?;
        let again_verdict = decide(&again, self.rules);
        // What was read between the opening of a handle and now, with the handle's process still alive, was
        // read of that very process: its id cannot have been given away.
        let opened: Vec<&S::Handle> = handles.iter().map(|(_, handle)| handle).collect();
        let exited = self.system.wait_any(&opened, Duration::ZERO);
        let exited = exited.map_err(Doubt::from)?;
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
        let ports = wanted.iter().map(|wanted| wanted.port.get()).collect();
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
                    Err(error) => self.not_allowed(pid, error)?,
                },
                Err(error) => self.not_allowed(pid, error)?,
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
    fn not_allowed(&mut self, pid: Pid, error: EndError) -> Result<(), Doubt> {
        if !self.signalled {
            return Err(error.into());
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

/// What was seen, but for the listeners that this process itself has kept: to it their ports are free.
pub(super) fn without_kept(mut seen: Snapshot, kept: &[Claim]) -> Snapshot {
    for claim in kept {
        let Some(wanted) = seen.wanted.iter().find(|wanted| claim.name == wanted.name).cloned() else {
            continue;
        };
        let (host, number) = (wanted.host, wanted.port.get());
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
