//! What V3's hub had beside its ports and tokens: whom it told, where its database is, whether it watched itself.

use std::fmt;
use std::path::{Path, PathBuf};

use taskpaw_contract::config::{
    Config, HubAgent, HubConfig, WebhookConfig, WebhookEvents, is_plain_token, is_server_url,
};

use super::{ImportReport, NotTakenReason, V3File};

/// Where the agent of this machine listens if V3 had none here: numbers that V3's hub may have had are passed over.
const OWN_AGENT_PORTS: [(i64, i64); 3] = [(5680, 5681), (5682, 5683), (5684, 5685)];
/// What V3 called a hub that had no name.
const NAMELESS: &str = "hub";

/// What `hub.yaml` says beyond the settings that are here too.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hub {
    /// Where the database and `status.md` are.
    pub(super) data_folder: PathBuf,
    /// Whether `status.md` was written.
    pub(super) writes_status: bool,
    /// Whether the hub watched its own machine.
    pub(super) watches_itself: bool,
    /// Whom it told.
    pub(super) openclaw: OpenClaw,
    /// What it showed to agents, as far as it is good.
    pub(super) polling_token: String,
}

/// The program that V3 told of every event.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OpenClaw {
    pub(super) is_on: bool,
    pub(super) url: String,
    pub(super) token: String,
}

/// Neither the token nor the address, which may be a secret as well.
impl fmt::Debug for OpenClaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenClaw").field("is_on", &self.is_on).finish_non_exhaustive()
    }
}

/// As of a file that says nothing.
impl Default for Hub {
    fn default() -> Self {
        Self {
            data_folder: default_data_folder(),
            writes_status: true,
            watches_itself: true,
            openclaw: OpenClaw { is_on: false, url: OpenClaw::default_url(), token: String::new() },
            polling_token: String::new(),
        }
    }
}

impl OpenClaw {
    /// Where V3 told it, if its file does not say.
    pub(super) fn default_url() -> String {
        "http://127.0.0.1:18789/hooks/wake".to_owned()
    }

    /// The webhook that tells the same; nothing if V3 told nobody, which it did without a token as well.
    pub(super) fn webhook(&self) -> Option<WebhookConfig> {
        (self.is_on && !self.token.is_empty()).then(|| WebhookConfig {
            url: self.url.clone(),
            token: self.token.clone(),
            events: WebhookEvents::All,
        })
    }

    /// Puts it into a configuration that has no webhook.
    pub(super) fn put(&self, file: V3File, hub: &mut HubConfig, report: &mut ImportReport) {
        let Some(webhook) = self.webhook() else { return };
        if hub.webhook == webhook {
            return;
        }
        if !hub.webhook.url.is_empty() {
            report.refused(file, "openclaw_url", None, NotTakenReason::SetSince);
        } else if !is_server_url(&webhook.url) {
            report.refused(file, "openclaw_url", None, NotTakenReason::NotAUrl);
        } else if !is_plain_token(&webhook.token) {
            report.refused(file, "openclaw_token", None, NotTakenReason::BadToken);
        } else {
            hub.webhook = webhook;
            report.took(file, "openclaw_url", None);
            report.took(file, "openclaw_token", None);
        }
    }
}

impl Hub {
    /// The file that says how every agent is.
    pub(super) fn status_file(&self) -> PathBuf {
        self.data_folder.join("status.md")
    }

    /// The databases that V3 may have used, the one that counts first. The second is its older place.
    pub(super) fn databases(&self, folder: &Path) -> [PathBuf; 2] {
        [self.data_folder.join("hub.db"), folder.join("hub.db")]
    }
}

/// The agent that watches a machine which was only a hub, polled by that hub.
pub(super) fn watch_itself(config: &mut Config) {
    let hub_port = config.hub.api.port;
    let ports =
        OWN_AGENT_PORTS.into_iter().find(|(network, control)| ![*network, *control].contains(&hub_port));
    if let Some((network, control)) = ports {
        (config.agent.network.port, config.agent.control.port) = (network, control);
    }
    let machine = config.agent.machine.as_str();
    config.hub.agents.push(HubAgent {
        name: if machine.is_empty() { NAMELESS.to_owned() } else { machine.to_owned() },
        url: format!("http://127.0.0.1:{}", config.agent.network.port),
        token: String::new(),
        enabled: true,
    });
}

/// Where V3 kept what is not in its files, if `hub.yaml` does not say.
pub(super) fn default_data_folder() -> PathBuf {
    expanded("~/.taskpaw-hub")
}

/// A path with the home folder in the place of `~`.
pub(super) fn expanded(path: &str) -> PathBuf {
    let of_home = |rest: &'_ str| rest.is_empty() || rest.starts_with(['/', '\\']);
    let rest =
        path.strip_prefix('~').filter(|rest| of_home(rest)).map(|rest| rest.trim_start_matches(['/', '\\']));
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_folder_is_put_in_as_python_does() {
        let home = std::env::home_dir().unwrap();
        for (path, expected) in [
            ("~", home.clone()),
            ("~/", home.clone()),
            ("~/.taskpaw-hub", home.join(".taskpaw-hub")),
            ("~//x", home.join("x")),
            ("/a/~/b", PathBuf::from("/a/~/b")),
            // Another user's.
            ("~somebody/x", PathBuf::from("~somebody/x")),
        ] {
            assert_eq!(expanded(path), expected, "{path}");
        }
    }
}
