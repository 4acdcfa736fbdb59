//! Why an address is refused.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ExposureReason {
    /// The host stands for every address of the machine.
    Wildcard,
    /// The whole internet can reach it.
    Public,
    /// Other machines can reach it and no token is asked for.
    NoToken,
    /// The control port is for this machine alone.
    ControlOffLoopback,
}

impl fmt::Display for ExposureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wildcard => {
                "stands for every address of this machine, also those that strangers reach; \
                 name the one address that is meant"
            }
            Self::Public => "is a public address, which the whole internet can reach; use a private one",
            Self::NoToken => "can be reached by other machines and needs a token; set one, or use 127.0.0.1",
            Self::ControlOffLoopback => {
                "is not loopback, and the control port is for this machine alone; use 127.0.0.1"
            }
        })
    }
}
