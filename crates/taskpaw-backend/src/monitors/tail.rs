//! The new lines of a file that grows, is cut, or is replaced by another one; also across a restart.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use durable_file::{Links, open_plain};
use same_file::Handle;
use serde::{Deserialize, Serialize};

use super::lines::{Encoding, Partial};
use super::memory::fingerprint;
use super::refused;

/// How much is read in one look; the next one goes on there.
const LOOK_BYTES: usize = 1 << 20;
/// A file is known again by so much of its beginning.
const HEAD_BYTES: u64 = 1024;
/// How many files are searched for the one that was followed, under another name.
const MOST_NEIGHBOURS: usize = 200;

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    from_start: bool,
    /// The file that is followed now, and how far it has been read.
    followed: Option<Followed>,
    /// How far a file was read that could not be opened any more.
    resume: Option<u64>,
    /// Whether the file was looked for before: a file that comes later is new as a whole.
    has_looked: bool,
    /// The beginning of a line whose end has not been written yet.
    partial: Partial,
    /// The partial line did not grow in the last look.
    is_partial_old: bool,
    /// Where it was before a restart.
    recalled: Option<Place>,
    /// What a file without a size held last.
    snapshot: Option<HashSet<u64>>,
}

#[derive(Debug)]
struct Followed {
    file: Handle,
    read: u64,
    encoding: Encoding,
    /// How many bytes of its beginning are known, and what stands for them.
    head: u64,
    mark: u64,
}

/// A place in a file, by which it is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Where the next line begins.
    read: u64,
    /// How many bytes of the file's beginning are known.
    head: u64,
    /// What stands for them.
    mark: u64,
}

/// A whole line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What it says.
    pub(super) text: String,
    /// The place after it, where there is one.
    pub(super) after: Option<Place>,
}

/// What a look brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Whole lines.
    pub(super) lines: Vec<Line>,
    /// Whether the file is there.
    pub(super) is_there: bool,
    /// Whether there is more to read at once.
    pub(super) has_more: bool,
}

impl Tail {
    /// Nothing is read yet. What is in the file at the first look counts only with `from_start`.
    pub(super) fn new(path: PathBuf, from_start: bool) -> Self {
        Self {
            path,
            from_start,
            followed: None,
            resume: None,
            has_looked: false,
            partial: Partial::default(),
            is_partial_old: false,
            recalled: None,
            snapshot: None,
        }
    }

    /// Where it is, for [`Tail::recall`]: the outer nothing before the first look, the inner one where there was no file.
    pub(super) fn place(&self) -> Option<Option<Place>> {
        if let Some(place) = self.recalled {
            return Some(Some(place));
        }
        let place =
            self.followed.as_ref().map(|followed| followed.place(followed.read - self.partial.length));
        self.has_looked.then_some(place)
    }

    /// Goes on where it was before a restart.
    pub(super) fn recall(&mut self, place: Option<Place>) {
        (self.recalled, self.has_looked) = (place, true);
    }

    /// Reads what is new.
    pub(super) fn look(&mut self) -> Result<News, String> {
        let mut news = News::default();
        match self.try_look(&mut news) {
            // What was read is not lost, and an error that stays is told at the next look.
            Err(error) if news.lines.is_empty() => {
                Err(format!("{} cannot be read: {}", self.path.display(), refused::file(&error)))
            }
            _ => Ok(news),
        }
    }

    /// After an error it is still known how far the file was read: it goes on there once it can be read again.
    fn try_look(&mut self, news: &mut News) -> io::Result<()> {
        if let Some(place) = self.recalled {
            self.followed = find(&self.path, place)?;
            self.recalled = None;
        }
        let mut is_broken = false;
        if let Some(followed) = &mut self.followed {
            // What was added to the old file before another one took its place is read first.
            match read_on(followed, &mut self.partial, &mut news.lines, &mut self.is_partial_old) {
                Ok(has_more) => news.has_more = has_more,
                // As of a share that was away: the file is reopened.
                Err(_) => is_broken = true,
            }
            news.is_there = true;
            if news.has_more {
                return Ok(());
            }
        }
        let mut file = match open_plain(&self.path, Links::Follow) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                news.is_there = false;
                self.has_looked = true;
                self.forget(&mut news.lines);
                return Ok(());
            }
            Err(error) => {
                // On Windows one that is deleted while it is open may refuse everybody until it is closed.
                if cfg!(windows) {
                    self.resume = self.followed.take().map(|followed| followed.read).or(self.resume);
                }
                return Err(error);
            }
        };
        let length = file.metadata()?.len();
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        news.is_there = true;
        if length == 0 {
            let text = first_bytes(&mut file, LOOK_BYTES as u64)?;
            if !text.is_empty() {
                self.read_sizeless(&text, is_first, &mut news.lines);
                return Ok(());
            }
        }
        let file = Handle::from_file(file)?;
        let resume = self.resume.take().filter(|read| *read <= length);
        let same = self.followed.take_if(|followed| followed.file == file && followed.read <= length);
        let read = match same {
            Some(followed) if !is_broken => {
                self.followed = Some(followed);
                return Ok(());
            }
            Some(followed) => followed.read,
            // Another file, or the same one cut: it starts over.
            None => {
                self.forget(&mut news.lines);
                let begin = if is_first && !self.from_start { length } else { 0 };
                resume.unwrap_or(begin)
            }
        };
        let followed = self.followed.insert(Followed::new(file, read)?);
        news.has_more = read_on(followed, &mut self.partial, &mut news.lines, &mut self.is_partial_old)?;
        Ok(())
    }

    /// Some files have content and no size, and are generated for each reader, such as those in `/proc`. Of these
    /// the lines count that were not there before.
    fn read_sizeless(&mut self, text: &[u8], is_first: bool, lines: &mut Vec<Line>) {
        let before = self.snapshot.take();
        let counts = before.is_some() || !is_first || self.from_start;
        let before = before.unwrap_or_default();
        let mut now = HashSet::new();
        let mut partial = Partial::default();
        let mut add = |text: String| {
            let mark = fingerprint(text.as_bytes());
            if now.insert(mark) && counts && !before.contains(&mark) {
                lines.push(Line { text, after: None });
            }
        };
        partial.add(text, Encoding::Utf8, |text, _| add(text));
        partial.end(Encoding::Utf8).into_iter().for_each(&mut add);
        self.snapshot = Some(now);
    }

    /// The file that was followed has come to its end, and so has its last line.
    fn forget(&mut self, lines: &mut Vec<Line>) {
        let Some(followed) = self.followed.take() else { return };
        let after = Some(followed.place(followed.read));
        lines.extend(self.partial.end(followed.encoding).map(|text| Line { text, after }));
    }
}

impl Followed {
    fn new(file: Handle, read: u64) -> io::Result<Self> {
        let mut followed = Self { file, read, encoding: Encoding::Utf8, head: 0, mark: fingerprint(b"") };
        followed.know_head()?;
        // Half a letter may just have been written.
        followed.read -= followed.read % followed.encoding.unit() as u64;
        Ok(followed)
    }

    /// Learns how the file begins, as long as that is not known.
    fn know_head(&mut self) -> io::Result<()> {
        if self.head >= HEAD_BYTES {
            return Ok(());
        }
        let head = first_bytes(self.file.as_file_mut(), HEAD_BYTES)?;
        if let [first, second, ..] = head[..] {
            self.encoding = Encoding::of([first, second]);
        }
        (self.head, self.mark) = (head.len() as u64, fingerprint(&head));
        Ok(())
    }

    fn place(&self, read: u64) -> Place {
        Place { read, head: self.head, mark: self.mark }
    }
}

fn first_bytes(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file that was read up to a place: the one of this name, or one beside it that has got another name since.
fn find(path: &Path, place: Place) -> io::Result<Option<Followed>> {
    match open_plain(path, Links::Follow) {
        Ok(file) => {
            if let Some(followed) = known(file, place)? {
                return Ok(Some(followed));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
    let is_like = |name: &OsStr| name.as_encoded_bytes().starts_with(stem) && Some(name) != path.file_name();
    let neighbours =
        path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut found = None;
    // An empty beginning is that of every file.
    for entry in
        neighbours.filter(|entry| place.head > 0 && is_like(&entry.file_name())).take(MOST_NEIGHBOURS)
    {
        let Ok(file) = open_plain(&entry.path(), Links::Refuse) else { continue };
        let written = file.metadata().and_then(|about| about.modified()).ok();
        if let Ok(Some(followed)) = known(file, place)
            && found.as_ref().is_none_or(|(newest, _)| *newest < written)
        {
            found = Some((written, followed));
        }
    }
    Ok(found.map(|(_, followed)| followed))
}

/// The file from a place on, if it is the one that the place is in.
fn known(mut file: File, place: Place) -> io::Result<Option<Followed>> {
    let head = first_bytes(&mut file, place.head)?;
    let is_it = head.len() as u64 == place.head
        && fingerprint(&head) == place.mark
        && file.metadata()?.len() >= place.read;
    if !is_it {
        return Ok(None);
    }
    Followed::new(Handle::from_file(file)?, place.read).map(Some)
}

/// Reads on; says whether there is more. A last line without an end counts once it does not grow any more.
fn read_on(
    followed: &mut Followed,
    partial: &mut Partial,
    lines: &mut Vec<Line>,
    is_partial_old: &mut bool,
) -> io::Result<bool> {
    if followed.file.as_file().metadata()?.len() < followed.read {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    followed.file.as_file_mut().seek(SeekFrom::Start(followed.read))?;
    followed.file.as_file_mut().take(LOOK_BYTES as u64).read_to_end(&mut bytes)?;
    if !bytes.is_empty() {
        followed.know_head()?;
    }
    let (has_more, is_quiet) = (bytes.len() == LOOK_BYTES, bytes.is_empty());
    bytes.truncate(bytes.len() - bytes.len() % followed.encoding.unit());
    let (begin, read) = (followed.read, bytes.len() as u64);
    partial.add(&bytes, followed.encoding, |text, end| {
        lines.push(Line { text, after: Some(followed.place(begin + end as u64)) });
    });
    followed.read += read;
    if is_quiet && !partial.is_empty() && std::mem::replace(is_partial_old, true) {
        let after = Some(followed.place(followed.read));
        lines.extend(partial.end(followed.encoding).map(|text| Line { text, after }));
    }
    *is_partial_old &= is_quiet;
    Ok(has_more)
}

#[cfg(test)]
mod tests;
