//! Which version a program is.
//!
//! The version is not compiled into the code but stands in one marked place of each program, so that
//! `npm run build -- --version 4.0.1 --out DIR` can make another version of finished programs in an instant:
//! upgrade tests need many of them. `scripts/lib/stamp.mjs` writes that place; the two must agree.

use std::hint::black_box;
use std::sync::OnceLock;

const MARK: &[u8; 24] = b"TaskPaw version stamp:\0\0";
const ROOM: usize = 40;

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

#[cfg(test)]
mod tests {
    #[test]
    fn an_unchanged_stamp_is_the_version_of_the_package() {
        assert_eq!(super::version(), env!("CARGO_PKG_VERSION"));
    }
}
