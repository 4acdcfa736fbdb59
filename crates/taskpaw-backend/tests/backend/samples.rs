//! What is handed out with the program, held against the program: the sample for Prometheus, the dashboard for Grafana,
//! the units of systemd and the file for launchd.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::path::Path;

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::config::Config;

use crate::client::{bearer, call, get, until};
use crate::running::{Machine, TOKEN};

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A document of YAML with plain values, as JSON. Words that YAML reads as something else stay words here.
fn yaml(text: &str) -> Value {
    let events = Parser::new_from_str(text).map(|event| event.unwrap_or_else(|error| panic!("{error}")).0);
    let mut events =
        events.filter(|event| !matches!(event, Event::StreamStart | Event::DocumentStart(_))).peekable();
    let value = node(&mut events);
    assert!(matches!(events.next(), Some(Event::DocumentEnd)), "one document");
    value
}

fn node<'a>(events: &mut Peekable<impl Iterator<Item = Event<'a>>>) -> Value {
    match events.next().unwrap() {
        Event::Scalar(text, ..) => text.into_owned().into(),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            while events.next_if(|event| matches!(event, Event::SequenceEnd)).is_none() {
                items.push(node(events));
            }
            items.into()
        }
        Event::MappingStart(..) => {
            let mut keys = Map::new();
            while events.next_if(|event| matches!(event, Event::MappingEnd)).is_none() {
                let key = node(events).as_str().unwrap().to_owned();
                assert!(keys.insert(key.clone(), node(events)).is_none(), "{key} twice");
            }
            keys.into()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_sample_for_prometheus_scrapes_what_is_there() {
    let sample = yaml(&file("docs/monitoring/prometheus.yml"));
    let config = Config::default();
    let ports = [config.hub.api.port, config.agent.network.port].map(|port| format!(":{port}"));
    let jobs = sample["scrape_configs"].as_array().unwrap();
    assert_eq!(jobs.len(), ports.len());
    let machine = Machine::new();
    let (agent, hub) = (machine.start(Role::Agent), machine.start(Role::Hub));
    agent.ready();
    hub.ready();
    for ((job, port), served) in jobs.iter().zip(ports).zip([machine.api, machine.network]) {
        let known = ["job_name", "metrics_path", "authorization", "static_configs"];
        assert!(job.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{job}");
        assert_eq!(job["authorization"]["type"], "Bearer");
        assert!(job["authorization"].get("credentials").is_none(), "a token stands in no sample");
        assert!(job["authorization"]["credentials_file"].as_str().unwrap().starts_with('/'));
        for target in job["static_configs"][0]["targets"].as_array().unwrap() {
            assert!(target.as_str().unwrap().ends_with(&port), "{target}");
        }
        let answer = get(served, job["metrics_path"].as_str().unwrap());
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("content-type: application/openmetrics-text"), "{}", answer.head);
    }
}

/// The names of metrics in an expression.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("taskpaw_")).map(str::to_owned).collect()
}

#[test]
fn every_panel_of_the_dashboard_shows_a_metric_that_a_hub_has() {
    let machine = Machine::new();
    machine.configure(&json!({ "hub": {
        "agents": [{ "name": "desk", "url": format!("http://127.0.0.1:{}", machine.network) }],
        "webhook": { "url": "http://127.0.0.1:1/hook" },
    } }));
    let (agent, hub) = (machine.start(Role::Agent), machine.start(Role::Hub));
    agent.ready();
    hub.ready();
    let metrics = until("the agent's state", || {
        let metrics = get(machine.api, "/metrics").body;
        metrics.contains("taskpaw_hub_monitor_state{").then_some(metrics)
    });
    let samples: BTreeSet<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();

    let dashboard: Value = serde_json::from_str(&file("docs/monitoring/grafana-dashboard.json")).unwrap();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    let sources = dashboard["templating"]["list"].as_array().unwrap();
    assert!(sources.iter().any(|source| source["name"] == "datasource" && source["query"] == "prometheus"));
    let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 6);
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            let names = metrics_in(expression);
            assert!(!names.is_empty(), "{title}: {expression}");
            let missing = names.iter().find(|name| !samples.contains(name.as_str()));
            assert_eq!(missing, None, "{title}: {expression} among {samples:?}");
            let is_balanced = [('(', ')'), ('{', '}'), ('[', ']')]
                .iter()
                .all(|(open, close)| expression.matches(*open).count() == expression.matches(*close).count());
            assert!(is_balanced, "{title}: {expression}");
        }
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                let other = taken.insert((x, y), title);
                assert_eq!(other, None, "{title} lies over another panel");
                assert!(x < 24, "{title} is wider than the page");
            }
        }
    }
}

/// The keys of a section of a unit; a key that is there twice has both values.
fn section(unit: &str, name: &str) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let begin = format!("[{name}]");
    let lines = unit.lines().map(str::trim).skip_while(|line| *line != begin).skip(1);
    for line in lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty()) {
        if !line.starts_with('#') {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            keys.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    keys
}

#[test]
fn the_units_of_systemd_start_the_program_and_shut_it_in() {
    let everywhere = [
        "NoNewPrivileges=yes",
        "LockPersonality=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "UMask=0077",
    ];
    let whole_machine = [
        "DynamicUser=yes",
        "StateDirectoryMode=0700",
        "CapabilityBoundingSet=",
        "MemoryDenyWriteExecute=yes",
        "PrivateDevices=yes",
        "PrivateTmp=yes",
        "ProtectHome=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectSystem=strict",
        "RestrictNamespaces=yes",
        "SystemCallArchitectures=native",
        "SystemCallErrorNumber=EPERM",
    ];
    for (name, role, hardening, wanted_by) in [
        ("taskpaw-agent", "agent", &[][..], "default.target"),
        ("taskpaw-hub", "hub", &whole_machine[..], "multi-user.target"),
    ] {
        let unit = file(&format!("packaging/systemd/{name}.service"));
        let service = section(&unit, "Service");
        for wanted in everywhere.iter().chain(hardening) {
            let (key, value) = wanted.split_once('=').unwrap();
            assert_eq!(
                service.get(key).map(Vec::as_slice),
                Some(&[value.to_owned()][..]),
                "{name}: {wanted}"
            );
        }
        assert_eq!(service["ExecStart"], [format!("/usr/bin/taskpaw-backend {role}")]);
        assert_eq!(section(&unit, "Install")["WantedBy"], [wanted_by]);
        // What it is given more than the program needs to end by itself.
        assert!(service["TimeoutStopSec"][0].parse::<u32>().unwrap() > 3);
        // The check before the start is one that the program knows.
        let check = service["ExecStartPre"][0].strip_prefix("/usr/bin/taskpaw-backend ").unwrap().to_owned();
        let arguments: Vec<&str> = check.split(' ').collect();
        let machine = Machine::new();
        assert!(machine.command(&arguments).status().unwrap().success(), "{name}: {check}");
    }
    // The program makes sockets of these families, and asks the kernel who holds a port.
    let hub = section(&file("packaging/systemd/taskpaw-hub.service"), "Service");
    for family in ["AF_INET", "AF_INET6", "AF_NETLINK"] {
        assert!(hub["RestrictAddressFamilies"][0].split(' ').any(|allowed| allowed == family), "{family}");
    }
}

#[test]
fn the_file_for_launchd_starts_the_hub_again_only_after_a_failure() {
    let plist = file("packaging/launchd/app.taskpaw.hub.plist");
    let value_of = |key: &str| {
        let (_, rest) = plist.split_once(&format!("<key>{key}</key>")).unwrap_or_else(|| panic!("{key}"));
        rest.trim_start().to_owned()
    };
    assert!(value_of("Label").starts_with("<string>app.taskpaw.hub</string>"));
    let arguments = value_of("ProgramArguments");
    let (arguments, _) = arguments.split_once("</array>").unwrap();
    assert!(arguments.contains("taskpaw-backend</string>") && arguments.contains("<string>hub</string>"));
    assert!(value_of("KeepAlive").starts_with("<dict><key>SuccessfulExit</key><false/></dict>"));
    // 077, written in decimal.
    assert!(value_of("Umask").starts_with("<integer>63</integer>"));
    assert_eq!(plist.matches("<dict>").count(), plist.matches("</dict>").count());
}

#[test]
fn every_kind_of_monitor_and_every_setting_is_described() {
    let machine = Machine::new();
    let agent = machine.start(Role::Agent);
    agent.ready();
    let types = call(machine.control, "GET", "/control/monitor-types", &[&bearer(TOKEN)]).json();
    let page = file("docs/monitors.md");
    for kind in types["types"].as_array().unwrap() {
        let id = kind["type_id"].as_str().unwrap();
        let (_, rest) =
            page.split_once(&format!("\n## `{id}`")).unwrap_or_else(|| panic!("{id} is not described"));
        let section = rest.split("\n## ").next().unwrap();
        for key in
            kind["schema"]["properties"].as_object().unwrap().keys().filter(|key| *key != "poll_interval")
        {
            assert!(section.contains(&format!("`{key}`")), "{id}.{key} is not described");
        }
    }
}
