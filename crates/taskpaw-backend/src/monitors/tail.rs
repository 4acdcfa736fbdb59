//! The new lines of a file that grows, is cut, or is replaced by another one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use same_file::Handle;

/// So much is read in one look; the next one goes on there.
const LOOK_BYTES: usize = 1 << 20;
/// A line that is longer is cut there.
const LINE_BYTES: usize = 64 * 1024;

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
    partial: Vec<u8>,
    /// The partial line did not grow in the last look.
    is_partial_old: bool,
}

#[derive(Debug)]
struct Followed {
    file: Handle,
    read: u64,
}

/// What a look brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Whole lines, without their ends.
    pub(super) lines: Vec<String>,
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
            partial: Vec::new(),
            is_partial_old: false,
        }
    }

    /// Reads what is new.
    pub(super) fn look(&mut self) -> Result<News, String> {
        let mut news = News::default();
        match self.try_look(&mut news) {
            // What was read is not lost, and an error that stays is told at the next look.
            Err(error) if news.lines.is_empty() => {
                Err(format!("{} cannot be read: {error}", self.path.display()))
            }
            _ => Ok(news),
        }
    }

    /// After an error it is still known how far the file was read: it goes on there once it can be read again.
    fn try_look(&mut self, news: &mut News) -> io::Result<()> {
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
        let file = match File::open(&self.path) {
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
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let file = Handle::from_file(file)?;
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        news.is_there = true;
        let resume = self.resume.take().filter(|read| *read <= about.len());
        let same = self.followed.take_if(|followed| followed.file == file && followed.read <= about.len());
        let read = match same {
            Some(followed) if !is_broken => {
                self.followed = Some(followed);
                return Ok(());
            }
            Some(followed) => followed.read,
            // Another file, or the same one cut: it begins anew.
            None => {
                self.forget(&mut news.lines);
                let begin = if is_first && !self.from_start { about.len() } else { 0 };
                resume.unwrap_or(begin)
            }
        };
        let followed = self.followed.insert(Followed { file, read });
        news.has_more = read_on(followed, &mut self.partial, &mut news.lines, &mut self.is_partial_old)?;
        Ok(())
    }

    /// The file that was followed has come to its end, and so has its last line.
    fn forget(&mut self, lines: &mut Vec<String>) {
        self.followed = None;
        if !self.partial.is_empty() {
            lines.push(text(&std::mem::take(&mut self.partial)));
        }
    }
}

/// Reads on; says whether there is more. A carriage return ends a line as well: progress bars write over
/// themselves with it. A last line without an end counts once it does not grow any more.
fn read_on(
    followed: &mut Followed,
    partial: &mut Vec<u8>,
    lines: &mut Vec<String>,
    is_partial_old: &mut bool,
) -> io::Result<bool> {
    let file = followed.file.as_file_mut();
    if file.metadata()?.len() < followed.read {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(followed.read))?;
    let mut bytes = Vec::new();
    file.take(LOOK_BYTES as u64).read_to_end(&mut bytes)?;
    followed.read += bytes.len() as u64;
    for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        let (line, is_whole) = match part.split_last() {
            Some((b'\n' | b'\r', line)) => (line, true),
            _ => (part, false),
        };
        let room = LINE_BYTES.saturating_sub(partial.len());
        partial.extend_from_slice(&line[..line.len().min(room)]);
        if is_whole && !partial.is_empty() {
            lines.push(text(&std::mem::take(partial)));
        }
    }
    if bytes.is_empty() && !partial.is_empty() && std::mem::replace(is_partial_old, true) {
        lines.push(text(&std::mem::take(partial)));
    }
    *is_partial_old &= bytes.is_empty();
    Ok(bytes.len() == LOOK_BYTES)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
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
            self.tail.look().unwrap().lines
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
            lines.extend(news.lines);
            looks += 1;
            if !news.has_more {
                break;
            }
        }
        assert_eq!((lines.len(), lines[299_999].as_str(), looks), (300_000, "00299999", 3));
        log.add([b'\xff', b'\xfe', b'\n']);
        assert_eq!(log.lines(), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Tail::new(folder.path().to_owned(), false).look().is_err());
    }
}
