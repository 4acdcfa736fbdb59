//! Signs of life, while something is under way that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use taskpaw_contract::sidecar::{Line, SignOfLife};

use crate::host::write_line;

/// Between two signs.
const EVERY: Duration = Duration::from_secs(1);
/// The most signs that are given: ten minutes. What takes longer counts as hanging.
const MOST: u32 = 600;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// A host that takes this sidecar from step to step.
    Host,
    /// One that expects a single line, or none at all.
    Nobody,
}

/// How far something is that takes its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Advance(Arc<AtomicU64>);

impl Advance {
    /// Notes that the work has come a little further.
    pub(crate) fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// As long as this lives, signs are given.
#[must_use]
pub(crate) struct SignsOfLife(#[expect(dead_code, reason = "its drop ends the thread")] Option<Sender<()>>);

impl Telling {
    /// Begins to give signs of something that advances like this, if anybody is told.
    pub(crate) fn signs_of_life(self, advance: Advance) -> SignsOfLife {
        if self == Self::Nobody {
            return SignsOfLife(None);
        }
        let (alive, is_over) = channel();
        let signs = move || {
            for _ in 0..MOST {
                if is_over.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let sign = SignOfLife { taskpaw_sign_of_life: true, advanced: advance.so_far() };
                write_line(&Line::SignOfLife(sign));
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
