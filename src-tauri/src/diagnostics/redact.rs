//! What must not leave the machine is taken out: tokens, what looks like a secret, names of users, arguments of other
//! people's programs.

use std::collections::BTreeSet;
use std::path::Path;

use port_takeover::{IdentityRules, Process, ProcessFacts, Snapshot};
use redaction::{USER, Users, is_secret_name, without_secrets};
use serde_json::Value;

/// Stands for a token.
const TOKEN: &str = "(token removed)";
/// Stands for the argument of a program that is not ours.
const ARGUMENT: &str = "(argument removed)";
/// A value below a key with one of these words is a secret. The address of a webhook opens it to anyone who knows it.
const SECRET_WORDS: [&str; 11] = [
    "token",
    "password",
    "passwd",
    "secret",
    "credential",
    "auth",
    "cookie",
    "header",
    "key",
    "webhook",
    "ntfy",
];
/// Below this key is a program with its arguments, which may be secrets.
const COMMAND: &str = "command";
/// Stands for what follows the machine in an address.
const REST: &str = "(removed)";
/// Shorter ones are not looked for in running text: they are parts of everything.
const SHORTEST_TOKEN: usize = 6;
/// How many home folders are searched for the names of users.
const MOST_NEIGHBOURS: usize = 200;

/// Takes out what must not leave the machine.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    tokens: BTreeSet<String>,
    users: Users,
}

impl Redactor {
    /// Knows the tokens of a configuration, as it stands in the file.
    pub(super) fn learn_tokens(&mut self, config: &Value) {
        collect_secrets(config, false, &mut self.tokens);
    }

    /// Knows the name of a user.
    pub(super) fn learn_name(&mut self, name: &str) {
        self.users.learn(name);
    }

    /// Knows the folder of the person, and the names of those whose folders are beside it.
    pub(super) fn learn_home(&mut self, home: &Path) {
        self.users.learn_home(&home.to_string_lossy());
        let is_of_all = home
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|name| ["home", "users"].iter().any(|known| name.eq_ignore_ascii_case(known)));
        let neighbours = home.parent().filter(|_| is_of_all).and_then(|folder| folder.read_dir().ok());
        for neighbour in neighbours.into_iter().flatten().take(MOST_NEIGHBOURS).flatten() {
            self.learn_name(&neighbour.file_name().to_string_lossy());
        }
    }

    /// Running text: a log, a path, a message.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longest first: a token may be a part of another one.
        let mut tokens: Vec<&String> = self.tokens.iter().collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.len()));
        for token in tokens {
            text = text.replace(token.as_str(), TOKEN);
        }
        self.users.removed_from(&without_secrets(&text))
    }

    /// A configuration: the values of secret keys go, whatever they are; the form stays.
    pub(super) fn config(&self, config: &Value) -> Value {
        self.value(config, true, false)
    }

    /// Any other JSON: its strings are running text, users are left out.
    pub(super) fn json(&self, value: &Value) -> Value {
        self.value(value, false, false)
    }

    fn value(&self, value: &Value, is_config: bool, is_secret: bool) -> Value {
        match value {
            Value::String(text) if is_secret && text.is_empty() => Value::String(String::new()),
            Value::String(_) | Value::Number(_) if is_secret => TOKEN.into(),
            Value::String(text) if is_config => self.text(&without_rest(&without_secrets(text))).into(),
            Value::String(text) => self.text(text).into(),
            Value::Array(list) => list.iter().map(|item| self.value(item, is_config, is_secret)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| {
                    let redacted = if key == "user" && value.is_string() {
                        USER.into()
                    } else if is_config && key == COMMAND && (value.is_array() || value.is_string()) {
                        self.command(value)
                    } else {
                        self.value(value, is_config, is_secret || (is_config && is_secret_key(key)))
                    };
                    (key.clone(), redacted)
                })
                .collect(),
            other => other.clone(),
        }
    }

    /// The program stays.
    fn command(&self, argv: &Value) -> Value {
        if let Some(line) = argv.as_str() {
            // A line, where a list of texts is asked for: it is kept to be corrected.
            let program = line.split_whitespace().next().unwrap_or_default();
            let rest = if program.len() < line.trim().len() { format!(" {ARGUMENT}") } else { String::new() };
            return (self.text(program) + &rest).into();
        }
        let words = argv.as_array().into_iter().flatten().enumerate();
        words
            .map(|(at, word)| if at == 0 { self.value(word, true, false) } else { ARGUMENT.into() })
            .collect()
    }

    /// How the ports are held: what decides stays, so that `taskpaw-ports explain` comes to the same.
    pub(super) fn snapshot(&self, snapshot: &Snapshot, rules: &IdentityRules) -> Snapshot {
        let mut redacted = snapshot.clone();
        for process in &mut redacted.processes {
            self.process(process, rules);
        }
        redacted
    }

    fn process(&self, process: &mut Process, rules: &IdentityRules) {
        let is_ours = rules.identify(ProcessFacts::from(&*process)).is_some();
        process.user = process.user.take().map(|_| USER.to_owned());
        process.exe = process.exe.take().map(|exe| self.text(&exe));
        process.cwd = process.cwd.take().filter(|_| is_ours).map(|cwd| self.text(&cwd));
        for (at, argument) in process.argv.iter_mut().enumerate() {
            *argument = if at == 0 || is_ours { self.text(argument) } else { ARGUMENT.to_owned() };
        }
    }
}

fn is_secret_key(key: &str) -> bool {
    let small = key.to_ascii_lowercase();
    is_secret_name(key) || SECRET_WORDS.iter().any(|word| small.contains(word))
}

fn collect_secrets(value: &Value, is_secret: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_secret && text.len() >= SHORTEST_TOKEN => {
            found.insert(text.clone());
        }
        // A log may have it in one piece.
        Value::String(text) if without_rest(text) != *text => {
            found.insert(text.clone());
        }
        Value::Number(number) if is_secret && number.to_string().len() >= SHORTEST_TOKEN => {
            found.insert(number.to_string());
        }
        Value::Array(list) => list.iter().for_each(|item| collect_secrets(item, is_secret, found)),
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect_secrets(value, is_secret || is_secret_key(key), found))
        }
        _ => {}
    }
}

/// An address with nothing but its scheme, machine and port: a user and what follows may be secrets.
fn without_rest(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let machine = authority.rsplit('@').next().unwrap_or(authority);
    let user = if machine.len() < authority.len() { format!("{REST}@") } else { String::new() };
    let after = if after.len() > 1 { format!("/{REST}") } else { after.to_owned() };
    format!("{scheme}://{user}{machine}{after}")
}

#[cfg(test)]
mod tests {
    use port_takeover::decide;
    use serde_json::json;
    use taskpaw_contract::{Recorded, identity};

    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.learn_tokens(&json!({ "agent": { "token": "s3cret-token" }, "hub": { "agents": [
            { "name": "nas", "token": "an0ther-one" } ] } }));
        redactor.learn_name("DESKTOP\\anna");
        redactor
    }

    #[test]
    fn tokens_and_names_go_from_running_text() {
        for (text, expected) in [
            ("Bearer s3cret-token, an0ther-one!", "Bearer (token removed), (token removed)!"),
            ("http://u:pw@nas/?x=1 api_key=X", "http://(removed)@nas/?(removed) api_key=(removed)"),
            ("anna started it; joanna and annatto did not", "(user) started it; joanna and annatto did not"),
            (
                "/home/ben/x and /home/ben: C:\\Users\\Ben B\\y",
                "/home/(user)/x and /home/(user): C:\\Users\\(user)\\y",
            ),
            ("open \"/Users/zoë/a b\"", "open \"/Users/(user)/a b\""),
            ("/home/ is no home", "/home/ is no home"),
        ] {
            assert_eq!(redactor().text(text), expected);
        }
    }

    #[test]
    fn a_configuration_keeps_its_form_and_loses_every_secret() {
        let config = json!({ "agent": { "token": "s3cret-token", "network": { "port": 1 }, "monitors": [
            { "name": "web", "config": { "url": "http://x", "headers": { "Authorization": "Bearer q" } } } ] },
            "hub": { "token": "", "webhook": { "token": "w" } }, "future": { "api_key": ["a", 7] } });
        let redacted = redactor().config(&config);
        let expected = json!({ "agent": { "token": TOKEN, "network": { "port": 1 }, "monitors": [
            { "name": "web", "config": { "url": "http://x", "headers": { "Authorization": TOKEN } } } ] },
            "hub": { "token": "", "webhook": { "token": TOKEN } }, "future": { "api_key": [TOKEN, TOKEN] } });
        assert_eq!(redacted, expected);
    }

    #[test]
    fn addresses_and_commands_keep_what_says_where_and_which() {
        let config = json!({ "hub": { "webhook": { "url": "https://hooks.example/T0/B1/xyz" } }, "agent": { "token": 12_345_678,
            "monitors": [
                { "config": { "url": "https://me:pw@nas:5680/status?key=1" } },
                { "config": { "url": "http://nas:1/" } },
                { "config": { "command": ["curl", "-H", "Authorization: Bearer q"] } },
                { "config": { "command": "curl -H 'Authorization: Bearer q'" } }, { "config": { "command": "date" } } ] } });
        let mut redactor = Redactor::default();
        redactor.learn_tokens(&config);
        let expected = json!({ "hub": { "webhook": { "url": TOKEN } }, "agent": { "token": TOKEN, "monitors": [
            { "config": { "url": "https://(removed)@nas:5680/(removed)" } },
            { "config": { "url": "http://nas:1/" } },
            { "config": { "command": ["curl", ARGUMENT, ARGUMENT] } },
            { "config": { "command": format!("curl {ARGUMENT}") } }, { "config": { "command": "date" } } ] } });
        assert_eq!(redactor.config(&config), expected);
        for text in
            ["POST https://hooks.example/T0/B1/xyz", "12345678", "https://me:pw@nas:5680/status?key=1"]
        {
            let said = redactor.text(text);
            assert!(!said.contains("xyz") && !said.contains("345") && !said.contains("pw@"), "{said}");
        }
    }

    /// Every example of the specification is decided in the same way after what is private was taken out.
    #[test]
    fn a_redacted_snapshot_is_decided_as_the_whole_one() {
        let text = include_str!("../../../crates/taskpaw-contract/tests/vectors/decisions.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        let rules = identity::rules();
        for case in cases {
            let whole = Recorded::read(case["snapshot"].to_string().as_bytes()).unwrap().snapshot;
            let redacted = redactor().snapshot(&whole, &rules);
            let (before, after) = (decide(&whole, &rules), decide(&redacted, &rules));
            let states = |verdict: &port_takeover::Verdict| -> Vec<_> {
                verdict.ports.iter().map(|port| port.state).collect()
            };
            assert_eq!(
                (before.decision, states(&before)),
                (after.decision, states(&after)),
                "{}",
                case["case"]
            );
            assert_eq!(before.terminate, after.terminate, "{}", case["case"]);
        }
    }
}
