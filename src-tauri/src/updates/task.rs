//! The one task that does what `taskpaw_updates::machine` decides.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::LookForUpdates;
use taskpaw_contract::ipc::{Event, Launch, RoleState, UpdateFailureReason as Reason};
use taskpaw_updates::machine::{Effect, Input, Machine, Start};
use taskpaw_updates::record::{Placed, Record, Trial};
use taskpaw_updates::schedule::JITTER;
use taskpaw_updates::source::{Source, forbidding_file, is_forbidden_by};
use taskpaw_updates::way::{Way, way};
use taskpaw_updates::{Offer, Refusal, Version, bundle, owner, told};
use tauri::async_runtime::{block_on, spawn};
use tokio::sync::mpsc;

use super::{beside, fetching, joined, proving};
use crate::app::App;
use crate::blocking::spawn_blocking;
use crate::new_versions::{Wanted, running};

/// A clock that is set, and a file of the administrator, are noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

/// Whatever is due: the app has other things to do.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

/// Does for as long as the app runs what there is to do about new versions of it.
pub(crate) async fn attend(app: Arc<App>) {
    let (Some(wanted), data) = (app.updates().heard(), PathBuf::from(app.board().snapshot().app.data_dir))
    else {
        return;
    };
    let looking = Arc::clone(&app);
    let around = spawn_blocking(move || Around::look(&looking, &data)).await;
    match around {
        Ok(around) => Task::new(app, around).run(wanted).await,
        Err(error) => tracing::error!(%error, "nothing is known of new versions"),
    }
}

/// What was found at the start.
struct Around {
    source: Option<Source>,
    way: Way,
    /// The folder that would be written to.
    folder: String,
    /// Where it is remembered what was tried.
    memory: PathBuf,
    /// Where packages are downloaded to.
    packages: PathBuf,
    record: Record,
    forbidden_by: Option<String>,
    looks: LookForUpdates,
}

impl Around {
    fn look(app: &App, data: &Path) -> Self {
        let program = std::env::current_exe().and_then(|program| program.canonicalize()).unwrap_or_default();
        let source = Source::of_this_build();
        let way = way(&owner::look(&program, source.is_some()));
        let memory = match &way {
            Way::SideBySide(folder) => folder.clone(),
            _ => data.to_owned(),
        };
        let record = Record::read(&memory).unwrap_or_else(|error| {
            tracing::warn!(%error, "what is remembered of new versions cannot be read, and is left as it is");
            Record::default()
        });
        Self {
            source,
            way,
            folder: owner::changed_folder(&program).unwrap_or(&program).display().to_string(),
            memory,
            packages: data.join("updates"),
            record,
            forbidden_by: forbidden_by(),
            looks: app.settings().read().map(|config| config.app.look_for_updates).unwrap_or_default(),
        }
    }
}

/// The administrator's file, if it is there. One call of the system.
fn forbidden_by() -> Option<String> {
    let file = forbidding_file();
    is_forbidden_by(&file).then(|| file.display().to_string())
}

struct Task {
    app: Arc<App>,
    around: Around,
    machine: Machine,
    tells: mpsc::UnboundedSender<Input>,
    hears: mpsc::UnboundedReceiver<Input>,
    /// The version that was started on trial.
    tried: Option<Version>,
}

impl Task {
    fn new(app: Arc<App>, around: Around) -> Self {
        let machine = Machine::new(Start {
            version: running(),
            way: around.way.clone(),
            folder: around.folder.clone(),
            has_feed: around.source.is_some(),
            forbidden_by: around.forbidden_by.clone(),
            looks: around.looks,
            record: around.record.clone(),
            jitter: jitter(),
            now: unix_ms(),
        });
        let (tells, hears) = mpsc::unbounded_channel();
        app.updates().remembers_in(&around.memory);
        app.updates()
            .put_on_trial(around.record.trial.as_ref().is_some_and(|trial| trial.version == running()));
        Self { app, around, machine, tells, hears, tried: None }
    }

    async fn run(mut self, mut wanted: mpsc::UnboundedReceiver<Wanted>) {
        let mut events = self.app.board().listen();
        self.show();
        let mut is_placed = false;
        loop {
            let now = unix_ms();
            let sleep = self.machine.wakes_at(now).map(|at| Duration::from_millis(at.saturating_sub(now)));
            let sleep = sleep.unwrap_or(LONGEST_SLEEP).clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
            let input = tokio::select! {
                Some(wanted) = wanted.recv() => match wanted {
                    Wanted::Placed => {
                        is_placed = true;
                        self.placed().await
                    }
                    Wanted::Order(order, answers) => {
                        self.handle(Input::Forbidden(forbidden_by()));
                        let may = self.machine.may(order);
                        let _who_asked_is_gone = answers.send(may);
                        may.is_ok().then_some(Input::Order(order))
                    }
                },
                Some(event) = events.recv() => self.heard(event).await,
                Some(input) = self.hears.recv() => Some(input),
                () = tokio::time::sleep(sleep), if is_placed => Some(Input::Forbidden(forbidden_by())),
                else => return,
            };
            let Some(input) = input else { continue };
            self.handle(input);
        }
    }

    fn handle(&mut self, input: Input) {
        let effects = self.machine.handle(input, unix_ms());
        for effect in effects {
            self.perform(effect);
        }
        self.show();
    }

    fn show(&self) {
        self.app.board().show_updates(self.machine.view(unix_ms()));
    }

    /// This app has the place: what that means for a trial, and what the last look had found.
    async fn placed(&mut self) -> Option<Input> {
        let memory = self.around.memory.clone();
        // One that began since then is this app's own affair.
        let had_a_trial = self.around.record.trial.is_some();
        let looked = spawn_blocking(move || match Record::read(&memory)? {
            record if record.trial.is_none() || !had_a_trial => Ok((record, Placed::Usual)),
            _ => Record::change(&memory, |record| record.placed(&running(), unix_ms())),
        });
        let (record, placed) = match joined(looked.await) {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, "it cannot be known whether this version is on trial");
                return None;
            }
        };
        self.app.updates().put_on_trial(placed == Placed::OnTrial);
        match (placed, record.trial.clone()) {
            (Placed::OnTrial, Some(trial)) => self.prove(trial),
            _ => {
                let (way, record) = (self.around.way.clone(), record.clone());
                spawn_blocking(move || proving::tidy(&way, &record));
            }
        }
        let (source, packages) = (self.around.source.clone(), self.around.packages.clone());
        let kept = spawn_blocking(move || fetching::kept(&source?, &packages)).await.ok().flatten();
        self.handle(Input::Remembered(record));
        kept.map(Input::Kept)
    }

    fn prove(&self, trial: Trial) {
        let (app, tells) = (Arc::clone(&self.app), self.tells.clone());
        let Around { way, memory, packages, .. } = &self.around;
        let (way, memory, packages) = (way.clone(), memory.clone(), packages.clone());
        spawn(async move {
            if let Some(record) = proving::prove(&app, trial, &way, &memory, &packages).await {
                app.updates().put_on_trial(false);
                let _the_app_ends = tells.send(Input::Remembered(record));
            }
        });
    }

    async fn heard(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::ConfigChanged { preferences, .. } => Some(Input::Chosen(preferences.look_for_updates)),
            // This version is on trial, and could not follow the one before it, which goes on.
            Event::LaunchChanged { launch: Launch::Kept { because, .. } }
                if self.app.updates().is_on_trial() =>
            {
                let memory = self.around.memory.clone();
                let kept = spawn_blocking(move || proving::was_kept(&memory, because.as_ref()));
                if let Err(error) = kept.await {
                    tracing::warn!(%error, "it cannot be remembered that this version has failed");
                }
                self.app.updates().put_on_trial(false);
                self.app.lifecycle().want_status(1);
                self.app.shell().quit();
                None
            }
            Event::HandoverFailed { successor }
                if self.tried.as_ref().is_some_and(|tried| tried.to_string() == successor.version) =>
            {
                self.failed(Reason::NotReady, successor.because.as_ref().and_then(proving::said)).await
            }
            _ => None,
        }
    }

    /// The version that was started does not come to serve.
    async fn failed(&mut self, reason: Reason, detail: Option<String>) -> Option<Input> {
        let tried = self.tried.take();
        let Around { way, memory, .. } = &self.around;
        let (way, memory) = (way.clone(), memory.clone());
        let failed = spawn_blocking(move || {
            if let (Way::Bundle(at), Some(tried)) = (&way, &tried) {
                bundle::swap(at, &running(), tried)?;
            }
            Record::change(&memory, |record| record.fail(reason, detail.as_deref()))
        });
        match joined(failed.await) {
            Ok((record, ())) => Some(Input::TrialOver(record)),
            Err(error) => {
                tracing::warn!(%error, "it cannot be remembered that a version has failed");
                None
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Fetch => self.fetch(),
            Effect::Download(offer, system) => self.download(offer, system),
            Effect::Try(offer) => self.start_on_trial(&offer),
            Effect::Remember(change) => {
                let memory = self.around.memory.clone();
                spawn_blocking(move || {
                    if let Err(error) = Record::change(&memory, |record| change.apply(record)) {
                        tracing::warn!(%error, "what is known of new versions cannot be remembered");
                    }
                });
            }
        }
    }

    fn fetch(&self) {
        let (source, packages, tells) =
            (self.around.source.clone(), self.around.packages.clone(), self.tells.clone());
        let Some(source) = source else { return };
        // What comes is written to a disk that may not answer.
        spawn_blocking(move || {
            let fetched = block_on(fetching::look(&source, &packages));
            match &fetched {
                Ok(feed) => tracing::info!(version = %feed.version, "looked for a new version"),
                Err(refusal) => tracing::warn!(%refusal, "looked for a new version"),
            }
            let _the_app_ends = tells.send(Input::Fetched(fetched));
        });
    }

    fn download(&self, offer: Offer, system: taskpaw_updates::System) {
        let Around { source, way, packages, .. } = &self.around;
        let (way, packages, tells) = (way.clone(), packages.clone(), self.tells.clone());
        let Some(source) = source.clone() else { return };
        spawn_blocking(move || {
            let received = {
                let tells = tells.clone();
                move |received| drop(tells.send(Input::Received(received)))
            };
            let done = block_on(fetching::download(&source, &offer, &system, &way, &packages, received));
            match &done {
                Ok(_) => tracing::info!(version = %offer.version, "a new version is there"),
                Err(refusal) => {
                    tracing::warn!(%refusal, version = %offer.version, "a new version is not there yet")
                }
            }
            let _the_app_ends = tells.send(Input::Downloaded(done));
        });
    }

    /// Starts a version on trial. It takes over as any start does; until it asks, this one goes on.
    fn start_on_trial(&mut self, offer: &Offer) {
        let shown = self.app.board().snapshot();
        let ready = shown.roles.iter().filter(|view| matches!(view.state, RoleState::Ready { .. }));
        let trial = Trial {
            version: offer.version.clone(),
            previous: running(),
            roles: ready.map(|view| view.role).collect(),
            notes: told::notes(&offer.notes),
            placed_at: None,
            left: false,
        };
        self.tried = Some(offer.version.clone());
        let Around { way, memory, packages, .. } = &self.around;
        let (way, memory, packages) = (way.clone(), memory.clone(), packages.clone());
        let (app, tells) = (Arc::clone(&self.app), self.tells.clone());
        spawn_blocking(move || {
            let version = trial.version.clone();
            // Where the disk has no room to note it, nothing is tried.
            if let Err(error) = Record::change(&memory, |record| record.begin(trial)) {
                tracing::error!(%error, %version, "the trial of the new version cannot be noted");
                return drop(tells.send(Input::NotBegun(Refusal::of_disk(&error))));
            }
            let record = match start(&app, &way, &packages, &version) {
                Ok(()) => Record::read(&memory),
                Err(error) => {
                    tracing::error!(%error, %version, "the new version cannot be started");
                    let detail = error.to_string();
                    let failed =
                        Record::change(&memory, |record| record.fail(Reason::NotStarted, Some(&detail)));
                    failed.map(|(record, ())| record)
                }
            };
            match record {
                // Where nobody stays beside it, what becomes of it is heard by the handover.
                Ok(record) if record.trial.is_some() && !matches!(way, Way::SideBySide(_)) => {}
                Ok(record) => drop(tells.send(Input::TrialOver(record))),
                Err(error) => {
                    tracing::error!(%error, "it cannot be known what became of the new version");
                    let _the_app_ends = tells.send(Input::NotBegun(Refusal::of_disk(&error)));
                }
            }
        });
    }
}

/// Starts a version that lies ready. Side by side this ends with what stays beside it: then the trial is over and this version runs
/// still, or this process has ended before.
fn start(app: &App, way: &Way, packages: &Path, version: &Version) -> std::io::Result<()> {
    match way {
        Way::SideBySide(_) => {
            let status = beside::begin(version)?.wait()?;
            tracing::info!(%status, %version, "nobody stays beside the version on trial any more");
            Ok(())
        }
        Way::Bundle(at) => {
            bundle::swap(at, version, &running())?;
            app.own_program().start().map_err(|error| {
                let back = bundle::swap(at, &running(), version);
                std::io::Error::other(format!("{}; back: {back:?}", error.message))
            })
        }
        Way::Installer => fetching::install(&fetching::installer_of(packages, version)),
        Way::Told(_) | Way::NoPermission | Way::ByHand => Err(std::io::ErrorKind::Unsupported.into()),
    }
}

/// Not all machines ask at the same time of the day.
fn jitter() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes) % JITTER,
        Err(_) => 0,
    }
}
