//! Answers that another program has to give, such as a directory service, are waited for only so long.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Asks on a thread of its own, and gives up after `limit`: the thread is then left to itself, and ends with
/// the answer or with this program.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    question: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    let (answer, answered) = mpsc::sync_channel(1);
    let ask = move || {
        // Nobody waits any more if it took too long.
        let _too_late = answer.send(question());
    };
    thread::Builder::new().name("bounded question".to_owned()).spawn(ask).ok()?;
    answered.recv_timeout(limit).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_time_is_given() {
        assert_eq!(within(Duration::from_secs(5), || Some(7)), Some(7));
        assert_eq!(within(Duration::from_secs(5), || None::<u8>), None);
    }

    #[test]
    fn one_that_never_comes_is_given_up() {
        let (_never, blocked) = mpsc::channel::<u8>();
        assert_eq!(within(Duration::from_millis(20), move || blocked.recv().ok()), None);
    }
}
