//! Every target over its corpus, and over thousands of inputs near it: a quick form of `npm run fuzz`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use taskpaw_fuzz::{TARGETS, Target};

/// For each target.
const CASES: u32 = 2_000;

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What is done to an input.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
    /// The rest is that of another input.
    Join(Index, Index, Vec<u8>),
}

/// Pieces that mean something to one reader or another.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"{",
    b"[",
    b"}",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-1",
    b"1e999",
    b"0.1",
    b"99999999999999999999",
    b"18446744073709551615",
    b"9223372036854775807",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"=",
    b" ",
    b"(",
    b")",
    b"Z",
    b"-9999-01-01T00:00:00Z",
    b"[::1]",
    b"%",
    b"100%",
];

fn changes(inputs: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<Change>> {
    let bytes =
        || prop_oneof![select(PIECES).prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 1..8)];
    let change = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<Index>(), bytes()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<Index>(), select(inputs))
            .prop_map(|(at, from, other)| Change::Join(at, from, other)),
    ];
    prop::collection::vec(change, 0..6)
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let length = bytes.len();
        let place = |at: &Index| at.index(length + 1);
        match change {
            Change::Byte(at, byte) => {
                if let Some(there) = bytes.get_mut(place(at)) {
                    *there = *byte;
                }
            }
            Change::Insert(at, piece) => drop(bytes.splice(place(at)..place(at), piece.iter().copied())),
            Change::Remove(at, most) => drop(bytes.drain(place(at)..length.min(place(at) + most))),
            Change::Repeat(at, most) => {
                let piece = bytes[place(at)..length.min(place(at) + most)].to_vec();
                drop(bytes.splice(place(at)..place(at), piece));
            }
            Change::Cut(at) => bytes.truncate(place(at)),
            Change::Join(at, from, other) => {
                bytes.truncate(place(at));
                bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    bytes
}

#[test]
fn every_target_survives_its_corpus_and_what_is_near_it() {
    for target in TARGETS {
        let inputs = corpus(target);
        inputs.iter().for_each(|input| (target.read)(input));
        (target.read)(b"");
        let near =
            (select(inputs.clone()), changes(inputs)).prop_map(|(input, changes)| changed(input, &changes));
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let tried = TestRunner::new(config).run(&near, |bytes| {
            (target.read)(&bytes);
            Ok(())
        });
        if let Err(error) = tried {
            panic!("{}: {error}", target.name);
        }
    }
}

#[test]
fn every_target_has_a_program_and_every_folder_a_target() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let manifest = fs::read_to_string(top.join("libfuzzer/Cargo.toml")).unwrap();
    let (_, programs) = manifest.split_once("[[bin]]").unwrap();
    let names = programs
        .lines()
        .filter_map(|line| line.strip_prefix("name = "))
        .map(|name| name.trim_matches('"').to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), targets);
    let folders = fs::read_dir(top.join("corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(folders.collect::<BTreeSet<_>>(), targets);
}
