//! Waiting for something, until a deadline.

use std::time::{Duration, Instant};

/// How long a test waits for anything before it has failed. Generous: it is only used up by a failure.
pub const LONG: Duration = Duration::from_secs(30);

/// Waits until a condition holds, at most `within`.
pub async fn until(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    until_some(what, within, async || holds().await.then_some(())).await;
}

/// Waits until there is something, at most `within`, and gives it.
pub async fn until_some<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
