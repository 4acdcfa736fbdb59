//! Whose a feed or a package is: minisign, against keys that are built in.

use std::io::Read;

use minisign_verify::{Error as Minisign, PublicKey, Signature};
use semver::Version;

use crate::refusal::Refusal;
use crate::system::System;

/// A signature of minisign is four lines, some 350 bytes; the comments may be longer.
pub const LONGEST_SIGNATURE: usize = 4 * 1024;
/// The one in use, the one after it, and room for one more.
const MOST_KEYS: usize = 4;
/// So much of a package is read at a time.
const PART: usize = 64 * 1024;

/// The public keys of releases. They are in the repository, so that whoever builds TaskPaw believes the same.
const BUILT_IN: &str = include_str!("../../../packaging/updates/keys.txt");

/// What a signature is for. It stands in the trusted comment, which is signed too: a signature that is good for one
/// thing must not pass for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A feed.
    Feed,
    /// The package of a version for a system.
    Package {
        /// The version.
        version: Version,
        /// The system.
        system: System,
    },
}

impl Purpose {
    /// What the trusted comment must say.
    #[must_use]
    pub fn trusted_comment(&self) -> String {
        match self {
            Self::Feed => "taskpaw feed".to_owned(),
            Self::Package { version, system } => format!("taskpaw package {version} {system}"),
        }
    }
}

/// The public keys that are believed.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<PublicKey>);

impl Keys {
    /// Those that are built in.
    ///
    /// # Errors
    /// [`Refusal::NoKey`] if there is none.
    pub fn built_in() -> Result<Self, Refusal> {
        Self::parse(BUILT_IN)
    }

    /// One a line, in minisign's form; a line that begins with `#`, or with minisign's `untrusted comment:`, says nothing.
    ///
    /// # Errors
    /// [`Refusal::NoKey`] if there is none, too many, or one that is none.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let lines = text.lines().map(str::trim).filter(|line| !says_nothing(line));
        let keys: Result<Vec<_>, _> = lines.take(MOST_KEYS + 1).map(PublicKey::from_base64).collect();
        match keys {
            Ok(keys) if (1..=MOST_KEYS).contains(&keys.len()) => Ok(Self(keys)),
            _ => Err(Refusal::NoKey),
        }
    }

    /// Holds a signature of minisign against bytes and what they are to be. Only signatures of the hash count: the old form has no
    /// way to check what is larger than the memory.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(&self, bytes: &[u8], signature: &[u8], purpose: &Purpose) -> Result<(), Refusal> {
        self.verify_stream(bytes, signature, purpose)
    }

    /// As [`Keys::verify`], of what is read a part at a time. What cannot be read is not believed.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify_stream(
        &self,
        mut file: impl Read,
        signature: &[u8],
        purpose: &Purpose,
    ) -> Result<(), Refusal> {
        let signature = decode(signature)?;
        let mut known = self.0.iter().filter_map(|key| match key.verify_stream(&signature) {
            Err(Minisign::UnexpectedKeyId) => None,
            verifier => Some(verifier),
        });
        let mut verifier = known.next().ok_or(Refusal::OtherKey)?.map_err(|_| Refusal::BadSignature)?;
        let mut part = vec![0; PART];
        loop {
            match file.read(&mut part) {
                Ok(0) => break,
                Ok(read) => verifier.update(&part[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Refusal::BadSignature),
            }
        }
        verifier.finalize().map_err(|_| Refusal::BadSignature)?;
        // Only now is it known that the comment is signed.
        if signature.trusted_comment() == purpose.trusted_comment() {
            Ok(())
        } else {
            Err(Refusal::OtherPurpose)
        }
    }
}

fn says_nothing(line: &str) -> bool {
    line.is_empty() || line.starts_with('#') || line.starts_with("untrusted comment:")
}

fn decode(signature: &[u8]) -> Result<Signature, Refusal> {
    if signature.len() > LONGEST_SIGNATURE {
        return Err(Refusal::TooLarge);
    }
    let text = std::str::from_utf8(signature).map_err(|_| Refusal::BadSignature)?;
    // One that is read in two ways by two readers is none.
    if text.lines().count() != 4 || text.contains('\r') {
        return Err(Refusal::BadSignature);
    }
    Signature::decode(text).map_err(|_| Refusal::BadSignature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_keys_or_nothing() {
        // Whatever line of the file is not a comment is a key.
        let lines = BUILT_IN.lines().filter(|line| !says_nothing(line.trim())).count();
        assert_eq!(Keys::built_in().map_or(0, |keys| keys.0.len()), lines);
    }

    #[test]
    fn a_file_of_keys_has_some_and_nothing_else() {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        assert_eq!(Keys::parse(&format!("# one\n\n{key}\n")).map(|keys| keys.0.len()), Ok(1));
        assert_eq!(
            Keys::parse(&format!("untrusted comment: x\n{key}\n{key}")).map(|keys| keys.0.len()),
            Ok(2)
        );
        let wrong = ["", "# none", "RWQ", &format!("{key}\nx"), &format!("{key}\n").repeat(MOST_KEYS + 1)];
        for text in wrong {
            assert!(Keys::parse(text).is_err(), "{text}");
        }
    }
}
