//! The files of the history: minutes of a day, tens of minutes of a week, and every change of state.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::minute::MINUTE_MS;
use super::ring::{Bounds, Ring};
use super::segment::{Entry, Name, Spread};

/// Minutes: nine files of three hours each, so that a day is whole also while the last one is begun.
pub(super) const FINE: Bounds = Bounds { bytes: 704 << 10, files: 9, pieces: 180 };
/// Tens of minutes and states: eight files of a day each. Both together have 2 MiB.
pub(super) const COARSE: Bounds = Bounds { bytes: 1_344 << 10, files: 8, pieces: 144 };
/// How many minutes are one piece of the week.
pub(super) const TEN: u32 = 10;
/// More minutes than this without one are a time when nobody watched.
const JUMP: u64 = 2;

/// Of the minutes of a ten, what they are together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fold {
    sum: f64,
    count: u32,
    low: f64,
    high: f64,
}

impl Fold {
    pub(super) fn new(mean: f64) -> Self {
        Self { sum: mean, count: 1, low: mean, high: mean }
    }

    pub(super) fn add(&mut self, mean: f64) {
        self.sum += mean;
        self.count += 1;
        self.low = self.low.min(mean);
        self.high = self.high.max(mean);
    }

    pub(super) fn spread(self) -> Spread {
        Spread { mean: self.sum / f64::from(self.count), low: self.low, high: self.high }
    }
}

/// The ten that is not over.
#[derive(Debug)]
struct Ten {
    at: u32,
    folds: BTreeMap<Name, Fold>,
}

/// The files, by one who writes.
#[derive(Debug)]
pub(super) struct Store {
    fine: Ring,
    coarse: Ring,
    ten: Option<Ten>,
}

impl Store {
    /// Opens the files: what is broken is put aside, and what a crash has left undone is done. Also says from when to now
    /// nobody has watched.
    pub(super) fn open(folder: &Path, now: u64) -> io::Result<(Self, Option<(u64, u64)>)> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let (mut fine, mut coarse) = rings(folder)?;
        for (kept, damage) in fine.put_broken_aside()?.into_iter().chain(coarse.put_broken_aside()?) {
            tracing::error!(
                "a part of the history cannot be used: {damage}. It is kept as {}, and a new one is begun",
                kept.display()
            );
        }
        // A clock that was ahead has left times that are not yet.
        let this_minute = now / MINUTE_MS;
        let mut last_ten = None;
        coarse.each_of_newest(2, &mut |entry| {
            if let Entry::Ten { at, .. } = entry
                && u64::from(at) * u64::from(TEN) <= this_minute
            {
                last_ten = last_ten.max(Some(at));
            }
        })?;
        let mut last_minute = None;
        let mut undone = Vec::new();
        fine.each_of_newest(2, &mut |entry| {
            if let Entry::Minute { at, means } = entry
                && u64::from(at) <= this_minute
            {
                last_minute = last_minute.max(Some(at));
                if last_ten.is_none_or(|ten| at / TEN > ten) {
                    undone.push((at, means));
                }
            }
        })?;
        let mut store = Self { fine, coarse, ten: None };
        let mut entries = Vec::new();
        for (at, means) in undone {
            store.fold(at, &means, &mut entries);
        }
        store.coarse.append(&entries)?;
        let gap = last_minute
            .filter(|last| this_minute > u64::from(*last) + JUMP)
            .map(|last| ((u64::from(last) + 1) * MINUTE_MS, now));
        Ok((store, gap))
    }

    /// Writes what came in, in order.
    pub(super) fn write(&mut self, entries: &[Entry]) -> io::Result<()> {
        let is_minute = |entry: &&Entry| matches!(entry, Entry::Minute { .. });
        let minutes: Vec<Entry> = entries.iter().filter(is_minute).cloned().collect();
        self.fine.append(&minutes)?;
        let mut coarse = Vec::new();
        for entry in entries {
            match entry {
                Entry::Minute { at, means } => self.fold(*at, means, &mut coarse),
                other => coarse.push(other.clone()),
            }
        }
        self.coarse.append(&coarse)
    }

    /// Takes a minute into its ten; the ten before it is over.
    fn fold(&mut self, at: u32, means: &[(Name, f64)], done: &mut Vec<Entry>) {
        let number = at / TEN;
        if let Some(over) = self.ten.take_if(|ten| ten.at != number) {
            let spreads = over.folds.into_iter().map(|(name, fold)| (name, fold.spread())).collect();
            done.push(Entry::Ten { at: over.at, spreads });
        }
        let ten = self.ten.get_or_insert_with(|| Ten { at: number, folds: BTreeMap::new() });
        for (name, mean) in means {
            ten.folds
                .entry(name.clone())
                .and_modify(|fold| fold.add(*mean))
                .or_insert_with(|| Fold::new(*mean));
        }
    }
}

/// Both rows as they are on the disk; nothing is changed.
pub(super) fn rings(folder: &Path) -> io::Result<(Ring, Ring)> {
    let folder: PathBuf = folder.to_owned();
    Ok((Ring::look(&folder, "fine", FINE)?, Ring::look(&folder, "coarse", COARSE)?))
}
