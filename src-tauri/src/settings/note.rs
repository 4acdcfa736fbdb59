//! The note of a change that is under way: what the ports were before. A launch that finds one goes back to
//! them, since the new ports were never seen to work.

use std::io;
use std::path::PathBuf;

use durable_file::{read_plain, replace_file};
use serde::{Deserialize, Serialize};
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, Endpoint};
use taskpaw_contract::ipc::PortDraft;

/// The most bytes of a note, which names a few ports.
const MOST_BYTES: u64 = 64 << 10;

/// The ports of a role before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The role whose ports are changed.
    pub(crate) role: Role,
    /// All its ports before.
    pub(crate) before: Vec<Port>,
    /// All its ports after.
    pub(crate) after: Vec<Port>,
}

/// A port by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
}

impl Change {
    /// The change that a draft makes in a configuration.
    pub(crate) fn of(config: &Config, role: Role, draft: &[PortDraft]) -> Self {
        let before = ports_of(config, role);
        let wanted = |port: &Port| draft.iter().find(|draft| draft.role == role && draft.name == port.name);
        let after = before
            .iter()
            .map(|port| match wanted(port) {
                Some(draft) => Port { name: port.name.clone(), endpoint: draft.endpoint.clone() },
                None => port.clone(),
            })
            .collect();
        Self { role, before, after }
    }

    /// Puts ports into a configuration.
    pub(crate) fn put(role: Role, ports: &[Port], config: &mut Config) {
        for Port { name, endpoint } in ports {
            if let Some(place) = config.endpoint_mut(role, name) {
                place.clone_from(endpoint);
            }
        }
    }

    /// Whether a configuration is the one that the change made, and not another one that a person has
    /// written since then.
    pub(crate) fn is_made(&self, config: &Config) -> bool {
        ports_of(config, self.role) == self.after
    }
}

fn ports_of(config: &Config, role: Role) -> Vec<Port> {
    let port =
        |(name, endpoint): (&str, &Endpoint)| Port { name: name.to_owned(), endpoint: endpoint.clone() };
    config.endpoints(role).into_iter().map(port).collect()
}

/// The file of the note, which is complete or absent.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    path: PathBuf,
}

impl Note {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes the note; it is on the disk when this returns.
    pub(crate) fn write(&self, change: &Change) -> io::Result<()> {
        replace_file(&self.path, &serde_json::to_vec(change)?)
    }

    /// The change that was under way when the app ended; nothing if there was none.
    pub(crate) fn read(&self) -> io::Result<Option<Change>> {
        let bytes = read_plain(&self.path, MOST_BYTES)?;
        Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    /// Removes the note.
    pub(crate) fn forget(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
