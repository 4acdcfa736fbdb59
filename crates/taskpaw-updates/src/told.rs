//! What is known of new versions, in the types of the window.

use taskpaw_contract::ipc::{UpdateNotes, UpdateOffer, UpdateRefusal, UpdateWay};

use crate::decision::Offer;
use crate::feed::Notes;
use crate::refusal::Refusal;
use crate::way::{Owner, Way};

/// An offer.
#[must_use]
pub fn offer(offer: &Offer) -> UpdateOffer {
    UpdateOffer {
        version: offer.version.to_string(),
        notes: notes(&offer.notes),
        security: offer.security,
        size: offer.package.size,
    }
}

/// What is new.
#[must_use]
pub fn notes(notes: &Notes) -> UpdateNotes {
    UpdateNotes { en: notes.en.clone(), zh_cn: notes.zh_cn.clone() }
}

/// A way; `folder` is the one that may not be written to.
#[must_use]
pub fn way(way: &Way, folder: &str) -> UpdateWay {
    match way {
        Way::SideBySide(_) => UpdateWay::BesideOthers,
        Way::Told(Owner::Debian) => UpdateWay::Deb,
        Way::Told(Owner::Rpm) => UpdateWay::Rpm,
        Way::Installer => UpdateWay::Installer,
        Way::Bundle(_) => UpdateWay::Bundle,
        Way::ByHand => UpdateWay::ByHand,
        Way::NoPermission => UpdateWay::NoPermission { folder: folder.to_owned() },
    }
}

impl From<Refusal> for UpdateRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoKey => Self::NoKey,
            Refusal::OtherKey => Self::OtherKey,
            Refusal::BadSignature => Self::BadSignature,
            Refusal::OtherPurpose => Self::OtherPurpose,
            Refusal::TooLarge => Self::TooLarge,
            Refusal::BadForm => Self::BadForm,
            Refusal::Expired => Self::Expired,
            Refusal::Replayed => Self::Replayed,
            Refusal::FromTheFuture => Self::FromTheFuture,
            Refusal::BelowFloor => Self::BelowFloor,
            Refusal::LowerVersion => Self::LowerVersion,
            Refusal::OtherSystem => Self::OtherSystem,
            Refusal::Unreachable => Self::Unreachable,
            Refusal::Redirected => Self::Redirected,
            Refusal::TooSlow => Self::TooSlow,
            Refusal::WrongSize => Self::WrongSize,
            Refusal::UnsafeArchive => Self::UnsafeArchive,
            Refusal::BrokenArchive => Self::BrokenArchive,
            Refusal::OtherVersion => Self::OtherVersion,
            Refusal::NoPermission => Self::NoPermission,
            Refusal::NoSpace => Self::NoSpace,
            Refusal::DiskFailed => Self::DiskFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_told_the_stable_code() {
        for refusal in Refusal::ALL {
            let told = serde_json::to_value(UpdateRefusal::from(*refusal)).unwrap();
            assert_eq!(told.as_str(), Some(refusal.code().as_str()));
        }
    }
}
