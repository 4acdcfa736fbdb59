//! The line by which a machine is added to a hub: where its agent is, what it asks for, and what people call it, as one
//! text to copy and to paste. It is an address of nothing: no program opens it, and no web page can send it.
//!
//! ```text
//! taskpaw-machine 1, 192.168.1.5:5680, TOKEN, render-01, 5f0c1a2b
//! ```
//!
//! The number is the version of the line, and the last part the CRC-32 of what stands before it. What mail and chats do to a
//! text on its way (line breaks, spaces, quotes, marks that nobody sees) is taken away before it is read, since no part has any.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a line for a machine begins with.
const WORD: &str = "taskpaw-machine";
/// The version of the line that is written here.
const VERSION: &str = "1";
/// More than any line has, with what may stand around it in a message.
const LONGEST: usize = 8192;
/// The longest token: it travels in a header.
const LONGEST_TOKEN: usize = 512;
/// The longest name, as an agent of a hub has.
const LONGEST_NAME: usize = 100;

/// A machine that a hub can reach.
#[derive(Clone, PartialEq, Eq)]
pub struct PairingLine {
    /// Where its agent listens.
    pub address: SocketAddr,
    /// What it asks for: letters, digits and signs of ASCII.
    pub token: String,
    /// What people call it.
    pub name: String,
}

/// Why a text is not a line for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PairingRefusal {
    /// Nothing that TaskPaw writes.
    #[error("it is no line for a machine: copy it anew on the machine that is to be added")]
    NotALine,
    /// TaskPaw has written it, for something else.
    #[error("it is a line of TaskPaw for something else than a machine")]
    OtherUse,
    /// A later version has written it.
    #[error("a newer TaskPaw has written it: install that version here too")]
    Newer,
    /// Something of it is missing, or another than it was.
    #[error("it is not whole: copy it anew, from its beginning to its end")]
    Damaged,
    /// The line is longer than any line for a machine.
    #[error("it is longer than any line for a machine")]
    TooLong,
}

/// Without the token.
impl fmt::Debug for PairingLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairingLine")
            .field("address", &self.address)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl PairingLine {
    /// The line, with the token in clear.
    #[must_use]
    pub fn written(&self) -> String {
        let parts =
            format!("{WORD} {VERSION}, {}, {}, {}", self.address, escaped(&self.token), escaped(&self.name));
        let sum = crc32(bare(&parts).as_bytes());
        format!("{parts}, {sum:08x}")
    }

    /// Where its agent answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Reads what a person has pasted, whatever stands around the line.
    ///
    /// # Errors
    /// [`PairingRefusal`].
    pub fn read(text: &str) -> Result<Self, PairingRefusal> {
        if text.len() > LONGEST {
            return Err(PairingRefusal::TooLong);
        }
        let text = bare(text);
        let Some(at) = text.find(WORD) else {
            return Err(if text.contains("taskpaw-") {
                PairingRefusal::OtherUse
            } else {
                PairingRefusal::NotALine
            });
        };
        let line = &text[at..];
        let mut parts = line.splitn(6, ',');
        let version = parts.next().and_then(|part| part.strip_prefix(WORD)).unwrap_or_default();
        if version != VERSION {
            return Err(match version.parse::<u32>() {
                Ok(_) => PairingRefusal::Newer,
                // Another word that begins alike.
                Err(_) if version.starts_with('-') => PairingRefusal::OtherUse,
                Err(_) => PairingRefusal::Damaged,
            });
        }
        let mut next = || parts.next().ok_or(PairingRefusal::Damaged);
        let (address, token, name, sum) = (next()?, next()?, next()?, next()?);
        let guarded = format!("{WORD}{VERSION},{address},{token},{name}");
        // Whatever stands behind it in a message, such as a full stop.
        let sum = sum.get(..8).ok_or(PairingRefusal::Damaged)?;
        if u32::from_str_radix(sum, 16) != Ok(crc32(guarded.as_bytes())) {
            return Err(PairingRefusal::Damaged);
        }
        let address =
            address.parse::<SocketAddr>().ok().filter(|at| is_of_a_machine(at.ip()) && at.port() != 0);
        let token = unescaped(token).filter(|token| is_token(token));
        let name = unescaped(name).filter(|name| is_name(name));
        match (address, token, name) {
            (Some(address), Some(token), Some(name)) => Ok(Self { address, token, name }),
            _ => Err(PairingRefusal::Damaged),
        }
    }
}

fn is_of_a_machine(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

fn is_token(token: &str) -> bool {
    !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// Without what a text may get on its way: only what can stand in a line is left.
fn bare(text: &str) -> String {
    text.chars().filter(|&letter| is_plain(letter) || matches!(letter, ',' | ':' | '[' | ']' | '%')).collect()
}

/// What stands for itself in a part.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// A part whose every other byte is written as `%` and two digits.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(char::from(byte)) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn unescaped(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// CRC-32 as in ISO 3309: it finds every single change of up to 32 bits in a row.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(address: &str, token: &str, name: &str) -> PairingLine {
        PairingLine { address: address.parse().unwrap(), token: token.into(), name: name.into() }
    }

    fn any_line() -> impl Strategy<Value = PairingLine> {
        let address = prop_oneof![
            (any::<[u8; 4]>(), 1..=u16::MAX).prop_map(|(ip, port)| SocketAddr::from((ip, port))),
            (any::<[u8; 16]>(), 1..=u16::MAX).prop_map(|(ip, port)| SocketAddr::from((ip, port))),
        ];
        (address, "[!-~]{1,80}", "\\PC{1,60}")
            .prop_filter("an address of one machine, and a name", |(address, _, name)| {
                is_of_a_machine(address.ip()) && is_name(name)
            })
            .prop_map(|(address, token, name)| PairingLine { address, token, name })
    }

    #[test]
    fn it_reads_as_it_was_written() {
        let known = line("192.168.1.5:5680", "0123456789abcdef", "Render 01");
        let written = known.written();
        assert_eq!(written, "taskpaw-machine 1, 192.168.1.5:5680, 0123456789abcdef, Render%2001, 6f0dc1e1");
        assert_eq!(PairingLine::read(&written), Ok(known.clone()));
        assert_eq!(known.url(), "http://192.168.1.5:5680");
        let with_6 = line("[fd00::5]:5680", "a,b\"c d%".replace(' ', "").as_str(), "Büro, 渲染机");
        assert_eq!(PairingLine::read(&with_6.written()), Ok(with_6.clone()));
        assert_eq!(with_6.url(), "http://[fd00::5]:5680");
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", line("10.0.0.1:1", "secret-secret-secret", "n")).contains("secret"));
    }

    #[test]
    fn it_is_said_what_a_text_is_instead() {
        let read = |text: &str| PairingLine::read(text);
        assert_eq!(read("http://192.168.1.5:5680"), Err(PairingRefusal::NotALine));
        assert_eq!(read(""), Err(PairingRefusal::NotALine));
        assert_eq!(read("taskpaw-settings 1, x"), Err(PairingRefusal::OtherUse));
        assert_eq!(read("taskpaw-machine-group 1, x"), Err(PairingRefusal::OtherUse));
        assert_eq!(read("taskpaw-machine 2, [new]"), Err(PairingRefusal::Newer));
        assert_eq!(read("taskpaw-machine 1, 192.168.1.5:5680"), Err(PairingRefusal::Damaged));
        assert_eq!(read("taskpaw-machine"), Err(PairingRefusal::Damaged));
        assert_eq!(read(&"taskpaw-machine 1".repeat(1000)), Err(PairingRefusal::TooLong));
        // Whole, and no machine.
        let nobody = line("0.0.0.0:5680", "t", "n").written();
        assert_eq!(read(&nobody), Err(PairingRefusal::Damaged));
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_reads_as_it_was_written(line in any_line()) {
            prop_assert_eq!(PairingLine::read(&line.written()), Ok(line));
        }

        /// Mail breaks lines, chats put quotes around and marks between, people copy what stands beside.
        #[test]
        fn what_a_message_does_to_it_is_survived(
            line in any_line(),
            every in 1_usize..40,
            noise in prop::sample::select(vec!["\n", "\r\n> ", "  ", "\u{200b}", "\u{a0}", "\"", "”", "`", "\t"]),
            around in prop::sample::select(vec![("", ""), ("Here it is: ", "."), ("“", "”"), ("```\n", "\n```"), ("> ", "\n\nAnna")]),
        ) {
            let written = line.written();
            let letters: Vec<char> = written.chars().collect();
            let broken: Vec<String> = letters.chunks(every).map(|part| part.iter().collect()).collect();
            let pasted = format!("{}{}{}", around.0, broken.join(noise), around.1);
            prop_assert_eq!(PairingLine::read(&pasted), Ok(line));
        }

        #[test]
        fn one_that_was_changed_or_cut_is_refused(line in any_line(), at in any::<prop::sample::Index>(), by in 0_u8..26) {
            let written = line.written();
            let at = at.index(written.len());
            prop_assert!(PairingLine::read(&written[..at]).is_err());
            let letter = char::from(b'A' + by);
            let changed = format!("{}{letter}{}", &written[..at], &written[at + 1..]);
            let read = PairingLine::read(&changed);
            let is_same = bare(&changed) == bare(&written) || changed.to_lowercase() == written.to_lowercase();
            prop_assert!(is_same || read.is_err(), "{} was read", changed);
        }

        #[test]
        fn whatever_is_pasted_it_is_read_or_refused(text in "\\PC{0,300}") {
            let _ = PairingLine::read(&text);
        }
    }
}
