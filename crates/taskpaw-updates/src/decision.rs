//! What a feed means for this machine: pure, without a clock and without a system.

use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde::{Deserialize, Serialize};
use taskpaw_contract::ipc::UpdateFailure;

use crate::feed::{Feed, Notes, Package};
use crate::refusal::Refusal;
use crate::system::System;

/// So far ahead a clock may be that made a feed. One that is more than a day wrong would make expired feeds good again.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its version.
    pub version: Version,
    /// What a package must be made for.
    pub system: System,
}

/// What was seen of feeds before. It only ever grows: whoever shows an older feed again is keeping something back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The highest number.
    pub sequence: u64,
    /// When that one was made.
    pub published: Option<Timestamp>,
    /// The highest floor.
    pub floor: Option<Version>,
}

/// A version that was installed here and did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub version: Version,
    /// How.
    pub failure: UpdateFailure,
}

/// A version to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub version: Version,
    /// What to download.
    pub package: Package,
    /// What is new.
    pub notes: Notes,
    /// Whether what runs has a hole.
    pub security: bool,
}

/// What a feed means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// What runs is what there is.
    Current,
    /// There is a newer one.
    Offer(Offer),
    /// There is a newer one that did not work here. It is not offered again by itself; a person who asks for it may have it.
    Failed(Offer, Failure),
    /// It is not believed.
    Refused(Refusal),
}

impl Seen {
    /// Whether a feed is older than one that was seen, or another one of the same number.
    fn is_ahead_of(&self, feed: &Feed) -> bool {
        let same = self.published.is_none_or(|published| published == feed.published);
        feed.sequence < self.sequence || (feed.sequence == self.sequence && !same)
    }

    /// What was seen once this feed was too. One that is not believed leaves no trace.
    #[must_use]
    pub fn with(&self, feed: &Feed, decision: &Decision) -> Self {
        if self.is_ahead_of(feed) || matches!(decision, Decision::Refused(Refusal::FromTheFuture)) {
            return self.clone();
        }
        let floor = self.floor.iter().chain([&feed.floor]).max().cloned();
        Self { sequence: feed.sequence, published: Some(feed.published), floor }
    }
}

/// What a feed whose signature is good means here and now.
#[must_use]
pub fn decide(
    feed: &Feed,
    installed: &Installed,
    seen: &Seen,
    failed: &[Failure],
    now: Timestamp,
) -> Decision {
    let latest = seen.published.map_or(feed.published, |seen| seen.max(feed.published));
    if latest.duration_since(now) > CLOCKS_DIFFER {
        return Decision::Refused(Refusal::FromTheFuture);
    }
    if feed.expires <= now {
        return Decision::Refused(Refusal::Expired);
    }
    if seen.is_ahead_of(feed) {
        return Decision::Refused(Refusal::Replayed);
    }
    if seen.floor.as_ref().is_some_and(|floor| feed.version < *floor) {
        return Decision::Refused(Refusal::BelowFloor);
    }
    match feed.version.cmp_precedence(&installed.version) {
        std::cmp::Ordering::Less => return Decision::Refused(Refusal::LowerVersion),
        std::cmp::Ordering::Equal => return Decision::Current,
        std::cmp::Ordering::Greater => {}
    }
    let Some(package) = feed.packages.get(&installed.system) else {
        return Decision::Refused(Refusal::OtherSystem);
    };
    let offer = Offer {
        version: feed.version.clone(),
        package: package.clone(),
        notes: feed.notes.clone(),
        security: feed.security,
    };
    match failed.iter().rev().find(|failure| failure.version == feed.version) {
        Some(failure) => Decision::Failed(offer, failure.clone()),
        None => Decision::Offer(offer),
    }
}
