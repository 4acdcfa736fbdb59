//! The Python backends of TaskPaw V3, and Python programs that only mention them.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use support::wait::LONG;
use support::{Owned, free_ports, until};
use taskpaw_contract::Role;

use crate::holder::{is_untouched, state};
use crate::taker::{Takeover, Way};

/// Starts Python in the folder of the stand-ins, where a user of V3 starts it.
fn python(arguments: &[&str]) -> Owned {
    python_in("", arguments)
}

/// The same in a folder below it.
fn python_in(folder: &str, arguments: &[&str]) -> Owned {
    let helpers = Path::new(env!("CARGO_MANIFEST_DIR")).join("helpers");
    let mut command = Command::new("python3");
    command
        .args(arguments)
        .env("PYTHONPATH", &helpers)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(helpers.join(folder))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let (process, line) = Owned::start_and_read_line(&mut command);
    assert_eq!(line, "ready\n", "{arguments:?}");
    process
}

async fn is_reclaimed(role: Role, how: &[&str]) {
    is_reclaimed_in("", role, how).await;
}

async fn is_reclaimed_in(folder: &str, role: Role, how: &[&str]) {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let (one, two) = (network.to_string(), control.to_string());
        let mut backend = python_in(folder, &[how, &[&one, &two]].concat());
        let other = if role == Role::Agent { Role::Hub } else { Role::Agent };
        let wanted = Takeover::of_ports(&[network, control]);
        wanted.clone().role(other).by(way).is_refused("own_other_role");
        assert!(backend.is_alive());
        wanted.role(role).by(way).is_reclaimed(&[backend.pid()], "graceful");
        assert_eq!(backend.ended(LONG).await, Some(0), "V3 ends in order");
    }
}

#[tokio::test]
async fn v3_agent_as_a_module() {
    is_reclaimed(Role::Agent, &["-u", "-X", "dev", "-m", "taskpaw_v3.agent"]).await;
}

#[tokio::test]
async fn v3_hub_as_a_module() {
    is_reclaimed(Role::Hub, &["-m", "taskpaw_v3.hub"]).await;
}

#[tokio::test]
async fn v3_agent_as_a_script() {
    is_reclaimed(Role::Agent, &["taskpaw_v3/agent/__main__.py"]).await;
}

#[tokio::test]
async fn v3_hub_as_a_script() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("helpers/taskpaw_v3/hub/__main__.py");
    is_reclaimed(Role::Hub, &["-W", "ignore", script.to_str().expect("a path in UTF-8")]).await;
}

#[tokio::test]
async fn v3_source_entry_point() {
    is_reclaimed(Role::Agent, &["taskpaw_v3/packaging/backend_main.py"]).await;
    is_reclaimed(Role::Hub, &["taskpaw_v3/packaging/backend_main.py", "hub"]).await;
    is_reclaimed(Role::Hub, &["-m", "taskpaw_v3.packaging.backend_main", "hub"]).await;
}

/// A relative script is known by the folder that it was started in.
#[tokio::test]
async fn v3_in_its_own_folders() {
    is_reclaimed_in("taskpaw_v3/packaging", Role::Hub, &["backend_main.py", "hub"]).await;
    is_reclaimed_in("taskpaw_v3", Role::Agent, &["packaging/backend_main.py"]).await;
    is_reclaimed_in("", Role::Agent, &["taskpaw_v3/agent"]).await;
}

#[tokio::test]
async fn v3_bootstrap() {
    is_reclaimed(Role::Agent, &["-m", "taskpaw_v3.bootstrap", "agent", "--run"]).await;
    is_reclaimed(Role::Hub, &["taskpaw_v3/bootstrap.py", "hub", "--run"]).await;
}

#[tokio::test]
async fn v3_that_is_stopped() {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let (one, two) = (network.to_string(), control.to_string());
        let mut backend = python(&["-m", "taskpaw_v3.agent", &one, &two]);
        backend.signal(libc::SIGSTOP);
        until("it is stopped", LONG, async || state(backend.pid()) == Some('T')).await;
        Takeover::of_ports(&[network, control]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        assert_eq!(backend.ended(LONG).await, Some(0), "its first thread has seen the signal");
    }
}

#[tokio::test]
async fn v3_with_a_client_connected() {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let (one, two) = (network.to_string(), control.to_string());
        let backend = python(&["-m", "taskpaw_v3.agent", &one, &two]);
        let mut clients = [network, control].map(|port| {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
            client.write_all(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").expect("a question");
            let mut answer = [0; 512];
            assert!(client.read(&mut answer).expect("an answer") > 0);
            client
        });
        let wanted = Takeover::of_ports(&[network, control]);
        // Nothing is waited for: `wait` is zero.
        wanted.by(way).is_reclaimed(&[backend.pid()], "graceful");
        for client in &mut clients {
            client.read_to_end(&mut Vec::new()).expect("V3 closed it first");
        }
    }
}

#[tokio::test]
async fn python_that_only_mentions_v3() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("signals");
    let record = record.to_str().expect("a path in UTF-8");
    for mention in [["-m", "taskpaw_v3.agent"], ["taskpaw_v3/packaging/backend_main.py", "agent"]] {
        for way in Way::BOTH {
            let [port] = free_ports();
            let number = port.to_string();
            let foreign = python(&[&["serve.py", record, &number][..], &mention].concat());
            Takeover::of_ports(&[port]).by(way).is_refused_for(foreign.pid());
            is_untouched(foreign.pid(), Path::new(record)).await;
        }
    }
}
