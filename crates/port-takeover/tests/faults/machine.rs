//! A machine that is stricter than a real one: it knows which life of a process each handle means, remembers
//! every signal, and lets anything change between any two calls.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use port_takeover::sys::{Asked, ReuseAllowed, System};
use port_takeover::{
    BindOutcome, BoundSocket, EndError, Listener, LookError, Pid, Process, ReuseError, Role, SCHEMA,
    Snapshot, StateSeen, VerifiedHolder, WantedPort,
};

/// What goes wrong before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process ends, and its id and its port go to a foreign process.
    PidReused(u32),
    /// A process becomes another program (exec) under the same id and start time.
    Replaced(u32),
    /// A foreign process gets hold of a process's port, beside it.
    ForeignJoins(u32),
    /// A process ends by itself.
    Ends(u32),
    /// This call, and all after it on the same process, are denied.
    Denied,
    /// From now on nothing may be killed, while asking is allowed.
    KillDenied,
    /// Sockets of others may not be changed from now on.
    ReuseDenied,
    /// This look fails.
    LookFails,
    /// The answer of this look is damaged.
    Truncated,
    /// Waiting fails.
    WaitFails,
}

/// One life of a process: ids are reused, lives are not.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) process: Process,
    pub(crate) is_ours: bool,
    pub(crate) alive: bool,
    pub(crate) obeys: bool,
    /// It has a way to be asked (Windows: the backend's stop event).
    pub(crate) can_be_asked: bool,
    pub(crate) dies_when_killed: bool,
    /// Somebody starts it again at once when it ends.
    pub(crate) comes_back: u32,
    pub(crate) ports: BTreeSet<u16>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) lives: Vec<Life>,
    pub(crate) denied: bool,
    pub(crate) kill_denied: bool,
    pub(crate) reuse_denied: bool,
    /// Who was asked or killed since the last look.
    pub(crate) signalled: BTreeSet<usize>,
    /// Whose sockets were given SO_REUSEADDR.
    pub(crate) reusable: BTreeSet<usize>,
    pub(crate) signals: Vec<(usize, &'static str)>,
}

pub(crate) struct Machine {
    pub(crate) world: RefCell<World>,
    pub(crate) faults: BTreeMap<u32, Fault>,
    pub(crate) step: Cell<u32>,
    pub(crate) clock: Cell<Duration>,
    pub(crate) lingers: Cell<Option<Duration>>,
    /// The ports that linger; empty for all.
    pub(crate) lingering_ports: BTreeSet<u16>,
    /// The life that holds the lock of the state, and that its record names. Nothing: there is one installation only.
    pub(crate) keeps_state: Option<usize>,
    /// When processes end by themselves.
    pub(crate) endings: RefCell<BTreeMap<Duration, u32>>,
    /// Whether a trial bind costs next to nothing here.
    pub(crate) has_cheap_binds: bool,
    /// So long a port lingers whose holder ended without SO_REUSEADDR on its sockets.
    pub(crate) time_wait: Option<Duration>,
    /// So long the sockets of one that has ended are still listed, without an owner.
    pub(crate) sockets_outlive: Option<Duration>,
    /// Which, and until when.
    pub(crate) ownerless: RefCell<Vec<(u16, Duration)>>,
}

pub(crate) fn pid(raw: u32) -> Pid {
    Pid::new(raw).unwrap()
}

pub(crate) fn life(raw: u32, exe: &str, started_at: u64, ports: &[u16]) -> Life {
    Life {
        process: Process {
            pid: pid(raw),
            name: exe.rsplit('/').next().unwrap().to_owned(),
            exe: Some(exe.to_owned()),
            argv: vec![exe.to_owned(), "agent".to_owned()],
            cwd: None,
            same_user: Some(true),
            user: None,
            started_at: Some(started_at),
        },
        is_ours: exe == "/opt/backend",
        alive: true,
        obeys: true,
        can_be_asked: true,
        dies_when_killed: true,
        comes_back: 0,
        ports: ports.iter().copied().collect(),
    }
}

impl Machine {
    pub(crate) fn new(lives: Vec<Life>) -> Self {
        Self {
            world: RefCell::new(World { lives, ..World::default() }),
            faults: BTreeMap::new(),
            step: Cell::new(0),
            clock: Cell::new(Duration::ZERO),
            lingers: Cell::new(None),
            lingering_ports: BTreeSet::new(),
            keeps_state: None,
            endings: RefCell::default(),
            has_cheap_binds: true,
            time_wait: None,
            sockets_outlive: None,
            ownerless: RefCell::default(),
        }
    }

    /// Every call is a step, before which something may go wrong.
    pub(crate) fn next(&self) -> Option<Fault> {
        let step = self.step.get() + 1;
        self.step.set(step);
        let fault = self.faults.get(&step).copied();
        let mut world = self.world.borrow_mut();
        let started = 1000 + u64::from(step);
        match fault {
            Some(Fault::PidReused(raw)) => {
                if let Some(at) = world.alive(raw) {
                    let ports: Vec<u16> = world.lives[at].ports.iter().copied().collect();
                    world.lives[at].alive = false;
                    world.lives.push(life(raw, "/usr/sbin/nginx", started, &ports));
                }
            }
            Some(Fault::Replaced(raw)) => {
                if let Some(at) = world.alive(raw) {
                    let before = world.lives[at].process.started_at.unwrap();
                    let ports: Vec<u16> = world.lives[at].ports.iter().copied().collect();
                    world.lives[at].alive = false;
                    world.lives.push(life(raw, "/usr/sbin/nginx", before, &ports));
                }
            }
            Some(Fault::ForeignJoins(raw)) => {
                if let Some(at) = world.alive(raw) {
                    let ports: Vec<u16> = world.lives[at].ports.iter().copied().collect();
                    world.lives.push(life(900 + step, "/usr/sbin/nginx", started, &ports));
                }
            }
            Some(Fault::Ends(raw)) => {
                if let Some(at) = world.alive(raw) {
                    world.end(at);
                }
            }
            Some(Fault::Denied) => world.denied = true,
            Some(Fault::KillDenied) => world.kill_denied = true,
            Some(Fault::ReuseDenied) => world.reuse_denied = true,
            Some(Fault::LookFails | Fault::Truncated | Fault::WaitFails) | None => {}
        }
        fault
    }

    fn leave_sockets(&self, world: &World, at: usize) {
        if let Some(time_wait) = self.time_wait
            && !world.reusable.contains(&at)
        {
            self.lingers.set(Some(self.clock.get() + time_wait));
        }
        if let Some(outlive) = self.sockets_outlive {
            let until = self.clock.get() + outlive;
            self.ownerless.borrow_mut().extend(world.lives[at].ports.iter().map(|&port| (port, until)));
        }
    }

    /// Advances the clock by what every call costs.
    pub(crate) fn spend(&self, time: Duration) {
        self.clock.set(self.clock.get() + time);
        let due = self.endings.borrow_mut().split_off(&(self.clock.get() + Duration::from_nanos(1)));
        for raw in self.endings.replace(due).into_values() {
            let mut world = self.world.borrow_mut();
            if let Some(at) = world.alive(raw) {
                world.end(at);
            }
        }
    }

    /// Passes time until it is over, or until one of them has ended.
    fn wait_for(&self, handles: &[&usize], timeout: Duration) {
        let until = self.clock.get() + timeout;
        let is_meant = |raw: u32| {
            let at = self.world.borrow().alive(raw);
            at.is_some_and(|at| handles.iter().any(|handle| **handle == at))
        };
        let first = self.endings.borrow().iter().find(|(_, raw)| is_meant(**raw)).map(|(at, _)| *at);
        let until = first.map_or(until, |at| at.clamp(self.clock.get(), until));
        self.spend(until.saturating_sub(self.clock.get()));
    }

    fn binds(&self, wanted: &[WantedPort]) -> BTreeMap<String, BindOutcome> {
        let world = self.world.borrow();
        let is_held = |port: u16| world.lives.iter().any(|life| life.alive && life.ports.contains(&port));
        let still_lingers = self.lingers.get().is_some_and(|until| self.clock.get() < until);
        let lingers = |number: u16| {
            still_lingers && (self.lingering_ports.is_empty() || self.lingering_ports.contains(&number))
        };
        let bind = |port: &WantedPort| {
            let number = port.port.get();
            let refused = is_held(number) || lingers(number);
            if refused { BindOutcome::InUse } else { BindOutcome::Ok }
        };
        wanted.iter().map(|port| (port.name.clone(), bind(port))).collect()
    }
}

impl World {
    pub(crate) fn alive(&self, raw: u32) -> Option<usize> {
        self.lives.iter().position(|life| life.alive && life.process.pid == pid(raw))
    }

    pub(crate) fn end(&mut self, at: usize) {
        self.lives[at].alive = false;
        if self.lives[at].comes_back > 0 {
            let mut again = self.lives[at].clone();
            again.alive = true;
            again.comes_back -= 1;
            again.process.pid = pid(again.process.pid.get() + 100);
            again.process.started_at = again.process.started_at.map(|at| at + 1);
            self.lives.push(again);
        }
    }
}

pub(crate) fn denied(pid: Pid) -> EndError {
    EndError::Denied { pid }
}

impl System for Machine {
    /// The life that is meant, whatever its id means later.
    type Handle = usize;

    fn look(&self, role: &Role, wanted: &[WantedPort]) -> Result<Snapshot, LookError> {
        let fault = self.next();
        self.spend(Duration::from_millis(1));
        match fault {
            Some(Fault::LookFails) => return Err(LookError::Sockets(io::Error::other("no sockets"))),
            Some(Fault::Truncated) => return Err(LookError::Malformed("it is truncated")),
            _ => {}
        }
        self.world.borrow_mut().signalled.clear();
        let world = self.world.borrow();
        let mut listeners: BTreeMap<u16, Vec<Pid>> = BTreeMap::new();
        for life in world.lives.iter().filter(|life| life.alive) {
            for &port in &life.ports {
                listeners.entry(port).or_default().push(life.process.pid);
            }
        }
        for (port, _) in self.ownerless.borrow().iter().filter(|(_, until)| self.clock.get() < *until) {
            listeners.entry(*port).or_default();
        }
        let still_lingers = self.lingers.get().is_some_and(|until| self.clock.get() < until);
        let lingers = |number: u16| {
            still_lingers && (self.lingering_ports.is_empty() || self.lingering_ports.contains(&number))
        };
        let left_over = |port: u16| BoundSocket {
            address: "127.0.0.1".to_owned(),
            port,
            pids: Vec::new(),
            v6only: false,
            orphaned: true,
        };
        let numbers = wanted.iter().map(|wanted| wanted.port.get());
        let sockets = numbers.filter(|&number| lingers(number)).map(left_over).collect();
        Ok(Snapshot {
            schema: SCHEMA,
            role: role.clone(),
            self_pid: pid(1),
            wanted: wanted.to_vec(),
            processes: world
                .lives
                .iter()
                .filter(|life| life.alive)
                .map(|life| life.process.clone())
                .collect(),
            sockets: Some(sockets),
            state: self.keeps_state.map(|at| {
                let keeps = &world.lives[at];
                let holder = keeps.alive.then(|| keeps.process.identity());
                StateSeen { held: Some(keeps.alive), holder, ..StateSeen::default() }
            }),
            binds: self.binds(wanted),
            listeners: listeners
                .into_iter()
                .map(|(port, pids)| Listener { address: "127.0.0.1".to_owned(), port, pids, v6only: false })
                .collect(),
        })
    }

    fn try_binds(&self, wanted: &[WantedPort]) -> Option<BTreeMap<String, BindOutcome>> {
        self.has_cheap_binds.then(|| self.binds(wanted))
    }

    fn describe(&self, pid: Pid) -> Option<Process> {
        let world = self.world.borrow();
        world.alive(pid.get()).map(|at| world.lives[at].process.clone())
    }

    fn open(&self, pid: Pid) -> Result<Option<usize>, EndError> {
        self.next();
        let world = self.world.borrow();
        if world.denied {
            return Err(denied(pid));
        }
        Ok(world.alive(pid.get()))
    }

    fn wait_any(&self, handles: &[&usize], timeout: Duration) -> Result<Vec<bool>, EndError> {
        let fault = self.next();
        if fault == Some(Fault::WaitFails) {
            return Err(EndError::System { pid: pid(1), cause: io::Error::other("no wait") });
        }
        let exited: Vec<bool> =
            handles.iter().map(|handle| !self.world.borrow().lives[**handle].alive).collect();
        if exited.contains(&true) {
            self.spend(Duration::from_millis(1));
            return Ok(exited);
        }
        self.wait_for(handles, timeout);
        Ok(handles.iter().map(|handle| !self.world.borrow().lives[**handle].alive).collect())
    }

    fn allow_reuse(
        &self,
        holder: &VerifiedHolder<usize>,
        ports: &BTreeSet<u16>,
    ) -> Result<ReuseAllowed, ReuseError> {
        self.next();
        let mut world = self.world.borrow_mut();
        let at = *holder.handle();
        // Only what is ours, of no other process, and before anybody was asked in this round.
        assert!(world.lives[at].is_ours, "{:?}", world.lives[at]);
        assert_eq!(world.lives[at].process.identity(), *holder.identity());
        assert!(world.signalled.is_empty(), "somebody was asked already: {:?}", world.signalled);
        if world.reuse_denied {
            return Err(ReuseError::NotAllowed);
        }
        if !world.lives[at].alive {
            return Ok(ReuseAllowed::default());
        }
        world.reusable.insert(at);
        let sockets = u32::try_from(world.lives[at].ports.intersection(ports).count()).unwrap();
        Ok(ReuseAllowed { sockets, listeners: Vec::new() })
    }

    fn ask(&self, holder: &VerifiedHolder<usize>) -> Result<Asked, EndError> {
        self.next();
        let mut world = self.world.borrow_mut();
        let at = *holder.handle();
        if world.denied {
            return Err(denied(holder.identity().pid));
        }
        if !world.lives[at].alive {
            return Ok(Asked::AlreadyGone);
        }
        if !world.lives[at].can_be_asked {
            return Ok(Asked::NotPossible);
        }
        world.signals.push((at, "ask"));
        world.signalled.insert(at);
        if world.lives[at].obeys {
            world.end(at);
            self.leave_sockets(&world, at);
        }
        Ok(Asked::Delivered)
    }

    fn kill(&self, holder: &VerifiedHolder<usize>) -> Result<(), EndError> {
        self.next();
        let mut world = self.world.borrow_mut();
        let at = *holder.handle();
        if world.denied || world.kill_denied {
            return Err(denied(holder.identity().pid));
        }
        if world.lives[at].alive {
            world.signals.push((at, "kill"));
            world.signalled.insert(at);
            if world.lives[at].dies_when_killed {
                world.end(at);
                self.leave_sockets(&world, at);
            }
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.clock.get()
    }

    fn pause(&self, duration: Duration) {
        self.spend(duration);
    }
}
