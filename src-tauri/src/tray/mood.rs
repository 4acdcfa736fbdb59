//! How all of TaskPaw is, in one word.

/// How all of TaskPaw is: the worst of what it does. Each has a shape and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    /// Nothing runs, and nothing should.
    Quiet,
    /// Every role that is on is ready.
    Well,
    /// Something is starting or stopping.
    Busy,
    /// Something failed, and is tried again by itself.
    Trying,
    /// Something failed, and waits for the person.
    Broken,
}
