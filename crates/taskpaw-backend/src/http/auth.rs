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

use super::ApiError;
use super::attempts::Attempts;
use super::local::may_be_from_a_web_page;

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
    /// Whoever shows one of these.
    Tokens(Arc<[String]>, Arc<Attempts>),
}

impl Guard {
    /// Lets in who shows this token, and everybody if it is empty.
    pub(crate) fn optional(token: &str) -> Self {
        if token.is_empty() { Self::Open } else { Self::tokens([token]) }
    }

    /// Lets in who shows one of these tokens. An empty one lets nobody in.
    pub(crate) fn tokens<const N: usize>(tokens: [&str; N]) -> Self {
        let tokens = tokens.into_iter().filter(|token| !token.is_empty()).map(str::to_owned).collect();
        Self::Tokens(tokens, Arc::default())
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Self::Tokens(tokens, _) = self else { return true };
        let Some(shown) = bearer(headers) else { return false };
        // Every token is compared, each in a time that does not depend on where the first difference is.
        let equal = tokens.iter().map(|token| token.as_bytes().ct_eq(shown));
        equal.fold(subtle::Choice::from(0), |any, one| any | one).into()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
}

/// Middleware: 401 for whoever the guard does not let in, before anything is looked at or changed; 429 for whoever
/// has tried too often. Where everybody is let in, web pages are not: 403.
pub(crate) async fn authorize(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Guard::Tokens(_, attempts) = &guard else {
        if may_be_from_a_web_page(&request) {
            return Err(ApiError::ForeignHost);
        }
        return Ok(next.run(request).await);
    };
    let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
    let is_let_in = guard.lets_in(request.headers());
    let has_tried = request.headers().contains_key(AUTHORIZATION);
    match peer {
        Some(peer) => attempts.judge(peer, is_let_in, has_tried, Instant::now())?,
        None if is_let_in => {}
        None => return Err(ApiError::Unauthorized),
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lets_in(guard: &Guard, header: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        guard.lets_in(&headers)
    }

    #[test]
    fn one_of_the_tokens_opens() {
        let guard = Guard::tokens(["one", "two"]);
        for (header, expected) in [
            ("Bearer one", true),
            ("bearer two", true),
            ("Bearer  one ", true),
            ("Bearer on", false),
            ("Bearer onee", false),
            ("Bearer", false),
            ("Bearer ", false),
            ("Basic one", false),
            ("one", false),
            ("", false),
        ] {
            assert_eq!(lets_in(&guard, header), expected, "{header:?}");
        }
        assert!(!guard.lets_in(&HeaderMap::new()));
    }

    #[test]
    fn an_empty_token_opens_only_where_none_is_asked_for() {
        assert!(Guard::optional("").lets_in(&HeaderMap::new()));
        assert!(!Guard::optional("one").lets_in(&HeaderMap::new()));
        assert!(!lets_in(&Guard::tokens([""]), "Bearer "));
    }
}
