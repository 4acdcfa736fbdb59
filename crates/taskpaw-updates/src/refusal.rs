//! Why something that claims to be an update is not believed, or not used: a code and a sentence for each.

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
