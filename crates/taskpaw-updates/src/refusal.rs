//! Why something that claims to be an update is not believed, or not used: a code and a sentence for each.

use std::io;

use taskpaw_words::{Spoken, Word, updates::refused};

/// Why. The code is stable: files and other programs may keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// This build has no key, so that it can believe nobody.
    #[error("no_key")]
    NoKey,
    /// It is signed by a key that is not built in.
    #[error("other_key")]
    OtherKey,
    /// The signature is not of these bytes, or is none.
    #[error("bad_signature")]
    BadSignature,
    /// The signature is good, and of something else: of a package where a feed is asked for, or of another package.
    #[error("other_purpose")]
    OtherPurpose,
    /// It is larger than any honest one.
    #[error("too_large")]
    TooLarge,
    /// It does not have the form of a feed, or contradicts itself.
    #[error("bad_form")]
    BadForm,
    /// It is not to be believed any more: whoever still shows it may be keeping a newer one back.
    #[error("expired")]
    Expired,
    /// It is older than one that was seen before.
    #[error("replayed")]
    Replayed,
    /// It was made in the future: a clock is wrong.
    #[error("from_the_future")]
    FromTheFuture,
    /// It offers a version below the one that feeds may offer.
    #[error("below_floor")]
    BelowFloor,
    /// It offers a version below the one that runs.
    #[error("lower_version")]
    LowerVersion,
    /// It has nothing for this system.
    #[error("other_system")]
    OtherSystem,
    /// The server does not answer, or has nothing there.
    #[error("unreachable")]
    Unreachable,
    /// The server sends to another host.
    #[error("redirected")]
    Redirected,
    /// The server is silent, or sends too slowly.
    #[error("too_slow")]
    TooSlow,
    /// What comes has another size than was signed.
    #[error("wrong_size")]
    WrongSize,
    /// The package has something in it that belongs in no package, such as a path that leaves its folder.
    #[error("unsafe_archive")]
    UnsafeArchive,
    /// The package cannot be unpacked, or lacks a program.
    #[error("broken_archive")]
    BrokenArchive,
    /// The programs in the package are of another version than it claims.
    #[error("other_version")]
    OtherVersion,
    /// The folder of the installation cannot be written to.
    #[error("no_permission")]
    NoPermission,
    /// The disk is full.
    #[error("no_space")]
    NoSpace,
    /// The disk failed otherwise.
    #[error("disk_failed")]
    DiskFailed,
}

impl Refusal {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::NoKey,
        Self::OtherKey,
        Self::BadSignature,
        Self::OtherPurpose,
        Self::TooLarge,
        Self::BadForm,
        Self::Expired,
        Self::Replayed,
        Self::FromTheFuture,
        Self::BelowFloor,
        Self::LowerVersion,
        Self::OtherSystem,
        Self::Unreachable,
        Self::Redirected,
        Self::TooSlow,
        Self::WrongSize,
        Self::UnsafeArchive,
        Self::BrokenArchive,
        Self::OtherVersion,
        Self::NoPermission,
        Self::NoSpace,
        Self::DiskFailed,
    ];

    /// The code, such as `expired`.
    #[must_use]
    pub fn code(self) -> String {
        self.to_string()
    }

    /// What happened, why, and what to do now, for a person.
    #[must_use]
    pub fn sentence(self, spoken: Spoken) -> &'static str {
        self.word().of(spoken)
    }

    /// What an error of the disk means.
    #[must_use]
    pub fn of_disk(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NoPermission,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::DiskFailed,
        }
    }

    const fn word(self) -> Word {
        match self {
            Self::NoKey => refused::NO_KEY,
            Self::OtherKey => refused::OTHER_KEY,
            Self::BadSignature => refused::BAD_SIGNATURE,
            Self::OtherPurpose => refused::OTHER_PURPOSE,
            Self::TooLarge => refused::TOO_LARGE,
            Self::BadForm => refused::BAD_FORM,
            Self::Expired => refused::EXPIRED,
            Self::Replayed => refused::REPLAYED,
            Self::FromTheFuture => refused::FROM_THE_FUTURE,
            Self::BelowFloor => refused::BELOW_FLOOR,
            Self::LowerVersion => refused::LOWER_VERSION,
            Self::OtherSystem => refused::OTHER_SYSTEM,
            Self::Unreachable => refused::UNREACHABLE,
            Self::Redirected => refused::REDIRECTED,
            Self::TooSlow => refused::TOO_SLOW,
            Self::WrongSize => refused::WRONG_SIZE,
            Self::UnsafeArchive => refused::UNSAFE_ARCHIVE,
            Self::BrokenArchive => refused::BROKEN_ARCHIVE,
            Self::OtherVersion => refused::OTHER_VERSION,
            Self::NoPermission => refused::NO_PERMISSION,
            Self::NoSpace => refused::NO_SPACE,
            Self::DiskFailed => refused::DISK_FAILED,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_code_and_a_sentence_of_its_own_in_every_language() {
        let codes: BTreeSet<String> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        for spoken in Spoken::ALL {
            let said: BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.sentence(spoken)).collect();
            assert_eq!(said.len(), Refusal::ALL.len(), "{spoken:?}");
            assert!(said.iter().all(|sentence| sentence.ends_with(['.', '。'])), "{spoken:?}");
        }
    }
}
