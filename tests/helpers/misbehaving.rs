//! A backend that misbehaves, put in the sidecar's place: what it does wrong stands in a file beside it.
//!
//! Where it is to become ready it does so truthfully: it says that it is prepared, binds the ports of the configuration when
//! it is told to go on, and says its line, so that the host has no reason to doubt it before it goes wrong.

use std::io::{BufRead as _, Read as _, Write as _, stdin, stdout};
use std::net::TcpListener;
use std::process::exit;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What it ends with.
const STATUS: i32 = 7;

fn main() {
    let own = std::env::current_exe().expect("its own path");
    let behaviour = std::fs::read_to_string(own.with_file_name("behaviour")).expect("what it does wrong");
    let mut hello = String::new();
    stdin().lock().read_line(&mut hello).expect("the host's line");
    // Last words are looked for in the window.
    eprintln!("a backend that misbehaves: {behaviour}");
    match behaviour.as_str() {
        "crashes at once" => {}
        "crashes after a second" => thread::sleep(Duration::from_secs(1)),
        "crashes when it was ready" => {
            let _held = become_ready(&hello);
            thread::sleep(Duration::from_millis(500));
        }
        "answers no health call" => {
            let _held = become_ready(&hello);
            become_live();
            until_the_host_ends_it();
        }
        // The mark is what the first of them leaves for the next.
        "crashes, and then is never ready" => {
            let mark = own.with_file_name("crashed");
            if mark.exists() {
                become_prepared(&hello);
                until_the_host_ends_it();
            }
            std::fs::write(mark, "").expect("the mark");
        }
        "is never prepared" => until_the_host_ends_it(),
        "is never ready" => {
            become_prepared(&hello);
            until_the_host_ends_it();
        }
        "writes garbage" => {
            write_garbage();
            until_the_host_ends_it();
        }
        "crashes when it goes on" => wait_to_go_on(&hello),
        "writes garbage when it goes on" => {
            wait_to_go_on(&hello);
            write_garbage();
            until_the_host_ends_it();
        }
        other => panic!("{other:?} is nothing that it can do wrong"),
    }
    exit(STATUS);
}

/// Says that it is prepared, whatever the configuration is.
fn become_prepared(hello: &str) {
    let hello: Value = serde_json::from_str(hello).expect("the host's line is JSON");
    let prepared = json!({
        "taskpaw_prepared": true,
        "role": "agent",
        "version": hello["host_version"],
        "pid": std::process::id(),
        "config_hash": "",
    });
    println!("{prepared}");
}

/// Is prepared, and waits until it is told to go on.
fn wait_to_go_on(hello: &str) {
    become_prepared(hello);
    let mut step = String::new();
    while !step.contains("go_on") {
        // Listening sockets that come before it are lost by this read: none of these behaviours serves them.
        assert!(step.is_empty() || step.contains("take_listeners"), "{step}");
        step.clear();
        stdin().lock().read_line(&mut step).expect("the host's next line");
    }
}

fn write_garbage() {
    stdout().write_all(b"Segmentation \xff\xfe fault {]\n").expect("standard output");
}

/// Is prepared, waits until it is told to go on, holds the ports and says that it is ready. It never accepts a connection.
fn become_ready(hello: &str) -> Vec<TcpListener> {
    wait_to_go_on(hello);
    let hello: Value = serde_json::from_str(hello).expect("the host's line is JSON");
    let folder = hello["config_dir"].as_str().expect("the configuration's folder");
    let config = std::fs::read_to_string(format!("{folder}/config.json")).expect("the configuration");
    let config: Value = serde_json::from_str(&config).expect("the configuration is JSON");
    let port = |name: &str| {
        config["agent"][name]["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port")
    };
    let bind = |name: &str| TcpListener::bind(("127.0.0.1", port(name))).expect("the port is free");
    let held = vec![bind("network"), bind("control")];
    let ready = json!({
        "taskpaw_ready": true,
        "role": "agent",
        "base_url": format!("http://127.0.0.1:{}", port("control")),
        "version": hello["host_version"],
        "pid": std::process::id(),
    });
    println!("{ready}");
    held
}

/// Waits until it is told to be live, and says that it is.
fn become_live() {
    let mut step = String::new();
    while !step.contains("\"live\"") {
        step.clear();
        if stdin().lock().read_line(&mut step).expect("the host's next line") == 0 {
            exit(0);
        }
    }
    println!("{}", json!({ "taskpaw_live": true }));
}

/// The end of standard input asks to stop, and this it obeys.
fn until_the_host_ends_it() {
    let _nothing_comes = stdin().lock().read_to_end(&mut Vec::new());
    exit(0);
}
