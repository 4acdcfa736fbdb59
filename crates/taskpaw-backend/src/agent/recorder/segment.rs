//! One file of the history: a header, and then frames, each with its length and a checksum. What a crash has left half at its
//! end is not a frame, and is written over.
//!
//! A file stands alone: it names what it has numbers of, and the first number of each is a whole one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use taskpaw_contract::ipc::MonitorState;

use super::codec::{Reader, checksum, code_of, put_difference, put_number, put_text, value_of};
use crate::state::{private, read_at_most};

/// The last byte is the version of the form.
const HEADER: &[u8; 8] = b"TASKPAW\x01";
/// A file that is larger is none of ours: it was closed long before.
const MOST_READ: u64 = 4 << 20;
const LONGEST_FRAME: usize = 1 << 16;
/// The most numbers that one file has names for.
const MOST_NAMES: usize = 2_048;
/// The longest name of a monitor, in bytes: 100 letters.
const LONGEST_NAME: usize = 400;
/// The longest key of a number.
pub(super) const LONGEST_KEY: usize = 64;

/// Whose numbers these are: a monitor, and its key; no key stands for the monitor itself.
pub(super) type Name = Arc<(String, String)>;

/// What a number was over some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What is written and read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// The agent watched in this minute since 1970; the means of the numbers that were seen.
    Minute { at: u32, means: Vec<(Name, f64)> },
    /// The spreads of ten minutes, by the number of the ten.
    Ten { at: u32, spreads: Vec<(Name, Spread)> },
    /// A monitor is in this state from this time in ms since 1970; nothing: it is watched no more.
    State { monitor: String, at: u64, state: Option<MonitorState> },
    /// Nobody watched from here to there, in ms.
    Gap { from: u64, to: u64 },
}

impl Entry {
    fn is_state(&self) -> bool {
        matches!(self, Self::State { .. })
    }

    /// Whether it stands for a piece of time, by which files are counted.
    fn is_piece(&self) -> bool {
        matches!(self, Self::Minute { .. } | Self::Ten { .. })
    }
}

/// What one file has named, and the last number of each.
#[derive(Debug, Default)]
struct Names {
    all: Vec<Known>,
    places: HashMap<Name, usize>,
    /// What the states of the file are told from.
    last_state: u64,
}

/// A number of a file.
#[derive(Debug)]
struct Known {
    name: Name,
    previous: i64,
    /// Whether a reader asks for it.
    is_wanted: bool,
}

impl Names {
    fn add(&mut self, name: Name, is_wanted: bool) -> usize {
        let place = self.all.len();
        self.places.insert(name.clone(), place);
        self.all.push(Known { name, previous: 0, is_wanted });
        place
    }
}

/// What was read of a file.
#[derive(Debug, Default)]
pub(super) struct Read {
    names: Names,
    /// Where the last whole frame ends.
    length: u64,
    /// How many pieces of time it has.
    pieces: u32,
    /// Why what comes after that is of no use; nothing where a write was cut short.
    pub(super) damage: Option<&'static str>,
}

/// Says of whose numbers somebody wants to know: the others are passed over.
pub(super) type Wanted<'a> = &'a dyn Fn(&Name) -> bool;

/// Reads a file and shows each entry, of its numbers those that are wanted; nothing if it is not there.
pub(super) fn read(path: &Path, wanted: Wanted, see: &mut dyn FnMut(Entry)) -> io::Result<Option<Read>> {
    Ok(read_at_most(path, MOST_READ)?.map(|bytes| parse(&bytes, wanted, see)))
}

fn parse(bytes: &[u8], wanted: Wanted, see: &mut dyn FnMut(Entry)) -> Read {
    let mut read = Read::default();
    let Some(rest) = bytes.strip_prefix(HEADER) else {
        // A file that was just made, and not written.
        read.damage = (!HEADER.starts_with(bytes)).then_some("it has no header that this version knows");
        return read;
    };
    let mut reader = Reader(rest);
    loop {
        read.length = (bytes.len() - reader.0.len()) as u64;
        let Some(length) = reader.number() else { return read };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= LONGEST_FRAME) else {
            read.damage = Some("a frame is too long");
            return read;
        };
        let (Some(frame), Some(sum)) = (reader.bytes(length), reader.bytes(4)) else { return read };
        if sum != checksum(frame).to_le_bytes() {
            read.damage = Some("a checksum is wrong");
            return read;
        }
        let mut pieces = 0;
        let seen = entries(Reader(frame), &mut read.names, wanted, &mut |entry| {
            pieces += u32::from(entry.is_piece());
            see(entry);
        });
        read.pieces += pieces;
        if seen.is_none() {
            read.damage = Some("a frame says nothing that can be");
            return read;
        }
    }
}

const NAME: u8 = 1;
const MINUTE: u8 = 2;
const TEN: u8 = 3;
const STATES_OF: u8 = 4;
const GAP: u8 = 5;

/// Of a week, a mean is kept to 0.2 %, and how far its lowest and highest were from it to 0.8 %: more cannot be seen in a chart.
const MEAN_SHIFT: u32 = 3;
const SPREAD_SHIFT: u32 = 5;

/// Shows what a frame says; nothing if it cannot be.
fn entries(mut frame: Reader, names: &mut Names, wanted: Wanted, see: &mut dyn FnMut(Entry)) -> Option<()> {
    match frame.byte()? {
        NAME => {
            let monitor = frame.text(LONGEST_NAME)?.to_owned();
            let key = frame.text(LONGEST_KEY)?.to_owned();
            if names.all.len() >= MOST_NAMES {
                return None;
            }
            let name = Arc::new((monitor, key));
            let is_wanted = wanted(&name);
            names.add(name, is_wanted);
        }
        MINUTE => {
            let at = u32::try_from(frame.number()?).ok()?;
            let mut means = Vec::new();
            each_present(&mut frame, names, |known, frame| {
                known.previous = known.previous.checked_add(frame.difference()?)?;
                if known.is_wanted {
                    means.push((known.name.clone(), value_of(known.previous)));
                }
                Some(())
            })?;
            see(Entry::Minute { at, means });
        }
        TEN => {
            let at = u32::try_from(frame.number()?).ok()?;
            let mut spreads = Vec::new();
            each_present(&mut frame, names, |known, frame| {
                known.previous = known.previous.checked_add(frame.difference()?)?;
                let (below, above) = (frame.number()?, frame.number()?);
                let mean = known.previous.checked_mul(1 << MEAN_SHIFT)?;
                let low = mean.checked_sub_unsigned(below.checked_mul(1 << SPREAD_SHIFT)?)?;
                let high = mean.checked_add_unsigned(above.checked_mul(1 << SPREAD_SHIFT)?)?;
                if known.is_wanted {
                    let spread = Spread { mean: value_of(mean), low: value_of(low), high: value_of(high) };
                    spreads.push((known.name.clone(), spread));
                }
                Some(())
            })?;
            see(Entry::Ten { at, spreads });
        }
        STATES_OF => {
            for _ in 0..frame.number()? {
                let known = names.all.get(usize::try_from(frame.number()?).ok()?)?;
                let at = names.last_state.checked_add_signed(frame.difference()?)?;
                let state = state_of(frame.byte()?)?;
                names.last_state = at;
                see(Entry::State { monitor: known.name.0.clone(), at, state });
            }
        }
        GAP => see(Entry::Gap { from: frame.number()?, to: frame.number()? }),
        _ => return None,
    }
    frame.is_at_end().then_some(())
}

/// For each name whose bit is set.
fn each_present<'a>(
    frame: &mut Reader<'a>,
    names: &mut Names,
    mut read: impl FnMut(&mut Known, &mut Reader<'a>) -> Option<()>,
) -> Option<()> {
    let count = usize::try_from(frame.number()?).ok().filter(|count| *count <= names.all.len())?;
    let present = frame.bytes(count.div_ceil(8))?;
    for (place, known) in names.all[..count].iter_mut().enumerate() {
        if present[place / 8] & (1 << (place % 8)) != 0 {
            read(known, frame)?;
        }
    }
    Some(())
}

const STATES: [MonitorState; 7] = [
    MonitorState::Unknown,
    MonitorState::Ok,
    MonitorState::Idle,
    MonitorState::Running,
    MonitorState::Degraded,
    MonitorState::Error,
    MonitorState::Stopped,
];
const NO_STATE: u8 = 7;

fn state_of(byte: u8) -> Option<Option<MonitorState>> {
    if byte == NO_STATE { Some(None) } else { STATES.get(usize::from(byte)).copied().map(Some) }
}

fn byte_of(state: Option<MonitorState>) -> u8 {
    let place = STATES.iter().position(|known| Some(*known) == state);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(NO_STATE)
}

/// A file that is written at its end.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    names: Names,
    length: u64,
    pieces: u32,
}

impl Segment {
    /// Begins a file.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let mut file = private().write(true).create(true).truncate(true).open(path)?;
        file.write_all(HEADER)?;
        let names = Names::default();
        Ok(Self { path: path.to_owned(), file, names, length: HEADER.len() as u64, pieces: 0 })
    }

    /// Goes on with a file; what is half at its end is cut off. Nothing if it is not there or cannot be gone on with.
    pub(super) fn go_on(path: &Path) -> io::Result<Option<Self>> {
        let Some(Read { names, length, pieces, damage }) = read(path, &|_| false, &mut |_| {})? else {
            return Ok(None);
        };
        if damage.is_some() || length == 0 {
            return Ok(None);
        }
        let mut file = private().write(true).open(path)?;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        Ok(Some(Self { path: path.to_owned(), file, names, length, pieces }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn pieces(&self) -> u32 {
        self.pieces
    }

    /// Adds entries with one write. After an error this is not to be used any more: the file is to be read again. A power cut
    /// may take the last ones: nobody waits for the disk once a minute.
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::new();
        // States that come one after another are one frame.
        for together in entries.chunk_by(|one, next| one.is_state() && next.is_state()) {
            match together {
                [Entry::State { .. }, ..] => self.put_states(&mut bytes, together),
                others => others.iter().for_each(|entry| self.put(&mut bytes, entry)),
            }
        }
        self.file.write_all(&bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn put(&mut self, bytes: &mut Vec<u8>, entry: &Entry) {
        let mut frame = Vec::new();
        match entry {
            Entry::Minute { at, means } => {
                frame.push(MINUTE);
                put_number(&mut frame, (*at).into());
                self.put_present(bytes, &mut frame, means, |frame, previous, mean| {
                    let code = code_of(*mean);
                    put_difference(frame, code - *previous);
                    *previous = code;
                });
            }
            Entry::Ten { at, spreads } => {
                frame.push(TEN);
                put_number(&mut frame, (*at).into());
                self.put_present(bytes, &mut frame, spreads, |frame, previous, spread| {
                    let code = rounded(code_of(spread.mean), MEAN_SHIFT);
                    let mean = code << MEAN_SHIFT;
                    put_difference(frame, code - *previous);
                    let far =
                        |distance: i64| u64::try_from(rounded(distance, SPREAD_SHIFT)).unwrap_or_default();
                    put_number(frame, far(mean - code_of(spread.low)));
                    put_number(frame, far(code_of(spread.high) - mean));
                    *previous = code;
                });
            }
            Entry::State { .. } => return self.put_states(bytes, std::slice::from_ref(entry)),
            Entry::Gap { from, to } => {
                frame.push(GAP);
                put_number(&mut frame, *from);
                put_number(&mut frame, *to);
            }
        }
        self.pieces += u32::from(entry.is_piece());
        put_frame(bytes, &frame);
    }

    fn put_states(&mut self, bytes: &mut Vec<u8>, entries: &[Entry]) {
        let mut states = Vec::new();
        let mut count = 0;
        for entry in entries {
            let Entry::State { monitor, at, state } = entry else { continue };
            let Some(place) = self.place(bytes, &Arc::new((monitor.clone(), String::new()))) else {
                continue;
            };
            // Times of this century; one that is further away is none.
            let Some(since) = at.checked_signed_diff(self.names.last_state) else { continue };
            put_number(&mut states, place as u64);
            put_difference(&mut states, since);
            states.push(byte_of(*state));
            self.names.last_state = *at;
            count += 1;
            // A frame has a bound.
            if states.len() > LONGEST_FRAME / 2 {
                put_frame(bytes, &states_frame(count, &states));
                (count, states) = (0, Vec::new());
            }
        }
        if count > 0 {
            put_frame(bytes, &states_frame(count, &states));
        }
    }

    fn put_present<T>(
        &mut self,
        bytes: &mut Vec<u8>,
        frame: &mut Vec<u8>,
        values: &[(Name, T)],
        mut put: impl FnMut(&mut Vec<u8>, &mut i64, &T),
    ) {
        let mut placed: Vec<(usize, &T)> =
            values.iter().filter_map(|(name, value)| Some((self.place(bytes, name)?, value))).collect();
        placed.sort_by_key(|(place, _)| *place);
        placed.dedup_by_key(|(place, _)| *place);
        let count = placed.last().map_or(0, |(place, _)| place + 1);
        put_number(frame, count as u64);
        let mut present = vec![0_u8; count.div_ceil(8)];
        for (place, _) in &placed {
            present[place / 8] |= 1 << (place % 8);
        }
        frame.extend_from_slice(&present);
        for (place, value) in placed {
            put(frame, &mut self.names.all[place].previous, value);
        }
    }

    /// Where a name stands in this file; it is written if it is new. Nothing if it has no room.
    fn place(&mut self, bytes: &mut Vec<u8>, name: &Name) -> Option<usize> {
        if let Some(place) = self.names.places.get(name) {
            return Some(*place);
        }
        let (monitor, key) = &**name;
        let is_too_much =
            monitor.len() > LONGEST_NAME || key.len() > LONGEST_KEY || self.names.all.len() >= MOST_NAMES;
        if is_too_much {
            return None;
        }
        let mut frame = vec![NAME];
        put_text(&mut frame, monitor);
        put_text(&mut frame, key);
        put_frame(bytes, &frame);
        Some(self.names.add(name.clone(), false))
    }
}

fn states_frame(count: u64, states: &[u8]) -> Vec<u8> {
    let mut frame = vec![STATES_OF];
    put_number(&mut frame, count);
    frame.extend_from_slice(states);
    frame
}

/// A code with fewer digits.
fn rounded(code: i64, shift: u32) -> i64 {
    (code + (1 << (shift - 1))) >> shift
}

fn put_frame(bytes: &mut Vec<u8>, frame: &[u8]) {
    put_number(bytes, frame.len() as u64);
    bytes.extend_from_slice(frame);
    bytes.extend_from_slice(&checksum(frame).to_le_bytes());
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
