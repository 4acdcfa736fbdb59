//! `config.json`: its form, its defaults, how it is checked, read and written.

mod exposure;
mod file;
mod hash;
mod hub;
mod problem;
mod reason;
mod target;
mod token;

pub use exposure::{check_exposure, refusal};
pub(crate) use file::named_data_folder;
pub use file::{ConfigFile, without_byte_order_mark};
pub use hash::ConfigHash;
use hub::check_token;
pub use hub::{
    HubAgent, HubConfig, SHORTEST_TOKEN, WebhookConfig, WebhookEvents, is_plain_token, is_server_url,
    ntfy_topic, tidy_url,
};
pub use problem::ConfigProblem;
pub use reason::ExposureReason;
pub use target::AlertTarget;
pub use token::TokenName;

use std::collections::BTreeSet;

use port_takeover::{InvalidPort, WantedPort};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use crate::Role;

/// The version of the file's form that this version reads and writes.
pub const SCHEMA: u32 = 1;

/// The whole configuration. Everything that is left out has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The version of the form.
    pub schema: u32,
    /// Where data is kept, noted by the first start; empty: where the platform says. `~/` is the home folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data_dir: String,
    /// The roles that are on.
    pub roles: Vec<Role>,
    /// The agent's part.
    pub agent: AgentConfig,
    /// The hub's part.
    pub hub: HubConfig,
    /// The app's part.
    pub app: Preferences,
}

/// The configuration of the role that watches this machine.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// Tells this machine from all others; made at the first start and then kept.
    pub server_id: String,
    /// What people call this machine; empty: its host name.
    pub machine: String,
    /// Where hubs poll this agent.
    pub network: Endpoint,
    /// Where the app controls this agent; always loopback.
    pub control: Endpoint,
    /// What a hub must show; empty: nothing is asked, and only loopback is allowed.
    pub token: String,
    /// What is watched besides the machine itself.
    pub monitors: Vec<MonitorConfig>,
}

/// One thing that an agent watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorConfig {
    /// The kind of monitor, such as `tcp_check`.
    pub type_id: String,
    /// The monitor's name, which no other monitor of the agent has.
    pub name: String,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it needs to know; each kind has its own keys.
    #[serde(default)]
    #[ts(type = "Record<string, unknown>")]
    pub config: Map<String, Value>,
}

/// A host and a port to listen on, as they were written: [`Endpoint::wanted`] parses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Endpoint {
    /// An address, or `localhost`.
    pub host: String,
    /// The number, 1 to 65535.
    #[ts(type = "number")]
    pub port: i64,
}

/// What a person chose for the app itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Preferences {
    /// The language of the window.
    pub language: Language,
    /// The colours of the window.
    pub theme: Theme,
    /// How large everything in the window is, in per cent.
    #[ts(type = "number")]
    pub zoom: Zoom,
    /// What closing the window is to do.
    pub on_close: OnClose,
    /// Whether the system shows a notification for each event that calls for the person or says that work
    /// is done.
    pub notifications: bool,
    /// Whether notifications were offered, and the person has decided about them.
    pub notifications_offered: bool,
    /// What no notification is shown of, at least for a while.
    pub muted: Vec<Mute>,
    /// Whether the app looks for new versions of itself.
    pub look_for_updates: LookForUpdates,
}

/// What no notification is shown of: a machine, or one monitor of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Mute {
    /// The machine, as it calls itself.
    pub machine: String,
    /// The monitor; nothing for all that the machine tells.
    #[serde(default)]
    pub monitor: Option<String>,
    /// Until when, in ms since 1970; nothing: until the person says otherwise.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub until: Option<u64>,
}

/// The most mutes that are kept; beyond that, the one that ends first is dropped.
const MOST_MUTED: usize = 200;

impl Preferences {
    /// Whether a notification of this is unwanted now.
    #[must_use]
    pub fn is_muted(&self, machine: &str, monitor: &str, now: u64) -> bool {
        self.muted.iter().any(|mute| {
            mute.machine == machine
                && mute.monitor.as_deref().is_none_or(|muted| muted == monitor)
                && mute.until.is_none_or(|until| now < until)
        })
    }

    /// Without what is not muted any more.
    #[must_use]
    pub fn tidy(mut self, now: u64) -> Self {
        self.muted.retain(|mute| mute.until.is_none_or(|until| now < until));
        self.muted.sort_by_key(|mute| std::cmp::Reverse(mute.until.unwrap_or(u64::MAX)));
        self.muted.truncate(MOST_MUTED);
        self
    }
}

/// How large everything in the window is, in per cent of the usual size: one of [`Zoom::STEPS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u16")]
pub struct Zoom(u16);

impl Zoom {
    /// The sizes that there are, in per cent.
    pub const STEPS: [u16; 6] = [80, 90, 100, 110, 125, 150];

    /// By what everything is multiplied.
    #[must_use]
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Default for Zoom {
    fn default() -> Self {
        Self(100)
    }
}

/// The nearest size that there is.
impl From<u16> for Zoom {
    fn from(percent: u16) -> Self {
        Self::STEPS.into_iter().min_by_key(|step| step.abs_diff(percent)).map_or_else(Self::default, Self)
    }
}

/// Whether the app looks for new versions of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LookForUpdates {
    /// Nobody has decided: it does not.
    #[default]
    NotAsked,
    /// Once a day.
    Yes,
    /// Only when a person asks for it.
    No,
}

/// What closing the window is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum OnClose {
    /// Closing the window asks what it should do.
    #[default]
    Ask,
    /// Closing the window ends the app and its backends.
    Quit,
    /// Closing the window hides it; the app stays in the tray. Without a tray, closing asks.
    Tray,
}

/// The language of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum Language {
    /// The system's.
    #[default]
    #[serde(rename = "system")]
    System,
    /// English.
    #[serde(rename = "en")]
    English,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    SimplifiedChinese,
}

/// The colours of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// The system's.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

fn yes() -> bool {
    true
}

/// Tokens are secrets: they are never printed.
fn printed(token: &str) -> &'static str {
    if token.is_empty() { "(none)" } else { "(set)" }
}

impl std::fmt::Debug for AgentConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentConfig")
            .field("server_id", &self.server_id)
            .field("machine", &self.machine)
            .field("network", &self.network)
            .field("control", &self.control)
            .field("token", &printed(&self.token))
            .field("monitors", &self.monitors.len())
            .finish()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            data_dir: String::new(),
            roles: vec![Role::Agent],
            agent: AgentConfig::default(),
            hub: HubConfig::default(),
            app: Preferences::default(),
        }
    }
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            server_id: String::new(),
            machine: String::new(),
            network: Endpoint::loopback(5680),
            control: Endpoint::loopback(5681),
            token: String::new(),
            monitors: Vec::new(),
        }
    }
}

impl Endpoint {
    fn loopback(port: i64) -> Self {
        Self { host: "127.0.0.1".to_owned(), port }
    }

    /// This endpoint as a port that a role wants.
    ///
    /// # Errors
    /// [`InvalidPort`] if nobody can want it as it is written.
    pub fn wanted(&self, name: &str) -> Result<WantedPort, InvalidPort> {
        WantedPort::new(name, &self.host, self.port)
    }
}

impl Config {
    /// The ports that a role needs, in a fixed order.
    ///
    /// # Errors
    /// The first one that nobody can want as it is written, with the key that is wrong.
    pub fn wanted_ports(&self, role: Role) -> Result<Vec<WantedPort>, ConfigProblem> {
        let wanted = |(name, endpoint): (&str, &Endpoint)| {
            endpoint.wanted(name).map_err(|invalid| match invalid {
                InvalidPort::Number(value) => {
                    ConfigProblem::PortRange { key: format!("{role}.{name}.port"), value }
                }
                InvalidPort::Host(host) => {
                    ConfigProblem::NotAnAddress { key: format!("{role}.{name}.host"), value: host.0 }
                }
            })
        };
        self.endpoints(role).into_iter().map(wanted).collect()
    }

    /// The numbers of all ports of all roles: a suggestion must be none of them.
    #[must_use]
    pub fn port_numbers(&self) -> BTreeSet<u16> {
        let endpoints = Role::ALL.into_iter().flat_map(|role| self.endpoints(role));
        endpoints.filter_map(|(_, endpoint)| u16::try_from(endpoint.port).ok()).collect()
    }

    /// The named endpoints of a role, in a fixed order.
    #[must_use]
    pub fn endpoints(&self, role: Role) -> Vec<(&'static str, &Endpoint)> {
        match role {
            Role::Agent => vec![("network", &self.agent.network), ("control", &self.agent.control)],
            Role::Hub => vec![("api", &self.hub.api)],
        }
    }

    /// The named endpoint of a role, to change it; nothing if the role has no port of that name.
    pub fn endpoint_mut(&mut self, role: Role, name: &str) -> Option<&mut Endpoint> {
        match (role, name) {
            (Role::Agent, "network") => Some(&mut self.agent.network),
            (Role::Agent, "control") => Some(&mut self.agent.control),
            (Role::Hub, "api") => Some(&mut self.hub.api),
            _ => None,
        }
    }

    /// A token that a person has set; empty if there is none.
    #[must_use]
    pub fn token(&self, token: TokenName) -> &str {
        match token {
            TokenName::Agent => &self.agent.token,
            TokenName::Hub => &self.hub.token,
            TokenName::Polling => &self.hub.polling_token,
        }
    }

    /// Where events are told outside of this machine.
    #[must_use]
    pub fn alert_target(&self, target: AlertTarget) -> &WebhookConfig {
        match target {
            AlertTarget::Webhook => &self.hub.webhook,
            AlertTarget::Ntfy => &self.hub.ntfy,
        }
    }

    /// Where events are told outside of this machine, to change it.
    pub fn alert_target_mut(&mut self, target: AlertTarget) -> &mut WebhookConfig {
        match target {
            AlertTarget::Webhook => &mut self.hub.webhook,
            AlertTarget::Ntfy => &mut self.hub.ntfy,
        }
    }

    /// A token, to change it.
    pub fn token_mut(&mut self, token: TokenName) -> &mut String {
        match token {
            TokenName::Agent => &mut self.agent.token,
            TokenName::Hub => &mut self.hub.token,
            TokenName::Polling => &mut self.hub.polling_token,
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first problem, with the key that has it.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        if self.schema > SCHEMA {
            return Err(ConfigProblem::TooNew { schema: self.schema, known: SCHEMA });
        }
        for role in Role::ALL {
            self.wanted_ports(role)?;
        }
        check_token("agent.token", &self.agent.token)?;
        self.hub.check()?;
        check_exposure(self)
    }
}

#[cfg(test)]
mod preference_tests {
    use super::*;

    #[test]
    fn a_size_that_there_is_not_is_the_nearest_and_a_file_without_one_has_the_usual() {
        let read = |text: &str| serde_json::from_str::<Preferences>(text).map(|it| it.zoom.0);
        let read_sizes: Vec<u16> =
            ["{}", r#"{"zoom":125}"#, r#"{"zoom":0}"#, r#"{"zoom":65535}"#, r#"{"zoom":104}"#]
                .map(|text| read(text).unwrap())
                .to_vec();
        assert_eq!(read_sizes, [100, 125, 80, 150, 100]);
        assert_eq!(serde_json::to_value(Preferences::default()).unwrap()["zoom"], 100);
    }

    #[test]
    fn what_is_muted_is_quiet_until_its_time_and_a_machine_with_all_that_it_has() {
        let mute = |machine: &str, monitor: Option<&str>, until| Mute {
            machine: machine.to_owned(),
            monitor: monitor.map(str::to_owned),
            until,
        };
        let muted = vec![mute("desk", Some("Film"), Some(100)), mute("nas", None, None)];
        let preferences = Preferences { muted, ..Preferences::default() };
        let is = |machine, monitor, now| preferences.is_muted(machine, monitor, now);
        assert_eq!((is("desk", "Film", 99), is("desk", "Film", 100)), (true, false));
        assert_eq!((is("desk", "Other", 1), is("nas", "anything", u64::MAX)), (false, true));
        assert_eq!(preferences.clone().tidy(100).muted, [mute("nas", None, None)]);
        let many = (0..300).map(|number| mute("m", None, Some(1_000 + number))).collect();
        let tidy = Preferences { muted: many, ..Preferences::default() }.tidy(1);
        assert_eq!((tidy.muted.len(), tidy.muted[0].until), (MOST_MUTED, Some(1_299)));
    }
}
