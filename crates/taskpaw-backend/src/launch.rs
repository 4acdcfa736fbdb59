//! A launch from its first step to its last: greeting, configuration, ports, state, ready, stop.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use port_takeover::{Claim, Journal};
use serde::Serialize;
use taskpaw_contract::config::{Config, ConfigFile, ConfigProblem, Endpoint, HubConfig};
use taskpaw_contract::folders::Folders;
use taskpaw_contract::sidecar::{Hello, Ready};
use taskpaw_contract::{Role, version};
use taskpaw_v3::{self as v3, Begun, ImportReport, Imported, Starter};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::{JoinSet, spawn_blocking};

use crate::agent::Agent;
use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::http::{base_url, serve};
use crate::hub::Hub;
use crate::lifecycle::{self, Stop};
use crate::log;
use crate::ports::{TakenOver, claim_ports, take_over_ports};
use crate::state::StateFolder;

/// What a role needs to run.
pub(crate) struct Launch {
    /// The whole configuration.
    pub(crate) config: Config,
    /// Where the configuration is kept.
    pub(crate) config_file: PathBuf,
    /// What people call this machine.
    pub(crate) machine: String,
    /// What opens the control calls in this launch.
    pub(crate) control_token: String,
    /// Where state is kept.
    pub(crate) state: StateFolder,
    /// The folder of everything that TaskPaw keeps.
    pub(crate) data_folder: PathBuf,
    /// Where TaskPaw V3 had its files.
    pub(crate) v3_folder: PathBuf,
    /// The wish to stop.
    pub(crate) stop: Stop,
    /// Whether there is no host, which else keeps a copy of a configuration that works.
    is_alone: bool,
}

/// Prints one text for a person.
pub(crate) fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The configuration that a first start has, as it would be written.
pub(crate) fn default_config() -> String {
    serde_json::to_string_pretty(&Config::default()).unwrap_or_default()
}

/// Says whether the configuration can be used. Nothing is written and nothing is started.
pub(crate) fn check_config(arguments: &Arguments) -> ExitCode {
    let read = || -> Result<(PathBuf, bool, Option<Imported>), Failure> {
        let mut folders = Folders::find()?;
        if let Some(folder) = &arguments.config_dir {
            folders.config.clone_from(folder);
        }
        let file = ConfigFile::read(&folders.config_file())?;
        let imported = (!file.exists()).then(|| v3::look(&folders.v3, Starter::Backend)).flatten();
        Ok((folders.config_file(), file.exists(), imported))
    };
    match read() {
        Ok((path, true, _)) => say(&format!("{} can be used", path.display())),
        Ok((path, false, None)) => {
            say(&format!("{} is not there; every key has its default", path.display()))
        }
        Ok((path, false, Some(Imported { report, .. }))) => {
            let lines = report.lines().join("\n  ");
            say(&format!("{} is not there; the first start makes it:\n  {lines}", path.display()))
        }
        Err(failure) => {
            eprintln!("taskpaw-backend: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Takes over what TaskPaw V3 has left and no earlier start has taken, and says so. Nothing is started.
pub(crate) fn import_v3(arguments: &Arguments) -> ExitCode {
    let take = || -> Result<Vec<String>, Failure> {
        let failed = |error: String| Failure::system("it cannot be taken over")(io::Error::other(error));
        let mut folders = Folders::find()?;
        if let Some(folder) = &arguments.config_dir {
            folders.config.clone_from(folder);
        }
        let Begun { file, imported, .. } = v3::begin(&folders, Starter::Backend)?;
        let mut taken = imported;
        if taken.is_none() && v3::left_behind(&folders, file.config()).is_some() {
            taken = Some(v3::answer_left_behind(&folders, true).map_err(|error| failed(error.to_string()))?);
        }
        let completed = v3::complete(&folders).map_err(|error| failed(error.to_string()))?;
        Ok(completed.or(taken).iter().flat_map(ImportReport::lines).collect())
    };
    match take() {
        Ok(lines) if lines.is_empty() => say("there is nothing of TaskPaw 3 left to take over"),
        Ok(lines) => {
            say(&format!("{}\na hub that runs must be started again to follow it", lines.join("\n")))
        }
        Err(failure) => {
            eprintln!("taskpaw-backend: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a role until it is asked to stop.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    log::start();
    match try_run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("the {} cannot start: {failure}", arguments.role);
            write_line(&failure.line(arguments.role));
            ExitCode::FAILURE
        }
    }
}

fn try_run(arguments: &Arguments) -> Result<(), Failure> {
    let role = arguments.role;
    let stop = Stop::new();
    lifecycle::raise_descriptor_limit();
    let hello = lifecycle::greeting(&stop)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(1 << 20)
        .thread_keep_alive(Duration::from_secs(5))
        .build()
        .map_err(Failure::system("the runtime cannot be started"))?;
    let outcome = runtime.block_on(async {
        lifecycle::listen_for_signals(&stop).map_err(Failure::system("signals cannot be listened for"))?;
        let (config, folders) = configuration(arguments, hello.as_ref())?;
        let wanted = config.wanted_ports(role);
        let mut taken_over = hello.as_ref().map(TakenOver::by_host).unwrap_or_default();
        if hello.is_none() {
            let (ports, journal) = (wanted.clone(), Journal::at(folders.journal_file()));
            let (token, state_folder) = (config.agent.token.clone(), folders.state());
            tokio::select! {
                () = stop.requested() => return Ok(()),
                ended = spawn_blocking(move || take_over_ports(role, &ports, &journal, &token, &state_folder)) => {
                    let ended = ended.map_err(|error| Failure::system("the takeover failed")(io::Error::other(error)));
                    taken_over = ended?;
                }
            }
        }
        let claims = claim_ports(&wanted, taken_over)?;
        let state_folder = folders.state();
        let opening = spawn_blocking(move || StateFolder::open(&state_folder, role));
        let state = tokio::select! {
            // A predecessor that takes its time must not delay a stop.
            () = stop.requested() => return Ok(()),
            state = opening => state.map_err(|error| Failure::system("the state folder cannot be opened")(io::Error::other(error)))??,
        };
        let config = match role {
            Role::Agent => config,
            // By now the hub of V3 has ended.
            Role::Hub => tokio::select! {
                () = stop.requested() => return Ok(()),
                completed = completed(config, folders.clone()) => completed?,
            },
        };
        let is_alone = hello.is_none();
        let control_token = match hello {
            Some(hello) => hello.control_token,
            None => state.control_token()?,
        };
        let machine = machine_name(&config, role);
        let (config_file, data_folder, v3_folder) = (folders.config_file(), folders.data, folders.v3);
        let stop = stop.clone();
        let launch = Launch {
            config,
            config_file,
            machine,
            control_token,
            state,
            data_folder,
            v3_folder,
            stop,
            is_alone,
        };
        match role {
            Role::Agent => run_agent(launch, claims).await,
            Role::Hub => run_hub(launch, claims).await,
        }
    });
    // A thread that hangs, in a look or in a name lookup, must not keep the process.
    runtime.shutdown_background();
    tracing::info!("the {role} has stopped");
    outcome
}

fn configuration(arguments: &Arguments, hello: Option<&Hello>) -> Result<(Config, Folders), Failure> {
    let mut folders = Folders::find()?;
    let named = hello.map(|hello| &hello.config_dir).or(arguments.config_dir.as_ref());
    if let Some(folder) = named {
        folders.config.clone_from(folder);
    }
    let file = match hello {
        // Under a host the file is the host's to write.
        Some(_) => ConfigFile::read(&folders.config_file())?,
        None => begin(&folders)?,
    };
    let mut config = file.config().clone();
    for port in hello.iter().flat_map(|hello| &hello.ports) {
        if let Some(endpoint) = config.endpoint_mut(arguments.role, &port.name) {
            *endpoint = Endpoint { host: port.host.clone(), port: port.port };
        }
    }
    // The exposure guard holds for ports of one launch too.
    config.check()?;
    Ok((config, folders))
}

/// The configuration at a start without a host; on the first one with what TaskPaw V3 has left.
fn begin(folders: &Folders) -> Result<ConfigFile, ConfigProblem> {
    let Begun { file, imported, not_kept } = v3::begin(folders, Starter::Backend)?;
    for line in imported.iter().flat_map(ImportReport::lines) {
        tracing::info!("{line}");
    }
    if let Some(error) = not_kept {
        tracing::warn!("the report of what was taken over cannot be kept: {error}");
    }
    Ok(file)
}

/// The configuration with what V3's hub kept in its database, if that has not been taken over yet. Nothing about it stops
/// a start.
async fn completed(mut config: Config, folders: Folders) -> Result<Config, Failure> {
    let failed = |error| Failure::system("what V3's hub had cannot be looked for")(io::Error::other(error));
    spawn_blocking(move || {
        let completed =
            v3::complete(&folders).map(|report| report.iter().flat_map(ImportReport::lines).collect());
        let lines: Vec<String> = completed.unwrap_or_else(|error| {
            tracing::warn!("what V3's hub had is not taken over yet: {error}");
            Vec::new()
        });
        lines.iter().for_each(|line| tracing::info!("{line}"));
        if !lines.is_empty() {
            match ConfigFile::read(&folders.config_file()) {
                // The ports are those of this launch, and claimed.
                Ok(file) => config.hub = HubConfig { api: config.hub.api, ..file.config().hub.clone() },
                Err(problem) => tracing::warn!("what V3's hub had counts from the next start on: {problem}"),
            }
        }
        config
    })
    .await
    .map_err(failed)
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

async fn run_agent(launch: Launch, claims: Vec<Claim>) -> Result<(), Failure> {
    let ports = listeners(claims)?;
    let mut agent = Agent::start(&launch)?;
    let mut served = JoinSet::new();
    let (mut control, mut network) = (None, None);
    for Port { name, listener, address } in ports {
        let is_control = name == "control";
        let routes = if is_control { agent.control_routes() } else { agent.network_routes() };
        *(if is_control { &mut control } else { &mut network }) = Some(address);
        served.spawn(serve(listener, routes, launch.stop.clone()));
    }
    agent.settle().await;
    ready(Role::Agent, control);
    keep_as_last_good(&launch);
    let announcer = agent.announce(network);
    while served.join_next().await.is_some() {}
    announcer.end();
    agent.flush();
    Ok(())
}

async fn run_hub(launch: Launch, claims: Vec<Claim>) -> Result<(), Failure> {
    let ports = listeners(claims)?;
    let hub = Hub::open(&launch)?;
    let mut served = JoinSet::new();
    let mut api = None;
    for Port { listener, address, .. } in ports {
        api = Some(address);
        served.spawn(serve(listener, hub.routes(address.ip()), launch.stop.clone()));
    }
    ready(Role::Hub, api);
    keep_as_last_good(&launch);
    hub.poll().await;
    while served.join_next().await.is_some() {}
    hub.close();
    Ok(())
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

/// The configuration has worked. Nobody waits for its copy.
fn keep_as_last_good(launch: &Launch) {
    if !launch.is_alone {
        return;
    }
    let path = launch.config_file.clone();
    spawn_blocking(move || {
        let kept = ConfigFile::read(&path).and_then(|file| file.keep_as_last_good());
        if let Err(problem) = kept {
            tracing::warn!("no copy of the working configuration could be kept: {problem}");
        }
    });
}

fn ready(role: Role, address: Option<SocketAddr>) {
    let base_url = address.map(base_url).unwrap_or_default();
    tracing::info!("the {role} {} is ready at {base_url}", version());
    write_line(&Ready {
        taskpaw_ready: true,
        role,
        base_url,
        version: version().to_owned(),
        pid: std::process::id(),
    });
}

/// Writes the one line of stdout. If nobody reads it, the end of stdin will say so too.
fn write_line(line: &impl Serialize) {
    let write = || -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&bytes)?;
        stdout.flush()
    };
    if let Err(error) = write() {
        tracing::error!("the host cannot be told: {error}");
    }
}
