use std::fs::{self, OpenOptions};
use std::io::Write;

use super::super::lines::LINE_BYTES;
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
    // It is gone, or was cut and rewritten. Windows removes no file that is open.
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
