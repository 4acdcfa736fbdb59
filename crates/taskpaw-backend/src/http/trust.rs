//! Whom a client trusts on HTTPS: whom the system trusts.

use reqwest::ClientBuilder;

/// macOS and Windows judge themselves.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) fn trusting_the_system(builder: ClientBuilder) -> ClientBuilder {
    builder
}

/// Elsewhere the system has a list, and who is on it is trusted, whatever kind of certificate it is.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) fn trusting_the_system(builder: ClientBuilder) -> ClientBuilder {
    match listed::config() {
        Ok(config) => builder.tls_backend_preconfigured(config),
        // It fails by itself for the same reason when it is built, and says it.
        Err(_) => builder,
    }
}

#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) mod listed {
    use std::collections::HashSet;
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::client::verify_server_name;
    use rustls::crypto::{CryptoProvider, ring};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::server::ParsedCertificate;
    use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
    use rustls_platform_verifier::Verifier;

    pub(super) fn config() -> Result<ClientConfig, Error> {
        // What cannot be read is left out, as the verifier does.
        let listed = rustls_native_certs::load_native_certs().certs;
        config_for(listed, Verifier::new)
    }

    /// For these certificates, as `verifier` judges chains.
    pub(crate) fn config_for(
        listed: Vec<CertificateDer<'static>>,
        verifier: impl FnOnce(Arc<CryptoProvider>) -> Result<Verifier, Error>,
    ) -> Result<ClientConfig, Error> {
        let provider = Arc::new(ring::default_provider());
        let listed = listed.into_iter().collect();
        let verifier = Listed { chains: verifier(Arc::clone(&provider))?, listed };
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Ok(config.with_no_client_auth())
    }

    /// Trusts what chains lead to, and what is itself on the list: a certificate that a server has made itself is its own
    /// authority, and by the rules of chains an authority is not a server.
    #[derive(Debug)]
    struct Listed {
        chains: Verifier,
        listed: HashSet<CertificateDer<'static>>,
    }

    impl ServerCertVerifier for Listed {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            intermediates: &[CertificateDer<'_>],
            server_name: &ServerName<'_>,
            ocsp_response: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            let verified =
                self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
            match verified {
                // It is the last of the checks but one: it has not expired.
                Err(error) if is_an_authority(&error) && self.listed.contains(end_entity) => {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                    Ok(ServerCertVerified::assertion())
                }
                verified => verified,
            }
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.chains.verify_tls12_signature(message, cert, dss)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.chains.verify_tls13_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.chains.supported_verify_schemes()
        }
    }

    fn is_an_authority(error: &Error) -> bool {
        let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
        other.0.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
    }
}

#[cfg(test)]
#[cfg(all(unix, not(target_vendor = "apple")))]
#[path = "trust_tests.rs"]
mod tests;
