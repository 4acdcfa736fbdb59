//! What becomes of V3's monitors.

use super::*;

/// As V3's own app writes it, with each kind of monitor and its preset.
#[test]
fn of_a_file_of_v3s_own_app_only_what_is_lost_is_told() {
    let imported = of_agent(include_str!("../fixtures/agent.yaml"));
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
            "comfy",
            "dev",
            "moomoo-pm2-daemon",
            "moomoo-orchestrator",
            "moomoo-opend",
            "moomoo-orchestrator-heartbeat"
        ]
    );
    let lost: Vec<(Option<&str>, bool)> =
        imported.report.not_taken.iter().map(|lost| (lost.monitor.as_deref(), lost.is_lost)).collect();
    assert_eq!(lost, [(Some("Lada"), true)]);
    let lines = imported.report.lines().join("\n");
    assert!(lines.contains("; start it yourself, and use task"), "{lines}");
}

#[test]
fn what_watches_comfyui_and_assistants_comes_along_as_it_was() {
    let imported = of_agent(
        "monitors:\n- {type_id: comfyui, name: c, config: {host: gpu, port: '8189', stuck_checks: 5, timeout: 30}}\n\
         - {type_id: dev_activity, name: d, config: {tools: [claude], process_patterns: {claude: 'my\\s+claude', x: y}}}\n",
    );
    assert_eq!(imported.report.not_taken, []);
    let configs: Vec<_> =
        imported.config.agent.monitors.iter().map(|monitor| json!(monitor.config)).collect();
    assert_eq!(
        configs,
        [
            json!({ "host": "gpu", "port": 8189, "stuck_checks": 5 }),
            json!({ "tools": ["claude"], "process_patterns": ["claude=my\\s+claude", "x=y"] }),
        ]
    );
}

#[test]
fn a_machine_that_v3_told_nothing_of_is_told_nothing_of_here() {
    for text in [
        "host_metrics: false",
        "host_metrics: false\nmonitors: [{type_id: host_metrics, name: x}]",
        "monitors: [{type_id: host_metrics, name: x, enabled: false}]",
    ] {
        let imported = of_agent(text);
        let [itself] = imported.config.agent.monitors.as_slice() else { panic!("{imported:?}") };
        assert_eq!((itself.name.as_str(), itself.enabled), ("host_metrics", true), "{text}");
        assert_eq!(itself.config["alerts"], false, "{text}");
        assert_eq!(imported.report.not_taken, [], "{text}");
    }
    let disk = of_agent("monitors: [{type_id: host_metrics, name: x, config: {disk_path: /data}}]");
    assert_eq!(disk.config.agent.monitors[0].config["disk_path"], "/data");
    assert_eq!(disk.report.not_taken, []);
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
        ("process", "pattern: 'a(?=b'", "pattern", No::BadPattern),
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
