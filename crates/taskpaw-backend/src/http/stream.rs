//! Live streams: server-sent events, one line of JSON each, until the client goes or the stop comes.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::lifecycle::Stop;

/// After so much silence a comment shows that the stream is alive, and notices a client that is gone.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Everything that is sent from now on. A listener that is too slow is told so with `missed`, and goes on with what
/// is new.
pub(crate) fn stream<T: Clone + Serialize + Send + 'static>(
    news: Receiver<T>,
    missed: T,
    stop: Stop,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = unfold((news, missed, stop), async |(mut news, missed, stop)| {
        loop {
            let next = tokio::select! {
                () = stop.requested() => return None,
                next = news.recv() => next,
            };
            let item = match next {
                Ok(item) => item,
                Err(RecvError::Lagged(_)) => missed.clone(),
                Err(RecvError::Closed) => return None,
            };
            // What cannot be written as JSON does not exist here; the stream would go on without it.
            if let Ok(event) = Event::default().json_data(&item) {
                return Some((Ok(event), (news, missed, stop)));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE))
}
