//! The part of `config.json` that is about the role which polls agents.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{AlertTarget, ConfigProblem, Endpoint, printed, yes};

/// The configuration of the role that polls agents.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HubConfig {
    /// What people call this hub; empty: the name of its machine.
    pub machine: String,
    /// Where the hub answers.
    pub api: Endpoint,
    /// What a client must show; empty: nothing is asked, and only loopback is allowed.
    pub token: String,
    /// What the hub shows to agents that have no token of their own here.
    pub polling_token: String,
    /// Seconds between two polls of an agent.
    pub poll_seconds: u32,
    /// Milliseconds in which an agent must say how it is; else it counts as away.
    pub answer_within_ms: u32,
    /// After so many missed polls in a row it is told that a machine is offline.
    pub offline_after: u32,
    /// The agents that are polled.
    pub agents: Vec<HubAgent>,
    /// Days for which events are kept.
    pub keep_event_days: u32,
    /// Days for which it is kept how the agents were.
    pub keep_status_days: u32,
    /// Who is told of events.
    pub webhook: WebhookConfig,
    /// A topic of ntfy that is told of events; its address is that of the server with the topic, such as `https://ntfy.sh/topic`.
    pub ntfy: WebhookConfig,
    /// A file that says how every agent is, in the form of TaskPaw V3, written after each round of polls; empty: none.
    pub status_md: String,
    /// Whether agents on the local network are looked for while somebody looks at the fleet, as an offer to add them.
    pub discovery: bool,
}

/// An agent that a hub polls.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HubAgent {
    /// What people call it, once in a hub.
    pub name: String,
    /// The agent's address, such as `http://192.168.1.5:5680`.
    pub url: String,
    /// What it asks for; empty: the hub's `polling_token`.
    #[serde(default)]
    pub token: String,
    /// Whether it is polled.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Who is told of events.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookConfig {
    /// Where events are posted to; empty: nowhere.
    pub url: String,
    /// What is shown there as `Authorization: Bearer`; empty: nothing.
    pub token: String,
    /// Which events are told.
    pub events: WebhookEvents,
}

/// Which events a webhook is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum WebhookEvents {
    /// Every `alert` and `done`.
    #[default]
    Alerts,
    /// All of them, as in TaskPaw V3.
    All,
}

impl WebhookConfig {
    /// The field that cannot be used for this target, and why; the value is not repeated.
    #[must_use]
    pub fn wrong(&self, target: AlertTarget) -> Option<(String, String)> {
        let topic = || if target == AlertTarget::Ntfy { wrong_topic(&self.url) } else { None };
        if let Some(reason) = wrong_url(&self.url).or_else(topic) {
            return Some(("url".to_owned(), format!("the address {reason}")));
        }
        (!is_plain_token(&self.token)).then(|| ("token".to_owned(), TOKEN_FORM.to_owned()))
    }

    /// The beginning of the address, without what opens it.
    #[must_use]
    pub fn server(&self) -> String {
        let end = self.url.find("://").map_or(0, |at| at + 3);
        let after = self.url.get(end..).unwrap_or_default();
        let host = after.split(['/', '?', '#']).next().unwrap_or_default();
        format!("{}{host}", self.url.get(..end).unwrap_or_default())
    }
}

impl fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubConfig")
            .field("machine", &self.machine)
            .field("api", &self.api)
            .field("token", &printed(&self.token))
            .field("polling_token", &printed(&self.polling_token))
            .field("poll_seconds", &self.poll_seconds)
            .field("answer_within_ms", &self.answer_within_ms)
            .field("offline_after", &self.offline_after)
            .field("agents", &self.agents)
            .field("keep_event_days", &self.keep_event_days)
            .field("keep_status_days", &self.keep_status_days)
            .field("webhook", &self.webhook)
            .field("ntfy", &self.ntfy)
            .field("status_md", &self.status_md)
            .field("discovery", &self.discovery)
            .finish()
    }
}

impl fmt::Debug for HubAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubAgent")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("token", &printed(&self.token))
            .field("enabled", &self.enabled)
            .finish()
    }
}

/// The address of a webhook may be a secret too.
impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("url", &printed(&self.url))
            .field("token", &printed(&self.token))
            .field("events", &self.events)
            .finish()
    }
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            machine: String::new(),
            api: Endpoint::loopback(5690),
            token: String::new(),
            polling_token: String::new(),
            poll_seconds: 60,
            answer_within_ms: 1_500,
            offline_after: 2,
            agents: Vec::new(),
            keep_event_days: 30,
            keep_status_days: 7,
            webhook: WebhookConfig::default(),
            ntfy: WebhookConfig::default(),
            status_md: String::new(),
            discovery: true,
        }
    }
}

impl HubConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        for (key, number, least, most) in [
            ("poll_seconds", self.poll_seconds, 1, 86_400),
            ("answer_within_ms", self.answer_within_ms, 100, 60_000),
            ("offline_after", self.offline_after, 1, 1_000),
            ("keep_event_days", self.keep_event_days, 1, 3_650),
            ("keep_status_days", self.keep_status_days, 1, 3_650),
        ] {
            if !(least..=most).contains(&number) {
                return Err(wrong(
                    format!("hub.{key}"),
                    format!("{number} is not between {least} and {most}"),
                ));
            }
        }
        let mut names = BTreeSet::new();
        for (place, agent) in self.agents.iter().enumerate() {
            agent.check(&format!("hub.agents[{place}]"))?;
            if !names.insert(&agent.name) {
                let reason = format!("another agent is called {:?} too", agent.name);
                return Err(wrong(format!("hub.agents[{place}].name"), reason));
            }
        }
        for (key, config, target) in
            [("webhook", &self.webhook, AlertTarget::Webhook), ("ntfy", &self.ntfy, AlertTarget::Ntfy)]
        {
            if !config.url.is_empty()
                && let Some((field, reason)) = config.wrong(target)
            {
                return Err(wrong(format!("hub.{key}.{field}"), reason));
            }
        }
        if !self.status_md.is_empty() && !std::path::Path::new(&self.status_md).is_absolute() {
            let reason = "write the whole path, from the root on".to_owned();
            return Err(wrong("hub.status_md".to_owned(), reason));
        }
        check_token("hub.token", &self.token)?;
        check_token("hub.polling_token", &self.polling_token)?;
        check_token("hub.webhook.token", &self.webhook.token)?;
        check_token("hub.ntfy.token", &self.ntfy.token)
    }
}

impl HubAgent {
    /// Checks one agent, whose keys are under this one.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self, key: &str) -> Result<(), ConfigProblem> {
        if self.name.is_empty() || self.name.trim() != self.name {
            let reason = format!("{:?} is no name: write one without spaces around it", self.name);
            return Err(wrong(format!("{key}.name"), reason));
        }
        if let Some(reason) = wrong_url(&self.url) {
            // Not the address itself: there may be a secret in it.
            return Err(wrong(format!("{key}.url"), format!("the address {reason}")));
        }
        check_token(&format!("{key}.token"), &self.token)
    }

    /// Checks one that somebody adds. What stands in the file already is not refused because of one address that can never
    /// answer: nothing else would run.
    ///
    /// # Errors
    /// The first problem.
    pub fn check_new(&self, key: &str) -> Result<(), ConfigProblem> {
        self.check(key)?;
        match never_answers(&self.url) {
            Some(reason) => Err(wrong(format!("{key}.url"), format!("the address {reason}"))),
            None => Ok(()),
        }
    }
}

fn wrong(key: String, reason: String) -> ConfigProblem {
    ConfigProblem::Value { key, reason }
}

/// A new token has at least so many letters: by trying, nobody finds one.
pub const SHORTEST_TOKEN: usize = 16;

/// What a token is.
const TOKEN_FORM: &str = "a token is made of ASCII letters, digits and signs, without spaces";

/// Whether a header can carry a token.
#[must_use]
pub fn is_plain_token(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A header can carry a token only if it is plain. The message does not repeat it.
pub(super) fn check_token(key: &str, token: &str) -> Result<(), ConfigProblem> {
    if is_plain_token(token) { Ok(()) } else { Err(wrong(key.to_owned(), TOKEN_FORM.to_owned())) }
}

/// Whether a text is the address of a server.
#[must_use]
pub fn is_server_url(url: &str) -> bool {
    wrong_url(url).is_none()
}

/// An address as a person writes it, without the spaces around it and with the beginning in small letters.
#[must_use]
pub fn tidy_url(url: &str) -> String {
    let url = url.trim();
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.to_ascii_lowercase()),
        None => url.to_owned(),
    }
}

/// A name of the DNS or of the network's own, or an address; IPv6 in brackets.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').unwrap_or_default();
        return address.parse::<std::net::Ipv6Addr>().is_ok_and(|address| !address.is_unspecified());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    // A name whose last part is a number is an address.
    let last = name.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| !address.is_unspecified());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|number| number > 0)
}

/// What is wrong with the address of an agent that is a URL, and can never answer.
fn never_answers(url: &str) -> Option<&'static str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rfind(']') {
        Some(end) => (&authority[..=end], authority[end + 1..].strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let is_whole = port.is_some() || host.len() == authority.len();
    if !is_whole || !is_host(host) {
        Some("has a host that is neither a name nor an address")
    } else if port.is_some_and(|port| !is_port(port)) {
        Some("has a port that is not between 1 and 65535")
    } else if rest.contains(['?', '#']) {
        Some("has a ? or a #, after which nothing can be asked for")
    } else {
        None
    }
}

/// What is wrong with the address of a server.
fn wrong_url(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Some("does not begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // The colon of a port comes after the brackets of an IPv6 address.
    let after_brackets = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[after_brackets..].split_once(':') {
        Some((more, port)) => (&authority[..after_brackets + more.len()], Some(port)),
        None => (authority, None),
    };
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has spaces or letters that an address cannot have")
    } else if authority.contains('@') {
        Some("has a user name in it; put the secret into the token")
    } else if host.is_empty() {
        Some("names no host")
    } else if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|number| number > 0)) {
        Some("has a port that is not between 1 and 65535")
    } else {
        None
    }
}

/// The address of a server of ntfy, with the slash after it, and the topic there; nothing if the address names none.
#[must_use]
pub fn ntfy_topic(url: &str) -> Option<(&str, &str)> {
    let at = url.trim_end_matches('/').rfind('/')? + 1;
    let (server, topic) = (url.get(..at)?, url.get(at..)?.trim_end_matches('/'));
    let is_topic = (1..=64).contains(&topic.len())
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_topic && !server.ends_with("//")).then_some((server, topic))
}

/// What is wrong with the address of a topic that is a URL. Topics of ntfy are of 1 to 64 letters, digits, `-` and `_`.
fn wrong_topic(url: &str) -> Option<&'static str> {
    ntfy_topic(url).is_none().then_some("does not end with a topic of ntfy")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut HubConfig)) -> String {
        let mut config = HubConfig::default();
        change(&mut config);
        config.check().map_or_else(|problem| problem.to_string(), |()| String::new())
    }

    fn agent(name: &str, url: &str) -> HubAgent {
        HubAgent { name: name.into(), url: url.into(), token: String::new(), enabled: true }
    }

    #[test]
    fn every_number_has_its_bounds() {
        assert_eq!(problem(|_| {}), "");
        assert!(
            problem(|hub| hub.poll_seconds = 0).starts_with("hub.poll_seconds: 0 is not between 1 and 86400")
        );
        assert!(problem(|hub| hub.offline_after = 0).starts_with("hub.offline_after: 0 "));
        assert!(problem(|hub| hub.answer_within_ms = 99).starts_with("hub.answer_within_ms: 99 "));
        assert!(problem(|hub| hub.keep_event_days = 0).starts_with("hub.keep_event_days: 0 "));
        assert!(problem(|hub| hub.keep_status_days = 9_999).starts_with("hub.keep_status_days: 9999 "));
    }

    #[test]
    fn an_address_is_tidied_as_a_person_may_write_it() {
        assert_eq!(tidy_url("  HTTP://NAS:5680/A "), "http://NAS:5680/A");
        assert_eq!(tidy_url("nas:5680"), "nas:5680");
    }

    #[test]
    fn an_address_that_can_never_answer_is_not_added_and_stops_nothing_where_it_is() {
        for (url, is_good) in [
            ("http://192.168.1.5:5680", true),
            ("https://nas.local/agent/", true),
            ("http://[fd00::1]:5680", true),
            ("http://localhost", true),
            ("http://nas_2.local.:5680", true),
            ("http://[::ffff:192.168.1.5]:5680", true),
            ("http://xn--bcher-kva.example", true),
            ("http://x:+80", false),
            ("http://x:80:90", false),
            ("http://x:", false),
            ("http://[::1", false),
            ("http://::1", false),
            ("http://[zz]:5680", false),
            ("http://[fe80::1%eth0]", false),
            ("http://300.1.1.1", false),
            ("http://192.168.1:5680", false),
            ("http://0.0.0.0:5680", false),
            ("http://[::]:5680", false),
            ("http://a..b", false),
            ("http://.", false),
            ("http://-x", false),
            ("http://x,y", false),
            ("http://http://x", false),
            ("http:///x", false),
            ("http://x?a=b", false),
            ("http://x/#top", false),
        ] {
            let problem = agent("a", url).check_new("agent");
            assert_eq!(problem.is_ok(), is_good, "{url}: {problem:?}");
        }
        assert!(agent("a", "http://300.1.1.1/?x").check("agent").is_ok());
    }

    #[test]
    fn an_agent_has_a_name_of_its_own_and_an_address() {
        let good = "http://192.168.1.5:5680";
        for (name, url, begins) in [
            ("a", good, ""),
            ("a", "https://nas.local/agent/", ""),
            ("a", "http://[fd00::1]:5680", ""),
            ("a", "http://[fd00::1]", ""),
            ("", good, "hub.agents[0].name: "),
            (" a", good, "hub.agents[0].name: "),
            ("a", "192.168.1.5:5680", "hub.agents[0].url: "),
            ("a", "ftp://x", "hub.agents[0].url: "),
            ("a", "http://", "hub.agents[0].url: "),
            ("a", "http://:80", "hub.agents[0].url: "),
            ("a", "http://x:0", "hub.agents[0].url: "),
            ("a", "http://x:70000", "hub.agents[0].url: "),
            ("a", "http://x y", "hub.agents[0].url: "),
            ("a", "http://me:secret@x", "hub.agents[0].url: "),
        ] {
            let message = problem(|hub| hub.agents.push(agent(name, url)));
            assert_eq!(message.is_empty(), begins.is_empty(), "{name:?} {url:?}: {message}");
            assert!(message.starts_with(begins), "{name:?} {url:?}: {message}");
        }
        let twice = problem(|hub| hub.agents = vec![agent("a", good), agent("a", "http://b")]);
        assert!(twice.starts_with("hub.agents[1].name: another agent is called \"a\""), "{twice}");
    }

    #[test]
    fn a_topic_of_ntfy_is_the_end_of_its_address() {
        for (url, expected) in [
            ("https://ntfy.sh/my_topic-1", Some(("https://ntfy.sh/", "my_topic-1"))),
            ("https://ntfy.sh/my_topic/", Some(("https://ntfy.sh/", "my_topic"))),
            ("http://nas:8080/ntfy/render", Some(("http://nas:8080/ntfy/", "render"))),
            ("https://ntfy.sh/", None),
            ("https://ntfy.sh", None),
            ("https://ntfy.sh/a b", None),
            ("https://ntfy.sh/a?auth=x", None),
        ] {
            assert_eq!(ntfy_topic(url), expected, "{url}");
            let message = problem(|hub| hub.ntfy.url = url.into());
            assert_eq!(message.is_empty(), expected.is_some(), "{url}: {message}");
        }
    }

    #[test]
    fn a_secret_is_neither_printed_nor_repeated() {
        let hub = HubConfig {
            polling_token: "top secret".into(),
            webhook: WebhookConfig {
                url: "https://secret.example/x".into(),
                token: "secret".into(),
                ..WebhookConfig::default()
            },
            agents: vec![HubAgent { token: "secret".into(), ..agent("a", "http://b") }],
            ..HubConfig::default()
        };
        assert!(!format!("{hub:?}").contains("secret"));
        let message = hub.check().unwrap_err().to_string();
        assert!(message.starts_with("hub.polling_token: ") && !message.contains("top"), "{message}");
    }
}
