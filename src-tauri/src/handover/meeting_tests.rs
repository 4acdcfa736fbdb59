//! Both sides of a handover, as they run, against each other: with apps that only count what was asked of them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::handover::Problem;
use port_takeover::{Pid, ProcessIdentity};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{Failure, RoleFailure};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::conversation::{Conversation, NamedBackend, WithIncumbent, WithSuccessor};
use super::following::{Followed, Follows, follow};
use super::yielding::{Offer, StoodDown, Yielded, Yields, yield_to};

/// Every handover of these tests takes some steps of a tenth of a second at most.
const LONG: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    Old,
    New,
}

/// The machine on which both run.
struct Computer {
    place: Mutex<Holder>,
    /// How many backends hold the ports, and how many ever did so at the same time.
    serving: AtomicU32,
    most_serving: AtomicU32,
}

impl Computer {
    fn with_old() -> Arc<Self> {
        let place = Mutex::new(Holder::Old);
        Arc::new(Self { place, serving: AtomicU32::new(1), most_serving: AtomicU32::new(1) })
    }

    fn serve(&self) {
        let now = self.serving.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_serving.fetch_max(now, Ordering::SeqCst);
    }

    fn end_serving(&self) {
        self.serving.fetch_sub(1, Ordering::SeqCst);
    }

    fn take(&self, who: Holder) -> bool {
        let mut place = self.place.lock().unwrap();
        let is_free = *place == Holder::Nobody;
        if is_free {
            *place = who;
        }
        is_free || *place == who
    }

    fn release(&self, who: Holder) {
        let mut place = self.place.lock().unwrap();
        if *place == who {
            *place = Holder::Nobody;
        }
    }

    fn holder(&self) -> Holder {
        *self.place.lock().unwrap()
    }
}

struct Old {
    computer: Arc<Computer>,
    stands_down: bool,
    quits: Notify,
    ended: Mutex<Vec<NamedBackend>>,
    let_go: Mutex<Vec<Role>>,
}

impl Old {
    fn on(computer: &Arc<Computer>) -> Self {
        Self {
            computer: Arc::clone(computer),
            stands_down: true,
            quits: Notify::new(),
            ended: Mutex::default(),
            let_go: Mutex::default(),
        }
    }
}

impl Yields for Old {
    async fn stand_down(&self) -> Option<StoodDown> {
        if !self.stands_down {
            return None;
        }
        self.computer.end_serving();
        let offers =
            named().into_iter().map(|backend| Offer { backend, sockets: Box::new(Vec::new) }).collect();
        Some(StoodDown { served: vec![Role::Agent], offers })
    }

    async fn let_go(&self, roles: Vec<Role>) {
        self.let_go.lock().unwrap().extend(roles);
    }

    fn serve(&self) {
        if self.stands_down {
            self.computer.serve();
        }
    }

    async fn end_backends_of_successor(&self, backends: Vec<NamedBackend>) {
        *self.ended.lock().unwrap() = backends;
    }

    fn lend_place(&self) {
        self.computer.release(Holder::Old);
    }

    fn take_place_back(&self) -> bool {
        self.computer.take(Holder::Old)
    }

    async fn until_quit(&self) {
        self.quits.notified().await;
    }
}

/// How the successor's backends are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backends {
    Good,
    CannotBePrepared,
    NeverReady,
    NeverLive,
    Hang,
}

struct New {
    computer: Arc<Computer>,
    backends: Backends,
    conversation: Mutex<Option<WithIncumbent>>,
    serves: AtomicBool,
    is_live: AtomicBool,
    is_supervised: AtomicBool,
    told: Mutex<Vec<(Problem, Option<RoleFailure>)>>,
    /// The roles whose listening sockets it cannot use.
    not_taken: Mutex<Vec<Role>>,
    again: Notify,
    quits: Notify,
}

impl New {
    fn on(computer: &Arc<Computer>, backends: Backends, conversation: WithIncumbent) -> Self {
        Self {
            computer: Arc::clone(computer),
            backends,
            conversation: Mutex::new(Some(conversation)),
            serves: AtomicBool::new(false),
            is_live: AtomicBool::new(false),
            is_supervised: AtomicBool::new(false),
            told: Mutex::default(),
            not_taken: Mutex::default(),
            again: Notify::new(),
            quits: Notify::new(),
        }
    }
}

fn failure() -> RoleFailure {
    RoleFailure { role: Role::Agent, failure: Failure::PortConflict }
}

fn named() -> Vec<NamedBackend> {
    let process =
        ProcessIdentity { pid: Pid::own(), started_at: Some(7), exe: Some("/x/taskpaw-backend".into()) };
    vec![NamedBackend { role: Role::Agent, process }]
}

impl Follows for New {
    async fn ask(&self) -> Option<WithIncumbent> {
        self.conversation.lock().unwrap().take()
    }

    async fn prepare(&self) -> Result<(), RoleFailure> {
        if self.backends == Backends::CannotBePrepared { Err(failure()) } else { Ok(()) }
    }

    fn backends(&self) -> Vec<NamedBackend> {
        named()
    }

    fn not_taken(&self) -> Vec<Role> {
        std::mem::take(&mut self.not_taken.lock().unwrap())
    }

    async fn go_on(&self, served: Option<Vec<Role>>) -> Result<(), RoleFailure> {
        assert!(served.is_none_or(|served| served == [Role::Agent]));
        match self.backends {
            Backends::Hang => std::future::pending().await,
            Backends::Good | Backends::NeverLive => {}
            Backends::NeverReady | Backends::CannotBePrepared => return Err(failure()),
        }
        self.serves.store(true, Ordering::SeqCst);
        self.computer.serve();
        Ok(())
    }

    fn make_live(&self) -> impl Future<Output = Result<(), RoleFailure>> + Send {
        assert_eq!(self.computer.holder(), Holder::New, "only who has the place acts outside");
        let is_good = self.backends != Backends::NeverLive;
        self.is_live.store(is_good, Ordering::SeqCst);
        async move { if is_good { Ok(()) } else { Err(failure()) } }
    }

    fn advances(&self) -> u64 {
        0
    }

    fn supervise(&self) {
        assert_eq!(self.computer.holder(), Holder::New, "only who has the place starts backends anew");
        self.is_supervised.store(true, Ordering::SeqCst);
    }

    fn end_backends(&self) {
        if self.serves.swap(false, Ordering::SeqCst) {
            self.computer.end_serving();
        }
    }

    fn take_place(&self) -> bool {
        self.computer.take(Holder::New)
    }

    fn release_place(&self) {
        self.computer.release(Holder::New);
    }

    async fn end_incumbent(&self) -> bool {
        false
    }

    fn tell(&self, problem: Problem, failure: Option<RoleFailure>) {
        self.told.lock().unwrap().push((problem, failure));
        self.again.notify_one();
    }

    async fn until_quit(&self) {
        self.quits.notified().await;
    }

    async fn until_wanted_again(&self) {
        self.again.notified().await;
    }
}

fn connected() -> (WithSuccessor, WithIncumbent) {
    Conversation::pair()
}

async fn meet(old: &Old, with_successor: WithSuccessor, new: &New) -> (Yielded, Followed) {
    let both = async { tokio::join!(yield_to(old, with_successor), follow(new)) };
    timeout(LONG, both).await.expect("both come to an end")
}

#[tokio::test]
async fn a_sound_successor_gets_the_place_and_is_live() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::Good, with_incumbent));
    assert_eq!(meet(&old, with_successor, &new).await, (Yielded::Over, Followed::Placed));
    assert_eq!(computer.holder(), Holder::New);
    assert!(new.is_live.load(Ordering::SeqCst) && new.is_supervised.load(Ordering::SeqCst));
    assert_eq!(computer.most_serving.load(Ordering::SeqCst), 1, "never two at once");
    assert_eq!(computer.serving.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn ports_that_cannot_be_used_are_let_go_before_the_successor_goes_on() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::Good, with_incumbent));
    *new.not_taken.lock().unwrap() = vec![Role::Agent];
    assert_eq!(meet(&old, with_successor, &new).await, (Yielded::Over, Followed::Placed));
    assert_eq!(*old.let_go.lock().unwrap(), [Role::Agent]);
    assert_eq!(computer.holder(), Holder::New);
}

#[tokio::test]
async fn one_that_cannot_be_prepared_asks_nobody() {
    let computer = Computer::with_old();
    let (mut with_successor, with_incumbent) = connected();
    let new = New::on(&computer, Backends::CannotBePrepared, with_incumbent);
    assert_eq!(timeout(LONG, follow(&new)).await.unwrap(), Followed::Again);
    assert_eq!(*new.told.lock().unwrap(), [(Problem::NotPrepared, Some(failure()))]);
    assert_eq!(computer.holder(), Holder::Old);
    drop(new);
    assert_eq!(with_successor.hear().await, None, "nothing was said");
}

#[tokio::test]
async fn the_incumbent_serves_again_when_its_successor_has_failed() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::NeverReady, with_incumbent));
    let (yielded, followed) = meet(&old, with_successor, &new).await;
    assert_eq!(yielded, Yielded::GoesOn { because: Some(failure()) });
    assert_eq!(followed, Followed::Again);
    assert_eq!(*new.told.lock().unwrap(), [(Problem::NotReady, Some(failure()))]);
    assert_eq!(*old.ended.lock().unwrap(), named(), "what it named is ended");
    assert_eq!((computer.holder(), computer.serving.load(Ordering::SeqCst)), (Holder::Old, 1));
}

/// It was ready, was confirmed, and had the place already.
#[tokio::test]
async fn the_incumbent_serves_again_when_its_successor_does_not_become_live() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::NeverLive, with_incumbent));
    let (yielded, followed) = meet(&old, with_successor, &new).await;
    assert_eq!((yielded, followed), (Yielded::GoesOn { because: Some(failure()) }, Followed::Again));
    assert_eq!(*new.told.lock().unwrap(), [(Problem::NotLive, Some(failure()))]);
    assert!(!new.is_supervised.load(Ordering::SeqCst));
    assert_eq!(*old.ended.lock().unwrap(), named(), "what it named is ended");
    assert_eq!((computer.holder(), computer.serving.load(Ordering::SeqCst)), (Holder::Old, 1));
}

#[tokio::test]
async fn the_incumbent_serves_again_when_its_successor_is_gone() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::Hang, with_incumbent));
    let both = async {
        tokio::select! {
            yielded = yield_to(&old, with_successor) => yielded,
            () = async {
                let _gone = timeout(Duration::from_millis(300), follow(&new)).await;
                drop(new);
                std::future::pending::<()>().await;
            } => unreachable!(),
        }
    };
    let yielded = timeout(LONG, both).await.expect("it goes on");
    assert_eq!(yielded, Yielded::GoesOn { because: None });
    assert_eq!((computer.holder(), computer.serving.load(Ordering::SeqCst)), (Holder::Old, 1));
}

#[tokio::test]
async fn one_that_does_not_stand_down_goes_on_and_its_successor_says_so() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let old = Old { stands_down: false, ..Old::on(&computer) };
    let new = New::on(&computer, Backends::Good, with_incumbent);
    let (yielded, followed) = meet(&old, with_successor, &new).await;
    assert_eq!((yielded, followed), (Yielded::GoesOn { because: None }, Followed::Again));
    assert_eq!(*new.told.lock().unwrap(), [(Problem::Refused, None)]);
    assert!(!new.serves.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_person_who_ends_the_old_one_ends_both() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::Hang, with_incumbent));
    let quits = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        old.quits.notify_one();
    };
    let (ended, ()) = tokio::join!(meet(&old, with_successor, &new), quits);
    assert_eq!(ended, (Yielded::Over, Followed::Ended));
}

#[tokio::test]
async fn a_person_who_ends_the_new_one_ends_both() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let (old, new) = (Old::on(&computer), New::on(&computer, Backends::Hang, with_incumbent));
    let quits = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        new.quits.notify_one();
    };
    let (ended, ()) = tokio::join!(meet(&old, with_successor, &new), quits);
    assert_eq!(ended, (Yielded::Over, Followed::Ended));
}

/// Nobody is there any more who could give the place back: it was given up with the process.
#[tokio::test]
async fn the_successor_goes_on_alone_when_the_incumbent_has_died() {
    let computer = Computer::with_old();
    let (with_successor, with_incumbent) = connected();
    let new = New::on(&computer, Backends::Good, with_incumbent);
    let dying = async {
        let mut with_successor = with_successor;
        tokio::time::sleep(Duration::from_millis(100)).await;
        computer.end_serving();
        computer.release(Holder::Old);
        drop(std::mem::replace(&mut with_successor, connected().0));
        with_successor
    };
    let (followed, _) = timeout(LONG, async { tokio::join!(follow(&new), dying) }).await.expect("it goes on");
    assert_eq!((followed, computer.holder()), (Followed::Placed, Holder::New));
    assert_eq!(computer.serving.load(Ordering::SeqCst), 1);
}
