//! Lines of JSON, as two hosts exchange them.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest line, in bytes.
pub(super) const LONGEST_LINE: u64 = 64 * 1024;

/// Writes one line of JSON.
pub(super) fn write_line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one line of JSON, of bounded length. What follows it may be lost.
pub(super) fn read_line<T: DeserializeOwned>(from: impl Read) -> io::Result<T> {
    read_from(&mut BufReader::new(from))
}

/// Reads one line of JSON, of bounded length, and nothing of what follows.
pub(super) fn read_from<T: DeserializeOwned>(from: &mut BufReader<impl Read>) -> io::Result<T> {
    let mut line = String::new();
    from.take(LONGEST_LINE).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_str(&line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_is_whole_or_an_error() {
        assert!(read_line::<Value>(&b""[..]).is_err());
        assert!(read_line::<Value>(&b"{\"taskpaw_instance\":1,\"ver"[..]).is_err());
        let endless = std::iter::repeat_n(b' ', 1 << 20).collect::<Vec<_>>();
        assert!(read_line::<Value>(&endless[..]).is_err());
    }
}
