//! A row of files of which the oldest goes when there is no room. Their number counts, and the time for which the agent has watched:
//! never the clock, since one that is wrong for a moment must not throw a week away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{self, Entry, Segment, Wanted};

/// What a row is bounded by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// All its files together, in bytes.
    pub(super) bytes: u64,
    /// How many files there are at most.
    pub(super) files: usize,
    /// How many periods one file covers.
    pub(super) pieces: u32,
}

impl Bounds {
    /// A file is closed when it has so much: an eighth goes at once where there is too much for the whole time.
    fn file_bytes(self) -> u64 {
        self.bytes / 8
    }
}

/// A row of files.
#[derive(Debug)]
pub(super) struct Ring {
    folder: PathBuf,
    name: &'static str,
    bounds: Bounds,
    /// Each file's number and size, the oldest first; what is open counts as it was when it was opened.
    closed: Vec<(u32, u64)>,
    open: Option<(u32, Segment)>,
}

impl Ring {
    /// The files that are there; nothing is changed. A folder that is not there has none.
    pub(super) fn look(folder: &Path, name: &'static str, bounds: Bounds) -> io::Result<Self> {
        let mut closed = Vec::new();
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry?;
                    if let Some(number) = number_of(&entry.file_name().to_string_lossy(), name) {
                        closed.push((number, entry.metadata()?.len()));
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        closed.sort_unstable();
        Ok(Self { folder: folder.to_owned(), name, bounds, closed, open: None })
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{}-{number:08}.bin", self.name))
    }

    fn numbers(&self) -> Vec<u32> {
        let open = self.open.as_ref().map(|(number, _)| *number);
        self.closed.iter().map(|(number, _)| *number).chain(open).collect()
    }

    /// Shows everything that is kept, the oldest file first. A file that is broken is shown as far as it goes.
    pub(super) fn each(&self, wanted: Wanted, see: &mut dyn FnMut(Entry)) -> io::Result<()> {
        for number in self.numbers() {
            segment::read(&self.path(number), wanted, see)?;
        }
        Ok(())
    }

    /// As `each`, of the newest files alone.
    pub(super) fn each_of_newest(&self, files: usize, see: &mut dyn FnMut(Entry)) -> io::Result<()> {
        let numbers = self.numbers();
        for number in &numbers[numbers.len().saturating_sub(files)..] {
            segment::read(&self.path(*number), &|_| true, see)?;
        }
        Ok(())
    }

    /// Puts what is broken aside, under a name that nothing else has: the last one stays. Says what was wrong, and where it is.
    pub(super) fn put_broken_aside(&mut self) -> io::Result<Vec<(PathBuf, &'static str)>> {
        let mut aside = Vec::new();
        for (number, _) in self.closed.clone() {
            let path = self.path(number);
            let damage = match segment::read(&path, &|_| false, &mut |_| {}) {
                Ok(read) => read.and_then(|read| read.damage),
                Err(_) => Some("it cannot be read"),
            };
            if let Some(damage) = damage {
                let kept = self.folder.join(format!("{}.damaged", self.name));
                fs::rename(&path, &kept)?;
                self.closed.retain(|(known, _)| *known != number);
                aside.push((kept, damage));
            }
        }
        Ok(aside)
    }

    /// Adds entries at the end. After an error they are not there, or only the first of them; the next call begins with a look at
    /// what is.
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (number, mut segment) = match self.open.take() {
            Some(open) => open,
            None => self.go_on()?,
        };
        match segment.append(entries) {
            Ok(()) => {
                let is_full =
                    segment.pieces() >= self.bounds.pieces || segment.length() >= self.bounds.file_bytes();
                if is_full {
                    self.closed.push((number, segment.length()));
                } else {
                    self.open = Some((number, segment));
                }
                self.make_room()
            }
            Err(error) => {
                let length = fs::metadata(segment.path()).map_or(segment.length(), |found| found.len());
                self.closed.push((number, length));
                Err(error)
            }
        }
    }

    /// The last file, if it has room; else another one.
    fn go_on(&mut self) -> io::Result<(u32, Segment)> {
        let newest = self.closed.last().copied();
        if let Some((number, _)) = newest
            && let Some(segment) = Segment::go_on(&self.path(number))?
            && segment.pieces() < self.bounds.pieces
            && segment.length() < self.bounds.file_bytes()
        {
            self.closed.pop();
            return Ok((number, segment));
        }
        let number = newest.map_or(1, |(number, _)| number.saturating_add(1));
        Ok((number, Segment::begin(&self.path(number))?))
    }

    fn make_room(&mut self) -> io::Result<()> {
        loop {
            let (files, bytes) = match &self.open {
                Some((_, segment)) => (1, segment.length()),
                None => (0, 0),
            };
            let all = bytes + self.closed.iter().map(|(_, bytes)| bytes).sum::<u64>();
            // The next write must have its room, too.
            let is_too_much = self.closed.len() + files > self.bounds.files
                || all + self.bounds.file_bytes() / 4 > self.bounds.bytes;
            let Some((oldest, _)) = self.closed.first().copied().filter(|_| is_too_much) else {
                return Ok(());
            };
            match fs::remove_file(self.path(oldest)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.closed.remove(0);
        }
    }
}

fn number_of(file: &str, name: &str) -> Option<u32> {
    let digits = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".bin")?;
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { bytes: 16 << 10, files: 4, pieces: 10 };

    fn name(key: &str) -> segment::Name {
        std::sync::Arc::new(("m".to_owned(), key.to_owned()))
    }

    fn minute(at: u32) -> Entry {
        Entry::Minute { at, means: vec![(name("k"), f64::from(at))] }
    }

    fn minutes(ring: &Ring) -> Vec<u32> {
        let mut found = Vec::new();
        let mut see = |entry| match entry {
            Entry::Minute { at, .. } => found.push(at),
            other => panic!("{other:?}"),
        };
        ring.each(&|_| true, &mut see).unwrap();
        found
    }

    #[test]
    fn the_oldest_go_and_a_restart_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::look(folder.path(), "fine", BOUNDS).unwrap();
        for at in 0..95 {
            ring.append(&[minute(at)]).unwrap();
            if at % 7 == 0 {
                ring = Ring::look(folder.path(), "fine", BOUNDS).unwrap();
            }
        }
        assert_eq!(minutes(&ring), (60..95).collect::<Vec<_>>());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn what_is_too_much_takes_the_oldest_and_never_the_room_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { bytes: 16 << 10, files: 99, pieces: 1_000 };
        let mut ring = Ring::look(folder.path(), "fine", bounds).unwrap();
        for at in 0..2_000_u32 {
            let means = (0..20).map(|key| (name(&format!("k{key}")), f64::from(at * 31 % 977)));
            ring.append(&[Entry::Minute { at, means: means.collect() }]).unwrap();
            let size = |entry: io::Result<fs::DirEntry>| entry.unwrap().metadata().unwrap().len();
            let all: u64 = fs::read_dir(folder.path()).unwrap().map(size).sum();
            assert!(all <= bounds.bytes, "{all} after {at}");
        }
        assert_eq!(minutes(&ring).last(), Some(&1_999));
        assert!(minutes(&ring).len() > 100);
    }

    #[test]
    fn what_is_broken_is_kept_aside_and_the_rest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::look(folder.path(), "fine", BOUNDS).unwrap();
        for at in 0..25 {
            ring.append(&[minute(at)]).unwrap();
        }
        let second = ring.path(2);
        let mut bytes = fs::read(&second).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        fs::write(&second, &bytes).unwrap();
        let mut ring = Ring::look(folder.path(), "fine", BOUNDS).unwrap();
        let aside = ring.put_broken_aside().unwrap();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read(&aside[0].0).unwrap(), bytes, "as it was");
        ring.append(&[minute(25)]).unwrap();
        let kept: Vec<u32> = (0..10).chain(20..26).collect();
        assert_eq!(minutes(&ring), kept);
    }

    #[test]
    fn only_own_files_are_of_the_row() {
        assert_eq!(number_of("fine-00000012.bin", "fine"), Some(12));
        for other in [
            "fine-12.bin",
            "coarse-00000012.bin",
            "fine-00000012.bin.tmp",
            "fine-0000001x.bin",
            "fine.damaged",
        ] {
            assert_eq!(number_of(other, "fine"), None, "{other}");
        }
    }
}
