use std::fs;

use proptest::prelude::*;

use super::*;

fn name(monitor: &str, key: &str) -> Name {
    Arc::new((monitor.to_owned(), key.to_owned()))
}

fn read_all(path: &Path) -> (Vec<Entry>, Read) {
    let mut entries = Vec::new();
    let read = read(path, &|_| true, &mut |entry| entries.push(entry)).unwrap().unwrap();
    (entries, read)
}

fn entry_of_any() -> impl Strategy<Value = Entry> {
    let names =
        || (0..4_u8, 0..3_u8).prop_map(|(monitor, key)| name(&format!("m{monitor}"), &format!("k{key}")));
    // What is kept comes back as it was.
    let value = || (-1e12..1e12_f64).prop_map(|value| value_of(code_of(value)));
    let state = prop::option::of(prop::sample::select(STATES.to_vec()));
    let unique = |mut values: Vec<(Name, f64)>| {
        values.sort_by(|one, other| one.0.cmp(&other.0));
        values.dedup_by(|one, other| one.0 == other.0);
        values
    };
    prop_oneof![
        (any::<u32>(), prop::collection::vec((names(), value()), 0..6))
            .prop_map(move |(at, means)| Entry::Minute { at, means: unique(means) }),
        (any::<u32>(), prop::collection::vec((names(), value()), 0..6)).prop_map(move |(at, means)| {
            // As a week is kept.
            let spread = |mean: f64| {
                let mean = rounded(code_of(mean), MEAN_SHIFT) << MEAN_SHIFT;
                let far = (mean.abs() % 7) << SPREAD_SHIFT;
                Spread { mean: value_of(mean), low: value_of(mean - far), high: value_of(mean + far) }
            };
            let spreads = unique(means).into_iter().map(|(name, mean)| (name, spread(mean))).collect();
            Entry::Ten { at, spreads }
        }),
        (0..4_u8, 0..u64::from(u32::MAX) << 10, state).prop_map(|(monitor, at, state)| Entry::State {
            monitor: format!("m{monitor}"),
            at,
            state
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(from, to)| Entry::Gap { from, to }),
    ]
}

/// In the order of the names of a file, which is none of the values.
fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        match entry {
            Entry::Minute { means, .. } => means.sort_by(|one, other| one.0.cmp(&other.0)),
            Entry::Ten { spreads, .. } => spreads.sort_by(|one, other| one.0.cmp(&other.0)),
            Entry::State { .. } | Entry::Gap { .. } => {}
        }
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_also_after_it_was_cut_anywhere(
        first in prop::collection::vec(entry_of_any(), 0..12),
        then in prop::collection::vec(entry_of_any(), 0..6),
        cut in 0.0..1.0_f64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        Segment::begin(&path).unwrap().append(&first).unwrap();
        let (entries, read) = read_all(&path);
        prop_assert_eq!(read.damage, None);
        prop_assert_eq!(sorted(entries), sorted(first.clone()));

        let bytes = fs::read(&path).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let end = (bytes.len() as f64 * cut) as usize;
        fs::write(&path, &bytes[..end]).unwrap();
        let (before, read) = read_all(&path);
        prop_assert_eq!(read.damage, None, "what was cut is not broken");
        prop_assert!(sorted(first).starts_with(&sorted(before.clone())));
        if let Some(mut segment) = Segment::go_on(&path).unwrap() {
            segment.append(&then).unwrap();
            let (entries, read) = read_all(&path);
            prop_assert_eq!(read.damage, None);
            prop_assert_eq!(sorted(entries), sorted([before, then].concat()));
        }
    }

    #[test]
    fn a_changed_byte_never_gives_more_than_was_written(
        entries in prop::collection::vec(entry_of_any(), 1..8), place: prop::sample::Index, byte: u8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        Segment::begin(&path).unwrap().append(&entries).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let mut found = Vec::new();
        parse(&bytes, &|_| true, &mut |entry| found.push(entry));
        let states = |entries: &[Entry]| entries.iter().filter(|entry| entry.is_state()).count();
        prop_assert!(found.len() <= entries.len() || states(&entries) > 0);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        parse(&[HEADER.as_slice(), &bytes].concat(), &|_| true, &mut |_| {});
        parse(&bytes, &|_| true, &mut |_| {});
    }
}

#[test]
fn what_stays_as_it_is_costs_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut segment = Segment::begin(&folder.path().join("segment")).unwrap();
    let means: Vec<(Name, f64)> = (0..80).map(|key| (name("m", &format!("k{key}")), 4.2e9)).collect();
    segment.append(&[Entry::Minute { at: 29_000_000, means: means.clone() }]).unwrap();
    let before = segment.length();
    segment.append(&[Entry::Minute { at: 29_000_001, means }]).unwrap();
    assert!(segment.length() - before < 80 + 10 + 12, "{}", segment.length() - before);
}

#[test]
fn a_file_of_another_version_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("segment");
    fs::write(&path, b"TASKPAW\x02whatever").unwrap();
    assert!(read_all(&path).1.damage.is_some());
    assert!(Segment::go_on(&path).unwrap().is_none());
    fs::write(&path, b"").unwrap();
    assert!(read_all(&path).1.damage.is_none() && Segment::go_on(&path).unwrap().is_none());
}
