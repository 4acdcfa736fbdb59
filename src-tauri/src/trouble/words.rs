//! What a person is told of a role that cannot run, besides what the tray says too.

use taskpaw_words::{Spoken, fill, holder, native};

/// The words of a language. A name in double braces stands for what is filled in.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) held: &'static str,
    pub(super) waits: &'static str,
    pub(super) retries: &'static str,
    pub(super) asks: &'static str,
    pub(super) open: &'static str,
    pub(super) another_port: &'static str,
    pub(super) and: &'static str,
    /// Of a process: with its name, and without one that can be seen.
    holders: [&'static str; 2],
}

impl Words {
    /// The words of a language.
    pub(super) fn of(spoken: Spoken) -> Self {
        Self {
            held: native::HELD.of(spoken),
            waits: native::WAITS.of(spoken),
            retries: native::RETRIES.of(spoken),
            asks: native::ASKS.of(spoken),
            open: native::OPEN.of(spoken),
            another_port: native::ANOTHER_PORT.of(spoken),
            and: native::AND.of(spoken),
            holders: [holder::NAMED.of(spoken), holder::UNNAMED.of(spoken)],
        }
    }

    /// Who holds a port.
    pub(super) fn holder(&self, name: Option<&str>, pid: u32) -> String {
        let pattern = self.holders[usize::from(name.is_none())];
        fill(pattern, &[("pid", &pid.to_string()), ("name", name.unwrap_or_default())])
    }
}
