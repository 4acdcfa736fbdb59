//! Which version a program is.
//!
//! The version is not compiled into the code but stands in one marked place of each program, so that
//! `npm run build -- --version 4.0.1 --out DIR` can make another version of finished programs in an instant:
//! upgrade tests need many of them. `scripts/lib/stamp.mjs` writes that place; the two must agree.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use durable_file::{Links, open_plain};
use port_takeover::Process;

const MARK: &[u8; 24] = b"TaskPaw version stamp:\0\0";
const ROOM: usize = 40;
/// The most of a program that is read. A backend is some 15 MB, a single-file build of V3 some 60 MB.
const LONGEST_PROGRAM: u64 = 512 * 1024 * 1024;
/// How much of a program is read at a time.
const PART: usize = 256 * 1024;

/// The mark, then the version, filled with zeros. The mark is not kept elsewhere in the program: readers
/// find the place by its address, the script by the mark.
#[used]
static STAMP: [u8; MARK.len() + ROOM] = stamp(env!("CARGO_PKG_VERSION"));

const fn stamp(version: &str) -> [u8; MARK.len() + ROOM] {
    let mut place = [0; MARK.len() + ROOM];
    let mut at = 0;
    while at < MARK.len() {
        place[at] = MARK[at];
        at += 1;
    }
    let version = version.as_bytes();
    assert!(version.len() < ROOM, "the version does not fit into its stamp");
    at = 0;
    while at < version.len() {
        place[MARK.len() + at] = version[at];
        at += 1;
    }
    place
}

/// The version of this program, such as `4.0.0`.
pub fn version() -> &'static str {
    static READ: OnceLock<String> = OnceLock::new();
    READ.get_or_init(|| {
        // The compiler must not replace the stamp by what it knows of it.
        let place = black_box(&STAMP);
        let text: Vec<u8> = place[MARK.len()..].iter().copied().take_while(|&byte| byte != 0).collect();
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// What the stamp of the program that a process runs says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamp {
    /// This version.
    Version(String),
    /// The program was read, and has no stamp.
    Missing,
    /// The program cannot be read, or what was read may not be what runs.
    Unknown,
}

/// The stamp of the program that a process runs.
///
/// On Linux it is the very program that runs, also after an update has replaced its file. Elsewhere it is the file that
/// has its path now.
#[must_use]
pub fn stamp_of(process: &Process) -> Stamp {
    let path = if cfg!(target_os = "linux") {
        Some(PathBuf::from(format!("/proc/{}/exe", process.pid)))
    } else {
        process.exe.as_ref().map(PathBuf::from)
    };
    let program = path.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
    let program = program.and_then(|path| open_plain(&path, Links::Follow));
    let is_what_runs = program.as_ref().is_ok_and(|program| is_older(program, process.started_at));
    judged(program.and_then(|program| stamped(program.take(LONGEST_PROGRAM))), is_what_runs, version())
}

/// Whether a program's file was in its place before a process started, so that it is what runs.
#[cfg(target_os = "linux")]
fn is_older(_program: &File, _started_at: Option<u64>) -> bool {
    true // It was opened as the program that runs.
}

/// In microseconds since 1970. The change time is that of a rename too.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_older(program: &File, started_at: Option<u64>) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let changed = program.metadata().ok().and_then(|it| u64::try_from(it.ctime()).ok());
    let before =
        |started_at: u64| changed.is_some_and(|seconds| seconds.saturating_mul(1_000_000) <= started_at);
    started_at.is_some_and(before)
}

/// In 100 ns since 1601. A file that is copied keeps when it was written, and not when it was made.
#[cfg(windows)]
fn is_older(program: &File, started_at: Option<u64>) -> bool {
    use std::os::windows::fs::MetadataExt as _;
    let changed = program.metadata().map(|it| it.creation_time().max(it.last_write_time()));
    started_at.is_some_and(|started_at| changed.is_ok_and(|changed| changed <= started_at))
}

/// What was read of a program. Of a file that need not be what runs, our own version says nothing: an update may have put it
/// there after the process was started.
fn judged(read: io::Result<Option<String>>, is_what_runs: bool, own: &str) -> Stamp {
    match read {
        Ok(Some(found)) if is_what_runs || found != own => Stamp::Version(found),
        Ok(None) => Stamp::Missing,
        Ok(Some(_)) | Err(_) => Stamp::Unknown,
    }
}

/// The version in the stamp of a program, read from its bytes; nothing if it has no stamp.
///
/// # Errors
/// What the reader says.
pub fn stamped(mut program: impl Read) -> io::Result<Option<String>> {
    // Taken from the stamp itself: the mark stands nowhere else in this program.
    let stamp: &[u8] = black_box(&STAMP);
    let mark = memchr::memmem::Finder::new(&stamp[..MARK.len()]);
    let mut bytes = Vec::with_capacity(PART + STAMP.len());
    loop {
        let read = (&mut program).take(PART as u64).read_to_end(&mut bytes)?;
        let mut from = 0;
        while let Some(found) = mark.find(&bytes[from..]) {
            let Some(place) = bytes.get(from + found..from + found + STAMP.len()) else { break };
            if let Some(version) = version_of_room(&place[MARK.len()..]) {
                return Ok(Some(version));
            }
            from += found + 1;
        }
        if read == 0 {
            return Ok(None);
        }
        // A stamp may lie across two parts.
        let done = bytes.len().saturating_sub(STAMP.len() - 1);
        bytes.drain(..done);
    }
}

/// The version in the stamp of a program's file, which is read and not run; nothing if it has no stamp.
///
/// # Errors
/// What the system says, and that it is not a plain file.
pub fn version_in(program: &Path) -> io::Result<Option<String>> {
    // A pipe would keep a process that opens it waiting.
    if !std::fs::metadata(program)?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    stamped(File::open(program)?.take(LONGEST_PROGRAM))
}

/// A version and zeros, as a stamp holds them; nothing if it is anything else.
fn version_of_room(room: &[u8]) -> Option<String> {
    let length = room.iter().position(|&byte| byte == 0)?;
    let (version, rest) = room.split_at(length);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    let is_version = version.first().is_some_and(u8::is_ascii_digit) && version.iter().all(plain);
    (is_version && rest.iter().all(|&byte| byte == 0)).then(|| String::from_utf8_lossy(version).into_owned())
}

#[cfg(test)]
mod tests {
    use port_takeover::Pid;
    use port_takeover::sys::{Native, System as _};

    use super::*;

    /// The mark, from the stamp itself: written out, it would stand in this program again, and before anything.
    fn mark() -> &'static [u8] {
        &black_box(&STAMP)[..MARK.len()]
    }

    #[test]
    fn a_stamp_is_found_wherever_it_lies() {
        let room = [&b"4.0.7"[..], &[0; 35]].concat();
        let stamp = [mark(), room.as_slice()].concat();
        for before in [0, 1, PART - 70, PART - 64, PART - 24, PART - 1, PART, 3 * PART + 5] {
            let program = [vec![b'T'; before], stamp.clone(), vec![b'T'; 100]].concat();
            assert_eq!(stamped(&program[..]).unwrap().as_deref(), Some("4.0.7"), "{before}");
        }
    }

    #[test]
    fn what_only_looks_like_a_stamp_is_none() {
        let with = |room: &[u8]| [mark(), room].concat();
        for program in [
            Vec::new(),
            mark().to_vec(),
            with(b"4.0.0"),
            with(&[0; 40]),
            with(&[b'4'; 40]),
            with(&[&b"no version"[..], &[0; 30]].concat()),
            with(&[&b"4.0.0\0and more"[..], &[0; 26]].concat()),
        ] {
            assert_eq!(stamped(&program[..]).unwrap(), None, "{program:?}");
        }
        // The mark alone in front of the stamp hides nothing.
        let twice = [with(b"?"), with(&[&b"4.1.0"[..], &[0; 35]].concat())].concat();
        assert_eq!(stamped(&twice[..]).unwrap().as_deref(), Some("4.1.0"));
    }

    #[test]
    fn this_program_has_its_stamp_once() {
        let own = Native::new().describe(Pid::own()).unwrap();
        assert_eq!(stamp_of(&own), Stamp::Version(version().to_owned()));
        let gone = Process { pid: Pid::new(u32::MAX).unwrap(), exe: None, ..own };
        assert_eq!(stamp_of(&gone), Stamp::Unknown);
    }

    #[test]
    fn what_may_not_be_what_runs_says_nothing_by_our_own_version() {
        let found = |version: &str| Ok(Some(version.to_owned()));
        let is = |version: &str| Stamp::Version(version.to_owned());
        assert_eq!(judged(found("4.0.1"), true, "4.0.1"), is("4.0.1"));
        assert_eq!(judged(found("4.0.1"), false, "4.0.1"), Stamp::Unknown);
        for is_what_runs in [true, false] {
            assert_eq!(judged(found("4.0.0"), is_what_runs, "4.0.1"), is("4.0.0"));
            assert_eq!(judged(Ok(None), is_what_runs, "4.0.1"), Stamp::Missing);
            let denied = io::Error::from(io::ErrorKind::PermissionDenied);
            assert_eq!(judged(Err(denied), is_what_runs, "4.0.1"), Stamp::Unknown);
        }
    }

    #[test]
    fn an_unchanged_stamp_is_the_version_of_the_package() {
        assert_eq!(version(), env!("CARGO_PKG_VERSION"));
    }
}
