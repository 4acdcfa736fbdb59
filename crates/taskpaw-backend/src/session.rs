//! Serving a role: from claimed ports to *serving*, to *live*, and back to *prepared* or to the end.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use port_takeover::Claim;
use taskpaw_contract::config::ConfigFile;
use taskpaw_contract::sidecar::Ready;
use taskpaw_contract::{Role, version};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};

use crate::agent::Agent;
use crate::context::{Launch, Serves};
use crate::failure::Failure;
use crate::http::{base_url, serve};
use crate::hub::Hub;
use crate::lifecycle::StopReason;

/// A role that is served.
pub(crate) struct Session {
    launch: Launch,
    part: Part,
    /// Ports that nobody is served on yet.
    waiting: Vec<(Port, Router)>,
    /// Each port's name, and its listener if it is kept.
    served: JoinSet<(String, Option<std::net::TcpListener>)>,
    /// The port for the app.
    app: Option<SocketAddr>,
    /// The port for hubs.
    network: Option<SocketAddr>,
}

enum Part {
    Agent(Box<Agent>),
    Hub(Box<Hub>),
}

impl Session {
    /// Opens the state and can answer requests.
    pub(crate) async fn start(role: Role, launch: Launch, claims: Vec<Claim>) -> Result<Self, Failure> {
        let ports = listeners(claims)?;
        let (launch, part) = match role {
            Role::Agent => {
                let agent = Agent::start(&launch)?;
                (launch, Part::Agent(Box::new(agent)))
            }
            // An older history is copied first: meanwhile the host may go.
            Role::Hub => {
                let opened = spawn_blocking(move || Hub::open(&launch).map(|hub| (launch, hub))).await;
                let failed = |error| Failure::system("the history cannot be opened")(io::Error::other(error));
                let (launch, hub) = opened.map_err(failed)??;
                (launch, Part::Hub(Box::new(hub)))
            }
        };
        let mut waiting = Vec::new();
        let (mut app, mut network) = (None, None);
        for port in ports {
            let routes = match &part {
                Part::Agent(agent) if port.name == "control" => agent.control_routes(),
                Part::Agent(agent) => agent.network_routes(),
                Part::Hub(hub) => hub.routes(port.address.ip()),
            };
            *(if port.name == "network" { &mut network } else { &mut app }) = Some(port.address);
            waiting.push((port, routes));
        }
        let mut session = Self { launch, part, waiting, served: JoinSet::new(), app, network };
        if session.launch.serves == Serves::AtOnce {
            session.serve();
            if let Part::Agent(agent) = &mut session.part {
                agent.settle().await;
            }
        }
        Ok(session)
    }

    /// Serves the clients that have connected, and those that will.
    fn serve(&mut self) {
        for (Port { name, listener, .. }, routes) in self.waiting.drain(..) {
            let over = self.launch.over.clone();
            self.served.spawn(async move { (name, serve(listener, routes, over).await) });
        }
    }

    /// What the host is told.
    pub(crate) fn ready(&self) -> Ready {
        let (role, base_url) = (self.role(), self.app.map(base_url).unwrap_or_default());
        tracing::info!("the {role} {} is ready at {base_url}", version());
        let (version, pid) = (version().to_owned(), std::process::id());
        Ready { taskpaw_ready: true, role, base_url, version, pid }
    }

    fn role(&self) -> Role {
        match self.part {
            Part::Agent(_) => Role::Agent,
            Part::Hub(_) => Role::Hub,
        }
    }

    /// Brings files to this version's form, and begins everything that acts outside. Clients that wait in the queue are served when
    /// nothing can go wrong any more: from then on the way to the word that it is live leads through no wait, so that one that
    /// fails before has cut nobody off.
    pub(crate) async fn go_live(&mut self) -> Result<(), Failure> {
        let has_served = self.waiting.is_empty();
        match &mut self.part {
            Part::Agent(agent) => agent.settle().await,
            Part::Hub(hub) => hub.bring_to_this_form().await?,
        }
        // Before the monitors and the polls begin: they have waited.
        self.serve();
        match &mut self.part {
            Part::Agent(agent) => {
                agent.go_live();
                if has_served {
                    agent.flush().await;
                }
            }
            Part::Hub(hub) => hub.go_live(),
        }
        Ok(())
    }

    /// What nobody waits for: the configuration has worked, and others on the network may know.
    pub(crate) fn has_gone_live(&mut self) {
        if self.launch.is_alone {
            keep_as_last_good(self.launch.config_file.clone());
        }
        if let Part::Agent(agent) = &mut self.part {
            agent.announce(self.network);
        }
    }

    /// Waits until a port is served no more, though nobody has asked for that: a fault of this program.
    pub(crate) async fn port_lost(&mut self) -> Failure {
        match self.served.join_next().await {
            Some(Ok((name, _))) => {
                Failure::PortLost { name: format!("{name} port"), why: "it has ended".to_owned() }
            }
            // Which one it was is in the log, with what was wrong.
            Some(Err(error)) => Failure::PortLost { name: "port".to_owned(), why: error.to_string() },
            None => pending().await,
        }
    }

    /// Lets go of everything but the listening sockets. What is under way has a second; after this nothing is written.
    /// Also gives from when on they are to be served by this process.
    pub(crate) async fn stand_down(self) -> Result<(Vec<Claim>, Serves), Failure> {
        let Self { launch, mut part, waiting, mut served, .. } = self;
        launch.over.request(StopReason::StandDown);
        match &mut part {
            Part::Agent(agent) => agent.halt(),
            Part::Hub(hub) => hub.halt(),
        }
        let mut kept = Vec::new();
        let serves = if waiting.is_empty() { Serves::AtOnce } else { Serves::WhenLive };
        for (Port { name, listener, .. }, _) in waiting {
            let listener = listener.into_std().map_err(Failure::system("a port cannot be kept"))?;
            kept.push(Claim { name, listener });
        }
        while let Some(port) = served.join_next().await {
            let (name, listener) =
                port.map_err(|error| Failure::system("a port cannot be kept")(io::Error::other(error)))?;
            kept.extend(listener.map(|listener| Claim { name, listener }));
        }
        let let_go = match part {
            Part::Agent(agent) => agent.stand_down().await,
            Part::Hub(hub) => hub.stand_down().await,
        };
        if let Err(error) = let_go {
            // Until the process has ended, nobody else may open what something in it may still write.
            std::mem::forget(launch);
            return Err(error.into());
        }
        // The state lock last of all.
        drop(launch);
        Ok((kept, serves))
    }

    /// Answers what is under way, and writes what is not on the disk yet.
    pub(crate) async fn end(mut self, reason: StopReason) {
        self.launch.over.request(reason);
        if let Part::Hub(hub) = &mut self.part {
            hub.halt();
        }
        while let Some(port) = self.served.join_next().await {
            if let Err(error) = port {
                tracing::error!("a port was served badly at the end: {error}");
            }
        }
        match self.part {
            Part::Agent(agent) => agent.end().await,
            Part::Hub(hub) => hub.close(),
        }
    }
}

/// A claimed port in the hands of the runtime.
struct Port {
    name: String,
    listener: TcpListener,
    address: SocketAddr,
}

fn listeners(claims: Vec<Claim>) -> Result<Vec<Port>, Failure> {
    let listen = |Claim { name, listener }: Claim| {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Port { name, listener, address })
    };
    claims
        .into_iter()
        .map(listen)
        .collect::<io::Result<_>>()
        .map_err(Failure::system("a port cannot be served"))
}

/// Nobody waits for the copy.
fn keep_as_last_good(path: PathBuf) {
    spawn_blocking(move || {
        let kept = ConfigFile::read(&path).and_then(|file| file.keep_as_last_good());
        if let Err(problem) = kept {
            tracing::warn!("no copy of the working configuration could be kept: {problem}");
        }
    });
}

#[cfg(test)]
impl Session {
    /// One of its ports fails as a fault of this program makes it fail.
    pub(crate) fn break_a_port(&mut self) {
        self.served.spawn(async { panic!("on purpose") });
    }
}
