//! The steps of a life, taken in their order: what [`Life`] decides is done here.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use port_takeover::sys::{Native, PassedSocket};
use port_takeover::{Claim, Journal, WantedPort, claim_passed};
use taskpaw_contract::config::{Config, ConfigHash};
use taskpaw_contract::sidecar::{Effect, GoOn, Hello, Input, Life, Line, Prepared, Reached, Step, StepError};
use taskpaw_contract::{Role, version};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::plan::{Plan, completed};
use crate::arguments::Arguments;
use crate::context::{Launch, Serves};
use crate::failure::Failure;
use crate::host::{Host, Passed, give, write_line};
use crate::lifecycle::{Stop, StopReason};
use crate::ports::{TakenOver, claim_ports, take_over_ports};
use crate::session::Session;
use crate::signs::Telling;
use crate::state::StateFolder;

/// What is under way.
type Work = Pin<Box<dyn Future<Output = Result<Did, Failure>>>>;

/// How it has come to its end.
enum Did {
    Prepared(ConfigHash),
    OtherConfig(Held),
    Serves(Box<Session>, Box<Plan>),
    IsLive(Box<Session>),
    StoodDown(Vec<Claim>, Serves),
}

/// Listening sockets that nobody serves now.
#[derive(Default)]
struct Held {
    /// This process's own.
    kept: Vec<Claim>,
    /// From when on those are served.
    serves: Serves,
    /// Those of a predecessor, not looked at yet.
    passed: Vec<PassedSocket>,
}

/// What all steps of one process know.
struct Around {
    arguments: Arguments,
    hello: Option<Hello>,
}

/// Takes every step until the end.
pub(super) async fn take(arguments: &Arguments, host: Option<Host>, stop: Stop) -> Result<(), Failure> {
    let (mut hello, mut steps, mut passed) = (None, None, Passed::default());
    if let Some(host) = host {
        (hello, steps, passed) = (Some(host.hello), Some(host.steps), host.passed);
    }
    let kept = hello.as_ref().map(TakenOver::by_host).unwrap_or_default().kept;
    let is_stepwise = hello.as_ref().is_some_and(Hello::is_stepwise);
    let around = Arc::new(Around { arguments: arguments.clone(), hello });
    let (life, effects) = Life::begin();
    let taker = Taker {
        around,
        steps,
        passed,
        stop,
        is_stepwise,
        life,
        work: None,
        session: None,
        over: None,
        held: Held { kept, ..Held::default() },
        hash: None,
        served: None,
        failure: None,
    };
    taker.run(effects.into()).await
}

struct Taker {
    around: Arc<Around>,
    /// What the host asks for.
    steps: Option<mpsc::Receiver<Result<Step, StepError>>>,
    /// The sockets that have come with that.
    passed: Passed,
    stop: Stop,
    /// Whether the host asks for each step.
    is_stepwise: bool,
    life: Life,
    work: Option<Work>,
    session: Option<Box<Session>>,
    /// The end of that session, which the control call can ask for.
    over: Option<Stop>,
    held: Held,
    /// Of the configuration that was prepared.
    hash: Option<ConfigHash>,
    /// By what it serves, or served last.
    served: Option<Plan>,
    failure: Option<Failure>,
}

impl Taker {
    async fn run(mut self, mut effects: VecDeque<Effect>) -> Result<(), Failure> {
        loop {
            while let Some(effect) = effects.pop_front() {
                match effect {
                    Effect::EndAtOnce => {
                        // Until the process has ended, nobody else may open what it holds.
                        std::mem::forget((self.session.take(), self.work.take()));
                        return Ok(());
                    }
                    Effect::End => {
                        let reason = self.stop.reason().unwrap_or(StopReason::Signal);
                        if let Some(session) = self.session.take() {
                            session.end(reason).await;
                        }
                        return self.failure.take().map_or(Ok(()), Err);
                    }
                    Effect::Fail => {
                        // As above.
                        std::mem::forget(self.session.take());
                        return self.failure.take().map_or(Ok(()), Err);
                    }
                    effect => {
                        if let Some(input) = self.perform(effect) {
                            effects.extend(self.handle(input));
                        }
                    }
                }
            }
            let input = self.hear().await;
            effects.extend(self.handle(input));
        }
    }

    fn handle(&mut self, input: Input) -> Vec<Effect> {
        let (life, effects) = self.life.handle(input);
        self.life = life;
        effects
    }

    /// Does what ends nothing; gives what follows at once where nobody asks for each step.
    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Prepare => self.work = Some(Box::pin(prepare(self.around.clone()))),
            Effect::GoOn(with) => {
                let (over, held) = (Stop::new(), std::mem::take(&mut self.held));
                self.over = Some(over.clone());
                let served = self.served.clone();
                self.work = Some(Box::pin(go_on(self.around.clone(), with, held, over, served)));
            }
            Effect::MakeLive => {
                let mut session = self.session.take()?;
                self.work = Some(Box::pin(async move {
                    session.go_live().await?;
                    Ok(Did::IsLive(session))
                }));
            }
            Effect::StandDown => {
                let session = self.session.take()?;
                self.over = None;
                self.work = Some(Box::pin(async {
                    let (kept, serves) = session.stand_down().await?;
                    Ok(Did::StoodDown(kept, serves))
                }));
            }
            Effect::CloseListeners => self.held = Held::default(),
            Effect::PassListeners => return Some(Input::Passed(self.pass_listeners())),
            Effect::TakeListeners => self.held.passed = self.passed.take(),
            Effect::Say(reached) => return self.say(reached),
            Effect::Refuse(refusal) => {
                tracing::warn!("the host asks for what is not for now: {refusal:?}");
                // What may have come with it is not for now either.
                drop(self.passed.take());
                write_line(&Line::Refused(refusal));
            }
            Effect::EndAtOnce | Effect::End | Effect::Fail => {}
        }
        None
    }

    /// Gives the host copies of what this backend has listened on; false if that cannot be, or if there is nothing.
    fn pass_listeners(&self) -> bool {
        let given = give(&self.held.kept);
        if let Err(error) = &given {
            tracing::info!(%error, "the ports cannot be passed on, and are let go");
        }
        given.is_ok() && !self.held.kept.is_empty()
    }

    /// Says how far it is; where nobody asks for each step, only that everything is done.
    fn say(&mut self, reached: Reached) -> Option<Input> {
        let line = match reached {
            Reached::Prepared if !self.is_stepwise => {
                return Some(Input::Asked(Ok(Step::GoOn(GoOn::default()))));
            }
            Reached::Ready if !self.is_stepwise => return Some(Input::Asked(Ok(Step::Live))),
            Reached::Prepared => Line::Prepared(Prepared {
                taskpaw_prepared: true,
                role: self.around.arguments.role,
                version: version().to_owned(),
                pid: std::process::id(),
                config_hash: self.hash.clone()?,
            }),
            Reached::Live if self.is_stepwise => Line::Live,
            Reached::Ready | Reached::Live => Line::Ready(self.session.as_ref()?.ready()),
            Reached::StoodDown => Line::StoodDown,
            Reached::ListenersClosed => Line::ListenersClosed,
            Reached::ListenersPassed => Line::ListenersPassed,
        };
        write_line(&line);
        if reached == Reached::Live {
            // Whatever the first start was like: from now on the host asks for each step.
            self.is_stepwise = true;
            self.session.as_mut()?.has_gone_live();
        }
        None
    }

    /// What happens next.
    async fn hear(&mut self) -> Input {
        let over = self.over.clone();
        tokio::select! {
            biased;
            () = self.stop.requested() => Input::Stop,
            () = when_over(over.as_ref()) => {
                self.stop.request(StopReason::ControlCall);
                Input::Stop
            }
            asked = next_step(self.steps.as_mut()) => match asked {
                Some(asked) => Input::Asked(asked),
                None => {
                    self.steps = None;
                    self.stop.request(StopReason::HostGone);
                    Input::HostGone
                }
            },
            did = result_of(self.work.as_mut()) => {
                self.work = None;
                self.note(did)
            }
            lost = port_lost(self.session.as_mut()) => {
                self.failure = Some(lost);
                Input::PortLost
            }
        }
    }

    fn note(&mut self, did: Result<Did, Failure>) -> Input {
        match did {
            Ok(Did::Prepared(hash)) => self.hash = Some(hash),
            Ok(Did::OtherConfig(held)) => {
                (self.held, self.over) = (held, None);
                return Input::OtherConfig;
            }
            Ok(Did::Serves(session, plan)) => (self.session, self.served) = (Some(session), Some(*plan)),
            Ok(Did::IsLive(session)) => self.session = Some(session),
            Ok(Did::StoodDown(kept, serves)) => self.held = Held { kept, serves, passed: Vec::new() },
            Err(failure) => {
                self.failure = Some(failure);
                return Input::Failed;
            }
        }
        Input::Done
    }
}

async fn when_over(over: Option<&Stop>) {
    match over {
        Some(over) => over.requested().await,
        None => pending().await,
    }
}

async fn next_step(
    steps: Option<&mut mpsc::Receiver<Result<Step, StepError>>>,
) -> Option<Result<Step, StepError>> {
    match steps {
        Some(steps) => steps.recv().await,
        None => pending().await,
    }
}

async fn result_of(work: Option<&mut Work>) -> Result<Did, Failure> {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

async fn port_lost(session: Option<&mut Box<Session>>) -> Failure {
    match session {
        Some(session) => session.port_lost().await,
        None => pending().await,
    }
}

/// What blocks, on a thread of its own.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    spawn_blocking(work).await.map_err(|error| Failure::system(what)(io::Error::other(error)))
}

async fn prepare(around: Arc<Around>) -> Result<Did, Failure> {
    let prepared = blocking("the configuration cannot be read", move || {
        Plan::prepare(&around.arguments, around.hello.as_ref())
    });
    Ok(Did::Prepared(prepared.await??.hash))
}

impl Held {
    /// The ports that need not be bound: of those that were passed all or none, if they are just what is wanted; and from when
    /// on they are served.
    fn claims(self, wanted: &[WantedPort]) -> (Vec<Claim>, Serves) {
        if self.passed.is_empty() {
            return (self.kept, self.serves);
        }
        let found = claim_passed(&Native::new(), self.passed, wanted);
        if !found.is_whole() || !found.refused.is_empty() {
            tracing::warn!("not everything that was passed can be used: {}", found.why_not());
        }
        if found.is_whole() {
            tracing::info!("the ports were passed on by the backend before this one");
            return (found.all, Serves::WhenLive);
        }
        (self.kept, self.serves)
    }
}

/// Where the claimed ports are, for the record of who holds the state.
fn served(claims: &[Claim]) -> Vec<SocketAddr> {
    claims.iter().filter_map(|claim| claim.listener.local_addr().ok()).collect()
}

/// From *prepared* to *serving*. Everything is read again; `served_by` is by what it served before it stood down.
async fn go_on(
    around: Arc<Around>,
    with: GoOn,
    held: Held,
    over: Stop,
    served_by: Option<Plan>,
) -> Result<Did, Failure> {
    let role = around.arguments.role;
    let GoOn { config_hash, ports } = with;
    let reading = around.clone();
    let plan = blocking("the configuration cannot be read", move || {
        let (arguments, hello, ports) = (&reading.arguments, reading.hello.as_ref(), ports.as_deref());
        match served_by {
            Some(plan) => plan.read_again(arguments, hello, ports),
            None => Plan::read(arguments, hello, ports),
        }
    });
    let plan = plan.await??;
    let Plan { config, folders, hash } = plan.clone();
    if config_hash.is_some_and(|prepared| prepared != hash) {
        return Ok(Did::OtherConfig(held));
    }
    let wanted = config.wanted_ports(role)?;
    let (kept, serves) = held.claims(&wanted);
    let mut taken_over = TakenOver { kept, ..TakenOver::default() };
    if around.hello.is_none() {
        let (ports, journal) = (wanted.clone(), Journal::at(folders.journal_file()));
        let (token, state_folder) = (config.agent.token.clone(), folders.state());
        taken_over = blocking("the takeover failed", move || {
            take_over_ports(role, &ports, &journal, &token, &state_folder)
        })
        .await?;
    }
    let claims = claim_ports(&wanted, taken_over)?;
    let (state_folder, served) = (folders.state(), served(&claims));
    let opening = move || StateFolder::open(&state_folder, role, served);
    let state = blocking("the state folder cannot be opened", opening).await??;
    let config = match role {
        Role::Agent => config,
        // By now the hub of V3 has ended.
        Role::Hub => completed(config, folders.clone()).await?,
    };
    let is_alone = around.hello.is_none();
    let is_stepwise = around.hello.as_ref().is_some_and(Hello::is_stepwise);
    let telling = if is_stepwise { Telling::Host } else { Telling::Nobody };
    let control_token = match &around.hello {
        Some(hello) => hello.control_token.clone(),
        None => state.control_token()?,
    };
    let machine = machine_name(&config, role);
    let (config_file, data_folder, v3_folder) = (folders.config_file(), folders.data, folders.v3);
    let launch = Launch {
        config,
        config_file,
        machine,
        control_token,
        state,
        data_folder,
        v3_folder,
        over,
        telling,
        is_alone,
        serves,
    };
    Ok(Did::Serves(Box::new(Session::start(role, launch, claims).await?), Box::new(plan)))
}

/// What people call this machine, or its hub if that has a name of its own.
fn machine_name(config: &Config, role: Role) -> String {
    let of_hub = if role == Role::Hub { config.hub.machine.trim() } else { "" };
    let names = [of_hub, config.agent.machine.trim()];
    match names.into_iter().find(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => sysinfo::System::host_name().unwrap_or_else(|_| "unnamed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An agent that serves, as the end of a step leaves it.
    async fn serving(folder: &std::path::Path) -> Taker {
        let (role, over) = (Role::Agent, Stop::new());
        let bound = |name: &str| Claim {
            name: name.to_owned(),
            listener: std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap(),
        };
        let launch = Launch {
            config: Config::default(),
            config_file: folder.join("config.json"),
            machine: "m".to_owned(),
            control_token: "x".repeat(64),
            state: StateFolder::open(&folder.join("state"), role, Vec::new()).unwrap(),
            data_folder: folder.to_owned(),
            v3_folder: folder.join("v3"),
            over: over.clone(),
            telling: Telling::Nobody,
            is_alone: true,
            serves: Serves::AtOnce,
        };
        let session = Session::start(role, launch, vec![bound("network"), bound("control")]).await.unwrap();
        let arguments = Arguments { config_dir: None, role };
        Taker {
            around: Arc::new(Around { arguments, hello: None }),
            steps: None,
            passed: Passed::default(),
            stop: Stop::new(),
            is_stepwise: false,
            life: Life::Serving,
            work: None,
            session: Some(Box::new(session)),
            over: Some(over),
            held: Held::default(),
            hash: None,
            served: None,
            failure: None,
        }
    }

    /// Half a backend would be one that a host takes for whole, until it happens to use that port.
    #[tokio::test]
    async fn a_port_that_fails_is_the_end_of_the_backend_with_an_error() {
        for life in [Life::Serving, Life::Live] {
            let folder = tempfile::tempdir().unwrap();
            let mut taker = serving(folder.path()).await;
            taker.life = life;
            taker.session.as_mut().unwrap().break_a_port();
            let ended = tokio::time::timeout(Duration::from_secs(60), taker.run(VecDeque::new())).await;
            let failure = ended.expect("it ends").expect_err("with an error");
            assert!(
                matches!(&failure, Failure::PortLost { why, .. } if why.contains("panic")),
                "{life:?}: {failure}"
            );
        }
    }

    #[tokio::test]
    async fn an_end_that_is_asked_for_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let mut taker = serving(folder.path()).await;
        taker.life = Life::Live;
        taker.over.as_ref().unwrap().request(StopReason::ControlCall);
        let ended = tokio::time::timeout(Duration::from_secs(60), taker.run(VecDeque::new())).await;
        ended.expect("it ends").unwrap();
    }
}
