//! Of servers whose certificates are made for these tests: `tests/certificates`, valid until 2099 but for one.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_platform_verifier::Verifier;

use super::listed::config_for;
use crate::http::why;

struct Made {
    certificate: &'static [u8],
    key: &'static [u8],
}

macro_rules! made {
    ($name:literal) => {
        Made {
            certificate: include_bytes!(concat!("../../tests/certificates/", $name, ".der")),
            key: include_bytes!(concat!("../../tests/certificates/", $name, ".key.der")),
        }
    };
}

const AUTHORITY: Made = made!("authority");
const SERVER: Made = made!("server");
const ELSEWHERE: Made = made!("elsewhere");
const EXPIRED: Made = made!("expired");

/// A server that answers one request; a client that refuses its certificate sends none.
fn serve(made: &Made) -> u16 {
    let certificate = CertificateDer::from(made.certificate);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.key));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let mut part = [0; 4096];
        if stream.read(&mut part).is_ok_and(|length| length > 0) {
            let _gone = stream.write_all(b"HTTP/1.1 204 None\r\nConnection: close\r\n\r\n");
            let _gone = stream.flush();
        }
    });
    port
}

/// What a client says that trusts these.
fn asked(port: u16, trusted: &[&Made]) -> Result<u16, String> {
    let listed: Vec<_> = trusted.iter().map(|made| CertificateDer::from(made.certificate)).collect();
    // What this machine trusts counts too, as in the client itself.
    let anchors = listed.clone();
    let config = config_for(listed, |provider| Verifier::new_with_extra_roots(anchors, provider)).unwrap();
    let client = crate::http::client(false).tls_backend_preconfigured(config).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(client.get(format!("https://localhost:{port}/")).send());
    answer.map(|answer| answer.status().as_u16()).map_err(|error| why(&error.without_url()))
}

#[test]
fn a_certificate_that_is_itself_in_the_systems_store_is_trusted_whatever_its_kind() {
    for made in [AUTHORITY, SERVER] {
        assert_eq!(asked(serve(&made), &[&made]), Ok(204));
    }
}

#[test]
fn what_is_not_in_the_store_is_for_another_name_or_has_expired_is_refused_with_its_cause() {
    for (made, trusted, expected) in [
        (&AUTHORITY, &ELSEWHERE, "has made its certificate itself"),
        (&SERVER, &ELSEWHERE, "does not trust who has made"),
        (&ELSEWHERE, &ELSEWHERE, "is for other names: other.example"),
        (&EXPIRED, &EXPIRED, "has expired"),
    ] {
        let said = asked(serve(made), &[trusted]).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}
