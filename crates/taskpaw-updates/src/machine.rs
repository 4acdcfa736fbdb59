//! What the app does about new versions of itself: pure, a state machine without a clock, a disk or a network.

use std::path::PathBuf;

use jiff::Timestamp;
use semver::Version;
use taskpaw_contract::config::LookForUpdates;
use taskpaw_contract::ipc::{UpdateFailure, UpdateState, UpdatesView};

use crate::decision::{Decision, Installed, Offer, Seen, decide};
use crate::feed::Feed;
use crate::record::{PutOff, Record};
use crate::refusal::Refusal;
use crate::schedule::{DAY, goes_on, next_look};
use crate::system::{Kind, System};
use crate::told;
use crate::way::{Way, command};

/// What is known at the start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The version that runs.
    pub version: Version,
    /// How a new one comes to where it lies; it is shown only where there is a feed.
    pub way: Way,
    /// The folder that would be written to.
    pub folder: String,
    /// Whether a feed and keys are built in.
    pub has_feed: bool,
    /// The administrator's file, if it is there.
    pub forbidden_by: Option<String>,
    /// What the person has decided.
    pub looks: LookForUpdates,
    /// What is remembered.
    pub record: Record,
    /// So much longer than a day it waits, up to [`crate::schedule::JITTER`].
    pub jitter: u64,
    /// When the app was started.
    pub now: u64,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The person has decided whether it looks.
    Chosen(LookForUpdates),
    /// The administrator's file was looked for.
    Forbidden(Option<String>),
    /// What came of a look at the server.
    Fetched(Result<Feed, Refusal>),
    /// The feed of the last look, as it was kept on the disk.
    Kept(Feed),
    /// So many bytes of a download have come.
    Received(u64),
    /// A download is over.
    Downloaded(Result<Done, Refusal>),
    /// Something else was remembered, by another part of the app or another process.
    Remembered(Record),
    /// Whoever stays beside a version on trial has ended, or could not be started, and this version runs.
    TrialOver(Record),
    /// A trial could not be noted or followed on the disk, and this version runs.
    NotBegun(Refusal),
    /// The person wants something.
    Order(Order),
}

/// What a person may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Look now.
    Look,
    /// Download what there is.
    Download,
    /// Start what is ready.
    Relaunch,
    /// Hear no more of it for a day.
    PutOff,
    /// Have what has failed once more.
    TryAgain,
    /// The outcome was seen.
    Seen,
}

/// What a download came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It only has to be started.
    Ready,
    /// The package lies here.
    Package(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask for the feed.
    Fetch,
    /// Download the package of an offer, check it, and put it to its place.
    Download(Offer, System),
    /// Start a version on trial.
    Try(Offer),
    /// Remember something.
    Remember(Change),
}

/// What is to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A look.
    Looked(u64, Option<Seen>),
    /// What was put off.
    PutOff(Option<PutOff>),
    /// The outcome was seen.
    OutcomeSeen,
}

impl Change {
    /// Does it.
    pub fn apply(&self, record: &mut Record) {
        match self {
            Self::Looked(at, seen) => {
                record.looked_at = Some(*at);
                if let Some(seen) = seen {
                    record.seen = seen.clone();
                }
            }
            Self::PutOff(put_off) => record.put_off.clone_from(put_off),
            Self::OutcomeSeen => record.outcome = None,
        }
    }
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// This build knows no feed.
    NoFeed,
    /// An administrator has forbidden it.
    Forbidden,
    /// There is nothing that it could be about.
    NothingThere,
}

/// What there is.
#[derive(Debug, Clone, PartialEq)]
enum Have {
    Nothing,
    Current,
    Refused(Refusal),
    Offered(Offer),
    Downloading { offer: Offer, received: u64 },
    Paused { offer: Offer, why: Refusal, goes_on_at: Option<u64> },
    Ready(Offer),
    Command(Offer, String),
    ByHand(Offer),
    Relaunching(Offer),
    FailedBefore(Offer, UpdateFailure),
}

/// The state of it all.
#[derive(Debug, Clone)]
pub struct Machine {
    start: Start,
    have: Have,
    is_looking: bool,
    /// When the last look reached nobody, and how many in a row.
    tried: Option<(u64, u32)>,
    /// Downloads in a row that broke off.
    broken: u32,
}

impl Machine {
    /// At its start.
    #[must_use]
    pub const fn new(start: Start) -> Self {
        Self { start, have: Have::Nothing, is_looking: false, tried: None, broken: 0 }
    }

    /// Whether an order would be taken now.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, order: Order) -> Result<(), NotTaken> {
        if order == Order::Seen {
            return Ok(());
        }
        if !self.start.has_feed {
            return Err(NotTaken::NoFeed);
        }
        if self.start.forbidden_by.is_some() {
            return Err(NotTaken::Forbidden);
        }
        let is_there = match (order, &self.have) {
            (Order::Look, Have::Relaunching(_)) => false,
            (Order::Look | Order::Seen, _)
            | (Order::Download, Have::Offered(_) | Have::Paused { .. })
            | (Order::Relaunch, Have::Ready(_))
            | (
                Order::PutOff,
                Have::Offered(_)
                | Have::Downloading { .. }
                | Have::Paused { .. }
                | Have::Ready(_)
                | Have::Command(..)
                | Have::ByHand(_),
            )
            | (Order::TryAgain, Have::FailedBefore(..)) => true,
            _ => false,
        };
        if is_there { Ok(()) } else { Err(NotTaken::NothingThere) }
    }

    /// What follows from what happens.
    pub fn handle(&mut self, input: Input, now: u64) -> Vec<Effect> {
        let mut effects = match input {
            Input::Tick => Vec::new(),
            Input::Chosen(looks) => {
                let was = std::mem::replace(&mut self.start.looks, looks);
                let begins = looks == LookForUpdates::Yes && was != looks;
                if begins && self.may(Order::Look).is_ok() { self.look() } else { Vec::new() }
            }
            Input::Forbidden(by) => {
                self.start.forbidden_by = by;
                Vec::new()
            }
            Input::Fetched(fetched) => self.fetched(fetched, now),
            Input::Kept(feed) => self.kept(&feed, now),
            Input::Received(bytes) => {
                if let Have::Downloading { received, .. } = &mut self.have {
                    *received = bytes;
                }
                Vec::new()
            }
            Input::Downloaded(done) => self.downloaded(done, now),
            Input::Remembered(record) => {
                self.start.record = record;
                Vec::new()
            }
            Input::TrialOver(record) => {
                self.start.record = record;
                if let Have::Relaunching(offer) = &self.have {
                    self.have = match self.start.record.failure_of(&offer.version) {
                        Some(failure) => Have::FailedBefore(offer.clone(), failure.clone()),
                        None => Have::Ready(offer.clone()),
                    };
                }
                Vec::new()
            }
            Input::NotBegun(why) => {
                if let Have::Relaunching(offer) = &self.have {
                    self.have = Have::Paused { offer: offer.clone(), why, goes_on_at: None };
                }
                Vec::new()
            }
            Input::Order(order) => {
                if self.may(order).is_ok() {
                    self.ordered(order, now)
                } else {
                    Vec::new()
                }
            }
        };
        for effect in &effects {
            if let Effect::Remember(change) = effect {
                change.apply(&mut self.start.record);
            }
        }
        effects.extend(self.by_itself(now));
        effects
    }

    /// When something is to be done by itself, if nothing else happens.
    #[must_use]
    pub fn wakes_at(&self, now: u64) -> Option<u64> {
        let paused = match &self.have {
            Have::Paused { goes_on_at, .. } => *goes_on_at,
            _ => None,
        };
        let put_off =
            self.start.record.put_off.as_ref().map(|put_off| put_off.until).filter(|until| *until > now);
        [self.looks_at(now), paused, put_off].into_iter().flatten().min()
    }

    fn looks_at(&self, now: u64) -> Option<u64> {
        let Start { looks, has_feed, forbidden_by, record, jitter, now: started, .. } = &self.start;
        let may = *looks == LookForUpdates::Yes && *has_feed && forbidden_by.is_none();
        let is_busy = self.is_looking || matches!(self.have, Have::Downloading { .. } | Have::Relaunching(_));
        (may && !is_busy).then(|| next_look(*started, record.looked_at, self.tried, *jitter, now))
    }

    fn by_itself(&mut self, now: u64) -> Vec<Effect> {
        if !self.start.has_feed || self.start.forbidden_by.is_some() {
            if !matches!(self.have, Have::Relaunching(_)) {
                self.have = Have::Nothing;
            }
            return Vec::new();
        }
        if let Have::Paused { offer, goes_on_at: Some(at), .. } = &self.have
            && *at <= now
        {
            return self.download(offer.clone());
        }
        if self.looks_at(now).is_some_and(|at| at <= now) { self.look() } else { Vec::new() }
    }

    fn look(&mut self) -> Vec<Effect> {
        if std::mem::replace(&mut self.is_looking, true) { Vec::new() } else { vec![Effect::Fetch] }
    }

    fn fetched(&mut self, fetched: Result<Feed, Refusal>, now: u64) -> Vec<Effect> {
        self.is_looking = false;
        if let Have::Relaunching(_) = self.have {
            return Vec::new();
        }
        let feed = match fetched {
            Ok(feed) => feed,
            Err(refusal @ (Refusal::Unreachable | Refusal::TooSlow)) => {
                let failures = self.tried.map_or(0, |(_, failures)| failures);
                self.tried = Some((now, failures.saturating_add(1)));
                self.refused(refusal);
                return Vec::new();
            }
            Err(refusal) => {
                self.tried = None;
                self.refused(refusal);
                return vec![Effect::Remember(Change::Looked(now, None))];
            }
        };
        self.tried = None;
        let decision = self.decide(&feed, now);
        let seen = self.start.record.seen.with(&feed, &decision);
        let mut effects = vec![Effect::Remember(Change::Looked(now, Some(seen)))];
        match decision {
            Decision::Current => self.have = Have::Current,
            Decision::Refused(refusal) => self.refused(refusal),
            // A person has wanted it once more.
            Decision::Failed(offer, _) if self.has_at_hand(&offer.version) => {}
            Decision::Failed(offer, failed) => self.have = Have::FailedBefore(offer, failed.failure),
            Decision::Offer(offer) => effects.extend(self.offered(offer)),
        }
        effects
    }

    /// Of the feed of the last look nothing is believed but an offer.
    fn kept(&mut self, feed: &Feed, now: u64) -> Vec<Effect> {
        if self.have != Have::Nothing || !self.start.has_feed || self.start.forbidden_by.is_some() {
            return Vec::new();
        }
        match self.decide(feed, now) {
            Decision::Offer(offer) => self.offered(offer),
            Decision::Failed(offer, failed) => {
                self.have = Have::FailedBefore(offer, failed.failure);
                Vec::new()
            }
            Decision::Current => {
                self.have = Have::Current;
                Vec::new()
            }
            Decision::Refused(_) => Vec::new(),
        }
    }

    fn decide(&self, feed: &Feed, now: u64) -> Decision {
        let system = System::here(self.start.way.kind().unwrap_or(Kind::Archive));
        let installed = Installed { version: self.start.version.clone(), system };
        let now = i64::try_from(now).ok().and_then(|now| Timestamp::from_millisecond(now).ok());
        let Record { seen, failed, .. } = &self.start.record;
        decide(feed, &installed, seen, failed, now.unwrap_or_default())
    }

    /// What is at hand already is not given up for a server that cannot be believed.
    fn refused(&mut self, refusal: Refusal) {
        if self.offer().is_none() {
            self.have = Have::Refused(refusal);
        }
    }

    fn has_at_hand(&self, version: &Version) -> bool {
        match &self.have {
            Have::Downloading { offer, .. }
            | Have::Ready(offer)
            | Have::Command(offer, _)
            | Have::Relaunching(offer) => offer.version == *version,
            _ => false,
        }
    }

    fn offered(&mut self, offer: Offer) -> Vec<Effect> {
        if self.has_at_hand(&offer.version) {
            return Vec::new();
        }
        let mut effects = Vec::new();
        if self.start.record.put_off.as_ref().is_some_and(|put_off| put_off.version != offer.version) {
            effects.push(Effect::Remember(Change::PutOff(None)));
        }
        if self.start.way.kind().is_none() {
            self.have = Have::ByHand(offer);
        } else if self.start.looks == LookForUpdates::Yes {
            effects.extend(self.download(offer));
        } else {
            self.have = Have::Offered(offer);
        }
        effects
    }

    fn download(&mut self, offer: Offer) -> Vec<Effect> {
        let Some(kind) = self.start.way.kind() else { return Vec::new() };
        self.have = Have::Downloading { offer: offer.clone(), received: 0 };
        vec![Effect::Download(offer, System::here(kind))]
    }

    fn downloaded(&mut self, done: Result<Done, Refusal>, now: u64) -> Vec<Effect> {
        let Have::Downloading { offer, .. } = &self.have else { return Vec::new() };
        let offer = offer.clone();
        self.have = match (done, &self.start.way) {
            (Ok(Done::Package(package)), Way::Told(owner)) => Have::Command(offer, command(*owner, &package)),
            (Ok(_), _) => Have::Ready(offer),
            (Err(why), _) => {
                self.broken = self.broken.saturating_add(1);
                let goes_on_at = match why {
                    Refusal::Unreachable | Refusal::TooSlow | Refusal::NoSpace | Refusal::DiskFailed => {
                        Some(goes_on(self.broken, now))
                    }
                    // Nothing of it changes before the server has something else.
                    _ if self.start.looks == LookForUpdates::Yes => Some(now.saturating_add(DAY)),
                    _ => None,
                };
                self.have = Have::Paused { offer, why, goes_on_at };
                return Vec::new();
            }
        };
        self.broken = 0;
        Vec::new()
    }

    fn ordered(&mut self, order: Order, now: u64) -> Vec<Effect> {
        let Some(offer) = self.offer().cloned().filter(|_| !matches!(order, Order::Look | Order::Seen))
        else {
            return match order {
                Order::Look => self.look(),
                Order::Seen => vec![Effect::Remember(Change::OutcomeSeen)],
                _ => Vec::new(),
            };
        };
        match order {
            Order::Download | Order::TryAgain => self.download(offer),
            Order::Relaunch => {
                self.have = Have::Relaunching(offer.clone());
                vec![Effect::Try(offer)]
            }
            Order::PutOff => {
                let put_off = PutOff { version: offer.version, until: now.saturating_add(DAY) };
                vec![Effect::Remember(Change::PutOff(Some(put_off)))]
            }
            Order::Look | Order::Seen => Vec::new(),
        }
    }

    /// The version that there is.
    fn offer(&self) -> Option<&Offer> {
        match &self.have {
            Have::Nothing | Have::Current | Have::Refused(_) => None,
            Have::Offered(offer)
            | Have::Downloading { offer, .. }
            | Have::Paused { offer, .. }
            | Have::Ready(offer)
            | Have::Command(offer, _)
            | Have::ByHand(offer)
            | Have::Relaunching(offer)
            | Have::FailedBefore(offer, _) => Some(offer),
        }
    }

    /// What the window shows.
    #[must_use]
    pub fn view(&self, now: u64) -> UpdatesView {
        let Start { version, way, folder, has_feed, forbidden_by, looks, record, .. } = &self.start;
        let put_off = record.put_off.as_ref().filter(|put_off| now < put_off.until);
        UpdatesView {
            looks: *looks,
            has_feed: *has_feed,
            forbidden_by: forbidden_by.clone(),
            checked_at: record.looked_at,
            way: has_feed.then(|| told::way(way, folder)),
            state: self.state(),
            is_put_off: put_off
                .zip(self.offer())
                .is_some_and(|(put_off, offer)| put_off.version == offer.version),
            outcome: record.outcome.clone(),
            changed: record.changed.clone().filter(|changed| changed.version == version.to_string()),
        }
    }

    fn state(&self) -> UpdateState {
        let shows_the_look =
            matches!(self.have, Have::Nothing | Have::Current | Have::Refused(_) | Have::FailedBefore(..));
        if self.is_looking && shows_the_look {
            return UpdateState::Looking;
        }
        match &self.have {
            Have::Nothing => UpdateState::Idle,
            Have::Current => UpdateState::Current,
            Have::Refused(why) => UpdateState::Refused { code: (*why).into() },
            Have::Offered(offer) => UpdateState::Offered { offer: told::offer(offer) },
            Have::Downloading { offer, received } => {
                UpdateState::Downloading { offer: told::offer(offer), received: *received }
            }
            Have::Paused { offer, why, goes_on_at } => UpdateState::Paused {
                offer: told::offer(offer),
                code: (*why).into(),
                goes_on_at: *goes_on_at,
            },
            Have::Ready(offer) => UpdateState::Ready { offer: told::offer(offer) },
            Have::Command(offer, command) => {
                UpdateState::Command { offer: told::offer(offer), command: command.clone() }
            }
            Have::ByHand(offer) => {
                UpdateState::ByHand { offer: told::offer(offer), address: offer.package.url.clone() }
            }
            Have::Relaunching(offer) => UpdateState::Relaunching { version: offer.version.to_string() },
            Have::FailedBefore(offer, failure) => {
                UpdateState::FailedBefore { offer: told::offer(offer), failure: failure.clone() }
            }
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
