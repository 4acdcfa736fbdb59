//! A person's TaskPaw of one test: its folders, its configuration, its ports.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::ports::free_ports;
use crate::process::Owned;
use crate::programs::Programs;

/// The folders and ports of one test.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
    /// Where hubs poll the agent.
    pub network: u16,
    /// Where the app controls the agent.
    pub control: u16,
    /// Where the hub answers.
    pub api: u16,
}

impl Home {
    /// A home with an agent that is configured on free ports.
    pub fn new() -> Self {
        let home = Self::unconfigured();
        home.configure(&json!({}));
        home
    }

    /// A home without a configuration file.
    pub fn unconfigured() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [network, control, api] = free_ports();
        Self { folder, network, control, api }
    }

    /// Writes the configuration, with the given keys besides the ports. The window speaks English unless
    /// they say otherwise.
    pub fn configure(&self, keys: &Value) {
        let mut config = json!({
            "schema": 1,
            "roles": ["agent"],
            "agent": {
                "server_id": "test",
                "network": { "host": "127.0.0.1", "port": self.network },
                "control": { "host": "127.0.0.1", "port": self.control },
            },
            // A test sends nothing into the network that it runs on.
            "hub": { "api": { "host": "127.0.0.1", "port": self.api }, "discovery": false },
            "app": { "language": "en", "theme": "light" },
        });
        merge(&mut config, keys);
        self.write_config(&config.to_string());
    }

    /// Writes any text as the configuration.
    pub fn write_config(&self, text: &str) {
        std::fs::create_dir_all(self.config_dir()).expect("the folder");
        std::fs::write(self.config_file(), text).expect("the configuration");
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.config_file()).expect("the file")).expect("JSON")
    }

    /// The folder of everything.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration folder.
    pub fn config_dir(&self) -> PathBuf {
        self.path().join("config")
    }

    /// Where the files of TaskPaw V3 would be.
    pub fn v3_dir(&self) -> PathBuf {
        self.path().join("v3")
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.config_dir().join("config.json")
    }

    /// Sets the folders in a program's environment.
    pub fn furnish<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("TASKPAW_CONFIG_DIR", self.config_dir())
            .env("TASKPAW_DATA_DIR", self.path().join("data"))
            .env("TASKPAW_V3_DIR", self.v3_dir())
            .env("HOME", self.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
    }

    /// Starts a backend without a host, as an old version's backend lives on, and waits until it is ready.
    pub fn start_backend(&self, programs: &Programs, role: &str) -> Owned {
        let mut command = Command::new(programs.backend());
        self.furnish(&mut command).arg(role).stdin(Stdio::null()).stderr(Stdio::null());
        let (backend, line) = Owned::start_and_read_line(&mut command);
        assert!(line.contains("taskpaw_ready"), "{line}");
        backend
    }

    /// What the process that listens on the agent's network port says of itself.
    pub async fn ping(&self) -> Option<Value> {
        ping(self.network).await
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// What the process that listens on a port answers to `GET /ping`.
pub async fn ping(port: u16) -> Option<Value> {
    get(port, "/ping").await
}

/// What the process that listens on a port answers to a call.
pub async fn get(port: u16, path: &str) -> Option<Value> {
    // Where this is built together with the backend, a client is not made without a provider for TLS.
    let _fails_only_if_there_is_one = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().ok()?;
    client.get(format!("http://127.0.0.1:{port}{path}")).send().await.ok()?.json().await.ok()
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
