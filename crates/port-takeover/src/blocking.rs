//! A takeover for programs that run on Tokio.

use crate::error::LookError;
use crate::execute::{Called, Limits, TakeoverEvent, take_over};
use crate::identity::IdentityRules;
use crate::port::WantedPort;
use crate::report::Report;
use crate::role::Role;
use crate::sys::System;

/// As [`take_over`](crate::take_over), on a thread of Tokio's that may block.
///
/// # Cancel safety
/// A takeover that has begun is not cancelled: dropping the future leaves it to run to its end, and what it reports is lost. To
/// call one off, let the observer answer `Break`.
///
/// # Errors
/// As [`take_over`](crate::take_over).
///
/// # Panics
/// Outside of a Tokio runtime, and where the observer panics.
pub async fn take_over_async<S: System + Send + 'static>(
    system: S,
    rules: IdentityRules,
    role: Role,
    wanted: Vec<WantedPort>,
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called + Send + 'static,
) -> Result<Report, LookError> {
    let run = move || take_over(&system, &rules, &role, &wanted, limits, observe);
    match tokio::task::spawn_blocking(run).await {
        Ok(taken) => taken,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::TcpListener;
    use std::ops::ControlFlow;

    use super::*;
    use crate::report::Outcome;
    use crate::sys::Native;

    #[test]
    fn a_free_port_is_ready_and_a_held_one_is_refused() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = held.local_addr().unwrap().port();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let attempt = || {
            let wanted = vec![WantedPort::new("api", "127.0.0.1", number.into()).unwrap()];
            let role = Role::new("server");
            let rules = IdentityRules::new(role.clone());
            let go_on = |_: TakeoverEvent<'_>| ControlFlow::Continue(());
            let taken = take_over_async(Native::new(), rules, role, wanted, Limits::default(), go_on);
            runtime.block_on(taken).unwrap().outcome
        };
        assert_eq!(attempt(), Outcome::Refused);
        drop(held);
        assert_eq!(attempt(), Outcome::Ready);
    }
}
