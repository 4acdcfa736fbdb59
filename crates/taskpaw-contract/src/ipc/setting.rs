//! What the settings page asks for besides the preferences: tokens and addresses.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::config::ExposureReason;
pub use crate::config::TokenName;

/// An address of this machine to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AddressChoice {
    /// The address, such as `192.168.1.5`.
    pub address: String,
    /// The network interface that has it, such as `eth0`.
    pub interface: String,
    /// Why the exposure guard refuses it now; nothing if it may be used.
    pub refused: Option<ExposureReason>,
}

/// What a person is to choose in the system's own window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum PathKind {
    /// A file that is there.
    File,
    /// A folder.
    Folder,
}

/// A place of TaskPaw's that a person can have shown: the window names none by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The folder of `config.json`.
    Config,
    /// The folder of state and logs.
    Data,
    /// The folder of the archives that were exported.
    Exports,
    /// `config.json` itself, in the program that the system has for it.
    File,
}

/// A program of this person that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RunningProgram {
    /// The program's name, such as `blender`.
    pub name: String,
    /// The program's file; nothing if the system does not say.
    pub path: Option<String>,
    /// How many processes of it run.
    pub count: u32,
}

/// What a person says when asked whether closing the window should end the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum CloseDecision {
    /// End the app and its backends.
    Quit,
    /// Hide the window; the app stays in the tray.
    Tray,
    /// Leave everything as it is.
    Stay,
}

/// A page of the window, by the name that its address has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Page {
    /// What the agent sees.
    ThisMachine,
    /// The machines that the hub polls.
    Fleet,
    /// What happened.
    Events,
    /// The ports of the roles.
    Ports,
    /// What a person can choose.
    Settings,
    /// Takeovers and logs.
    Diagnostics,
}

impl Page {
    /// The address of the page in the window.
    #[must_use]
    pub const fn address(self) -> &'static str {
        match self {
            Self::ThisMachine => "#/this-machine",
            Self::Fleet => "#/fleet",
            Self::Events => "#/events",
            Self::Ports => "#/ports",
            Self::Settings => "#/settings",
            Self::Diagnostics => "#/diagnostics",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_page_is_its_name() {
        use Page::{Diagnostics, Events, Fleet, Ports, Settings, ThisMachine};
        for page in [ThisMachine, Fleet, Events, Ports, Settings, Diagnostics] {
            let name = serde_json::to_value(page).unwrap();
            assert_eq!(Some(page.address()), name.as_str().map(|name| format!("#/{name}")).as_deref());
        }
    }
}
