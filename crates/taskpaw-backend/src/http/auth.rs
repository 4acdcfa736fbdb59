//! Bearer tokens, and a limit for guessing them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{OptionalFromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;
use taskpaw_contract::config::SHORTEST_TOKEN;

use super::ApiError;
use super::attempts::{Attempts, HELD, Turn};
use super::local::may_be_from_a_web_page;
use super::places::{Neighbourhood, Shown, Standing};

/// Who has connected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Sync> OptionalFromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().copied())
    }
}

/// The tokens that open a port. Its tokens are secrets, so it has no `Debug`.
#[derive(Clone)]
pub(crate) enum Guard {
    /// Everybody is let in; the exposure guard allows it on loopback only.
    Open,
    /// A client that shows one of these.
    Tokens(Arc<[Token]>, Arc<Attempts>),
}

/// A token, and what it makes of a connection that shows it.
pub(crate) struct Token {
    text: String,
    standing: Standing,
}

impl Guard {
    /// Lets in who shows this token, and everybody if it is empty.
    pub(crate) fn optional(token: &str) -> Self {
        if token.is_empty() { Self::Open } else { Self::of([(token, Standing::Guest)], Arc::default()) }
    }

    /// Lets in who shows the token of the launch. An empty one lets nobody in.
    pub(crate) fn control(token: &str) -> Self {
        Self::of([(token, Standing::App)], Arc::default())
    }

    /// The guards of a port for both: who shows one of the tokens, or everybody if the port has none; and who shows
    /// the token of the launch. A client that guesses is slow at both together.
    pub(crate) fn both(token: &str, control: &str) -> (Self, Self) {
        let attempts: Arc<Attempts> = Arc::default();
        let for_the_app = Self::of([(control, Standing::App)], attempts.clone());
        if token.is_empty() {
            return (Self::Open, for_the_app);
        }
        (Self::of([(token, Standing::Guest), (control, Standing::App)], attempts), for_the_app)
    }

    fn of<const N: usize>(tokens: [(&str, Standing); N], attempts: Arc<Attempts>) -> Self {
        let tokens = tokens.into_iter().filter(|(text, _)| !text.is_empty());
        Self::Tokens(
            tokens.map(|(text, standing)| Token { text: text.to_owned(), standing }).collect(),
            attempts,
        )
    }
}

/// What a connection is that shows one of these.
fn matching<'a>(tokens: impl Iterator<Item = &'a Token>, headers: &HeaderMap) -> Option<Standing> {
    let shown = bearer(headers)?;
    // Every token is compared, each in a time that does not depend on where the first difference is.
    let equal = |token: &Token| bool::from(token.text.as_bytes().ct_eq(shown)).then_some(token.standing);
    tokens.map(equal).fold(None, Option::max)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
}

/// Middleware: 401 for every client that the guard does not let in, before anything is looked at or changed. A client that tries tokens
/// waits for that, and is answered 429 after too many; a right one that is long enough is let in at once, whatever others
/// do. Where everybody is let in, web pages are not: 403.
pub(crate) async fn authorize(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let standing = match &guard {
        Guard::Open if may_be_from_a_web_page(&request) => return Err(ApiError::ForeignHost),
        Guard::Open => Standing::Guest,
        Guard::Tokens(tokens, attempts) => {
            // Not borrowed while it waits: a body need not be shared.
            let headers = request.headers().clone();
            let peer = request.extensions().get::<Peer>().map(|Peer(address)| address.to_canonical());
            let from = request.extensions().get::<Shown>().map_or(Neighbourhood::Here, |shown| shown.from);
            admitted(tokens, attempts, &headers, peer, from).await?
        }
    };
    if let Some(shown) = request.extensions().get::<Shown>() {
        shown.show(standing);
    }
    Ok(next.run(request).await)
}

/// Middleware for what asks for no token, where there is none to ask for: 403 for what may be from a web page.
pub(crate) async fn refuse_web_pages(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if matches!(guard, Guard::Open) && may_be_from_a_web_page(&request) {
        return Err(ApiError::ForeignHost);
    }
    Ok(next.run(request).await)
}

async fn admitted(
    tokens: &[Token],
    attempts: &Attempts,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    from: Neighbourhood,
) -> Result<Standing, ApiError> {
    let (long, short) = (
        || tokens.iter().filter(|token| token.text.len() >= SHORTEST_TOKEN),
        || tokens.iter().filter(|token| token.text.len() < SHORTEST_TOKEN),
    );
    if let Some(standing) = matching(long(), headers) {
        return Ok(standing);
    }
    if !headers.contains_key(AUTHORIZATION) {
        return Err(ApiError::Unauthorized);
    }
    let now = Instant::now();
    let turn = attempts.turn(peer, from, now);
    match turn {
        Turn::Now => {}
        Turn::At(then) => tokio::time::sleep_until(then.into()).await,
        Turn::Never => {
            tokio::time::sleep(HELD).await;
            return Err(ApiError::TooManyAttempts { seconds: HELD.as_secs() });
        }
    }
    if let Some(standing) = matching(short(), headers) {
        attempts.is_right(peer, from, now);
        return Ok(standing);
    }
    if turn == Turn::Now {
        attempts.failed(peer, from, now);
    }
    Err(ApiError::Unauthorized)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "a-token-of-many-letters";

    fn lets_in(guard: &Guard, header: &str) -> Option<Standing> {
        let Guard::Tokens(tokens, _) = guard else { return Some(Standing::Guest) };
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        matching(tokens.iter(), &headers)
    }

    #[test]
    fn one_of_the_tokens_opens_and_says_who_it_is() {
        let (guard, control) = Guard::both("one", "two");
        for (header, expected) in [
            ("Bearer one", Some(Standing::Guest)),
            ("bearer two", Some(Standing::App)),
            ("Bearer  one ", Some(Standing::Guest)),
            ("Bearer on", None),
            ("Bearer onee", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic one", None),
            ("one", None),
            ("", None),
        ] {
            assert_eq!(lets_in(&guard, header), expected, "{header:?}");
        }
        assert_eq!(lets_in(&control, "Bearer one"), None);
        assert_eq!(lets_in(&control, "Bearer two"), Some(Standing::App));
    }

    #[test]
    fn an_empty_token_opens_only_where_none_is_asked_for() {
        assert!(matches!(Guard::optional(""), Guard::Open));
        assert!(matches!(Guard::optional("one"), Guard::Tokens(..)));
        assert!(matches!(Guard::both("", "two").0, Guard::Open));
        assert_eq!(lets_in(&Guard::control(""), "Bearer "), None);
    }

    async fn tried(guard: &Guard, header: Option<&str>) -> Result<Standing, ApiError> {
        let Guard::Tokens(tokens, attempts) = guard else { panic!("it has no token") };
        let mut headers = HeaderMap::new();
        header.map(|header| headers.insert(AUTHORIZATION, header.parse().unwrap()));
        admitted(tokens, attempts, &headers, None, Neighbourhood::Here).await
    }

    #[tokio::test]
    async fn a_long_token_is_let_in_at_once_while_others_guess() {
        let guard = Guard::control(LONG);
        let guesses: Vec<_> = (0..100)
            .map(|_| {
                let guard = guard.clone();
                tokio::spawn(async move { tried(&guard, Some("Bearer guess")).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let since = Instant::now();
        let right = tried(&guard, Some(&format!("Bearer {LONG}"))).await;
        assert!(matches!(right, Ok(Standing::App)));
        assert!(since.elapsed() < std::time::Duration::from_millis(50));
        // Asking without a token is not a guess, and is answered at once.
        assert!(matches!(tried(&guard, None).await, Err(ApiError::Unauthorized)));
        assert!(guesses.iter().filter(|guess| guess.is_finished()).count() <= 1);
        guesses.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_short_token_goes_on_and_waits_its_turn() {
        let guard = Guard::optional("short");
        for _ in 0..20 {
            assert!(matches!(tried(&guard, Some("Bearer short")).await, Ok(Standing::Guest)));
        }
        assert!(tried(&guard, Some("Bearer guess")).await.is_err());
        let since = Instant::now();
        assert!(matches!(tried(&guard, Some("Bearer short")).await, Ok(Standing::Guest)));
        assert!(since.elapsed() > std::time::Duration::from_millis(50));
    }
}
