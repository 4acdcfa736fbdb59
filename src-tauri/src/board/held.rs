//! When the window is told: not while two versions change hands.

use std::sync::{Mutex, MutexGuard, PoisonError};

use taskpaw_contract::ipc::HostEvent;

use super::Sink;

/// With more that waits the window is told at once.
const MOST_HELD: usize = 256;

/// The way to the window, which can be closed for a moment.
pub(super) struct ToWindow {
    sink: Sink,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// How often it was closed; nobody else's time ends the last one.
    times: u32,
    /// What the window is told when it is open again; nothing while it is.
    waiting: Option<Vec<HostEvent>>,
}

impl ToWindow {
    pub(super) fn new(sink: Sink) -> Self {
        Self { sink, held: Mutex::default() }
    }

    /// Tells the window now, or once the way is open again.
    pub(super) fn tell(&self, event: HostEvent) {
        let mut held = self.lock();
        match &mut held.waiting {
            None => return (self.sink)(&event),
            Some(waiting) => waiting.push(event),
        }
        if held.waiting.as_ref().is_some_and(|waiting| waiting.len() >= MOST_HELD) {
            self.tell_all(&mut held);
        }
    }

    /// Closes the way, and gives what opens it.
    pub(super) fn hold(&self) -> u32 {
        let mut held = self.lock();
        held.times += 1;
        held.waiting.get_or_insert_default();
        held.times
    }

    /// Opens the way, unless it was closed again since.
    pub(super) fn release(&self, time: u32) {
        let mut held = self.lock();
        if held.times == time {
            self.tell_all(&mut held);
        }
    }

    fn tell_all(&self, held: &mut Held) {
        for event in held.waiting.take().into_iter().flatten() {
            (self.sink)(&event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A panic while it was held left it whole: what was told is told.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
