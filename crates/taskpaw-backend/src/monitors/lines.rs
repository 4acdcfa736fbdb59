//! Bytes of a growing file → its lines: UTF-8, or the UTF-16 that programs for Windows write.

/// A line that is longer is cut there.
pub(super) const LINE_BYTES: usize = 64 * 1024;

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// One byte, or more, for a letter.
    Utf8,
    /// Two bytes, the lower one first.
    Utf16Le,
    /// Two bytes, the higher one first.
    Utf16Be,
}

impl Encoding {
    /// By the first two bytes of a file: its mark, or a letter of ASCII with its other half.
    pub(super) fn of(first: [u8; 2]) -> Self {
        match first {
            [0xff, 0xfe] => Self::Utf16Le,
            [0xfe, 0xff] => Self::Utf16Be,
            [1..=0x7f, 0] => Self::Utf16Le,
            [0, 1..=0x7f] => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    /// How many bytes belong together.
    pub(super) fn unit(self) -> usize {
        if self == Self::Utf8 { 1 } else { 2 }
    }

    /// A carriage return ends a line as well: progress bars write over themselves with it.
    fn is_end(self, unit: &[u8]) -> bool {
        match (self, unit) {
            (Self::Utf8, [byte]) | (Self::Utf16Le, [byte, 0]) | (Self::Utf16Be, [0, byte]) => {
                matches!(byte, b'\n' | b'\r')
            }
            _ => false,
        }
    }

    fn text(self, bytes: &[u8]) -> String {
        let pair = |bytes: &[u8]| bytes.try_into().unwrap_or_default();
        let decoded = |number: fn([u8; 2]) -> u16| {
            let units = bytes.chunks_exact(2).map(|unit| number(pair(unit)));
            char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        };
        let text: String = match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Utf16Le => decoded(u16::from_le_bytes),
            Self::Utf16Be => decoded(u16::from_be_bytes),
        };
        text.trim_start_matches('\u{feff}').trim_end().to_owned()
    }
}

/// The line that is being written.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: Vec<u8>,
    /// How many bytes it has, with those that were cut.
    pub(super) length: u64,
}

impl Partial {
    /// Adds bytes, whole units of them; says each line that they end, with how many of them come up to its end.
    pub(super) fn add(&mut self, bytes: &[u8], encoding: Encoding, mut line: impl FnMut(String, usize)) {
        let mut begin = 0;
        let size = encoding.unit();
        for (at, unit) in bytes.chunks_exact(size).enumerate() {
            if !encoding.is_end(unit) {
                continue;
            }
            let end = (at + 1) * size;
            self.extend(&bytes[begin..end - size]);
            if let Some(text) = self.end(encoding) {
                line(text, end);
            }
            begin = end;
        }
        self.extend(&bytes[begin..]);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len() as u64;
    }

    /// The line has come to its end; an empty one is none.
    pub(super) fn end(&mut self, encoding: Encoding) -> Option<String> {
        let bytes = std::mem::take(self).bytes;
        Some(encoding.text(&bytes)).filter(|text| !text.is_empty())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let encoding = Encoding::of([bytes[0], bytes[1]]);
        let (mut partial, mut lines) = (Partial::default(), Vec::new());
        // However it arrives.
        for part in bytes.chunks(4) {
            partial.add(part, encoding, |line, _| lines.push(line));
        }
        lines.extend(partial.end(encoding));
        lines
    }

    #[test]
    fn what_powershell_writes_is_read() {
        let text = "\u{feff}50 %\r\n完成 😀\nlast";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes(), &le, &be, &le[2..], &be[2..]] {
            assert_eq!(lines(bytes), ["50 %", "完成 😀", "last"], "{bytes:?}");
        }
        // A letter whose one half looks like the end of a line is none.
        let odd: Vec<u8> = "\u{feff}\u{0a0d}\u{0d0a}b".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&odd), ["\u{0a0d}\u{0d0a}b"]);
        assert_eq!(lines(b"\xff\xfe\n\0"), Vec::<String>::new(), "the mark alone is no line");
    }
}
