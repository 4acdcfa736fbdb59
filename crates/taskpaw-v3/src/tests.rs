//! What becomes of whole files of V3.

use proptest::prelude::*;
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
  - type_id: comfyui
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
            ("agent.yaml:monitors[1].type_id", "this version has no monitor of type comfyui"),
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
        ("host_metrics: false", No::AlwaysOn),
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

/// A token that a header cannot carry, or that is no text at all, must not become none.
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

/// As V3's own app writes it, with each kind of monitor and its preset.
#[test]
fn of_a_file_of_v3s_own_app_only_what_is_lost_is_told() {
    let imported = of_agent(include_str!("fixtures/agent.yaml"));
    let names: Vec<&str> =
        imported.config.agent.monitors.iter().map(|monitor| monitor.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "proc",
            "tcp",
            "fold",
            "hb",
            "sf",
            "cmd",
            "moomoo-pm2-daemon",
            "moomoo-orchestrator",
            "moomoo-opend",
            "moomoo-orchestrator-heartbeat"
        ]
    );
    let lost: Vec<(Option<&str>, bool)> =
        imported.report.not_taken.iter().map(|lost| (lost.monitor.as_deref(), lost.is_lost)).collect();
    assert_eq!(lost, [(Some("comfy"), true), (Some("Lada"), true), (Some("dev"), true)]);
    let lines = imported.report.lines().join("\n");
    for instead in ["; use http_check for whether", "; start it yourself, and use task", "; use state_file"] {
        assert!(lines.contains(instead), "{lines}");
    }
}

#[test]
fn a_monitor_counts_as_taken_only_if_its_form_takes_it() {
    use NotTakenReason as No;
    let whole = |kind: &str, config: &str| {
        of_agent(&format!("monitors:\n- {{type_id: {kind}, name: it, config: {{{config}}}}}\n"))
    };
    for (kind, config, key, expected) in [
        ("process", "", "pattern", No::Missing),
        ("process", "pattern: '('", "pattern", No::BadPattern),
        ("process", "pattern: 'a(?=b)'", "pattern", No::BadPattern),
        ("process", "pattern: a, search_cmdline: perhaps", "search_cmdline", No::NotYesOrNo),
        ("tcp_check", "port: many", "port", No::NotWhole),
        ("tcp_check", "port: 70000", "port", No::OutOfRange { least: 1, most: 65_535 }),
        ("tcp_check", "port: 22, host: 'a b'", "host", No::NotAnAddress),
        ("folder", "path: relative/one", "path", No::NotAWholePath),
        ("folder", "path: ~/in, extensions: mp4", "extensions", No::NotAList),
        ("folder", "path: ~/in, poll_interval: .nan", "poll_interval", No::NotANumber),
        ("custom_cmd", "", "command", No::Missing),
    ] {
        let imported = whole(kind, config);
        assert_eq!(reason(&imported), &expected, "{kind} {config}");
        let refused = &imported.report.not_taken[0];
        assert_eq!(
            (refused.key.as_str(), refused.is_lost),
            (format!("monitors[0].config.{key}").as_str(), true)
        );
        assert!(
            imported.config.agent.monitors.is_empty() && imported.report.taken.is_empty(),
            "{kind} {config}"
        );
    }
    // V3's reader took each of these as it was meant.
    for (kind, config, key, expected) in [
        ("tcp_check", "port: '22'", "port", json!(22)),
        ("tcp_check", "port: 22.0", "port", json!(22)),
        ("tcp_check", "port: 22, poll_interval: '15'", "poll_interval", json!(15)),
        ("process", "pattern: a, search_cmdline: 'no'", "search_cmdline", json!(false)),
        ("process", "pattern: a, search_cmdline: 0", "search_cmdline", json!(false)),
        ("process", "pattern: 7", "pattern", json!("7")),
        ("folder", "path: ~/in, extensions: [PART]", "ignored_extensions", json!([])),
        ("tcp_check", "port: 22", "timeout", json!(30)),
    ] {
        let imported = whole(kind, config);
        assert_eq!(imported.report.not_taken, [], "{kind} {config}");
        assert_eq!(imported.config.agent.monitors[0].config[key], expected, "{kind} {config}");
    }
    let near = whole("custom_cmd", "command: a, timeout: 0.01, poll_interval: 100000");
    assert_eq!(near.config.agent.monitors[0].config["poll_interval"], 86_400);
    assert!(near.report.not_taken.iter().all(|one| !one.is_lost), "{:?}", near.report);
    assert_eq!(near.report.not_taken.len(), 2);
}

#[test]
fn what_is_lost_comes_first_and_is_never_left_out_for_small_things() {
    let many: String = (0..500).map(|number| format!("key{number}: 1\n")).collect();
    let imported = of_agent(&format!("{many}monitors: [{{type_id: lada, name: l}}]\n"));
    assert_eq!(imported.report.not_taken[0].monitor.as_deref(), Some("l"));
}

#[test]
fn whom_v3_told_is_told_of_every_event() {
    let on = "openclaw_enabled: true\nopenclaw_token: claw\nopenclaw_url: https://claw.example/hooks/wake\n";
    let hub = of_hub(on);
    let webhook = &hub.config.hub.webhook;
    assert_eq!(webhook.url, "https://claw.example/hooks/wake");
    assert_eq!((webhook.token.as_str(), webhook.events), ("claw", WebhookEvents::All));
    assert_eq!(hub.report.not_taken, []);
    assert!(!format!("{:?}", hub.report).contains("claw.example"));
    let default = of_hub("openclaw_enabled: true\nopenclaw_token: claw").config.hub.webhook;
    assert_eq!(default.url, "http://127.0.0.1:18789/hooks/wake");
    // V3 told nobody then either.
    for line in
        ["openclaw_enabled: false\nopenclaw_token: claw", "openclaw_enabled: true", "openclaw_url: http://x"]
    {
        let off = of_hub(line);
        assert_eq!((off.config.hub.webhook.url.as_str(), off.report.not_taken.len()), ("", 0), "{line}");
    }
    for (line, expected) in [
        ("openclaw_url: nowhere", NotTakenReason::NotAUrl),
        ("openclaw_token: a b", NotTakenReason::BadToken),
    ] {
        let token = if line.contains("token") { "" } else { "openclaw_token: claw\n" };
        let bad = of_hub(&format!("{token}openclaw_enabled: yes\n{line}"));
        assert_eq!((reason(&bad), bad.config.hub.webhook.url.as_str()), (&expected, ""), "{line}");
    }
}

#[test]
fn a_machine_that_was_only_a_hub_is_still_watched_itself() {
    let app = super::import(None, Some(b"machine: control\nbind_port: 5681\n"), Starter::App);
    assert_eq!(app.config.roles, [Role::Agent, Role::Hub]);
    assert_eq!(app.report.not_taken, []);
    let agent = &app.config.agent;
    assert_eq!((agent.network.port, agent.control.port, app.config.hub.api.port), (5682, 5683, 5681));
    let polled = &app.config.hub.agents[0];
    assert_eq!((polled.name.as_str(), polled.url.as_str()), ("control", "http://127.0.0.1:5682"));
    app.config.check().unwrap();
    let alone = import(None, Some(b"machine: control\n"));
    assert_eq!(
        (alone.config.roles.as_slice(), reason(&alone)),
        (&[Role::Hub][..], &NotTakenReason::WatchItself)
    );
    let off = super::import(None, Some(b"self_monitor: false"), Starter::App);
    assert_eq!((off.config.roles.as_slice(), off.report.not_taken.len()), (&[Role::Hub][..], 0));
}

#[test]
fn the_hub_keeps_a_name_of_its_own() {
    let of = |hub: &str| import(Some(b"machine: box"), Some(hub.as_bytes()));
    let named = of("machine: control");
    assert_eq!((named.config.agent.machine.as_str(), named.config.hub.machine.as_str()), ("box", "control"));
    assert_eq!((of("machine: box").config.hub.machine.as_str(), named.report.not_taken.len()), ("", 0));
    assert_eq!(of("status_log_retention_days: 0").config.hub.keep_status_days, 3_650);
    assert_eq!(of("status_log_retention_days: 14").config.hub.keep_status_days, 14);
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
fn the_file_for_other_programs_goes_on_where_v3_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(folder.path().join("hub.yaml"), format!("data_dir: '{}'\n", data.display())).unwrap();
    let looked = || look(folder.path(), Starter::App).unwrap();
    assert_eq!(looked().config.hub.status_md, "");
    assert_eq!(looked().report.database, DatabaseState::None);
    assert_eq!(looked().report.not_taken[0].reason, NotTakenReason::NoDatabase);
    std::fs::write(data.join("status.md"), "").unwrap();
    std::fs::write(data.join("hub.db"), "").unwrap();
    assert_eq!(looked().config.hub.status_md, data.join("status.md").display().to_string());
    assert_eq!(looked().report.database, DatabaseState::Pending);
    looked().config.check().unwrap();
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
fn a_monitor_that_cannot_be_taken_says_why() {
    use NotTakenReason as No;
    for (entry, part, expected) in [
        ("word", "", No::NotAMap),
        ("{name: a}", ".type_id", No::Missing),
        ("{type_id: process}", ".name", No::Missing),
        ("{type_id: process, name: ' '}", ".name", No::BadName { most: 100 }),
        ("{type_id: process, name: taskpaw}", ".name", No::BadName { most: 100 }),
        ("{type_id: process, name: \"a\\nb\"}", ".name", No::BadName { most: 100 }),
        ("{type_id: process, name: first}", ".name", No::NameTwice),
        ("{type_id: process, name: host_metrics}", ".name", No::NameTwice),
        ("{type_id: [x], name: a}", ".type_id", No::NotText),
        ("{type_id: lada, name: a}", ".type_id", No::UnknownMonitor { type_id: "lada".into() }),
        ("{type_id: process, name: a, config: [x]}", ".config", No::NotAMap),
        ("{type_id: custom_cmd, name: a, config: {command: \"a 'b\"}}", ".config.command", No::BadCommand),
    ] {
        let imported = of_agent(&format!(
            "monitors:\n- {{type_id: process, name: first, config: {{pattern: x}}}}\n- {entry}\n"
        ));
        assert_eq!(reason(&imported), &expected, "{entry}");
        assert_eq!(imported.report.not_taken[0].key, format!("monitors[1]{part}"), "{entry}");
        assert_eq!(imported.config.agent.monitors.len(), 1, "{entry}");
    }
    let unclear = of_agent("monitors: [{type_id: process, name: a, enabled: perhaps, config: {pattern: x}}]");
    assert_eq!(reason(&unclear), &No::NotAFlag);
    assert!(!unclear.config.agent.monitors[0].enabled, "what is not clear does not run");
    let itself = of_agent("monitors: [{type_id: host_metrics, name: box-host, config: {cpu_alert_pct: 80}}]");
    assert_eq!(itself.config.agent.monitors[0].name, "host_metrics");
    assert_eq!(itself.config.agent.monitors[0].config["cpu_alert_pct"], 80);
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

/// A file with the keys of V3 and values of every kind.
fn file() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "bind_host",
        "bind_port",
        "control_host",
        "control_port",
        "server_id",
        "machine",
        "poll_interval",
        "monitors",
        "colour",
        "<<",
        "api_token",
        "polling_token",
        "openclaw_enabled",
        "openclaw_url",
        "openclaw_token",
        "self_monitor",
        "data_dir",
        "write_status_md",
        "status_log_retention_days",
        "host_metrics",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "127.0.0.1",
            "::1",
            "'::'",
            "192.168.1.9",
            "0.0.0.0",
            "8.8.8.8",
            "localhost",
            "5680",
            "5681",
            "5690",
            "7000",
            "70000",
            "-1",
            "yes",
            "~",
            "",
            "[a, b]",
            "{a: 1}",
            "&x y",
            "*x",
            "!!str 5",
            "!x y",
            "[{type_id: process, name: a, config: {pattern: x}}]",
            "[{type_id: custom_cmd, name: b, config: {command: c d}}]",
            "[{type_id: 1}]",
            "'",
            "\"",
            "|",
            "[",
            "}",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
    ];
    prop::collection::vec((key, value), 0..12)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| format!("{key}: {value}\n")).collect())
}

proptest! {
    /// Whatever stands in the files, there is a configuration that can be used.
    #[test]
    fn any_files_give_a_usable_configuration(agent in file(), hub in file()) {
        let imported = import(Some(agent.as_bytes()), Some(hub.as_bytes()));
        prop_assert_eq!(imported.config.check(), Ok(()));
        let ends = Role::ALL.into_iter().flat_map(|role| imported.config.endpoints(role));
        let ends: std::collections::BTreeSet<_> = ends.map(|(_, end)| (&end.host, end.port)).collect();
        prop_assert_eq!(ends.len(), 3, "every port is another one");
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let imported = import(Some(&bytes), Some(&bytes));
        prop_assert_eq!(imported.config.check(), Ok(()));
    }

    #[test]
    fn any_signs_of_yaml_are_survived(text in "[-:?,\\[\\]{}#&*!|>'\"%@` \n\tab0~<.\\\\]{0,80}") {
        let imported = import(Some(text.as_bytes()), Some(text.as_bytes()));
        prop_assert_eq!(imported.config.check(), Ok(()));
    }

    /// Wherever a token stands, the report does not have it.
    #[test]
    fn no_report_has_a_token(agent in file(), hub in file(), token in "[A-Za-z0-9_]{12,40}", place in 0_usize..4) {
        let line = [
            format!("api_token: {token}\n"),
            format!("api_token: '{token}'\n{token}: {token}\n"),
            format!("polling_token: \"{token} x\"\n"),
            format!("api_token: {token}\nmonitors: [{{type_id: {token}, name: {token}, {token}: 1}}]\n"),
        ];
        let text = format!("{agent}{}", line[place]);
        let imported = import(Some(text.as_bytes()), Some(format!("{hub}{}", line[place]).as_bytes()));
        let written = format!("{:?}{:?}", imported.report, imported.report.lines());
        prop_assert!(!written.contains(&token), "{}", written);
        // Names of monitors are printed, so only the rest of it is looked at.
        let printed = format!("{:?}{:?}", imported.config.agent, imported.config.hub);
        prop_assert!(!printed.contains(&token), "{}", printed);
    }
}
