//! What becomes of whole files of V3.

mod any;
mod hub;
mod monitors;

use serde_json::json;

use super::*;
use taskpaw_contract::config::{ExposureReason, WebhookEvents};

/// As a backend alone does it.
fn import(agent: Option<&[u8]>, hub: Option<&[u8]>) -> Imported {
    super::import(agent, hub, Starter::Backend)
}

fn of_agent(text: &str) -> Imported {
    import(Some(text.as_bytes()), None)
}

fn of_hub(text: &str) -> Imported {
    import(None, Some(format!("self_monitor: false\n{text}").as_bytes()))
}

/// Each key that was not taken, with its reason in words.
fn refused(imported: &Imported) -> Vec<(String, String)> {
    let one = |refused: &NotTaken| (format!("{}:{}", refused.file, refused.key), refused.reason.to_string());
    imported.report.not_taken.iter().map(one).collect()
}

/// The reason for one key; there is no other one.
fn reason(imported: &Imported) -> &NotTakenReason {
    let [one] = imported.report.not_taken.as_slice() else { panic!("{:?}", imported.report.not_taken) };
    &one.reason
}

const AGENT: &str = r#"
# TaskPaw V3 agent
server_id: 3f1c
machine: workstation
bind_host: 192.168.1.50
bind_port: 6680
control_host: 127.0.0.1
control_port: 6681
api_token: "s3cret-of-the-agent"
host_metrics: true
llm_api_key: "sk-another-secret"
monitors:
  - type_id: process
    name: PM2 daemon
    config: { name: PM2 daemon, pattern: ^PM2.*God$, search_cmdline: true, max_line_bytes: 1000000 }
  - type_id: lada
    name: ComfyUI
    config: { host: 127.0.0.1, port: 8188 }
  - type_id: folder
    enabled: false
    config:
      name: Downloads
      path: ~/downloads
      extensions: [mp4, mkv]
      stable_seconds: 30
  - type_id: custom_cmd
    name: backup
    config: { command: "/usr/bin/check 'last night'", timeout: 5.5 }
"#;

const HUB: &str = "machine: hub\nbind_host: 127.0.0.1\nbind_port: 6690\npoll_interval: 30\n\
                   polling_token: s3cret-of-the-agent\nopenclaw_enabled: false\n";

#[test]
fn a_machine_with_both_roles_goes_on_as_it_was() {
    let imported = import(Some(AGENT.as_bytes()), Some(HUB.as_bytes()));
    let config = &imported.config;
    config.check().unwrap();
    assert_eq!(config.roles, [Role::Agent, Role::Hub]);
    let agent = &config.agent;
    assert_eq!((agent.server_id.as_str(), agent.machine.as_str()), ("3f1c", "workstation"));
    assert_eq!((agent.network.host.as_str(), agent.network.port), ("192.168.1.50", 6680));
    assert_eq!((agent.control.host.as_str(), agent.control.port), ("127.0.0.1", 6681));
    assert_eq!(agent.token, "s3cret-of-the-agent");
    assert_eq!((config.hub.api.port, config.hub.poll_seconds), (6690, 30));
    assert_eq!(config.hub.polling_token, "s3cret-of-the-agent");
    assert_eq!(
        serde_json::to_value(&agent.monitors).unwrap(),
        json!([
            { "type_id": "process", "name": "PM2 daemon", "enabled": true,
              "config": { "pattern": "^PM2.*God$", "search_cmdline": true } },
            { "type_id": "folder", "name": "Downloads", "enabled": false,
              "config": { "path": "~/downloads", "extensions": ["mp4", "mkv"], "stable_seconds": 30, "poll_interval": 10 } },
            { "type_id": "custom_cmd", "name": "backup", "enabled": true,
              "config": { "command": ["/usr/bin/check", "last night"], "timeout": 5.5, "poll_interval": 10 } },
        ])
    );
    assert_eq!(
        refused(&imported).iter().map(|(key, why)| (key.as_str(), why.as_str())).collect::<Vec<_>>(),
        [
            ("agent.yaml:monitors[1].type_id", "this version has no monitor of type lada"),
            ("agent.yaml:llm_api_key", "this version has no such setting"),
        ]
    );
    let taken: Vec<&str> = imported.report.taken.iter().map(|taken| taken.key.as_str()).collect();
    assert_eq!(
        taken,
        [
            "server_id",
            "machine",
            "api_token",
            "bind_host",
            "bind_port",
            "control_host",
            "control_port",
            "monitors[0]",
            "monitors[2]",
            "monitors[3]",
            "machine",
            "polling_token",
            "bind_host",
            "bind_port",
            "poll_interval",
        ]
    );
    let written = format!("{}{:?}", imported.report.lines().join("\n"), imported.report);
    assert!(!written.contains("s3cret") && !written.contains("sk-another"), "{written}");
    assert!(written.contains("not taken over: agent.yaml: monitors[1].type_id (ComfyUI): this version"));
}

#[test]
fn the_files_that_are_there_say_which_roles_are_on() {
    assert_eq!(of_agent("machine: a").config.roles, [Role::Agent]);
    let hub = of_hub("machine: h\nserver_id: x\n");
    assert_eq!((hub.config.roles.as_slice(), hub.config.agent.machine.as_str()), (&[Role::Hub][..], "h"));
    assert_eq!(hub.config.agent.server_id, "x");
    assert_eq!(of_hub("[").config.roles, [Role::Hub], "also one that cannot be read");
    assert_eq!(import(None, None).config, Config::default());
}

#[test]
fn a_file_that_cannot_be_read_is_told_as_a_whole() {
    for (text, expected) in [
        (&b"machine: \xff"[..], NotTakenReason::NotUtf8),
        (b"", NotTakenReason::NoSettings),
        (b"# nothing\n", NotTakenReason::NoSettings),
        (b"- a\n- b\n", NotTakenReason::NotAMap),
        (b"word", NotTakenReason::NotAMap),
        (b"!!python/object:os.system {a: 1}", NotTakenReason::Tagged),
        (&[b' '; 300 << 10], NotTakenReason::TooLarge { most: 256 << 10 }),
    ] {
        let imported = import(Some(text), Some(b"poll_interval: 5"));
        assert_eq!(reason(&imported), &expected);
        assert_eq!(imported.report.not_taken[0].key, "");
        assert_eq!(imported.config.hub.poll_seconds, 5, "the other file counts");
        assert_eq!(imported.config.agent, Config::default().agent);
    }
    let broken = of_agent("machine: a\nbind_port: {a: 1]\nx: y\n");
    assert!(matches!(reason(&broken), NotTakenReason::Syntax { line: 2, .. }), "{:?}", broken.report);
    let two = of_agent("machine: a\n---\nmachine: b\n");
    assert_eq!((two.config.agent.machine.as_str(), reason(&two)), ("a", &NotTakenReason::MoreDocuments));
}

#[test]
fn a_bad_value_is_left_and_its_neighbours_are_taken() {
    use NotTakenReason as No;
    let exposed = |reason| No::Exposure { reason };
    for (line, expected) in [
        ("bind_port: 70000", No::OutOfRange { least: 1, most: 65_535 }),
        ("bind_port: 0", No::OutOfRange { least: 1, most: 65_535 }),
        ("bind_port: -1", No::OutOfRange { least: 1, most: 65_535 }),
        ("bind_port: 1.5", No::NotWhole),
        ("bind_port: many", No::NotWhole),
        ("bind_port: [5680]", No::NotWhole),
        ("bind_port: !!python/name:os.getpid", No::Tagged),
        ("control_port: 99999999999999999999", No::NotWhole),
        ("bind_host: my-pc", No::NotAnAddress),
        ("bind_host: {a: 1}", No::NotText),
        ("bind_host: 0.0.0.0", exposed(ExposureReason::Wildcard)),
        ("bind_host: '::'", exposed(ExposureReason::Wildcard)),
        ("bind_host: ''", exposed(ExposureReason::Wildcard)),
        ("bind_host: 8.8.8.8", exposed(ExposureReason::Public)),
        ("bind_host: 192.168.1.5", exposed(ExposureReason::NoToken)),
        ("control_host: 192.168.1.5", exposed(ExposureReason::ControlOffLoopback)),
        ("server_id: '  '", No::BadName { most: 100 }),
        ("monitors: {}", No::NotAList),
        ("polling_token: x", No::OtherRole),
        ("poll_interval: 5", No::OtherRole),
        ("colour: blue", No::UnknownKey),
        ("bind_port: 5681", No::PortTwice),
        ("machine: b", No::Twice),
        ("<<: {colour: blue}", No::UnknownKey),
    ] {
        let imported = of_agent(&format!("{line}\nmachine: box\n"));
        assert_eq!(reason(&imported), &expected, "{line}");
        let mut without = imported.config.clone();
        without.agent.machine = String::new();
        assert_eq!(without, Config::default(), "{line}");
        assert_eq!(imported.config.agent.machine, "box", "{line}");
    }
    for line in ["poll_interval: 0", "poll_interval: 86401"] {
        assert_eq!(reason(&of_hub(line)), &No::OutOfRange { least: 1, most: 86_400 }, "{line}");
    }
    assert_eq!(reason(&of_hub("control_port: 1")), &No::OtherRole);
    assert_eq!(reason(&of_hub("bind_host: 192.168.1.5")), &exposed(ExposureReason::NoToken));
    assert_eq!(of_hub("bind_host: 10.0.0.5\napi_token: t0ken").config.hub.api.host, "10.0.0.5");
}

/// A token that a header cannot carry, or that is not text at all, must not become none.
#[test]
fn a_token_is_never_dropped_so_that_a_port_stands_open() {
    for line in [
        "api_token: 'two words'",
        "api_token: pässword",
        "api_token: [x]",
        "api_token: !x y",
        "api_token: {a: b}",
    ] {
        for (imported, token) in [
            (of_agent(line), (|config: &Config| config.agent.token.clone()) as fn(&Config) -> String),
            (of_hub(line), |config| config.hub.token.clone()),
        ] {
            assert_eq!(reason(&imported), &NotTakenReason::TokenReplaced, "{line}");
            assert_eq!(token(&imported.config).len(), 64, "{line}");
            imported.config.check().unwrap();
        }
    }
    assert_ne!(of_agent("api_token: a b").config.agent.token, of_agent("api_token: a b").config.agent.token);
    let on_the_network = of_agent("api_token: a b\nbind_host: 192.168.1.5");
    assert_eq!(on_the_network.config.agent.network.host, "192.168.1.5", "guarded, it may be where it was");
    for (line, expected) in [("api_token: ' tok '", "tok"), ("api_token: '  '", ""), ("api_token:", "")] {
        let imported = of_agent(line);
        assert_eq!(
            (imported.config.agent.token.as_str(), imported.report.not_taken.len()),
            (expected, 0),
            "{line}"
        );
    }
    let shown = of_hub("polling_token: a b");
    assert_eq!((reason(&shown), shown.config.hub.polling_token.as_str()), (&NotTakenReason::BadToken, ""));
}

#[test]
fn of_a_folder_that_is_closed_nothing_is_claimed() {
    let closed = || Some(Err(NotTakenReason::FolderClosed));
    let (imported, _) = made_from(closed(), closed(), Starter::App);
    assert_eq!(imported.config, Config::default());
    assert_eq!((imported.report.files.len(), imported.report.roles.len()), (0, 0));
    assert_eq!(imported.report.not_taken.len(), 1);
    let lines = imported.report.lines();
    assert!(lines[0].starts_with("TaskPaw 3 may have been here"), "{lines:?}");
    assert!(lines[1].contains("this user may not look into it"), "{lines:?}");
}

#[test]
fn what_says_nothing_or_says_it_otherwise_is_no_fault() {
    let imported = of_agent(
        "machine:\nserver_id: ~\nbind_port: '6000'\ncontrol_port: 6001.0\napi_token: ''\nmonitors: []\n",
    );
    assert_eq!(imported.report.not_taken, []);
    assert_eq!((imported.config.agent.network.port, imported.config.agent.control.port), (6000, 6001));
    let numbers = of_agent("server_id: 12345678901234567890\napi_token: 00123\nmachine: 7\n").config.agent;
    assert_eq!(
        (numbers.server_id.as_str(), numbers.token.as_str(), numbers.machine.as_str()),
        ("12345678901234567890", "00123", "7"),
        "words stay as they are written"
    );
    let swapped = of_agent("bind_port: 5681\ncontrol_port: 5680\n");
    assert_eq!((swapped.report.not_taken.len(), swapped.config.agent.network.port), (0, 5681));
}

#[test]
fn ports_of_both_roles_never_come_to_the_same() {
    let twice = import(Some(b"bind_port: 5690\n"), Some(b"bind_port: 5680\n"));
    assert_eq!(twice.report.not_taken, [], "they have changed places");
    let both = import(Some(b"bind_port: 7000\n"), Some(b"bind_port: 7000\n"));
    assert_eq!((both.config.agent.network.port, both.config.hub.api.port), (7000, 5690));
    let chain = import(Some(b"bind_port: 7000\ncontrol_port: 5690\n"), Some(b"bind_port: 7000\n"));
    let ports = [chain.config.agent.network.port, chain.config.agent.control.port, chain.config.hub.api.port];
    assert_eq!(ports, [7000, 5681, 5690]);
    assert!(chain.report.taken.iter().all(|taken| taken.file == V3File::Agent && taken.key == "bind_port"));
}

#[test]
fn a_token_that_stands_elsewhere_too_is_hidden() {
    let imported = of_agent(
        "api_token: hunter22\nhunter22: 1\nmonitors: [{type_id: hunter22, name: a}, {type_id: process, name: is-hunter22}]",
    );
    let written = format!("{:?}{}", imported.report, imported.report.lines().join("\n"));
    assert!(!written.contains("hunter22") && written.contains("(hidden)"), "{written}");
}

#[test]
fn the_report_is_bounded() {
    let many: String = (0..5_000).map(|number| format!("key{number}: 1\n")).collect();
    let imported = of_agent(&many);
    assert_eq!((imported.report.not_taken.len(), imported.report.left_out), (200, 4_800));
    let long = of_agent(&format!("{}: 1", "k".repeat(5_000)));
    assert!(long.report.not_taken.iter().all(|refused| refused.key.len() <= 100));
}
