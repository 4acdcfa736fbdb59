//! What each request of the window does. A handler is a few lines; what is longer has a module of its own.

use std::path::PathBuf;

use taskpaw_contract::Role;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{ExposureReason, LookForUpdates, MonitorConfig, Preferences};
use taskpaw_contract::ipc::{
    AddressChoice, AgentChange, AgentDraft, AgentEvent, AgentProbe, AgentTest, AlertTarget, AlertTargetDraft,
    AlertTest, Apply, CloseDecision, DataKind, ErrorCode, EventLevel, FleetEvent, Handlers, HistoryAnswer,
    HistoryRange, IpcError, Launch, LogLine, MetricSample, MonitorStatus, MonitorType, Page, Paired,
    PathKind, Place, PortDraft, PortView, RunningProgram, Snapshot, TokenName,
};
use taskpaw_updates::machine::Order;

use super::{alerts, closing, pairing, ports, programs, roles_data, setting};
use crate::app::App;
use crate::choice::Choice;
use crate::diagnostics;
use crate::notify;
use crate::roles::Message;
use crate::update::OwnProgram;

impl Handlers for App {
    async fn snapshot(&self) -> Result<Snapshot, IpcError> {
        Ok(self.board().snapshot())
    }

    async fn painted(&self) -> Result<(), IpcError> {
        self.paint().note();
        Ok(())
    }

    async fn page_opened(&self, page: Page) -> Result<(), IpcError> {
        self.appearance().opened(page);
        Ok(())
    }

    async fn watch(&self, data: Vec<DataKind>) -> Result<(), IpcError> {
        self.wanted().set(data);
        Ok(())
    }

    async fn retry(&self, role: Role) -> Result<(), IpcError> {
        may_start(self)?;
        self.tell(role, Message::Retry);
        Ok(())
    }

    async fn replace_v3(&self, role: Role) -> Result<(), IpcError> {
        may_start(self)?;
        self.tell(role, Message::ReplaceV3);
        Ok(())
    }

    async fn start(&self, role: Role) -> Result<(), IpcError> {
        may_start(self)?;
        self.tell(role, Message::Start);
        Ok(())
    }

    async fn stop(&self, role: Role) -> Result<(), IpcError> {
        self.tell(role, Message::Stop);
        Ok(())
    }

    async fn restart(&self, role: Role) -> Result<(), IpcError> {
        may_start(self)?;
        self.tell(role, Message::Restart);
        Ok(())
    }

    async fn check_ports(&self, draft: Vec<PortDraft>) -> Result<Vec<PortView>, IpcError> {
        ports::check(self, &draft)
    }

    async fn suggest_port(&self, role: Role, name: String, draft: Vec<PortDraft>) -> Result<u16, IpcError> {
        ports::suggest(self, role, &name, &draft)
    }

    async fn apply_ports(&self, draft: Vec<PortDraft>, keep: bool) -> Result<Apply, IpcError> {
        ports::apply(self, &draft, keep).await
    }

    async fn set_roles(&self, roles: Vec<Role>) -> Result<(), IpcError> {
        may_start(self)?;
        setting::set_roles(self, &roles)
    }

    async fn logs(&self, role: Role, limit: u32) -> Result<Vec<LogLine>, IpcError> {
        Ok(self.log_lines(role, limit))
    }

    async fn journal(&self, limit: u32) -> Result<Vec<port_takeover::Record>, IpcError> {
        self.takeovers(limit)
    }

    /// Away from the other requests: it reads much.
    async fn export_diagnostics(&self) -> Result<String, IpcError> {
        let sources = self.sources();
        let exported = crate::blocking::spawn_blocking(move || diagnostics::export(&sources)).await;
        let path = exported.map_err(internal)?.map_err(internal)?;
        Ok(path.display().to_string())
    }

    async fn set_preferences(&self, preferences: Preferences) -> Result<(), IpcError> {
        self.change_config(|config| config.app = preferences.tidy(unix_ms()))?;
        Ok(())
    }

    async fn send_test_notification(&self) -> Result<(), IpcError> {
        let chosen = self.board().snapshot().app.preferences.language;
        let (title, body) = notify::trial(chosen);
        self.shell().notify(&title, &body);
        Ok(())
    }

    async fn set_alert_target(&self, draft: AlertTargetDraft) -> Result<(), IpcError> {
        may_start(self)?;
        alerts::set(self, draft)
    }

    async fn remove_alert_target(&self, target: AlertTarget) -> Result<(), IpcError> {
        may_start(self)?;
        alerts::remove(self, target)
    }

    async fn test_alert_target(&self, draft: AlertTargetDraft) -> Result<AlertTest, IpcError> {
        alerts::test(self, draft).await
    }

    async fn set_start_at_login(&self, enabled: bool) -> Result<(), IpcError> {
        self.start_at_login(enabled)
    }

    async fn answer_close(&self, decision: CloseDecision, remember: bool) -> Result<(), IpcError> {
        closing::answer(self, decision, remember)
    }

    async fn show_token(&self, token: TokenName) -> Result<String, IpcError> {
        setting::show_token(self, token)
    }

    async fn generate_token(&self) -> Result<String, IpcError> {
        setting::new_token()
    }

    async fn set_token(&self, token: TokenName, value: String) -> Result<(), IpcError> {
        may_start(self)?;
        setting::set_token(self, token, &value)
    }

    async fn addresses(&self, role: Role) -> Result<Vec<AddressChoice>, IpcError> {
        setting::addresses(self, role)
    }

    async fn check_exposure(
        &self,
        _role: Role,
        name: String,
        host: String,
        has_token: bool,
    ) -> Result<Option<ExposureReason>, IpcError> {
        Ok(setting::check_exposure(&name, &host, has_token))
    }

    async fn let_hubs_in(&self, address: Option<String>) -> Result<Apply, IpcError> {
        may_start(self)?;
        pairing::let_hubs_in(self, address).await
    }

    async fn pairing_line(&self) -> Result<String, IpcError> {
        pairing::line(self)
    }

    async fn pair(&self, line: String) -> Result<Paired, IpcError> {
        pairing::pair(self, &line).await
    }

    async fn monitor_types(&self) -> Result<Vec<MonitorType>, IpcError> {
        roles_data::monitor_types(self).await
    }

    async fn monitors(&self) -> Result<Vec<MonitorConfig>, IpcError> {
        roles_data::monitors(self).await
    }

    async fn add_monitor(&self, monitor: MonitorConfig) -> Result<(), IpcError> {
        roles_data::add_monitor(self, monitor).await
    }

    async fn change_monitor(&self, name: String, monitor: MonitorConfig) -> Result<(), IpcError> {
        roles_data::change_monitor(self, &name, monitor).await
    }

    async fn remove_monitor(&self, name: String) -> Result<(), IpcError> {
        roles_data::remove_monitor(self, &name).await
    }

    async fn try_monitor(&self, monitor: MonitorConfig) -> Result<MonitorStatus, IpcError> {
        roles_data::try_monitor(self, monitor).await
    }

    async fn running_programs(&self) -> Result<Vec<RunningProgram>, IpcError> {
        programs::running()
    }

    async fn choose_path(&self, what: PathKind) -> Result<Option<String>, IpcError> {
        let chosen = self.shell().choose_path(what).map_err(unsupported)?;
        Ok(chosen.map(|path| path.display().to_string()))
    }

    async fn open_place(&self, place: Place) -> Result<(), IpcError> {
        let data = PathBuf::from(self.board().snapshot().app.data_dir);
        let file = self.settings().file();
        let path = match place {
            Place::Config => file.parent().unwrap_or(file).to_owned(),
            Place::File => file.to_owned(),
            Place::Data => data,
            Place::Exports => diagnostics::folder(&data),
        };
        self.shell().open(&path).map_err(unsupported)
    }

    async fn start_afresh(&self) -> Result<String, IpcError> {
        may_start(self)?;
        if self.settings().read_file().is_ok() {
            let message = "the configuration can be used: nothing has to be put aside";
            return Err(IpcError::new(ErrorCode::BadRequest, message));
        }
        let kept = self.settings().start_afresh()?;
        tracing::warn!(kept = %kept.display(), "the configuration begins anew; the one that could not be used is kept");
        self.launch_roles()?;
        Ok(kept.display().to_string())
    }

    async fn restore_last_good_config(&self) -> Result<(), IpcError> {
        may_start(self)?;
        self.settings().restore_last_good()?;
        Ok(self.launch_roles()?)
    }

    async fn reload_config(&self) -> Result<(), IpcError> {
        may_start(self)?;
        Ok(self.launch_roles()?)
    }

    async fn import_seen(&self) -> Result<(), IpcError> {
        let report = self.settings().mark_import_seen().map_err(internal)?;
        let left_behind = self.board().snapshot().app.left_behind;
        self.board().show_import(report, left_behind);
        Ok(())
    }

    async fn answer_left_behind(&self, take_over: bool) -> Result<(), IpcError> {
        self.settings().answer_left_behind(take_over).map_err(internal)?;
        let config = self.settings().read()?;
        self.board().configure(&config, self.settings().has_last_good());
        self.show_import(&config);
        if take_over {
            self.restart_if_on(&config, Role::Hub);
        }
        Ok(())
    }

    async fn agent_history(&self) -> Result<Vec<MetricSample>, IpcError> {
        roles_data::agent_history(self).await
    }

    async fn history(
        &self,
        agent: Option<String>,
        monitor: Option<String>,
        range: HistoryRange,
    ) -> Result<HistoryAnswer, IpcError> {
        roles_data::history(self, agent.as_deref(), monitor.as_deref(), range).await
    }

    async fn check_now(&self, monitor: String) -> Result<bool, IpcError> {
        roles_data::check_now(self, &monitor).await
    }

    async fn agent_events(&self, limit: u32) -> Result<Vec<AgentEvent>, IpcError> {
        roles_data::agent_events(self, limit).await
    }

    async fn fleet_events(
        &self,
        server: Option<String>,
        level: Option<EventLevel>,
        limit: u32,
    ) -> Result<Vec<FleetEvent>, IpcError> {
        roles_data::fleet_events(self, server.as_deref(), level, limit).await
    }

    async fn add_agent(&self, agent: AgentDraft) -> Result<(), IpcError> {
        roles_data::add_agent(self, agent).await
    }

    async fn change_agent(&self, name: String, change: AgentChange) -> Result<(), IpcError> {
        roles_data::change_agent(self, &name, change).await
    }

    async fn remove_agent(&self, name: String, with_events: bool) -> Result<(), IpcError> {
        roles_data::remove_agent(self, &name, with_events).await
    }

    async fn test_agent(&self, probe: AgentProbe) -> Result<AgentTest, IpcError> {
        roles_data::test_agent(self, probe).await
    }

    async fn claim_again(&self) -> Result<(), IpcError> {
        self.choices().choose(Choice::Again);
        Ok(())
    }

    async fn start_all_the_same(&self) -> Result<(), IpcError> {
        let Launch::Kept { may_start: true, .. } = self.board().snapshot().app.launch else {
            let message = "this version is not only slow; see what its window says";
            return Err(IpcError::new(ErrorCode::BadRequest, message));
        };
        self.choices().choose(Choice::Patiently);
        Ok(())
    }

    async fn keep_other(&self) -> Result<(), IpcError> {
        self.choices().choose(Choice::KeepOther);
        Ok(())
    }

    async fn keep_this(&self) -> Result<(), IpcError> {
        self.board().forget_other_start();
        Ok(())
    }

    /// Away from the other requests: it waits whether the program runs.
    async fn run_other(&self) -> Result<(), IpcError> {
        may_start(self)?;
        let (version, program) = self.other_to_run()?;
        self.let_in(&version);
        let start = move || OwnProgram::at(program).start_version(&version);
        let started = crate::blocking::spawn_blocking(start).await.map_err(internal).flatten();
        started.inspect_err(|_| self.let_nobody_in())
    }

    async fn relaunch(&self) -> Result<(), IpcError> {
        self.own_program().start()
    }

    async fn choose_updates(&self, look: bool) -> Result<(), IpcError> {
        let answer = if look { LookForUpdates::Yes } else { LookForUpdates::No };
        self.change_config(|config| config.app.look_for_updates = answer)?;
        Ok(())
    }

    async fn look_for_update(&self) -> Result<(), IpcError> {
        self.updates().order(Order::Look).await
    }

    async fn download_update(&self) -> Result<(), IpcError> {
        self.updates().order(Order::Download).await
    }

    async fn relaunch_into_update(&self) -> Result<(), IpcError> {
        may_start(self)?;
        self.updates().order(Order::Relaunch).await
    }

    async fn put_off_update(&self) -> Result<(), IpcError> {
        self.updates().order(Order::PutOff).await
    }

    async fn try_update_again(&self) -> Result<(), IpcError> {
        self.updates().order(Order::TryAgain).await
    }

    async fn update_seen(&self) -> Result<(), IpcError> {
        self.updates().order(Order::Seen).await
    }

    async fn quit(&self) -> Result<(), IpcError> {
        self.shell().quit();
        Ok(())
    }
}

/// Whether an order that starts something is accepted now.
fn may_start(app: &App) -> Result<(), IpcError> {
    if app.lifecycle().is_changing_ports() {
        return Err(IpcError::new(ErrorCode::Busy, "a change of ports is under way; wait until it is over"));
    }
    if app.lifecycle().is_handing_over() {
        let message = "another TaskPaw is about to take over; wait until it has, or has failed";
        return Err(IpcError::new(ErrorCode::Busy, message));
    }
    Ok(())
}

fn unsupported(reason: String) -> IpcError {
    IpcError::new(ErrorCode::Unsupported, reason)
}

fn internal(error: impl std::fmt::Display) -> IpcError {
    IpcError::new(ErrorCode::Internal, error.to_string())
}
