//! The guard against DNS rebinding: a web page can give its own name any address, also one of this machine, and
//! then talk to it. What it cannot do is send another `Host` than its name.

use std::net::IpAddr;
use std::sync::OnceLock;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::http::header::{HOST, ORIGIN, REFERER};
use axum::middleware::Next;
use axum::response::Response;

use super::ApiError;

/// Which hosts a request may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnlyFrom {
    /// Loopback addresses and `localhost`.
    Loopback,
    /// These, and the one address that the port is bound to: an address is not a name that could be rebound.
    LoopbackOr(IpAddr),
    /// Loopback addresses, `localhost`, and the machine's own name. Another name without a dot is none of this machine: on a
    /// network with hostile machines a web page could have it.
    Near,
}

impl OnlyFrom {
    fn allows(self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else { return false };
        let is_own = || own_name().is_some_and(|name| host.eq_ignore_ascii_case(name));
        if host.eq_ignore_ascii_case("localhost") || (self == Self::Near && is_own()) {
            return true;
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        bare.parse::<IpAddr>().is_ok_and(|ip| {
            let ip = ip.to_canonical();
            ip.is_loopback() || self == Self::LoopbackOr(ip)
        })
    }
}

/// What this machine calls itself, without a domain.
fn own_name() -> Option<&'static str> {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    let own = || {
        let whole = sysinfo::System::host_name().ok()?;
        let name = whole.split('.').next().unwrap_or_default().to_owned();
        Some(name).filter(|name| !name.is_empty())
    };
    NAME.get_or_init(own).as_deref()
}

/// The host without its port.
fn host_of(authority: &str) -> Option<&str> {
    // A colon inside of brackets belongs to the address.
    let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[end..].find(':') else { return Some(authority) };
    let (host, port) = authority.split_at(end + colon);
    port[1..].bytes().all(|byte| byte.is_ascii_digit()).then_some(host)
}

/// Middleware: 403 for a request that does not name this machine, once and only so.
pub(crate) async fn refuse_foreign_hosts(
    State(only_from): State<OnlyFrom>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if names_only(only_from, &request) { Ok(next.run(request).await) } else { Err(ApiError::ForeignHost) }
}

/// Whether a request may come from a web page, where no token keeps those out. A page can send simple requests to any
/// address, which its browser marks, and to itself, whatever address its name was given.
pub(super) fn may_be_from_a_web_page(request: &Request) -> bool {
    let is_marked = |name| {
        let mut values = request.headers().get_all(name).iter();
        values.any(|value| value != "none" && value != "same-origin")
    };
    // A browser that is too old for these marks says at least which page it comes from.
    let is_referred = request.headers().get_all(REFERER).iter().any(|from| {
        let from = from.to_str().ok().and_then(|from| from.parse::<Uri>().ok());
        !from.is_some_and(|from| from.authority().is_none_or(|host| OnlyFrom::Near.allows(host.as_str())))
    });
    is_marked(ORIGIN.as_str())
        || is_marked("sec-fetch-site")
        || is_referred
        || !names_only(OnlyFrom::Near, request)
}

fn names_only(only_from: OnlyFrom, request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(|host| only_from.allows(host)),
        _ => false,
    };
    // The absolute form of a request line outranks the header.
    named && request.uri().authority().is_none_or(|authority| only_from.allows(authority.as_str()))
}

/// Whatever a client writes as its host, only one that is this machine is let in.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(authority) = std::str::from_utf8(bytes) else { return };
    if OnlyFrom::Loopback.allows(authority) {
        let is_this_machine = ["localhost", "127.", "::1", "::ffff:"].iter().any(|name| {
            authority
                .trim_start_matches('[')
                .get(..name.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(name))
        });
        // Anything else must be a long way of writing one of these.
        assert!(
            is_this_machine || host_of(authority).is_some_and(|host| host.contains(':')),
            "{authority:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        for host in
            ["127.0.0.1", "127.0.0.1:5681", "127.9.9.9:1", "localhost", "LocalHost:99", "[::1]", "[::1]:5681"]
        {
            assert!(OnlyFrom::Loopback.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:5681",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.1",
            "0.0.0.0",
            "192.168.1.5:5681",
            "[::]",
            "[::1",
            "127.0.0.1:x",
            "x@127.0.0.1",
            "localhost:1:2",
            "2130706433",
        ] {
            assert!(!OnlyFrom::Loopback.allows(host), "{host}");
        }
    }

    #[test]
    fn a_name_of_the_internet_is_not_near() {
        for host in ["localhost", "127.0.0.1", "[::1]:1"] {
            assert!(OnlyFrom::Near.allows(host), "{host}");
        }
        if let Some(name) = own_name() {
            assert!(OnlyFrom::Near.allows(&format!("{}:5680", name.to_ascii_uppercase())), "{name}");
        }
        for host in ["", "evil", "evil:5680", "evil.example", "192.168.1.5", "2130706433", "box.", "x@y"] {
            assert!(!OnlyFrom::Near.allows(host), "{host}");
        }
    }

    #[test]
    fn a_bound_address_is_this_machine() {
        let bound = OnlyFrom::LoopbackOr("192.168.1.5".parse().unwrap());
        assert!(bound.allows("192.168.1.5:5690") && bound.allows("127.0.0.1"));
        assert!(!bound.allows("192.168.1.6") && !bound.allows("hub.example"));
    }
}
