//! What another version does to this one: it asks, and must not have to kill.

use port_takeover::sys::{Native, System as _};
use port_takeover::{HowEnded, Limits, Pid, end_process};
use taskpaw_contract::Role;

use crate::running::Machine;

#[test]
fn a_backend_ends_when_a_takeover_asks_it() {
    for role in Role::ALL {
        let machine = Machine::new();
        let running = machine.start_headless(role);
        running.ready();
        let process = Native::new().describe(Pid::new(running.child.id()).unwrap()).unwrap();
        let (how, _) = end_process(&Native::new(), &process.identity(), Limits::default()).unwrap();
        assert_eq!(how, HowEnded::Graceful, "{role}");
        running.ended_well();
    }
}
