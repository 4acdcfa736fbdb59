//! Asking other servers.

use std::sync::Once;

use reqwest::{Client, ClientBuilder, redirect};

use super::trust::trusting_the_system;

/// A client that goes where it is sent and nowhere else: not through a proxy, and not where an answer points to,
/// since a token would go there too. Without `secure` it trusts nobody on HTTPS; with it, whom the system trusts,
/// which takes some milliseconds and a megabyte to read.
pub(crate) fn client(secure: bool) -> ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // It fails only if one is installed, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let builder = Client::builder().no_proxy().redirect(redirect::Policy::none());
    if secure { trusting_the_system(builder) } else { builder.tls_certs_only([]) }
}
