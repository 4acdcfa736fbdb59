//! What packages are made for: a system, its processor, and the kind of package.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What packages are made for: `linux-x86_64`, or `linux-x86_64-deb` where there are several kinds of packages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct System(String);

/// How a program was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unpacked for one person, versions side by side (Linux).
    Archive,
    /// By Debian's package manager.
    Deb,
    /// By Fedora's.
    Rpm,
    /// By the installer of Windows.
    Nsis,
    /// As a bundle of macOS.
    App,
}

impl System {
    /// The system that this program was built for, with a kind of package. The archive, the installer and the bundle are what is meant where no kind is named.
    #[must_use]
    pub fn here(kind: Kind) -> Self {
        let system = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let suffix = match kind {
            Kind::Archive | Kind::Nsis | Kind::App => "",
            Kind::Deb => "-deb",
            Kind::Rpm => "-rpm",
        };
        Self(format!("{system}-{}{suffix}", std::env::consts::ARCH))
    }

    /// The system with this name; nothing if that is not a name of a system: lower-case words and numbers with `-` and `_`, 40 letters at most.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let is_name = (1..=40).contains(&name.len()) && name.bytes().all(is_plain);
        is_name.then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for System {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}
