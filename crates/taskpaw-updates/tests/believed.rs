//! What is believed of a feed, with real keys and signatures: what an honest one offers, and that nothing else is believed.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use minisign::KeyPair;
use semver::Version;
use taskpaw_contract::ipc::{UpdateFailure, UpdateFailureReason};
use taskpaw_updates::decision::{Decision, Failure, Installed, Seen, decide};
use taskpaw_updates::feed::{Feed, Notes, Package, System};
use taskpaw_updates::{Keys, Purpose, Refusal, believed};

const PACKAGE: &[u8] = b"the package of 4.2.0";

struct Maker(KeyPair);

impl Maker {
    fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    fn keys(&self) -> Keys {
        Keys::parse(&self.0.pk.to_base64()).unwrap()
    }

    fn sign(&self, bytes: &[u8], comment: &str) -> String {
        minisign::sign(None, &self.0.sk, bytes, Some(comment), None).unwrap().to_string()
    }

    fn signed(&self, bytes: &[u8], purpose: &Purpose) -> String {
        self.sign(bytes, &purpose.trusted_comment())
    }

    /// The feed of 4.2.0 for one system.
    fn feed(&self) -> Feed {
        let package = Package {
            url: "https://example.org/TaskPaw_4.2.0_linux_x64.tar.gz".to_owned(),
            signature: self.signed(PACKAGE, &of_4_2_0()),
            size: PACKAGE.len() as u64,
        };
        Feed {
            version: v("4.2.0"),
            published: at("2026-11-28T05:00:00Z"),
            expires: at("2027-02-28T05:00:00Z"),
            sequence: 7,
            floor: v("4.1.0"),
            security: false,
            notes: Notes { en: "Faster.".to_owned(), zh_cn: "更快。".to_owned() },
            packages: BTreeMap::from([(linux(), package)]),
        }
    }
}

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn linux() -> System {
    System::named("linux-x86_64").unwrap()
}

fn of_4_2_0() -> Purpose {
    Purpose::Package { version: v("4.2.0"), system: linux() }
}

fn installed(version: &str) -> Installed {
    Installed { version: v(version), system: linux() }
}

fn now() -> Timestamp {
    at("2026-11-29T05:00:00Z")
}

#[test]
fn an_honest_feed_offers_what_is_newer_and_nothing_else() {
    let maker = Maker::new();
    let written = maker.feed().to_bytes().unwrap();
    let feed = believed(&written, maker.signed(&written, &Purpose::Feed).as_bytes(), &maker.keys()).unwrap();
    let seen = Seen::default();
    let Decision::Offer(offer) = decide(&feed, &installed("4.1.0"), &seen, &[], now()) else { panic!() };
    assert_eq!((offer.version, offer.security, offer.notes.zh_cn.as_str()), (v("4.2.0"), false, "更快。"));
    assert_eq!(maker.keys().verify(PACKAGE, offer.package.signature.as_bytes(), &of_4_2_0()), Ok(()));
    assert_eq!(decide(&feed, &installed("4.2.0"), &seen, &[], now()), Decision::Current);
    assert!(matches!(decide(&feed, &installed("4.2.0-rc.1"), &seen, &[], now()), Decision::Offer(_)));
    // The same feed the day after.
    let seen = seen.with(&feed, &Decision::Current);
    assert_eq!(decide(&feed, &installed("4.2.0"), &seen, &[], now()), Decision::Current);
}

#[test]
fn whatever_is_wrong_has_its_code() {
    let feed = Maker::new().feed();
    let seen = |sequence, published, floor: Option<&str>| Seen {
        sequence,
        published: Some(at(published)),
        floor: floor.map(v),
    };
    let none = Seen::default();
    let refused = |feed: &Feed, installed: &Installed, seen: &Seen, now| {
        let decision = decide(feed, installed, seen, &[], now);
        let Decision::Refused(refusal) = decision else { panic!("{decision:?}") };
        refusal.code()
    };
    let here = installed("4.1.0");
    assert_eq!(refused(&feed, &here, &none, feed.expires), "expired");
    assert_eq!(refused(&feed, &here, &none, at("2026-11-27T04:59:59Z")), "from_the_future");
    let clock_set_back = seen(9, "2027-02-01T00:00:00Z", None);
    assert_eq!(refused(&feed, &here, &clock_set_back, now()), "from_the_future");
    assert_eq!(refused(&feed, &here, &seen(8, "2026-11-28T06:00:00Z", None), now()), "replayed");
    let another_of_this_number = seen(7, "2026-11-28T04:00:00Z", None);
    assert_eq!(refused(&feed, &here, &another_of_this_number, now()), "replayed");
    let withdrawn = seen(6, "2026-11-27T05:00:00Z", Some("4.2.1"));
    assert_eq!(refused(&feed, &here, &withdrawn, now()), "below_floor");
    assert_eq!(refused(&feed, &installed("4.3.0"), &none, now()), "lower_version");
    assert_eq!(refused(&feed, &installed("4.2.1-rc.1"), &none, now()), "lower_version");
    let elsewhere = Installed { system: System::named("darwin-aarch64").unwrap(), ..installed("4.1.0") };
    assert_eq!(refused(&feed, &elsewhere, &none, now()), "other_system");
}

#[test]
fn what_was_seen_only_grows_and_what_is_not_believed_leaves_no_trace() {
    let feed = Maker::new().feed();
    let newer = Feed { sequence: 9, floor: v("4.2.0"), ..feed.clone() };
    let none = Seen::default();
    let seen = none.with(&newer, &Decision::Current);
    assert_eq!((seen.sequence, seen.floor.clone()), (9, Some(v("4.2.0"))));
    assert_eq!(seen.with(&feed, &Decision::Current), seen, "an older one");
    let future = decide(&feed, &installed("4.1.0"), &none, &[], at("2020-01-01T00:00:00Z"));
    assert_eq!(none.with(&feed, &future), none, "a wrong clock");
    let lower = Feed { sequence: 10, floor: v("4.1.0"), ..feed };
    assert_eq!(seen.with(&lower, &Decision::Current).floor, Some(v("4.2.0")), "a floor is never lowered");
}

#[test]
fn a_version_that_failed_is_not_offered_by_itself_and_the_one_after_it_is() {
    let feed = Maker::new().feed();
    let failure =
        UpdateFailure { reason: UpdateFailureReason::Ended, detail: Some("exit status: 1".to_owned()) };
    let failed = [Failure { version: v("4.2.0"), failure: failure.clone() }];
    let Decision::Failed(offer, failed_before) =
        decide(&feed, &installed("4.1.0"), &Seen::default(), &failed, now())
    else {
        panic!()
    };
    assert_eq!((offer.version, failed_before.failure), (v("4.2.0"), failure));
    let next = Feed { version: v("4.2.1"), ..feed };
    assert!(matches!(
        decide(&next, &installed("4.1.0"), &Seen::default(), &failed, now()),
        Decision::Offer(_)
    ));
}

#[test]
fn a_signature_is_good_for_one_thing_and_one_key() {
    let (maker, stranger) = (Maker::new(), Maker::new());
    let keys = maker.keys();
    let feed = maker.feed().to_bytes().unwrap();
    let check = |bytes: &[u8], signature: &str, purpose| keys.verify(bytes, signature.as_bytes(), &purpose);
    assert_eq!(check(&feed, &stranger.signed(&feed, &Purpose::Feed), Purpose::Feed), Err(Refusal::OtherKey));
    assert_eq!(check(&feed, &maker.signed(&feed, &of_4_2_0()), Purpose::Feed), Err(Refusal::OtherPurpose));
    let of_package = maker.signed(PACKAGE, &of_4_2_0());
    assert_eq!(check(PACKAGE, &of_package, Purpose::Feed), Err(Refusal::OtherPurpose));
    let other = Purpose::Package { version: v("4.2.1"), system: linux() };
    assert_eq!(check(PACKAGE, &of_package, other), Err(Refusal::OtherPurpose));
    assert_eq!(check(b"another package", &of_package, of_4_2_0()), Err(Refusal::BadSignature));
    assert_eq!(check(PACKAGE, "", of_4_2_0()), Err(Refusal::BadSignature));
    assert_eq!(check(PACKAGE, &"x".repeat(5000), of_4_2_0()), Err(Refusal::TooLarge));
    // A comment that says what is asked for, over a good signature of something else.
    let forged = of_package.replace("linux-x86_64", "windows-x86_64");
    let windows = Purpose::Package { version: v("4.2.0"), system: System::named("windows-x86_64").unwrap() };
    assert_eq!(check(PACKAGE, &forged, windows), Err(Refusal::BadSignature));
}

#[test]
fn a_key_is_replaced_by_building_in_the_next_one_beside_it() {
    let (old, new) = (Maker::new(), Maker::new());
    let both = Keys::parse(&format!("{}\n{}", old.0.pk.to_base64(), new.0.pk.to_base64())).unwrap();
    for maker in [&old, &new] {
        let feed = maker.feed().to_bytes().unwrap();
        assert!(believed(&feed, maker.signed(&feed, &Purpose::Feed).as_bytes(), &both).is_ok());
    }
}

/// Nobody who can change bytes on the way is believed. `TASKPAW_MUTATIONS=1000000 cargo test -p taskpaw-updates --test believed mutated` tries
/// more.
#[test]
fn of_mutated_feeds_none_is_believed() {
    let maker = Maker::new();
    let keys = maker.keys();
    let feed = maker.feed().to_bytes().unwrap();
    let signature = maker.signed(&feed, &Purpose::Feed).into_bytes();
    let older =
        Feed { sequence: 6, published: at("2026-11-01T05:00:00Z"), ..maker.feed() }.to_bytes().unwrap();
    let signature_of_older = maker.signed(&older, &Purpose::Feed).into_bytes();
    let tries =
        std::env::var("TASKPAW_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000_u64);
    let seen = Seen::default().with(&maker.feed(), &Decision::Current);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for attempt in 0..tries {
        let (mut feed_now, mut signature_now) = (feed.clone(), signature.clone());
        match attempt % 8 {
            0..=4 => random.mutate(&mut feed_now, &older),
            5 | 6 => {
                random.mutate(&mut feed_now, &older);
                random.mutate(&mut signature_now, &signature_of_older);
            }
            _ => signature_now.clone_from(&signature_of_older),
        }
        let Ok(believed) = believed(&feed_now, &signature_now, &keys) else { continue };
        // Pieces of yesterday's feed and its signature may come together whole again. Then it is told by its number.
        assert_eq!(feed_now, older, "attempt {attempt}");
        let decision = decide(&believed, &installed("4.1.0"), &seen, &[], now());
        assert_eq!(decision, Decision::Refused(Refusal::Replayed), "attempt {attempt}");
    }
    // The comment that is not signed says nothing, and everything else of a signature counts.
    let first_line = signature.iter().position(|&byte| byte == b'\n').unwrap();
    for at in first_line..signature.len() - 1 {
        for bit in 0..8 {
            let mut signature = signature.clone();
            signature[at] ^= 1 << bit;
            assert!(believed(&feed, &signature, &keys).is_err(), "byte {at}, bit {bit}");
        }
    }
    assert!(believed(&feed, &signature, &keys).is_ok());
}

#[test]
fn a_clock_that_is_a_few_hours_behind_hinders_nobody() {
    let feed = Maker::new().feed();
    let behind = feed.published - SignedDuration::from_hours(20);
    assert!(matches!(decide(&feed, &installed("4.1.0"), &Seen::default(), &[], behind), Decision::Offer(_)));
}

/// The same sequence each time, so that what fails fails again (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap() % end
    }

    /// Changes bytes in one of the ways in which they are changed on the way: bits, bytes, pieces lost, doubled, or of another file.
    /// What it gives is never what it was given.
    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let before = bytes.clone();
        while *bytes == before {
            for _ in 0..=self.below(3) {
                let (from, to) = (self.below(bytes.len()), self.below(bytes.len()));
                let (from, to) = (from.min(to), from.max(to) + 1);
                match self.below(6) {
                    0 => bytes[from] ^= 1 << self.below(8),
                    1 => bytes[from] = u8::try_from(self.below(256)).unwrap(),
                    2 if to - from < bytes.len() => drop(bytes.drain(from..to)),
                    3 => bytes.extend_from_within(from..to),
                    4 => bytes.truncate(to),
                    _ => {
                        let end = other.len().min(bytes.len()).min(to);
                        let from = from.min(end);
                        bytes[from..end].copy_from_slice(&other[from..end]);
                    }
                }
            }
        }
    }
}
