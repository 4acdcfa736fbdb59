//! Signs of life, while something is under way that takes its time.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use taskpaw_contract::sidecar::Line;

use crate::launch::write_line;

/// Between two signs.
const EVERY: Duration = Duration::from_secs(1);
/// So many are given: ten minutes. What takes longer counts as something that hangs.
const MOST: u32 = 600;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// A host that takes this sidecar from step to step.
    Host,
    /// One that expects a single line, or none at all.
    Nobody,
}

/// As long as this lives, signs are given.
#[must_use]
pub(crate) struct SignsOfLife(#[expect(dead_code, reason = "its drop ends the thread")] Option<Sender<()>>);

impl Telling {
    /// Begins to give signs, if anybody is told.
    pub(crate) fn signs_of_life(self) -> SignsOfLife {
        if self == Self::Nobody {
            return SignsOfLife(None);
        }
        let (alive, is_over) = channel();
        let signs = move || {
            for _ in 0..MOST {
                if is_over.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                write_line(&Line::SignOfLife);
            }
        };
        match thread::Builder::new().name("signs of life".to_owned()).spawn(signs) {
            Ok(_) => SignsOfLife(Some(alive)),
            Err(error) => {
                tracing::warn!("nobody can be told that this takes its time: {error}");
                SignsOfLife(None)
            }
        }
    }
}
