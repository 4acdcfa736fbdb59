//! `record`: a case that decides as this machine did, and the bytes that it was read from.

use serde_json::{Value, json};

use crate::ports::free_ports;
use crate::run::Home;

#[test]
fn what_is_recorded_decides_as_this_machine_did() {
    let [free] = free_ports();
    let held = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    // Wine shows whose a listener is once it has an option.
    socket2::SockRef::from(&held).set_tcp_nodelay(true).unwrap();
    for (port, decision, state) in
        [(free, "start", "free"), (held.local_addr().unwrap().port(), "refuse", "foreign")]
    {
        let home = Home::new();
        let out = home.path().join("ports.json");
        let wish = format!("network=127.0.0.1:{port}");
        let ran = home.run(&["record", "--port", &wish, "--out", out.to_str().unwrap()]);
        assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
        let vector: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        assert_eq!((&vector["decision"], &vector["states"]["network"]), (&json!(decision), &json!(state)));
        let raw = vector["raw"].as_array().unwrap();
        assert!(
            raw.iter().any(|answer| !answer["hex"].as_str().unwrap().is_empty()) || state == "free",
            "{vector}"
        );
        let explained =
            home.run_with(&["explain", "--json", "--snapshot", "-"], &vector["snapshot"].to_string());
        let explained: Value = serde_json::from_str(&explained.stdout).unwrap();
        assert_eq!(explained["decision"], vector["decision"]);
    }
}
