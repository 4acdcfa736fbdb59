//! The proof itself: whatever a holder receives is written down, so that an empty record means something.

use support::process::send;
use support::wait::LONG;
use support::{free_ports, until};

use crate::holder::Plan;

#[tokio::test]
async fn a_holder_writes_down_every_signal() {
    let [port] = free_ports();
    let holder = Plan::foreign().word("--ignore-term").listens(port).spawns("nginx-worker").start();
    let catchable = (1..=31).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal));
    for signal in catchable {
        let before = holder.signals().len();
        send(holder.pid(), signal);
        until(&format!("signal {signal} is written down"), LONG, async || holder.signals().len() > before)
            .await;
        assert_eq!(holder.signals().last(), Some(&signal));
    }
    // Of another one's signals, its child knows nothing.
    holder.children[0].is_untouched().await;
}

#[tokio::test]
#[should_panic(expected = "received a signal")]
async fn a_single_signal_is_noticed() {
    let [port] = free_ports();
    let holder = Plan::foreign().listens(port).start();
    send(holder.pid(), libc::SIGCONT);
    holder.is_untouched().await;
}
