//! The new lines of a file that grows, is cut, or is replaced by another one; also across a restart.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use durable_file::{Links, open_plain};
use same_file::Handle;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::lines::LINE_BYTES;
use super::lines::{Encoding, Partial};
use super::memory::fingerprint;
use super::refused;

/// So much is read in one look; the next one goes on there.
const LOOK_BYTES: usize = 1 << 20;
/// A file is known again by so much of its beginning.
const HEAD_BYTES: u64 = 1024;
/// So many files are looked at to find the one that was followed, under another name.
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
    /// It has been looked for before: a file that comes later is new as a whole.
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
    /// So many bytes of the file's beginning are known.
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
                // As of a share that was away: the file is opened anew.
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
            // Another file, or the same one cut: it begins anew.
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

    /// Some files have content and no size, and are made anew for whoever reads them, such as those in `/proc`. Of these
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
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
        tail: Tail,
    }

    impl Log {
        fn new(text: Option<&str>, from_start: bool) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            Self { folder, tail: Tail::new(path, from_start) }
        }

        fn add(&self, bytes: impl AsRef<[u8]>) {
            let mut file = OpenOptions::new().append(true).create(true).open(&self.tail.path).unwrap();
            file.write_all(bytes.as_ref()).unwrap();
        }

        fn lines(&mut self) -> Vec<String> {
            self.tail.look().unwrap().lines.into_iter().map(|line| line.text).collect()
        }
    }

    #[test]
    fn only_new_lines_count_and_half_a_line_waits() {
        let mut log = Log::new(Some("old\nhalf"), false);
        assert!(log.lines().is_empty());
        log.add(" rest\nnew\r\n\n10%\r20%\rlast");
        assert_eq!(log.lines(), [" rest", "new", "10%", "20%"]);
        assert!(log.lines().is_empty(), "it may grow");
        assert_eq!(log.lines(), ["last"], "it did not");
        assert!(log.lines().is_empty());
        assert_eq!(Log::new(Some("a\nb\n"), true).lines(), ["a", "b"]);
    }

    #[test]
    fn a_file_that_comes_later_is_new_as_a_whole() {
        let mut log = Log::new(None, false);
        assert!(!log.tail.look().unwrap().is_there);
        log.add("first\n");
        assert_eq!(log.lines(), ["first"]);
    }

    #[test]
    fn a_file_that_is_cut_or_replaced_loses_no_line() {
        let mut log = Log::new(Some("a\n"), true);
        assert_eq!(log.lines(), ["a"]);
        fs::write(&log.tail.path, "").unwrap();
        assert!(log.lines().is_empty());
        log.add("b\n");
        assert_eq!(log.lines(), ["b"]);
        log.add("c\nunended");
        fs::rename(&log.tail.path, log.folder.path().join("log.1")).unwrap();
        log.add("d, in a file that is no shorter\n");
        assert_eq!(log.lines(), ["c", "unended", "d, in a file that is no shorter"]);
    }

    #[test]
    fn after_an_error_it_goes_on_where_it_was() {
        let mut log = Log::new(Some("old\n"), false);
        assert!(log.lines().is_empty());
        log.add("a\n");
        assert_eq!(log.lines(), ["a"]);
        let (path, away) = (log.tail.path.clone(), log.folder.path().join("away"));
        fs::rename(&path, &away).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(log.tail.look().is_err());
        fs::remove_dir(&path).unwrap();
        fs::rename(&away, &path).unwrap();
        log.add("b\n");
        assert_eq!(log.lines(), ["b"], "nothing is told twice");
    }

    #[test]
    fn a_first_look_that_fails_stays_the_first() {
        let mut log = Log::new(None, false);
        fs::create_dir(&log.tail.path).unwrap();
        assert!(log.tail.look().is_err());
        fs::remove_dir(&log.tail.path).unwrap();
        log.add("old\n");
        assert!(log.lines().is_empty());
    }

    #[test]
    fn much_is_read_in_parts_and_long_lines_are_cut() {
        let mut log = Log::new(Some(""), true);
        log.lines();
        let long = vec![b'x'; 3 * LINE_BYTES];
        log.add(&long);
        log.add("\n");
        assert_eq!(log.lines()[0].len(), LINE_BYTES);
        let many: String = (0..300_000).map(|number| format!("{number:08}\n")).collect();
        log.add(&many);
        let (mut lines, mut looks) = (Vec::new(), 0);
        loop {
            let news = log.tail.look().unwrap();
            lines.extend(news.lines.into_iter().map(|line| line.text));
            looks += 1;
            if !news.has_more {
                break;
            }
        }
        assert_eq!((lines.len(), lines[299_999].as_str(), looks), (300_000, "00299999", 3));
        log.add([b'\xff', b'\xfe', b'\n']);
        assert_eq!(log.lines(), ["\u{fffd}\u{fffd}"]);
    }

    impl Log {
        /// Another one that goes on at this place.
        fn again(&self, place: Option<Place>) -> Tail {
            let mut tail = Tail::new(self.tail.path.clone(), false);
            tail.recall(place);
            tail
        }
    }

    fn texts(tail: &mut Tail) -> Vec<String> {
        tail.look().unwrap().lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn after_a_restart_it_goes_on_at_its_place_wherever_the_file_is_then() {
        let mut log = Log::new(Some("old\n"), false);
        assert!(log.lines().is_empty());
        log.add("a\nb\nhal");
        let lines = log.tail.look().unwrap().lines;
        let (after_a, place) = (lines[0].after, log.tail.place().unwrap());
        log.add("f\nc\n");
        assert_eq!(texts(&mut log.again(place)), ["half", "c"]);
        assert_eq!(texts(&mut log.again(after_a)), ["b", "half", "c"]);
        // It has got another name, and another one is there.
        fs::rename(&log.tail.path, log.folder.path().join("log.1")).unwrap();
        assert_eq!(texts(&mut log.again(place)), ["half", "c"]);
        log.add("new\n");
        fs::write(log.folder.path().join("log.2"), "another\none\nthat is no shorter\n").unwrap();
        assert_eq!(texts(&mut log.again(place)), ["half", "c", "new"]);
        // It is gone, or was cut and written anew. Windows removes no file that is open.
        log.tail = log.again(None);
        fs::remove_file(log.folder.path().join("log.1")).unwrap();
        assert_eq!(texts(&mut log.again(place)), ["new"]);
        // It was not there before.
        assert_eq!(texts(&mut log.again(None)), ["new"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn of_a_file_without_a_size_what_is_new_counts() {
        let mut tail = Tail::new("/proc/self/status".into(), false);
        assert!(texts(&mut tail).is_empty(), "what is there at the first look is not new");
        for _ in 0..3 {
            assert!(texts(&mut tail).len() < 20, "not the whole file again");
        }
        assert!(!texts(&mut Tail::new("/proc/self/status".into(), true)).is_empty());
    }

    #[test]
    fn utf_16_is_followed_letter_by_letter() {
        let bytes = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let mut log = Log::new(None, false);
        assert!(log.lines().is_empty());
        log.add(bytes("\u{feff}50 %\r\nunended"));
        assert_eq!(log.lines(), ["50 %"]);
        let place = log.tail.place().unwrap();
        let last = bytes(" 完\n");
        log.add(&last[..3]);
        assert!(log.lines().is_empty(), "half a letter");
        log.add(&last[3..]);
        assert_eq!(log.lines(), ["unended 完"]);
        assert_eq!(texts(&mut log.again(place)), ["unended 完"]);
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Tail::new(folder.path().to_owned(), false).look().is_err());
    }
}
