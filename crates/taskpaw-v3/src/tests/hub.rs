//! What becomes of V3's hub, without its database.

use super::*;

#[test]
fn whom_v3_told_is_told_of_every_event() {
    let on = "openclaw_enabled: true\nopenclaw_token: claw\nopenclaw_url: https://claw.example/hooks/wake\n";
    let hub = of_hub(on);
    let webhook = &hub.config.hub.webhook;
    assert_eq!(webhook.url, "https://claw.example/hooks/wake");
    assert_eq!((webhook.token.as_str(), webhook.events), ("claw", WebhookEvents::All));
    assert_eq!(hub.report.not_taken, []);
    assert!(!format!("{:?}", hub.report).contains("claw.example"));
    assert!(hub.report.taken.iter().any(|taken| taken.key == "openclaw_url"), "a known key is no secret");
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
    let app = super::super::import(None, Some(b"machine: control\nbind_port: 5681\n"), Starter::App);
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
    let off = super::super::import(None, Some(b"self_monitor: false"), Starter::App);
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
