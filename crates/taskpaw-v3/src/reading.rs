//! Each key of a file of V3, and where its value goes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use port_takeover::{Host, overlaps};
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, Endpoint, is_plain_token, refusal};
use uuid::Uuid;

use super::hub::{self, Hub, OpenClaw};
use super::monitors::{self, is_name};
use super::yaml::Node;
use super::{ImportReport, NotTakenReason, V3File};

/// How long the name of a machine or its id may be.
const LONGEST_NAME: u32 = 100;
const POLL_SECONDS: (u32, u32) = (1, 86_400);

/// For how many days a hub can keep how its agents were; V3 kept it for ever by 0.
const KEEP_DAYS: (u32, u32) = (1, 3_650);

/// Takes what is good from the pairs of a file. Of `hub.yaml` it gives back what is needed further.
pub(super) fn take(
    file: V3File,
    pairs: &[(String, Node)],
    config: &mut Config,
    report: &mut ImportReport,
    tokens: &mut Vec<String>,
) -> Option<Hub> {
    let mut reader = Reader { file, keys: BTreeMap::new(), report };
    for (key, node) in pairs {
        if reader.keys.insert(key, node).is_some() {
            reader.report.refused(file, key, None, NotTakenReason::Twice);
        }
        // Also one that is refused is a secret.
        if key.contains("token") || key.contains("api_key") {
            tokens.extend(node.text().map(str::to_owned));
        }
    }
    reader.name("server_id", &mut config.agent.server_id);
    match file {
        // The hub of a machine that has a name by its agent can have one of its own.
        V3File::Hub if !config.agent.machine.is_empty() => {
            reader.name("machine", &mut config.hub.machine);
            if config.hub.machine == config.agent.machine {
                config.hub.machine.clear();
            }
        }
        _ => reader.name("machine", &mut config.agent.machine),
    }
    // The tokens come first: they decide which addresses are possible.
    match file {
        V3File::Agent => {
            let Config { agent, .. } = config;
            reader.guard("api_token", &mut agent.token);
            let has_token = !agent.token.is_empty();
            reader.host("bind_host", false, has_token, &mut agent.network);
            reader.port("bind_port", &mut agent.network);
            reader.host("control_host", true, has_token, &mut agent.control);
            reader.port("control_port", &mut agent.control);
            if let Some(node) = reader.node("monitors") {
                agent.monitors = monitors::take(node, reader.report);
            }
            // The machine itself is always watched; saying so is nothing new.
            if reader.keys.remove("host_metrics").is_some_and(|node| node.flag() == Some(false)) {
                monitors::tell_nothing_of_the_machine(&mut agent.monitors);
                reader.report.took(file, "host_metrics", None);
            }
            reader.rest(&["polling_token", "poll_interval"]);
            None
        }
        V3File::Hub => {
            let Config { hub, .. } = config;
            reader.guard("api_token", &mut hub.token);
            reader.token("polling_token", &mut hub.polling_token);
            reader.host("bind_host", false, !hub.token.is_empty(), &mut hub.api);
            reader.port("bind_port", &mut hub.api);
            if let Some(seconds) = reader.whole("poll_interval", POLL_SECONDS) {
                hub.poll_seconds = seconds;
            }
            if reader.keys.get("status_log_retention_days").is_some_and(|node| node.whole() == Some(0)) {
                reader.keys.remove("status_log_retention_days");
                (_, hub.keep_status_days) = KEEP_DAYS;
            } else if let Some(days) = reader.whole("status_log_retention_days", KEEP_DAYS) {
                hub.keep_status_days = days;
            }
            let left = Hub {
                data_folder: reader.folder("data_dir").unwrap_or_else(hub::default_data_folder),
                writes_status: reader.flag("write_status_md").unwrap_or(true),
                watches_itself: reader.flag("self_monitor").unwrap_or(true),
                openclaw: OpenClaw {
                    is_on: reader.flag("openclaw_enabled").unwrap_or(false),
                    url: reader
                        .text("openclaw_url")
                        .map_or_else(OpenClaw::default_url, |url| url.trim().to_owned()),
                    token: reader.text("openclaw_token").unwrap_or_default().trim().to_owned(),
                },
                polling_token: hub.polling_token.clone(),
            };
            reader.rest(&["control_host", "control_port", "monitors", "host_metrics"]);
            left.openclaw.put(V3File::Hub, hub, report);
            Some(left)
        }
        V3File::Database | V3File::Folder => None,
    }
}

/// The keys of a file that are not dealt with yet.
struct Reader<'a> {
    file: V3File,
    keys: BTreeMap<&'a str, &'a Node>,
    report: &'a mut ImportReport,
}

impl<'a> Reader<'a> {
    fn refused(&mut self, key: &str, reason: NotTakenReason) {
        self.report.refused(self.file, key, None, reason);
    }

    fn took(&mut self, key: &str) {
        self.report.took(self.file, key, None);
    }

    /// What a key says; nothing if it says nothing.
    fn node(&mut self, key: &str) -> Option<&'a Node> {
        let node = self.keys.remove(key).filter(|node| !node.is_nothing())?;
        if *node == Node::Tagged {
            self.refused(key, NotTakenReason::Tagged);
            return None;
        }
        Some(node)
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        let node = self.node(key)?;
        let text = node.text();
        if text.is_none() {
            self.refused(key, NotTakenReason::NotText);
        }
        text
    }

    fn name(&mut self, key: &str, into: &mut String) {
        let Some(text) = self.text(key) else { return };
        let text = text.trim();
        if !into.is_empty() && into == text {
            self.took(key);
        } else if !into.is_empty() {
            self.refused(key, NotTakenReason::SaidAlready);
        } else if !is_name(text, LONGEST_NAME) {
            self.refused(key, NotTakenReason::BadName { most: LONGEST_NAME });
        } else {
            text.clone_into(into);
            self.took(key);
        }
    }

    /// What must be shown to a role. One that cannot be carried over is never left out: its port would stand open.
    fn guard(&mut self, key: &str, into: &mut String) {
        let Some(node) = self.keys.remove(key).filter(|node| !node.is_nothing()) else { return };
        match node.text().map(str::trim) {
            // Nothing but spaces is none, as in V3.
            Some("") => {}
            Some(text) if is_plain_token(text) => {
                text.clone_into(into);
                self.took(key);
            }
            _ => {
                *into = fresh_token();
                self.refused(key, NotTakenReason::TokenReplaced);
            }
        }
    }

    /// What is shown to others.
    fn token(&mut self, key: &str, into: &mut String) {
        // An empty one is none, as in V3.
        let Some(text) = self.text(key).map(str::trim).filter(|text| !text.is_empty()) else { return };
        if is_plain_token(text) {
            text.clone_into(into);
            self.took(key);
        } else {
            self.refused(key, NotTakenReason::BadToken);
        }
    }

    fn host(&mut self, key: &str, is_control: bool, has_token: bool, into: &mut Endpoint) {
        let Some(text) = self.text(key) else { return };
        // As V3 did, which also took an address in brackets.
        let text = text.trim().trim_matches(['[', ']']);
        let reason = match text.parse::<Host>() {
            Err(_) => Some(NotTakenReason::NotAnAddress),
            Ok(host) => {
                refusal(host, is_control, has_token).map(|reason| NotTakenReason::Exposure { reason })
            }
        };
        match reason {
            Some(reason) => self.refused(key, reason),
            None => {
                text.clone_into(&mut into.host);
                self.took(key);
            }
        }
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        let flag = node.lax_flag();
        if flag.is_none() {
            self.refused(key, NotTakenReason::NotYesOrNo);
        }
        flag
    }

    fn folder(&mut self, key: &str) -> Option<PathBuf> {
        let folder = hub::expanded(self.text(key)?.trim());
        if !folder.is_absolute() {
            self.refused(key, NotTakenReason::NotAWholePath);
            return None;
        }
        Some(folder)
    }

    fn port(&mut self, key: &str, into: &mut Endpoint) {
        if let Some(port) = self.whole(key, (1, 65_535)) {
            into.port = port.into();
        }
    }

    fn whole(&mut self, key: &str, (least, most): (u32, u32)) -> Option<u32> {
        let node = self.node(key)?;
        let Some(number) = node.whole() else {
            self.refused(key, NotTakenReason::NotWhole);
            return None;
        };
        let number = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
        match number {
            Some(_) => self.took(key),
            None => self.refused(key, NotTakenReason::OutOfRange { least, most }),
        }
        number
    }

    /// Whatever is left is not known here.
    fn rest(mut self, of_the_other_role: &[&str]) {
        for (key, _) in std::mem::take(&mut self.keys) {
            let is_others = of_the_other_role.contains(&key);
            self.refused(key, if is_others { NotTakenReason::OtherRole } else { NotTakenReason::UnknownKey });
        }
    }
}

/// A token that nobody knows yet.
fn fresh_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Two ports of this machine that came to the same: the later one that was taken goes back to its default.
pub(super) fn part_ports(config: &mut Config, report: &mut ImportReport) {
    let defaults = Config::default();
    while let Some((role, name)) = twice(config, &defaults) {
        let (file, key) = match (role, name) {
            (Role::Agent, "control") => (V3File::Agent, "control_port"),
            (Role::Agent, _) => (V3File::Agent, "bind_port"),
            (Role::Hub, _) => (V3File::Hub, "bind_port"),
        };
        let default = defaults.endpoints(role).into_iter().find(|(known, _)| *known == name);
        if let (Some(endpoint), Some((_, default))) = (config.endpoint_mut(role, name), default) {
            endpoint.port = default.port;
        }
        report.taken.retain(|taken| (taken.file, taken.key.as_str()) != (file, key));
        report.refused(file, key, None, NotTakenReason::PortTwice);
    }
}

/// A port that is not the default one and has the number of another one. The defaults differ, so this ends.
fn twice(config: &Config, defaults: &Config) -> Option<(Role, &'static str)> {
    let ports = |config: &Config| -> Vec<(Role, &'static str, Option<Host>, i64)> {
        let of = |role: &Role| {
            let role = *role;
            config.endpoints(role).into_iter().map(move |(name, endpoint)| (role, name, endpoint.clone()))
        };
        let all = config.roles.iter().flat_map(of);
        all.map(|(role, name, endpoint)| (role, name, endpoint.host.parse().ok(), endpoint.port)).collect()
    };
    let is_default = |role: Role, name: &str, port: i64| {
        defaults.endpoints(role).iter().any(|(known, endpoint)| *known == name && endpoint.port == port)
    };
    let ports = ports(config);
    ports.iter().enumerate().rev().find_map(|(at, &(role, name, host, port))| {
        let is_twice = ports.iter().enumerate().any(|(other, &(_, _, others, number))| {
            let overlap = matches!((host, others), (Some(host), Some(others)) if overlaps(host, others));
            other != at && number == port && overlap
        });
        (is_twice && !is_default(role, name, port)).then_some((role, name))
    })
}
