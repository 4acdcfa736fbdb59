//! Why a server could not be asked: one sentence for each cause, in words that a person can do something about.

use std::error::Error;
use std::io;

use rustls::{CertificateError, PeerIncompatible};
use taskpaw_contract::ipc::AlertOutcome;

/// Whether this system keeps the program off the local network. macOS has no answer of its own for that: it says that there is no
/// way to the machine (TN3179), which it does not say of one that is switched off.
pub(crate) fn is_kept_off(error: &(dyn Error + 'static)) -> bool {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    let kinds = errors.filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    is_answer_for_kept_off(kinds, cfg!(target_os = "macos"))
}

fn is_answer_for_kept_off(mut kinds: impl Iterator<Item = io::ErrorKind>, is_macos: bool) -> bool {
    is_macos && kinds.any(|kind| kind == io::ErrorKind::HostUnreachable)
}

/// The innermost reason, in words. The address is not in it: it may be a secret.
pub(crate) fn why(error: &(dyn Error + 'static)) -> String {
    let mut reason = error;
    loop {
        if let Some(tls) = reason.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(io) = reason.downcast_ref::<io::Error>() {
            if let Some(inner) = io.get_ref() {
                reason = inner;
                continue;
            }
            return of_the_system(io);
        }
        match reason.source() {
            Some(source) => reason = source,
            None => return of_a_name(&reason.to_string()),
        }
    }
}

/// The innermost reason, as a code that the window has words for.
pub(crate) fn cause(error: &(dyn Error + 'static)) -> AlertOutcome {
    let mut reason = error;
    loop {
        if reason.is::<rustls::Error>() {
            return AlertOutcome::NotTrusted;
        }
        if let Some(io) = reason.downcast_ref::<io::Error>() {
            if let Some(inner) = io.get_ref() {
                reason = inner;
                continue;
            }
            return match io.kind() {
                io::ErrorKind::ConnectionRefused => AlertOutcome::NobodyListens,
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => AlertOutcome::CutOff,
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::PermissionDenied => AlertOutcome::NoWay,
                io::ErrorKind::TimedOut => AlertOutcome::Timeout,
                _ => AlertOutcome::Unreachable,
            };
        }
        match reason.source() {
            Some(source) => reason = source,
            None if is_of_a_name(&reason.to_string()) => return AlertOutcome::NameUnknown,
            None => return AlertOutcome::Unreachable,
        }
    }
}

fn of_the_system(error: &io::Error) -> String {
    let said = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "the connection was cut off"
        }
        io::ErrorKind::UnexpectedEof => "the connection was closed before the answer",
        io::ErrorKind::HostUnreachable => "that machine cannot be reached; it may be switched off",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            "there is no way to that network; this machine may be offline"
        }
        io::ErrorKind::TimedOut => "that machine does not answer",
        io::ErrorKind::PermissionDenied => "this system does not allow the connection",
        _ => {
            // The number says nothing to a person that the words do not.
            let said = error.to_string();
            return said.rfind(" (os error ").map_or(said.clone(), |at| said[..at].to_owned());
        }
    };
    said.to_owned()
}

/// Every system says in words of its own that a name is not known; they begin alike.
fn of_a_name(said: &str) -> String {
    if is_of_a_name(said) { "no machine of this name is known".to_owned() } else { said.to_owned() }
}

fn is_of_a_name(said: &str) -> bool {
    said.starts_with("failed to lookup address information")
}

fn of_tls(error: &rustls::Error) -> String {
    use rustls::Error::{
        AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible, PeerMisbehaved,
    };
    let said = match error {
        InvalidCertificate(cause) => return of_a_certificate(cause),
        InvalidMessage(_) => "the server does not speak HTTPS; perhaps the address begins with http://",
        PeerIncompatible(cause) => return of_an_old_server(cause),
        AlertReceived(alert) => return format!("the server ended the HTTPS connection: {alert:?}"),
        PeerMisbehaved(_) => "the server breaks the rules of HTTPS",
        rustls::Error::NoCertificatesPresented => "the server shows no certificate",
        other => return other.to_string(),
    };
    said.to_owned()
}

fn of_an_old_server(cause: &PeerIncompatible) -> String {
    format!("the server speaks no HTTPS that is still safe (TLS 1.2 or later): {cause:?}")
}

fn of_a_certificate(cause: &CertificateError) -> String {
    match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("the server's certificate is for other names: {}", names(presented))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for no name at all".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "this system does not trust who has made the server's certificate".to_owned()
        }
        CertificateError::BadSignature => {
            "the server's certificate is not signed by who it says that has made it".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the server's certificate is signed in a way that is not safe any more".to_owned()
        }
        CertificateError::BadEncoding => "the server's certificate cannot be read".to_owned(),
        CertificateError::Revoked => "the server's certificate was taken back by who has made it".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate is not for servers".to_owned()
        }
        CertificateError::Other(other) if is_an_authority(other) => {
            "the server has made its certificate itself, and this system does not trust it".to_owned()
        }
        CertificateError::Other(other) => format!("the server's certificate was refused: {}", other.0),
        other => format!("the server's certificate was refused: {other}"),
    }
}

fn is_an_authority(other: &rustls::OtherError) -> bool {
    other.0.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
}

/// How many names of a certificate are listed.
const MOST_NAMES: usize = 3;

/// `DnsName("example.org")` and `IpAddress(…)`, as they come, without what is around them.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').chars().filter(|letter| !letter.is_control()).take(100).collect::<String>()
    };
    let mut said: Vec<String> = presented.iter().take(MOST_NAMES).map(plain).collect();
    if presented.len() > MOST_NAMES {
        said.push("…".to_owned());
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_macos_keeps_a_program_off_and_says_that_there_is_no_way() {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, Other};
        for (kinds, is_macos, kept_off) in [
            (&[Other, HostUnreachable][..], true, true),
            (&[HostUnreachable], false, false),
            (&[ConnectionRefused], true, false),
            (&[NetworkUnreachable], true, false),
            (&[], true, false),
        ] {
            assert_eq!(is_answer_for_kept_off(kinds.iter().copied(), is_macos), kept_off, "{kinds:?}");
        }
        let unreachable = io::Error::from(HostUnreachable);
        assert_eq!(is_kept_off(&unreachable), cfg!(target_os = "macos"));
    }

    #[test]
    fn every_cause_of_a_refused_certificate_has_a_sentence_and_no_word_of_a_program() {
        let other =
            |error: webpki::Error| CertificateError::Other(rustls::OtherError(std::sync::Arc::new(error)));
        for (cause, expected) in [
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "clock of this machine"),
            (CertificateError::NotValidForName, "no name at all"),
            (CertificateError::UnknownIssuer, "does not trust who has made"),
            (CertificateError::BadSignature, "is not signed by who"),
            (CertificateError::BadEncoding, "cannot be read"),
            (CertificateError::Revoked, "taken back"),
            (CertificateError::InvalidPurpose, "not for servers"),
            (other(webpki::Error::CaUsedAsEndEntity), "has made its certificate itself"),
        ] {
            let said = why(&io::Error::other(rustls::Error::InvalidCertificate(cause)));
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains("Other(") && !said.contains("Error"), "{said}");
        }
        let presented = ["DnsName(\"a.example\")", "IpAddress(::1)", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(names(&presented), "a.example, ::1, c, …");
    }

    #[test]
    fn what_the_system_says_is_said_without_its_numbers() {
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::ConnectionReset] {
            let said = why(&io::Error::from(kind));
            assert!(said == "nobody listens there" || said == "the connection was cut off", "{said}");
        }
        let lookup = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(why(&lookup), "no machine of this name is known");
        assert_eq!(cause(&lookup), AlertOutcome::NameUnknown);
        assert_eq!(cause(&io::Error::from(io::ErrorKind::ConnectionRefused)), AlertOutcome::NobodyListens);
        let tls = rustls::Error::InvalidCertificate(CertificateError::Expired);
        assert_eq!(cause(&io::Error::other(tls)), AlertOutcome::NotTrusted);
    }
}
