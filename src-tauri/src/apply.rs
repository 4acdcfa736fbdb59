//! A change of ports, all or none: the machine decides, this does what it says.

mod machine;

use port_takeover::PortOutlook;
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, ConfigProblem};
use taskpaw_contract::ipc::{
    Apply, ApplyStep, ErrorCode, Event, Failure, IpcError, PortDraft, PortView, RoleState,
};
use tokio::sync::mpsc;

use crate::app::App;
use crate::roles::{Message, look};
use crate::settings::{Change, Port};
use machine::{Effect, Heard, Machine, Reason};

/// Changes the ports of a role, and answers how that came out. The window hears each step.
///
/// # Errors
/// [`ErrorCode::Busy`] if another change is under way, [`ErrorCode::Config`] if the configuration cannot be
/// read.
pub(crate) async fn apply(app: &App, role: Role, draft: &[PortDraft], keep: bool) -> Result<Apply, IpcError> {
    let Some(_alone) = app.lifecycle().begin_port_change() else {
        let message = "a change of ports, or a start, is under way; wait until it is over";
        return Err(IpcError::new(ErrorCode::Busy, message));
    };
    let config = app.settings().read()?;
    let mut change = Change::of(&config, role, draft);
    // What is written back is what the file said, whatever is used until the app ends.
    change.before = Change::of(&app.settings().read_file()?, role, &[]).before;
    let until_end = app.settings().ports_until_end(role);
    // Heard from before the first effect on, so that nothing is missed.
    let heard = app.board().listen();
    let view = app.board().snapshot().roles.into_iter().find(|view| view.role == role);
    let generation = view.as_ref().map_or(0, |view| view.generation);
    let is_running = view.is_some_and(|view| !matches!(view.state, RoleState::Stopped));
    let (machine, effects) = Machine::begin(keep, is_running);
    let mut doing = Doing { app, change, keep, config, until_end, heard, since: generation, last: None };
    let before = doing.config.clone();
    let told = doing.run(machine, effects).await;
    if let Ok(after) = app.settings().read() {
        app.follow_fleet(&before, &after);
    }
    Ok(told)
}

/// A change that is under way.
struct Doing<'a> {
    app: &'a App,
    change: Change,
    keep: bool,
    /// What counted before.
    config: Config,
    /// The ports that were used in place of the configured ones before.
    until_end: Option<Vec<Port>>,
    heard: mpsc::UnboundedReceiver<Event>,
    /// Only starts after this one are the change's own.
    since: u32,
    /// The ports of a conflict: the event before the failure has them.
    last: Option<Vec<PortView>>,
}

impl Doing<'_> {
    async fn run(&mut self, mut machine: Machine, mut effects: Vec<Effect>) -> Apply {
        let mut told = Apply { step: ApplyStep::Checking, keep: self.keep, reason: None, ports: Vec::new() };
        loop {
            let mut next = None;
            for effect in effects {
                match effect {
                    Effect::Tell(apply) => {
                        let role = self.change.role;
                        tracing::info!(%role, step = ?apply.step, reason = ?apply.reason, "change of ports");
                        self.app.board().publish(Event::ApplyProgress { role, apply: apply.clone() });
                        told = apply;
                    }
                    effect => next = self.perform(effect).await.or(next),
                }
            }
            if machine.is_ended() {
                return told;
            }
            let heard = match next {
                Some(heard) => heard,
                None => self.role_says().await,
            };
            effects = machine.handle(heard);
        }
    }

    /// Does one thing; what it comes to, unless the role says that later.
    async fn perform(&mut self, effect: Effect) -> Option<Heard> {
        match effect {
            Effect::Tell(_) => None,
            Effect::Check => Some(Heard::Checked(self.check().await)),
            Effect::Save => Some(Heard::Saved(self.save())),
            Effect::Restart => {
                // A start that follows is another one than the last that was seen.
                self.since = self.generation();
                self.app.tell(self.change.role, Message::Restart);
                None
            }
            Effect::Confirm(ports) => Some(Heard::Confirmed(self.confirm(&ports).await)),
            Effect::Keep => {
                self.forget();
                None
            }
            Effect::Restore => {
                self.restore();
                Some(Heard::Restored)
            }
        }
    }

    /// Whether every wanted port can be had: it is free, or held by what a start would replace.
    async fn check(&self) -> Result<(), Reason> {
        let mut config = self.config.clone();
        Change::put(self.change.role, &self.change.after, &mut config);
        config.check().map_err(config_reason)?;
        let (role, child) = (self.change.role, self.app.pid(self.change.role));
        let state_folder = self.app.settings().state_folder();
        let looking = move || look(&config, &state_folder, role, child);
        let looked = crate::blocking::spawn_blocking(looking).await;
        let ports = looked
            .map_err(|error| error.to_string())
            .and_then(|ports| ports)
            .map_err(|message| Failure::Takeover { message })?;
        if ports.iter().all(|port| port.outlook.is_some_and(|it| it != PortOutlook::Refuses)) {
            return Ok(());
        }
        Err(Reason { failure: Failure::PortConflict, ports })
    }

    fn save(&self) -> Result<(), Reason> {
        let settings = self.app.settings();
        let Change { role, after, .. } = &self.change;
        if !self.keep {
            settings.use_until_end(*role, Some(after.clone()));
            self.show();
            return Ok(());
        }
        if let Err(error) = settings.note().write(&self.change) {
            let message = format!("the change cannot be noted down: {error}");
            return Err(Failure::Takeover { message }.into());
        }
        settings.change(|config| Change::put(*role, after, config)).map_err(config_reason)?;
        settings.use_until_end(*role, None);
        self.show();
        Ok(())
    }

    /// Back to the ports of before. If they cannot be written, they are used until the app ends, and the
    /// note stays for the next launch.
    fn restore(&self) {
        let settings = self.app.settings();
        let Change { role, before, .. } = &self.change;
        let mut until_end = self.until_end.clone();
        if self.keep {
            match settings.change(|config| Change::put(*role, before, config)) {
                Ok(_) => self.forget(),
                Err(problem) => {
                    tracing::error!(%problem, "the old ports cannot be written; the next launch does it");
                    until_end.get_or_insert_with(|| before.clone());
                }
            }
        }
        settings.use_until_end(*role, until_end);
        self.show();
    }

    fn forget(&self) {
        if let Err(error) = self.app.settings().note().forget() {
            // The next launch would go back to the old ports, which is whole as well.
            tracing::warn!(%error, "the note of the change of ports cannot be removed");
        }
    }

    /// Whether the backend that is ready is on the new ports and answers there.
    async fn confirm(&self, ports: &[PortView]) -> Result<(), Reason> {
        let is_meant = |wanted: &Port| {
            ports.iter().any(|port| {
                port.in_use_by_app
                    && port.name == wanted.name
                    && (&port.host, port.port) == (&wanted.endpoint.host, wanted.endpoint.port)
            })
        };
        if !self.change.after.iter().all(is_meant) {
            let message = "the backend does not listen on the new ports".to_owned();
            return Err(Failure::BrokenProtocol { message, log: Vec::new() }.into());
        }
        let answer = match self.app.client(self.change.role) {
            Some(client) => client.ping().await,
            None => Err(IpcError::new(ErrorCode::NotReady, "it has ended")),
        };
        answer.map_err(|error| Failure::BrokenProtocol { message: error.message, log: Vec::new() }.into())
    }

    /// The next thing that the role says about a start of this change.
    async fn role_says(&mut self) -> Heard {
        loop {
            // The board lives as long as the app; without it there is nothing to wait for.
            let Some(event) = self.heard.recv().await else { return Heard::Stopped };
            if event.attempt().is_none_or(|(role, _)| role != self.change.role) {
                continue;
            }
            match event {
                Event::BackendExited { generation, .. } if generation >= self.since => return Heard::Stopped,
                Event::TakeoverStarted { generation, .. } if generation > self.since => {
                    return Heard::Starting;
                }
                Event::PortConflict { generation, ports, .. } if generation > self.since => {
                    self.last = Some(ports);
                }
                Event::BackendReady { generation, ports, .. } if generation > self.since => {
                    return Heard::Ready(ports);
                }
                Event::BackendBackoff { generation, failure, .. }
                | Event::BackendWaiting { generation, failure, .. }
                | Event::BackendFailed { generation, failure, .. }
                    if generation > self.since =>
                {
                    let ports = self.last.take().filter(|_| failure.is_about_ports());
                    return Heard::Failed(Reason { failure, ports: ports.unwrap_or_default() });
                }
                _ => {}
            }
        }
    }

    fn generation(&self) -> u32 {
        let snapshot = self.app.board().snapshot();
        snapshot.roles.iter().find(|view| view.role == self.change.role).map_or(0, |view| view.generation)
    }

    /// Shows the ports that count now.
    fn show(&self) {
        if let Ok(config) = self.app.settings().read() {
            self.app.board().configure(&config, self.app.settings().has_last_good());
        }
    }
}

fn config_reason(problem: ConfigProblem) -> Reason {
    Failure::Config { problem }.into()
}
