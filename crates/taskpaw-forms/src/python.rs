//! Python's form of a pattern → the same in the form of the engine here.

/// What Python takes for a letter of a word, inside of brackets.
const WORD: &str = r"\p{L}\p{N}_";

/// What Python takes for the end of a text that ends with a line break, too.
const END: &str = r"(?=\n?\z)";

/// A pattern in the form of the engine here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Translated {
    /// For a text that does not end with a line break.
    pub(crate) pattern: String,
    /// For one that does, if that is another one.
    pub(crate) before_newline: Option<String>,
}

/// Rewrites what means the same and is written in another way, or would mean something else. Everything else stays, and the
/// engine refuses what it does not know.
///
/// # Errors
/// What the engine would take for something else.
pub(crate) fn translated(pattern: &str) -> Result<Translated, &'static str> {
    let (with_ends, ends) = written(pattern, END)?;
    // With the flag `m` (`(?m)`, `(?im:…)`) it is the end of each line, which both take for the same.
    let is_other = ends && !has_flag_m(pattern);
    let (pattern, _) = written(pattern, "$")?;
    Ok(Translated { pattern, before_newline: is_other.then_some(with_ends) })
}

fn has_flag_m(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|flags| {
        let end = flags.find([')', ':', '-']).unwrap_or(0);
        flags[..end].bytes().all(|byte| byte.is_ascii_lowercase()) && flags[..end].contains('m')
    })
}

/// The pattern with this in place of each `$`, and whether there is one.
fn written(pattern: &str, end: &str) -> Result<(String, bool), &'static str> {
    let mut out = String::with_capacity(pattern.len());
    let mut ends = false;
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '\\' => escape(after, false, &mut out)?,
            '[' => class(after, &mut out)?,
            '$' => {
                ends = true;
                out.push_str(end);
                after
            }
            '(' if after.starts_with("?#") && after.contains(')') => {
                after.split_once(')').map_or("", |(_, after)| after)
            }
            '{' => match count(after) {
                Some((least, most, after)) => {
                    out.push_str(&format!("{{{least}{most}}}"));
                    after
                }
                // To Python it is itself.
                None => {
                    out.push_str(r"\{");
                    after
                }
            },
            letter => {
                out.push(letter);
                after
            }
        };
    }
    Ok((out, ends))
}

/// `n}`, `n,}`, `,n}`, `n,m}` and `,}`: the least, a comma with the most, and what follows.
fn count(text: &str) -> Option<(String, String, &str)> {
    let (inside, after) = text.split_once('}')?;
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (least, most) = match inside.split_once(',') {
        Some((least, most)) => (least, format!(",{most}")),
        None if inside.is_empty() => return None,
        None => (inside, String::new()),
    };
    if !is_number(least) || !is_number(most.trim_start_matches(',')) || most.matches(',').count() > 1 {
        return None;
    }
    Some((if least.is_empty() { "0".to_owned() } else { least.to_owned() }, most, after))
}

/// What comes after a backslash.
fn escape<'t>(text: &'t str, is_in_class: bool, out: &mut String) -> Result<&'t str, &'static str> {
    let Some(letter) = text.chars().next() else {
        out.push('\\');
        return Ok(text);
    };
    if let Some((code, after)) = octal(text, is_in_class) {
        out.push_str(&format!("\\x{{{code:x}}}"));
        return Ok(after);
    }
    match (letter, is_in_class) {
        ('Z', false) => out.push_str(r"\z"),
        ('w', false) => out.push_str(&format!("[{WORD}]")),
        ('w', true) => out.push_str(WORD),
        ('W', _) => out.push_str(&format!("[^{WORD}]")),
        ('b', true) => out.push_str(r"\x08"),
        // To the engine these are the edges of a word.
        ('<' | '>', _) => out.push(letter),
        // To the engine this is anything but a line break, and names of letters are a megabyte.
        ('N', _) => return Err("a letter by its name is not known here; write the letter itself"),
        (letter, _) if !letter.is_ascii() => out.push(letter),
        _ => {
            out.push('\\');
            out.push(letter);
        }
    }
    Ok(&text[letter.len_utf8()..])
}

/// A letter by its number: `\0`, `\012`, `\101`. Fewer digits refer back to parentheses, except in brackets.
fn octal(text: &str, is_in_class: bool) -> Option<(u32, &str)> {
    let digits = text.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let is_octal = digits == 3 || (digits > 0 && (text.starts_with('0') || is_in_class));
    let code = u32::from_str_radix(&text[..digits], 8).ok().filter(|code| is_octal && *code <= 0o377)?;
    Some((code, &text[digits..]))
}

/// What comes after the bracket that opens: in Python every sign in it is itself, and there are no brackets in brackets.
fn class<'t>(text: &'t str, out: &mut String) -> Result<&'t str, &'static str> {
    out.push('[');
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    // Whether a `-` that comes next is between two letters, and whether the next letter is the second one.
    let (mut has_first, mut is_second) = (false, false);
    let mut is_begin = true;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '\\' => escape(after, true, out)?,
            // One that closes is itself where it comes first.
            ']' if !is_begin => {
                out.push(']');
                return Ok(after);
            }
            '-' if has_first && !after.starts_with(']') => {
                out.push('-');
                (has_first, is_second) = (false, true);
                rest = after;
                continue;
            }
            // The engine takes two of them for something else.
            '[' | ']' | '&' | '~' | '-' => {
                out.push('\\');
                out.push(letter);
                after
            }
            letter => {
                out.push(letter);
                after
            }
        };
        (has_first, is_second, is_begin) = (!is_second, false, false);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_in_another_way_is_the_same() {
        for (python, here) in [
            (r"done\Z", r"done\z"),
            (r"a{,3}b", r"a{0,3}b"),
            (r"a{3}b{1,}c{1,2}d{,}", r"a{3}b{1,}c{1,2}d{0,}"),
            (r"a{x}{}{1,2,3}", r"a\{x}\{}\{1,2,3}"),
            (r"a(?#how so)b", r"ab"),
            (r"(?#never closed", r"(?#never closed"),
            (r"\\Z\[", r"\\Z\["),
            (r"[\Z{,3}(?#x)]", r"[\Z{,3}(?#x)]"),
            (r"[]{,3}]{,3}", r"[\]{,3}]{0,3}"),
            (r"[^]a]\Z", r"[^\]a]\z"),
            (r"[[a&&b~]", r"[\[a\&\&b\~]"),
            (r"[+--a-c-][-x\w-]", r"[+-\-a-c\-][\-x\p{L}\p{N}_\-]"),
            (r"\<\>\ü\ ", r"<>ü\ "),
            (r"\w[\w\W\b]\W", r"[\p{L}\p{N}_][\p{L}\p{N}_[^\p{L}\p{N}_]\x08][^\p{L}\p{N}_]"),
            (r"\0\012\101\1[\1]", r"\x{0}\x{a}\x{41}\1[\x{1}]"),
            ("a\\", "a\\"),
            ("übung", "übung"),
        ] {
            assert_eq!(translated(python).unwrap().pattern, here, "{python}");
        }
    }

    #[test]
    fn the_end_is_before_a_last_line_break_too() {
        let newline = |pattern| translated(pattern).unwrap().before_newline;
        assert_eq!(newline(r"a$"), Some(r"a(?=\n?\z)".to_owned()));
        for same in [r"a\$", r"[$]", "a", "(?m)a$", "(?im:a$)", "(?sm-i:a$)"] {
            assert_eq!(newline(same), None, "{same}");
        }
        assert!(newline("(?i)(?:m)(?<=m)a$").is_some());
        assert!(translated(r"\N{DIGIT ONE}").is_err() && translated(r"[\N{DIGIT ONE}]").is_err());
    }
}
