//! Ports that a role cannot have are watched, and shown as they are, until it can have them.

use std::ops::ControlFlow;
use std::path::Path;

use port_takeover::sys::Native;
use port_takeover::watch;
use taskpaw_contract::Role;
use taskpaw_contract::config::Config;
use taskpaw_contract::identity;
use taskpaw_contract::ipc::{Event, Failure};

use super::blocked::Blocked;
use super::ports::views;

/// A watch over the ports of one role.
pub(super) struct Watch<'a> {
    pub(super) role: Role,
    pub(super) generation: u32,
    pub(super) config: &'a Config,
    /// Where the role's state is kept: who keeps it is ours.
    pub(super) state_folder: &'a Path,
    /// What the last attempt has found.
    pub(super) blocked: Blocked,
    /// Tells the window.
    pub(super) publish: &'a dyn Fn(Event),
    /// Told when the role waits for something else than before.
    pub(super) changed: &'a dyn Fn(Failure),
    /// Whether this watch is still wanted.
    pub(super) is_wanted: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Watches. True when the ports can be had; false if nobody wants to know any more, or they cannot be wanted as they are
    /// written. Blocks.
    pub(super) fn run(self) -> bool {
        let Self { role, generation, config, .. } = self;
        let Ok(wanted) = config.wanted_ports(role) else { return false };
        let mut shown = self.blocked;
        let mut can_start = false;
        watch(
            &Native::of(identity::installation(self.state_folder)),
            &identity::rules(),
            &role.into(),
            &wanted,
            |_, verdict| {
                let Some(now) = Blocked::now(role, config, verdict, &shown.past) else {
                    let ports = views(config, role, verdict, None);
                    (self.publish)(Event::PortConflict { role, generation, ports });
                    can_start = true;
                    return ControlFlow::Break(());
                };
                if now.ports != shown.ports {
                    let ports = now.shown(role, config);
                    (self.publish)(Event::PortConflict { role, generation, ports });
                }
                if now.failure != shown.failure {
                    (self.changed)(now.failure.clone());
                }
                shown = now;
                ControlFlow::Continue(())
            },
            self.is_wanted,
        );
        can_start
    }
}
