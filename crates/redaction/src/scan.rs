//! One pass over a text: what stands beside a secret name, in an address, in a header, or is a secret by its form.

use std::cell::Cell;

use crate::labels::{Strength, strength};
use crate::{REMOVED, address, shape};

/// The most spaces between a name and its value.
const SPACES: usize = 8;
/// The longest password that is recognised before a machine without a scheme: `user:password@machine`.
const LONGEST_PASSWORD: usize = 128;
/// So far a value is looked at whose name alone does not say that it is secret. One that goes on is secret.
const LONGEST_STATE: usize = 512;
/// What stands for a secret that has gone.
const GONE: [&str; 2] = [REMOVED, "(token removed)"];
/// Headers whose whole line is secret.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// What stands before a secret in the value of a header.
const SCHEMES: [&str; 7] = ["bearer", "basic", "token", "digest", "negotiate", "ntlm", "apikey"];
/// What follows the word `bearer` in a sentence.
const PROSE: [&str; 8] = ["token", "tokens", "auth", "authentication", "authorization", "of", "is", "scheme"];
/// Values that tell nothing.
const NOTHING: [&str; 6] = ["none", "null", "nil", "undefined", "true", "false"];
/// Values of a name that means a state as often as a secret.
const STATES: [&str; 14] = [
    "ok", "yes", "no", "on", "off", "failed", "failure", "success", "required", "optional", "disabled",
    "enabled", "denied", "missing",
];

/// The text without secrets; `None` if there are none.
pub(crate) fn cleaned(text: &str) -> Option<String> {
    let mut scan = Scan { text, cleaned: String::new(), copied: 0, line: Cell::new(0) };
    let mut at = 0;
    let mut before = '\n';
    while let Some(letter) = text[at..].chars().next() {
        let next = match scan.secret(at, letter, before) {
            Next::Removed(from, to) => {
                scan.remove(from, to);
                to
            }
            Next::Replaced(from, to, by) => {
                scan.replace(from, to, &by);
                to
            }
            Next::Passed(to) => to,
        };
        before = text[at..next].chars().next_back().unwrap_or(before);
        at = next;
    }
    (scan.copied > 0).then(|| {
        scan.cleaned.push_str(&text[scan.copied..]);
        scan.cleaned
    })
}

/// What is found at a place.
enum Next {
    /// A secret, from here to there.
    Removed(usize, usize),
    /// An address, from here to there, which is this without its secrets.
    Replaced(usize, usize, String),
    /// Nothing up to there.
    Passed(usize),
}

struct Scan<'a> {
    text: &'a str,
    cleaned: String,
    /// So far the text is in `cleaned`.
    copied: usize,
    /// Where the line ends that was looked at last: a long line is not gone through for every word of it.
    line: Cell<usize>,
}

impl<'a> Scan<'a> {
    fn remove(&mut self, from: usize, to: usize) {
        self.replace(from, to, REMOVED);
    }

    fn replace(&mut self, from: usize, to: usize, by: &str) {
        self.cleaned.push_str(&self.text[self.copied..from]);
        self.cleaned.push_str(by);
        self.copied = to;
    }

    fn rest(&self, at: usize) -> &'a str {
        &self.text[at..]
    }

    /// Where the line ends.
    fn line_end(&self, at: usize) -> usize {
        if self.line.get() < at || self.line.get() == 0 {
            self.line.set(self.rest(at).find(['\n', '\r']).map_or(self.text.len(), |length| at + length));
        }
        self.line.get()
    }

    fn secret(&self, at: usize, letter: char, before: char) -> Next {
        if letter == '-' && self.rest(at).starts_with("-----BEGIN ") {
            return self.key_file(at);
        }
        if before == '\n' {
            let end = self.line_end(at);
            if shape::is_key_line(&self.text[at..end]) {
                return Next::Removed(at, end);
            }
        }
        if !is_word(letter) {
            return Next::Passed(at + letter.len_utf8());
        }
        let is_run = |letter: char| is_word(letter) || matches!(letter, '.' | '-');
        let end = self.rest(at).find(|letter| !is_run(letter)).map_or(self.text.len(), |length| at + length);
        let run = &self.text[at..end];
        if !matches!(before, '/' | '+')
            && let Some(length) = shape::key_length(self.rest(at))
        {
            return Next::Removed(at, at + length);
        }
        if self.rest(end).starts_with("://") {
            let begin = end + "://".len();
            let stop = begin + address::length(self.rest(begin));
            let whole = &self.text[begin..stop];
            let clean =
                if run.eq_ignore_ascii_case("file") { whole.to_owned() } else { address::cleaned(whole) };
            return if clean == whole { Next::Passed(stop) } else { Next::Replaced(begin, stop, clean) };
        }
        let found = self
            .scheme(run, end)
            .or_else(|| self.named(at, end, before))
            .or_else(|| self.user(at, end, before));
        if let Some((from, to)) = found {
            return Next::Removed(from, to);
        }
        match shape::service_token(run) {
            Some(begin) => Next::Removed(at + begin, end),
            None => Next::Passed(end),
        }
    }

    /// A key as files hold it, whole; what is not a private one is passed.
    fn key_file(&self, at: usize) -> Next {
        let header = &self.text[at..self.line_end(at)];
        let header_end =
            header["-----BEGIN ".len()..].find("-----").map(|length| length + "-----BEGIN -----".len());
        let Some(header_end) = header_end.filter(|&end| header[..end].contains("PRIVATE KEY")) else {
            return Next::Passed(at + "-----BEGIN ".len());
        };
        let body = at + header_end;
        let footer = self.rest(body).find("-----END ").map(|length| body + length);
        let end = footer.map(|footer| {
            let after = footer + "-----END ".len();
            self.rest(after)
                .find("-----")
                .map_or(self.line_end(after), |length| after + length + "-----".len())
        });
        Next::Removed(at, end.unwrap_or(self.text.len()))
    }

    /// `Bearer` or `Basic`, and what follows.
    fn scheme(&self, run: &str, end: usize) -> Option<(usize, usize)> {
        let (is_bearer, is_basic) = (run.eq_ignore_ascii_case("bearer"), run.eq_ignore_ascii_case("basic"));
        if !is_bearer && !is_basic {
            return None;
        }
        let begin = match self.rest(end) {
            rest if rest.starts_with("%20") => end + 3,
            rest if rest.starts_with(' ') => self.spaces(end),
            _ => return None,
        };
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
        let length = match is_basic {
            true => self.rest(begin).bytes().take_while(|byte| is_letter(byte)).count(),
            false => self.bare_end(begin, false, usize::MAX) - begin,
        };
        let value = self.text[begin..begin + length].trim_end_matches([',', ';', '.', ')', '!', '?', ':']);
        let is_prose = PROSE.iter().any(|word| value.eq_ignore_ascii_case(word));
        let is_base64 = value.len() >= 6
            && value.bytes().skip(1).any(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'=');
        let is_secret = !is_gone(value) && if is_bearer { !value.is_empty() && !is_prose } else { is_base64 };
        is_secret.then_some((begin, begin + value.len()))
    }

    /// A value beside a name that says that it is secret.
    fn named(&self, at: usize, end: usize, before: char) -> Option<(usize, usize)> {
        let name = self.text[at..end].trim_end_matches(['.', '-']);
        let (begin, sign) = self.separator(at + name.len(), name, before)?;
        let is_login = before == '-' && ["u", "user", "proxy-user", "U"].contains(&name);
        let is_query = matches!(before, '?' | '&');
        let strength = match strength(name) {
            _ if is_login => Strength::Weak,
            Some(Strength::Faint) | None if is_query && ["key", "code", "sig", "k"].contains(&name) => {
                Strength::Strong
            }
            // As in `ms per token: 12`.
            Some(Strength::Strong) if self.text[..at].ends_with("per ") => return None,
            // The module that says a line of a log.
            Some(_) if self.text[..at].ends_with("::") => return None,
            // A list of texts is none of numbers.
            Some(_) if ["[\"", "['", "[\\"].iter().any(|list| self.rest(begin).starts_with(list)) => {
                Strength::Strong
            }
            found => found?,
        };
        let is_header = sign == Sign::Colon && HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header));
        if GONE.iter().any(|gone| self.rest(begin).starts_with(gone)) {
            return None;
        }
        let header = is_header
            .then(|| (before, self.text[..at].ends_with(['"', '\'']) && self.text[..at - 1].ends_with('\\')));
        let (from, to) = self.value(begin, sign, strength, header, is_query)?;
        let value = &self.text[from..to];
        let is_nothing = |words: &[&str]| {
            let value = value.trim_end_matches([',', ';', '.', ')', ']', '}']);
            words.iter().any(|word| value.eq_ignore_ascii_case(word))
        };
        let is_secret = match strength {
            _ if value.is_empty() || is_gone(value) || is_nothing(&NOTHING) => false,
            _ if is_login => {
                value.contains(':') && value.bytes().any(|byte| !byte.is_ascii_digit() && byte != b':')
            }
            Strength::Strong => true,
            _ if to - from >= LONGEST_STATE => true,
            Strength::Weak if is_number(value) || is_nothing(&STATES) => false,
            Strength::Weak => sign != Sign::Colon || looks_chosen(value),
            Strength::Faint => shape::is_random(value),
        };
        is_secret.then_some((from, to))
    }

    /// What stands between a name and its value: where the value begins, and how it was said.
    fn separator(&self, end: usize, name: &str, before: char) -> Option<(usize, Sign)> {
        let quoted = self.quote(end).map_or(end, |(after, _, _)| after);
        // As in `environ["TOKEN"] = "x"`.
        let quoted = if quoted > end && self.rest(quoted).starts_with(']') { quoted + 1 } else { quoted };
        let at = self.spaces(quoted);
        let rest = self.rest(at);
        let (length, sign) = match rest.as_bytes() {
            [b'=', ..] => (rest.len() - rest.trim_start_matches(['=', '>', '~']).len(), Sign::Equals),
            [b'%', b'3', b'D' | b'd', ..] => (3, Sign::Equals),
            [b':', b':', ..] => return None,
            [b':', b'=', ..] => (2, Sign::Equals),
            [b':', ..] => (1, Sign::Colon),
            [b'>', ..] if before == '<' => (1, Sign::Element),
            [b',', ..] if before == '-' && quoted > end => (1, Sign::Flag),
            _ if rest.starts_with('：') => ('：'.len_utf8(), Sign::Colon),
            _ if before == '-' && at > quoted => (0, Sign::Flag),
            [b'\'' | b'"', ..] if at > end && strength(name) == Some(Strength::Strong) => (0, Sign::Flag),
            _ => return None,
        };
        Some((self.spaces(at + length), sign))
    }

    /// From where to where a value goes.
    fn value(
        &self,
        begin: usize,
        sign: Sign,
        strength: Strength,
        header: Option<(char, bool)>,
        is_query: bool,
    ) -> Option<(usize, usize)> {
        if let Some((from, quote, slashes)) = self.quote(begin) {
            return Some((from, self.quote_end(from, quote, slashes)));
        }
        let line = &self.text[begin..self.line_end(begin)];
        let first = line.chars().next()?;
        let is_strong = strength == Strength::Strong;
        match header {
            // A quote before the name of the header ends behind its value.
            Some((quote @ ('"' | '\''), is_escaped)) => {
                return Some((begin, self.quote_end(begin, quote, usize::from(is_escaped))));
            }
            Some(_) => return Some((begin, begin + line.len())),
            None => {}
        }
        match first {
            _ if sign == Sign::Element && is_strong => {
                return Some((begin, begin + line.find('<').unwrap_or(line.len())));
            }
            _ if sign == Sign::Flag && first == '-' => return None,
            '[' if is_strong => return Some((begin, begin + line.find(']').map_or(line.len(), |at| at + 1))),
            '{' => return None,
            _ => {}
        }
        let mut end = self.bare_end(begin, is_query, if is_strong { usize::MAX } else { LONGEST_STATE });
        if !is_strong && end - begin >= LONGEST_STATE {
            end = self.bare_end(begin, is_query, usize::MAX);
        }
        if SCHEMES.iter().any(|scheme| self.text[begin..end].eq_ignore_ascii_case(scheme)) {
            let next = self.spaces(end);
            let after = self.bare_end(next, is_query, usize::MAX);
            if after > next {
                return Some((begin, after));
            }
        }
        Some((begin, end))
    }

    /// Where a value without quotes ends, or where it is that long. A quote that opens something in it, as in `Some("x")`, is
    /// gone over.
    fn bare_end(&self, begin: usize, is_query: bool, longest: usize) -> usize {
        let mut opened = None;
        let mut before = None;
        let mut passed = 0;
        for (at, letter) in self.rest(begin).char_indices() {
            if at < passed {
                continue;
            }
            let is_end = match letter {
                '\n' | '\r' => true,
                _ if at >= longest => true,
                _ if opened.is_some() => {
                    if opened == Some(letter) {
                        opened = None;
                    }
                    false
                }
                '"' | '\'' if before.is_some_and(|before| "([{=,".contains(before)) => {
                    opened = Some(letter);
                    false
                }
                '"' | '\'' | '<' | '`' => true,
                '\\' => match self.quote(begin + at) {
                    Some((after, quote, _)) if before.is_some_and(|before| "([{=,".contains(before)) => {
                        (opened, passed) = (Some(quote), after - begin);
                        false
                    }
                    found => found.is_some(),
                },
                '&' => is_query,
                letter => letter.is_whitespace(),
            };
            if is_end {
                return begin + at;
            }
            before = Some(letter);
        }
        self.text.len()
    }

    /// `user:password` before `@machine`, where no scheme says that it is an address.
    fn user(&self, at: usize, end: usize, before: char) -> Option<(usize, usize)> {
        let rest = self.rest(end).strip_prefix(':')?;
        if let Some(found) = self.telegram(at, end, rest) {
            return Some(found);
        }
        if !(before.is_whitespace() || matches!(before, '"' | '\'' | '=' | ',' | '(' | '[')) {
            return None;
        }
        let is_end =
            |letter: char| letter.is_whitespace() || matches!(letter, '/' | '"' | '\'' | '<' | '>' | '(');
        let mut password = 0;
        for (length, letter) in rest.char_indices().take(LONGEST_PASSWORD) {
            match letter {
                '@' if length > 0 => password = length,
                letter if is_end(letter) => break,
                _ => {}
            }
        }
        let machine = rest.get(password + 1..)?;
        let is_machine =
            machine.starts_with(|letter: char| letter.is_alphanumeric()) && !machine.starts_with("sha256:");
        (password > 0 && is_machine).then_some((at, end + 1 + password))
    }

    /// The token of a bot of Telegram: a number, and 35 letters.
    fn telegram(&self, at: usize, end: usize, rest: &str) -> Option<(usize, usize)> {
        let number = self.text[at..end].trim_start_matches("bot");
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = rest.bytes().take(64).take_while(is_letter).count();
        let is_token =
            (8..=12).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit()) && length >= 30;
        is_token.then_some((at, end + 1 + length))
    }

    fn spaces(&self, at: usize) -> usize {
        at + self.rest(at).bytes().take(SPACES).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    /// A quote, also one behind backslashes: where what is quoted begins, which quote, and how many backslashes.
    fn quote(&self, at: usize) -> Option<(usize, char, usize)> {
        let slashes = self.rest(at).bytes().take(SPACES).take_while(|&byte| byte == b'\\').count();
        let quote =
            self.rest(at + slashes).chars().next().filter(|letter| matches!(letter, '"' | '\'' | '`'))?;
        Some((at + slashes + 1, quote, slashes))
    }

    /// Where a value ends behind a quote with so many backslashes: at the next such one, or with the line. One with more of them
    /// is a part of the value.
    fn quote_end(&self, from: usize, quote: char, escaped: usize) -> usize {
        let mut slashes = 0;
        for (at, letter) in self.rest(from).char_indices() {
            match letter {
                '\n' | '\r' => return from + at,
                '\\' => slashes += 1,
                letter if letter == quote && (slashes <= escaped || escaped == 0 && slashes % 2 == 0) => {
                    return from + at - slashes;
                }
                _ => slashes = 0,
            }
        }
        self.text.len()
    }
}

/// How a value is said to belong to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// `name=value`
    Equals,
    /// `name: value`
    Colon,
    /// `--name value`
    Flag,
    /// `<name>value`
    Element,
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_gone(value: &str) -> bool {
    GONE.iter().any(|gone| value.starts_with(gone) || gone.starts_with(value))
}

/// A number, perhaps with its unit.
fn is_number(value: &str) -> bool {
    value.starts_with(|letter: char| letter.is_ascii_digit())
        && value.len() <= 12
        && !shape::is_random(value)
        && value.bytes().filter(u8::is_ascii_alphabetic).count() <= 3
}

/// Whether somebody, or a program, chose it to be hard to guess.
fn looks_chosen(value: &str) -> bool {
    let has = |what: fn(&u8) -> bool| value.as_bytes().iter().any(what);
    value.len() >= 8 && !value.contains(' ') && has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit)
}
