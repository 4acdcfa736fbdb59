//! Why a process runs that has a port.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a holder runs. What is named here can be written in a command as it is: its letters are only those that a name of its kind
/// has, and none that a shell reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunBy {
    /// A unit of systemd.
    Unit {
        /// The unit's whole name, such as `nginx.service`.
        unit: String,
        /// Whether it is one of the person, and not of the machine.
        of_person: bool,
    },
    /// A container.
    Container {
        /// The program that has it, such as `docker`.
        engine: ContainerEngine,
        /// The beginning of its id, as that program shows it; of LXC its name.
        id: String,
    },
    /// The arguments of `ssh`: it passes this port on.
    Forward {
        /// To where, as it was written, such as `db.example:5432`.
        to: String,
    },
    /// A program that has started it, or what has.
    Program {
        /// The id of that process.
        pid: u32,
        /// What it is called.
        name: String,
        /// What it is.
        what: RunByProgram,
    },
}

/// What has containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ContainerEngine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// LXC and Incus.
    Lxc,
    /// Another one, as on a node of Kubernetes.
    Other,
}

/// What a program is that starts others for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RunByProgram {
    /// An editor, whose terminal or extension it is.
    Editor,
    /// A window with a terminal, or what keeps terminals.
    Terminal,
    /// Somebody who has logged in from elsewhere.
    Login,
}
