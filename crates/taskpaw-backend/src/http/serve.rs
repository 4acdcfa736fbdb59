//! Serving one port until the stop: bounded connections, and an end that no client can delay for long.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::auth::Peer;
use super::limits::{BODY_BYTES, CONNECTIONS, HEADER_BYTES, PATIENCE, bound};
use super::patience::Patient;
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
/// How long to wait after the system had no descriptor for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a port until the stop is requested. Then the port is released at once, and this returns when what was
/// under way has been answered, or was given up.
///
/// Whoever stands down keeps the port, and gives its listener back: clients that connect meanwhile wait in the system's
/// queue for whoever serves next.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: Stop,
) -> Option<std::net::TcpListener> {
    let routes = routes.layer(DefaultBodyLimit::max(BODY_BYTES)).layer(axum::middleware::from_fn(bound));
    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let mut connections = JoinSet::new();
    let mut requested = pin!(stop.requested());
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut requested => break,
            next = next => next,
        };
        while connections.try_join_next().is_some() {}
        match (place, accepted) {
            (Ok(place), Ok((stream, _))) => attend(&mut connections, stream, place, &routes, &stop),
            (_, Err(error)) if is_of_one_connection(&error) => {}
            (_, Err(error)) => {
                tracing::error!("a connection cannot be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
            // The places are never closed.
            (Err(_), _) => break,
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
    let _ = timeout(grace, places.acquire_many(CONNECTIONS)).await;
    // Nothing of what was given up holds anything any more.
    connections.shutdown().await;
    listener
}

/// Whether the client went away before it was accepted; the port itself is well.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn attend(
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    routes: &Router,
    stop: &Stop,
) {
    let (routes, stop) = (routes.clone(), stop.clone());
    connections.spawn(async move {
        connection(stream, routes, stop).await;
        drop(place);
    });
}

/// Accepts who has connected before the stop and waits in the system's queue, before the port is released: with the
/// listener the system drops the queue, and the requests that were already sent. The system itself is asked, since
/// the runtime may not have heard of them yet.
fn attend_the_queue(
    listener: &std::net::TcpListener,
    connections: &mut JoinSet<()>,
    places: &Arc<Semaphore>,
    routes: &Router,
    stop: &Stop,
) -> io::Result<()> {
    // Bounded: no place is given back while this runs.
    while let Ok(place) = Arc::clone(places).try_acquire_owned() {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                attend(connections, TcpStream::from_std(stream)?, place, routes, stop);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn connection(stream: TcpStream, routes: Router, stop: Stop) {
    // Answers are small and whole: they do not wait for more.
    let _ = stream.set_nodelay(true);
    let has_request = AtomicBool::new(false);
    let peer = stream.peer_addr().map(|address| Peer(address.ip()));
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Ok(peer) = &peer {
            request.extensions_mut().insert(*peer);
        }
        has_request.store(true, Ordering::Relaxed);
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
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(Patient::new(stream)), service)
    );
    // How a connection ends is its client's business.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => {}
    }
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = sleep(LAST_REQUESTS) => {}
    }
    connection.as_mut().graceful_shutdown();
    let grace = match stop.reason() {
        _ if !has_request.load(Ordering::Relaxed) => GRACE_BEFORE_REQUEST,
        Some(StopReason::StandDown) => GRACE_OF_STANDING_DOWN,
        _ => GRACE,
    };
    let _ = timeout(grace, connection).await;
}

/// How others reach a listener.
pub(crate) fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}
