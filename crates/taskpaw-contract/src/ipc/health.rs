//! Whether everything that is watched is all right: one answer, which window, title and tray show alike.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::role::{RoleState, RoleView};

/// Whether everything that is watched is all right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Health {
    /// Whether everything is all right is not known yet.
    Unknown,
    /// Nothing is watched, since no role that should watch is running.
    NotWatched,
    /// Everything is all right.
    AllWell {
        /// How many things are watched.
        total: u32,
    },
    /// Something is not as it should be.
    Attention {
        /// How many things are watched.
        total: u32,
        /// How many of them are not as they should be.
        broken: u32,
    },
}

impl Health {
    /// The answer for what the roles are and know.
    #[must_use]
    pub fn of(roles: &[RoleView]) -> Self {
        let on: Vec<&RoleView> = roles.iter().filter(|view| view.enabled).collect();
        let known = on.iter().filter_map(|view| view.watched.as_ref());
        let (total, broken) = known.fold((0_u32, 0_u32), |(total, broken), watched| {
            (total.saturating_add(watched.total), broken.saturating_add(watched.broken))
        });
        let runs_not = |view: &&RoleView| {
            matches!(
                view.state,
                RoleState::Stopped
                    | RoleState::Waiting { .. }
                    | RoleState::Failed { .. }
                    | RoleState::Backoff { .. }
            )
        };
        if broken > 0 {
            Self::Attention { total, broken }
        } else if on.is_empty() || on.iter().any(runs_not) {
            Self::NotWatched
        } else if on.iter().any(|view| view.watched.is_none()) {
            Self::Unknown
        } else {
            Self::AllWell { total }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use crate::ipc::{Backend, Trouble, TroubleState, Watched};

    fn role(role: Role, state: RoleState, watched: Option<Watched>) -> RoleView {
        RoleView {
            role,
            enabled: true,
            generation: 1,
            state,
            ports: Vec::new(),
            last_takeover: None,
            timeline: Vec::new(),
            apply: None,
            watched,
        }
    }

    fn ready() -> RoleState {
        let backend = Backend { pid: 7, version: "4".into(), base_url: String::new(), ready_ms: 1.0 };
        RoleState::Ready { backend }
    }

    #[test]
    fn the_answer_is_as_good_as_what_is_known() {
        let error = Trouble { machine: None, monitor: None, state: TroubleState::Error, since: None };
        let well = || Some(Watched::of(12, Vec::new()));
        let broken = || Some(Watched::of(3, vec![error.clone()]));
        let of = |roles: &[RoleView]| Health::of(roles);
        assert_eq!(of(&[]), Health::NotWatched);
        assert_eq!(of(&[role(Role::Agent, ready(), None)]), Health::Unknown);
        assert_eq!(of(&[role(Role::Agent, ready(), well())]), Health::AllWell { total: 12 });
        assert_eq!(of(&[role(Role::Agent, RoleState::Starting, None)]), Health::Unknown);
        assert_eq!(of(&[role(Role::Agent, RoleState::Stopped, None)]), Health::NotWatched);
        let both = [role(Role::Agent, RoleState::Stopped, None), role(Role::Hub, ready(), broken())];
        assert_eq!(of(&both), Health::Attention { total: 3, broken: 1 });
        let mut off = role(Role::Hub, ready(), broken());
        off.enabled = false;
        let agent = role(Role::Agent, ready(), well());
        assert_eq!(of(&[agent, off]), Health::AllWell { total: 12 });
    }
}
