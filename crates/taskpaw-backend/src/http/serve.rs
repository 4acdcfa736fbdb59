//! Serving one port until the stop: bounded connections, and an end that no client can delay for long.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::auth::Peer;
use super::limits::{BODY_BYTES, HEADER_BYTES, PATIENCE, bound};
use super::patience::Patient;
use super::places::{Neighbourhood, Place, Places, Standing};
use crate::lifecycle::{Stop, StopReason};

/// How long an answer that is under way may still take after the stop. The whole end must fit into 3 s.
const GRACE: Duration = Duration::from_millis(2_500);
/// The same for a backend that stands down: its successor waits for it.
const GRACE_OF_STANDING_DOWN: Duration = Duration::from_secs(1);
/// The same for a connection that has never sent a whole request: there is nothing to answer.
const GRACE_BEFORE_REQUEST: Duration = Duration::from_millis(100);
/// How long a kept connection is still read after the stop: a request that was sent before it is in the system's
/// buffers by then, and the runtime hears of it in its next turn. A connection that is closed as idle would lose it.
const LAST_REQUESTS: Duration = Duration::from_millis(2);
/// A client that has connected or asked so shortly before is about to ask, and hears with that answer that the connection ends: a
/// request that goes out in the moment in which its connection is closed is lost. While two versions start side by side, a client may not
/// be given the processor for some tens of milliseconds: with 20 ms here, one connection in fifty upgrades was lost.
const BUSY: Duration = Duration::from_millis(100);
/// So long the next request of such a one is waited for: it ends the waiting, mostly within a millisecond. One that never comes
/// makes the upgrade so much longer, which must stay under the 80 ms of the slowest answer.
const NEXT_REQUEST: Duration = Duration::from_millis(30);
/// So many who wait in the system's queue are still answered at the end: as many as it holds there for us.
const MOST_WAITING: usize = 1_024;
/// How many clients are accepted before those that are connected are heard: a small part of the places of strangers.
const IN_A_ROW: u32 = 32;
/// Between so many, while strangers have all of their places: each then keeps its own for five times as long, and has sent what it
/// asks before, while it waited in the system's queue. A thousand who wait there are all accepted within 0.4 s.
const PACE: Duration = Duration::from_millis(10);
/// How long to wait after the system had no descriptor for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a port until the stop is requested. Then the port is released at once, and this returns when what was
/// under way has been answered, or was given up.
///
/// A backend that stands down keeps the port, and gives its listener back: clients that connect meanwhile wait in the system's
/// queue for the backend that serves next.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: Stop,
) -> Option<std::net::TcpListener> {
    let routes = routes.layer(DefaultBodyLimit::max(BODY_BYTES)).layer(axum::middleware::from_fn(bound));
    let places = Places::default();
    let mut connections = JoinSet::new();
    let mut requested = pin!(stop.requested());
    let mut in_a_row = 0;
    loop {
        // Everybody is accepted: who has shown nothing goes for who comes, and nobody waits in the system's queue.
        let accepted = tokio::select! {
            biased;
            () = &mut requested => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => attend(&mut connections, stream, &places, &routes, &stop),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!("a connection cannot be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        in_a_row += 1;
        if in_a_row >= IN_A_ROW {
            // A client that was accepted is heard before so many others come that it would have to go.
            in_a_row = 0;
            if places.are_crowded() {
                tokio::select! {
                    biased;
                    () = &mut requested => break,
                    () = sleep(PACE) => {}
                }
            } else {
                yield_now().await;
            }
        }
    }
    let is_kept = stop.reason() == Some(StopReason::StandDown);
    // Taken out of the runtime: nothing of it hears of a connection any more.
    let listener = match listener.into_std() {
        Ok(listener) if is_kept => Some(listener),
        Ok(listener) => {
            if let Err(error) = attend_the_queue(&listener, &mut connections, &places, &routes, &stop) {
                tracing::warn!("whoever was connecting during the stop gets no answer: {error}");
            }
            None
        }
        Err(error) => {
            tracing::warn!("the port is released, with whoever was connecting: {error}");
            None
        }
    };
    let grace = if is_kept { GRACE_OF_STANDING_DOWN } else { GRACE };
    let _ = timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    // Nothing of what was given up holds anything any more.
    connections.shutdown().await;
    listener
}

/// Whether the client went away before it was accepted; the port itself is well.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn attend(connections: &mut JoinSet<()>, stream: TcpStream, places: &Places, routes: &Router, stop: &Stop) {
    let Ok(peer) = stream.peer_addr() else { return };
    let own = stream.local_addr().ok().map(|address| address.ip());
    let place = places.admit(Neighbourhood::of(peer.ip(), own));
    connections.spawn(connection(stream, Peer(peer.ip()), place, routes.clone(), stop.clone()));
}

/// Accepts who has connected before the stop and waits in the system's queue, before the port is released: with the
/// listener the system drops the queue, and the requests that were already sent. The system itself is asked, since
/// the runtime may not have heard of them yet.
fn attend_the_queue(
    listener: &std::net::TcpListener,
    connections: &mut JoinSet<()>,
    places: &Places,
    routes: &Router,
    stop: &Stop,
) -> io::Result<()> {
    for _ in 0..MOST_WAITING {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                attend(connections, TcpStream::from_std(stream)?, places, routes, stop);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn connection(stream: TcpStream, peer: Peer, place: Place, routes: Router, stop: Stop) {
    // Answers are small and whole: they do not wait for more.
    let _ = stream.set_nodelay(true);
    let accepted = Instant::now();
    let last_request: Mutex<Option<Instant>> = Mutex::new(None);
    let last_request_at = || *last_request.lock().unwrap_or_else(PoisonError::into_inner);
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(place.shown());
        *last_request.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let answering = routes.call(request);
        async {
            let mut answer = answering.await?;
            if stop.is_requested() {
                // The client asks the next one on a connection of its own, and does not find this one closed.
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
    // How a connection ends is its client's business.
    tokio::select! {
        _ = &mut connection => return,
        () = place.goes() => {
            // With a reset: a client that does not close its side would go on using up the port numbers of this machine.
            connection.into_parts().io.into_inner().reset();
            return;
        }
        () = stop.requested() => {}
    }
    let still = still_heard(accepted, last_request_at(), Instant::now());
    tokio::select! {
        biased;
        _ = &mut connection => return,
        () = sleep(still) => {}
    }
    Pin::new(&mut connection).graceful_shutdown();
    let grace = match stop.reason() {
        _ if last_request_at().is_none() => GRACE_BEFORE_REQUEST,
        // Nobody waits for what a stranger may try next.
        _ if place.standing() == Standing::Stranger => GRACE_BEFORE_REQUEST,
        Some(StopReason::StandDown) => GRACE_OF_STANDING_DOWN,
        _ => GRACE,
    };
    let _ = timeout(grace, connection).await;
}

/// How long a connection is still read after the stop.
fn still_heard(accepted: Instant, last_request: Option<Instant>, now: Instant) -> Duration {
    let is_busy = now.saturating_duration_since(last_request.unwrap_or(accepted)) < BUSY;
    if is_busy { NEXT_REQUEST } else { LAST_REQUESTS }
}

/// How others reach a listener.
pub(crate) fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_just_connected_or_asked_is_waited_for() {
        let at = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!(still_heard(at, None, at + ms(1)), NEXT_REQUEST, "it has just connected");
        assert_eq!(still_heard(at, None, at + BUSY), LAST_REQUESTS, "it has connected, and says nothing");
        assert_eq!(still_heard(at, Some(at + ms(900)), at + ms(950)), NEXT_REQUEST, "it asks all the time");
        assert_eq!(still_heard(at, Some(at + ms(1)), at + ms(900)), LAST_REQUESTS, "it is kept for later");
    }
}
