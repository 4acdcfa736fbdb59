//! Whatever stands in the files, what comes of them can be used.

use proptest::prelude::*;

use super::*;

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
