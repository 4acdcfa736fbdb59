//! Letting go of what a role holds, within a time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long standing down waits for the last write.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How long standing down waits for readers of what is released.
const UNUSED_WITHIN: Duration = Duration::from_secs(1);
const UNUSED_LOOK: Duration = Duration::from_millis(1);

/// Something is still in use that must not be. Only the end of the process makes certain that nothing writes any more.
#[derive(Debug, thiserror::Error)]
#[error("this backend cannot stand down, and ends: {0}")]
pub(crate) struct CannotStandDown(pub(crate) &'static str);

/// Waits, for a limited time, until nobody else uses it, and lets it go.
pub(crate) async fn until_unused<T>(shared: Arc<T>) -> Result<(), CannotStandDown> {
    let deadline = Instant::now() + UNUSED_WITHIN;
    while Arc::strong_count(&shared) > 1 {
        if Instant::now() >= deadline {
            return Err(CannotStandDown("something that was asked for is not finished in time"));
        }
        sleep(UNUSED_LOOK).await;
    }
    Ok(())
}
