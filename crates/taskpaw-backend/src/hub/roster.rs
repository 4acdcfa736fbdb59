//! Which agents are polled: adding, changing, removing and trying one while the hub runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::config::{ConfigFile, ConfigProblem, HubAgent, tidy_url};
use taskpaw_contract::ipc::{
    AgentChange, AgentDraft, AgentProbe, AgentTest, FieldFault, FieldProblem, FleetAgent, FleetNews,
    HistoryAnswer, HistoryRange, PollErrorCode,
};
use tokio::sync::OwnedMutexGuard;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

use super::Shared;
use super::fleet::{AgentId, Reconciled};
use super::poll;
use super::store::Remembered;
use crate::http::ApiError;

/// How long a person waits for a trial at most: a little less than the app waits for this hub.
const TRIAL: Duration = Duration::from_secs(4);

/// The polls that run.
#[derive(Default)]
pub(super) struct Roster {
    polls: Mutex<HashMap<AgentId, AbortHandle>>,
    /// Held while the configuration is changed, so that the fleet follows in the same order; and until the hub is live.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Roster {
    /// A change waits until this is dropped: before the host has the place, nothing is written into its
    /// configuration.
    pub(super) fn held_back(&self) -> Option<OwnedMutexGuard<()>> {
        self.changing.clone().try_lock_owned().ok()
    }

    /// Ends every poll.
    pub(super) fn end_all(&self) {
        self.polls().drain().for_each(|(_, poll)| poll.abort());
    }

    fn polls(&self) -> MutexGuard<'_, HashMap<AgentId, AbortHandle>> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Shows these agents, of which an earlier launch has known this. What is given back begins the polls.
    pub(super) fn show(&self, agents: &[HubAgent], remembered: Vec<Remembered>) -> Reconciled {
        let reconciled = self.fleet.reconcile(agents);
        self.fleet.remember(remembered);
        reconciled
    }

    /// Polls what is configured now, and nothing else.
    pub(super) fn follow(self: &Arc<Self>, Reconciled { ended, started, forgotten }: Reconciled) {
        let mut polls = self.roster.polls();
        for id in ended {
            if let Some(poll) = polls.remove(&id) {
                poll.abort();
            }
        }
        for (id, agent) in started {
            let poll = tokio::spawn(poll::for_ever(self.clone(), id, agent));
            polls.insert(id, poll.abort_handle());
        }
        drop(polls);
        forgotten.iter().for_each(|name| self.store.forget(name));
    }

    pub(super) async fn add_agent(self: &Arc<Self>, draft: AgentDraft) -> Result<FleetAgent, ApiError> {
        let AgentDraft { name, url, token, enabled } = draft;
        let agent = checked(HubAgent { name, url, token, enabled })?;
        let name = agent.name.clone();
        self.change(move |agents| {
            refuse_second(agents, &agent.name)?;
            agents.push(agent);
            Ok(())
        })
        .await?;
        self.shown(&name)
    }

    pub(super) async fn change_agent(
        self: &Arc<Self>,
        name: String,
        change: AgentChange,
    ) -> Result<FleetAgent, ApiError> {
        let new_name = change.name.clone().unwrap_or_else(|| name.clone());
        self.change(move |agents| {
            if change.name.as_ref().is_some_and(|new| *new != name) {
                refuse_second(agents, change.name.as_deref().unwrap_or_default())?;
            }
            let place = place_of(agents, &name)?;
            let AgentChange { name, url, token, enabled } = change;
            let before = agents[place].clone();
            agents[place] = checked(HubAgent {
                name: name.unwrap_or(before.name),
                url: url.unwrap_or(before.url),
                token: token.unwrap_or(before.token),
                enabled: enabled.unwrap_or(before.enabled),
            })?;
            Ok(())
        })
        .await?;
        self.shown(&new_name)
    }

    /// What it has sent stays as long as everything, or goes with it.
    pub(super) async fn remove_agent(
        self: &Arc<Self>,
        name: String,
        with_events: bool,
    ) -> Result<(), ApiError> {
        let agent = name.clone();
        self.change(move |agents| {
            let place = place_of(agents, &name)?;
            agents.remove(place);
            Ok(())
        })
        .await?;
        if with_events {
            self.store.erase(&agent).await?;
            self.tell(FleetNews::Missed);
        }
        Ok(())
    }

    /// Asks an agent for what it keeps of a week.
    pub(super) async fn agent_history(
        &self,
        name: String,
        monitor: Option<&str>,
        range: HistoryRange,
    ) -> Result<HistoryAnswer, ApiError> {
        let agent = self.fleet.agent(&name).ok_or(ApiError::NoSuchAgent(name))?;
        let failed = |code, message: String| HistoryAnswer::Failed { code, message };
        if !agent.enabled || !self.is_live() {
            return Ok(failed(PollErrorCode::Unreachable, "it is not polled".to_owned()));
        }
        let token = self.fleet.token_of(&agent.name).unwrap_or_default();
        let asked = async { self.client_of(&agent.url, &token)?.history(monitor, range).await };
        Ok(match asked.await {
            Ok(history) => HistoryAnswer::History { history },
            // Those before this version know no such path, and those of V3 neither.
            Err(super::CallError::Status { status: StatusCode::NOT_FOUND, .. }) => HistoryAnswer::TooOld,
            Err(error) => failed(error.code(), error.to_string()),
        })
    }

    /// Asks an agent once and keeps nothing.
    pub(super) async fn try_agent(&self, probe: AgentProbe) -> Result<AgentTest, ApiError> {
        let AgentProbe { url, token, name } = probe;
        let token = token.or_else(|| self.fleet.token_of(name.as_deref()?)).unwrap_or_default();
        let agent = checked(HubAgent { name: "trial".to_owned(), url, token, enabled: true })?;
        let since = Instant::now();
        let mut test = AgentTest {
            error: None,
            error_code: None,
            status: None,
            version: None,
            known_as: None,
            milliseconds: 0.0,
        };
        let asked = async {
            let client = self.client_of(&agent.url, &agent.token)?;
            let (status, version) = tokio::join!(client.status(), client.version());
            Ok((status?, version.ok()))
        };
        let asked = timeout(TRIAL, asked).await.unwrap_or(Err(super::CallError::Timeout(TRIAL)));
        test.milliseconds = milliseconds(since.elapsed());
        match asked {
            Ok(((status, _), version)) => {
                let known_as =
                    if status.server_id.is_empty() { None } else { self.fleet.name_of(&status.server_id) };
                test.known_as = known_as.filter(|known| Some(known) != name.as_ref());
                (test.status, test.version) = (Some(status), version);
            }
            Err(error) => {
                let error: super::CallError = error;
                (test.error, test.error_code) = (Some(error.to_string()), Some(error.code()));
            }
        }
        Ok(test)
    }

    /// Changes the configured agents as they are in the file now, and then what is polled.
    async fn change(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Vec<HubAgent>) -> Result<(), ApiError> + Send + 'static,
    ) -> Result<(), ApiError> {
        let _alone = self.roster.changing.lock().await;
        let path = self.config_file.clone();
        let agents = spawn_blocking(move || {
            ConfigFile::update(&path, |config| {
                change(&mut config.hub.agents)?;
                Ok::<_, ApiError>(config.hub.agents.clone())
            })
        })
        .await
        .map_err(|error| ApiError::Unavailable(error.to_string()))??;
        let reconciled = self.fleet.reconcile(&agents);
        self.follow(reconciled);
        self.tell(FleetNews::Agents);
        Ok(())
    }

    fn shown(&self, name: &str) -> Result<FleetAgent, ApiError> {
        self.fleet.agent(name).ok_or_else(|| no_such(name))
    }
}

fn place_of(agents: &[HubAgent], name: &str) -> Result<usize, ApiError> {
    agents.iter().position(|agent| agent.name == name).ok_or_else(|| no_such(name))
}

fn no_such(name: &str) -> ApiError {
    ApiError::NoSuchAgent(name.to_owned())
}

fn refuse_second(agents: &[HubAgent], name: &str) -> Result<(), ApiError> {
    if agents.iter().any(|agent| agent.name == name) {
        let message = format!("another agent is called {name:?} already");
        let problem = FieldProblem::new("name", FieldFault::Taken, message);
        return Err(ApiError::InvalidFields(vec![problem]));
    }
    Ok(())
}

/// Checks an agent as the configuration file is checked; the message names the field of the form.
fn checked(agent: HubAgent) -> Result<HubAgent, ApiError> {
    let agent = HubAgent { url: tidy_url(&agent.url), ..agent };
    match agent.check_new("agent") {
        Ok(()) => Ok(agent),
        Err(ConfigProblem::Value { key, reason }) => Err(wrong(key.trim_start_matches("agent."), reason)),
        Err(problem) => Err(problem.into()),
    }
}

fn wrong(field: &str, message: String) -> ApiError {
    ApiError::InvalidFields(vec![FieldProblem::in_words(field, message)])
}
