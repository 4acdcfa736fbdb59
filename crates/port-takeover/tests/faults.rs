//! Faults at every step of a takeover, on a machine that is stricter than a real one: it knows which life of
//! a process each handle means, remembers every signal, and lets anything change between any two calls.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use port_takeover::sys::{Asked, System};
use port_takeover::{
    BindOutcome, Doubt, EndError, HowEnded, IdentityRule, IdentityRules, Limits, Listener, LookError,
    Outcome, Pid, Process, Report, Role, SCHEMA, Snapshot, VerifiedHolder, WantedPort, take_over,
};
use proptest::prelude::*;

/// What goes wrong before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
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
    /// This look fails.
    LookFails,
    /// The answer of this look is damaged.
    Truncated,
    /// Waiting fails.
    WaitFails,
}

/// One life of a process: ids are reused, lives are not.
#[derive(Debug, Clone)]
struct Life {
    process: Process,
    is_ours: bool,
    alive: bool,
    obeys: bool,
    dies_when_killed: bool,
    /// Somebody starts it again at once when it ends.
    comes_back: u32,
    ports: BTreeSet<u16>,
}

#[derive(Debug, Default)]
struct World {
    lives: Vec<Life>,
    denied: bool,
    signals: Vec<(usize, &'static str)>,
}

struct Machine {
    world: RefCell<World>,
    faults: BTreeMap<u32, Fault>,
    step: Cell<u32>,
    clock: Cell<Duration>,
    lingers: Cell<Option<Duration>>,
}

fn pid(raw: u32) -> Pid {
    Pid::new(raw).unwrap()
}

fn life(raw: u32, exe: &str, started_at: u64, ports: &[u16]) -> Life {
    Life {
        process: Process {
            pid: pid(raw),
            name: exe.rsplit('/').next().unwrap().to_owned(),
            exe: Some(exe.to_owned()),
            argv: vec![exe.to_owned(), "agent".to_owned()],
            same_user: Some(true),
            user: None,
            started_at: Some(started_at),
        },
        is_ours: exe == "/opt/backend",
        alive: true,
        obeys: true,
        dies_when_killed: true,
        comes_back: 0,
        ports: ports.iter().copied().collect(),
    }
}

impl Machine {
    fn new(lives: Vec<Life>) -> Self {
        Self {
            world: RefCell::new(World { lives, ..World::default() }),
            faults: BTreeMap::new(),
            step: Cell::new(0),
            clock: Cell::new(Duration::ZERO),
            lingers: Cell::new(None),
        }
    }

    /// Every call is a step, before which something may go wrong.
    fn next(&self) -> Option<Fault> {
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
            Some(Fault::LookFails | Fault::Truncated | Fault::WaitFails) | None => {}
        }
        fault
    }

    /// Advances the clock by what every call costs.
    fn spend(&self, time: Duration) {
        self.clock.set(self.clock.get() + time);
    }
}

impl World {
    fn alive(&self, raw: u32) -> Option<usize> {
        self.lives.iter().position(|life| life.alive && life.process.pid == pid(raw))
    }

    fn end(&mut self, at: usize) {
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

fn denied(pid: Pid) -> EndError {
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
        let world = self.world.borrow();
        let mut listeners: BTreeMap<u16, Vec<Pid>> = BTreeMap::new();
        for life in world.lives.iter().filter(|life| life.alive) {
            for &port in &life.ports {
                listeners.entry(port).or_default().push(life.process.pid);
            }
        }
        let lingers = self.lingers.get().is_some_and(|until| self.clock.get() < until);
        let bind = |port: &WantedPort| {
            let held = port.target().is_some_and(|(_, number)| listeners.contains_key(&number));
            if held || lingers { BindOutcome::InUse } else { BindOutcome::Ok }
        };
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
            binds: wanted.iter().map(|port| (port.name.clone(), bind(port))).collect(),
            listeners: listeners
                .into_iter()
                .map(|(port, pids)| Listener { address: "127.0.0.1".to_owned(), port, pids, v6only: false })
                .collect(),
        })
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
            return Err(EndError::System { pid: pid(1), source: io::Error::other("no wait") });
        }
        let exited: Vec<bool> =
            handles.iter().map(|handle| !self.world.borrow().lives[**handle].alive).collect();
        // Nothing else happens on this machine while it waits: time passes.
        self.spend(if exited.contains(&true) { Duration::from_millis(1) } else { timeout });
        Ok(exited)
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
        world.signals.push((at, "ask"));
        if world.lives[at].obeys {
            world.end(at);
        }
        Ok(Asked::Delivered)
    }

    fn kill(&self, holder: &VerifiedHolder<usize>) -> Result<(), EndError> {
        self.next();
        let mut world = self.world.borrow_mut();
        let at = *holder.handle();
        if world.denied {
            return Err(denied(holder.identity().pid));
        }
        if world.lives[at].alive {
            world.signals.push((at, "kill"));
            if world.lives[at].dies_when_killed {
                world.end(at);
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

fn run(machine: &Machine) -> Result<Report, LookError> {
    let rules = IdentityRules {
        roles: vec![Role::new("agent")],
        default_role: Role::new("agent"),
        rules: vec![IdentityRule::Program { name: "backend".into() }],
    };
    let wanted = [
        WantedPort { name: "network".into(), host: "127.0.0.1".into(), port: 5680 },
        WantedPort { name: "control".into(), host: "127.0.0.1".into(), port: 5681 },
    ];
    let report = take_over(machine, &rules, &Role::new("agent"), &wanted, Limits::default(), |_| {
        ControlFlow::Continue(())
    });
    let limits = Limits::default();
    let bound = (limits.grace + limits.kill_wait) * limits.rounds + limits.lingering + Duration::from_secs(2);
    assert!(machine.clock.get() <= bound, "it took {:?}", machine.clock.get());
    for (at, signal) in &machine.world.borrow().signals {
        let life = &machine.world.borrow().lives[*at];
        assert!(life.is_ours, "{signal} to {life:?}");
    }
    report
}

fn signals(machine: &Machine) -> Vec<&'static str> {
    machine.world.borrow().signals.iter().map(|(_, signal)| *signal).collect()
}

fn stale() -> Vec<Life> {
    vec![life(300, "/opt/backend", 7, &[5680]), life(301, "/opt/backend", 8, &[5681])]
}

fn with_fault(step: u32, fault: Fault) -> Machine {
    Machine { faults: BTreeMap::from([(step, fault)]), ..Machine::new(stale()) }
}

#[test]
fn without_a_fault_all_stop_when_asked() {
    let machine = Machine::new(stale());
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::Ready);
    assert!(report.terminated.iter().all(|ended| ended.how == HowEnded::Graceful));
    assert_eq!(signals(&machine), ["ask", "ask"]);
}

/// Step 1 is the first look, 2 and 3 open the handles, 4 is the second look, 5 asks who has exited.
#[test]
fn any_change_between_the_looks_calls_everything_off() {
    for step in 2..=4 {
        for fault in [Fault::PidReused(300), Fault::Replaced(301), Fault::ForeignJoins(300)] {
            let machine = with_fault(step, fault);
            let report = run(&machine).unwrap();
            assert_eq!(report.outcome, Outcome::Refused, "{fault:?} at {step}");
            assert!(signals(&machine).is_empty(), "{fault:?} at {step}");
        }
    }
}

#[test]
fn a_reused_id_after_the_second_look_is_never_signalled() {
    for step in 5..=8 {
        let machine = with_fault(step, Fault::PidReused(301));
        let _report = run(&machine).unwrap(); // `run` checks every signal
    }
}

#[test]
fn one_that_has_gone_by_itself_is_success() {
    for step in 2..=7 {
        let machine = with_fault(step, Fault::Ends(300));
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, Outcome::Ready, "at {step}");
        assert!(report.terminated.iter().any(|ended| ended.process.pid == pid(301)));
    }
}

#[test]
fn denied_before_the_first_signal_touches_nothing() {
    for step in 2..=6 {
        let machine = with_fault(step, Fault::Denied);
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, Outcome::Refused, "at {step}");
        assert!(report.doubt.is_some() && signals(&machine).is_empty());
    }
}

#[test]
fn denied_between_two_signals_is_told() {
    let machine = with_fault(7, Fault::Denied);
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::NotFree);
    assert_eq!(report.survived[0].0, pid(301));
}

#[test]
fn a_look_that_fails_touches_nothing() {
    for fault in [Fault::LookFails, Fault::Truncated] {
        let machine = with_fault(1, fault);
        assert!(run(&machine).is_err());
        assert!(signals(&machine).is_empty(), "{fault:?}");

        let machine = with_fault(4, fault);
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, Outcome::Refused);
        assert!(
            matches!(report.doubt, Some(Doubt::LookFailed(_))) && signals(&machine).is_empty(),
            "{fault:?}"
        );
    }
}

#[test]
fn a_look_that_fails_afterwards_does_not_hide_what_was_ended() {
    let machine = with_fault(9, Fault::LookFails);
    let report = run(&machine).unwrap();
    assert_eq!(signals(&machine), ["ask", "ask"]);
    assert_eq!(report.outcome, Outcome::NotFree);
    assert_eq!(report.terminated.len(), 2);
    assert!(matches!(report.doubt, Some(Doubt::LookFailed(_))));
}

#[test]
fn one_that_does_not_obey_is_killed_and_one_that_never_ends_is_told() {
    let mut lives = stale();
    lives[0].obeys = false;
    lives[1].obeys = false;
    lives[1].dies_when_killed = false;
    let machine = Machine::new(lives);
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::NotFree);
    assert_eq!(report.terminated[0].how, HowEnded::Forced);
    assert!(report.terminated[0].took >= Limits::default().grace);
    assert!(report.survived.iter().any(|(who, _)| *who == pid(301)));
}

#[test]
fn one_that_comes_back_once_is_ended_twice_and_then_refused() {
    for (comes_back, outcome) in [(1, Outcome::Ready), (2, Outcome::NotFree)] {
        let mut lives = stale();
        lives[0].comes_back = comes_back;
        let machine = Machine::new(lives);
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, outcome);
        assert_eq!(signals(&machine).len(), 3, "two rounds, and no third");
        assert_eq!(report.holders.len(), 2 + comes_back as usize, "each life is a holder of its own");
    }
}

#[test]
fn a_lingering_port_is_waited_out_or_given_up() {
    for (lingers, outcome) in [(30, Outcome::Ready), (100, Outcome::Refused)] {
        let machine = Machine::new(Vec::new());
        machine.lingers.set(Some(Duration::from_secs(lingers)));
        assert_eq!(run(&machine).unwrap().outcome, outcome);
    }
}

#[test]
fn without_a_start_time_nothing_is_ended() {
    let mut lives = stale();
    lives[0].process.started_at = None;
    let machine = Machine::new(lives);
    assert_eq!(run(&machine).unwrap().outcome, Outcome::Refused);
    assert!(signals(&machine).is_empty());
}

fn fault() -> impl Strategy<Value = Fault> {
    let who = || prop_oneof![Just(300_u32), Just(301), Just(400), Just(401)];
    prop_oneof![
        who().prop_map(Fault::PidReused),
        who().prop_map(Fault::Replaced),
        who().prop_map(Fault::ForeignJoins),
        who().prop_map(Fault::Ends),
        Just(Fault::Denied),
        Just(Fault::LookFails),
        Just(Fault::Truncated),
        Just(Fault::WaitFails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    /// `run` checks that no foreign process was ever signalled and that the time is bounded; a panic fails.
    #[test]
    fn no_combination_of_faults_harms_a_foreign_process(
        faults in prop::collection::btree_map(1..20_u32, fault(), 0..5),
        obeys in any::<(bool, bool)>(),
        dies in any::<(bool, bool)>(),
        comes_back in (0..4_u32, 0..2_u32),
        lingers in prop::option::of(0..90_u64),
    ) {
        let mut lives = stale();
        (lives[0].obeys, lives[1].obeys) = obeys;
        (lives[0].dies_when_killed, lives[1].dies_when_killed) = dies;
        (lives[0].comes_back, lives[1].comes_back) = comes_back;
        let machine = Machine { faults, ..Machine::new(lives) };
        machine.lingers.set(lingers.map(Duration::from_secs));
        if let Ok(report) = run(&machine) && report.outcome == Outcome::Refused {
            prop_assert!(signals(&machine).is_empty(), "{report:#?}");
        }
    }
}
