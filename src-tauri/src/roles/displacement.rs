//! Whether a backend that has the ports now may be ended, although the last one here ended without being asked to.
//!
//! Two programs that each start anew whenever they are ended, and each end the other, would do so for ever. TaskPaw takes its
//! ports back once; then it says who has them, and a person decides.

/// So often may another process have taken the ports of a backend: the first time they are taken back.
const TIMES: u32 = 2;

/// What happened to the backends of a role since a person, or the launch, started it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Displacement {
    /// Whether the last backend ended without being asked to: by a signal from outside, or by itself.
    lost: bool,
    /// How often another process then had the ports.
    times: u32,
}

/// What a takeover does about stale backends that hold the ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reclaim {
    /// They are ended.
    Plain,
    /// They are ended, and it is said that they had taken the ports.
    Back,
    /// They are left alone, and it is said who they are.
    Never,
}

impl Displacement {
    /// A backend ended without being asked to.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// A backend serves on the ports.
    pub(super) fn serve(&mut self) {
        self.lost = false;
    }

    /// The ports of the backend that was lost are held by another process, which will be ended.
    pub(super) fn take_back(&mut self) {
        if std::mem::take(&mut self.lost) {
            self.times += 1;
        }
    }

    /// What the next takeover does.
    pub(super) fn reclaim(self) -> Reclaim {
        match self {
            Self { lost: false, .. } => Reclaim::Plain,
            Self { times, .. } if times + 1 < TIMES => Reclaim::Back,
            Self { .. } => Reclaim::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_taken_back_once() {
        let mut all = Displacement::default();
        assert_eq!(all.reclaim(), Reclaim::Plain);
        all.lose();
        assert_eq!(all.reclaim(), Reclaim::Back);
        all.take_back();
        assert_eq!(all.reclaim(), Reclaim::Plain, "one that is left of the first time");
        all.serve();
        all.lose();
        assert_eq!(all.reclaim(), Reclaim::Never);
        assert_eq!(all.reclaim(), Reclaim::Never);
    }

    #[test]
    fn a_backend_that_ends_and_leaves_its_ports_free_displaces_nobody() {
        let mut all = Displacement::default();
        for _ in 0..10 {
            all.lose();
            assert_eq!(all.reclaim(), Reclaim::Back);
            all.serve();
        }
    }
}
