//! Python's form of a pattern → the same in the form of the engine here.

/// What Python takes for a letter of a word, inside of brackets.
const WORD: &str = r"\p{L}\p{N}_";

/// Writes anew what means the same and is written in another way, or would mean something else. Everything else stays, and the
/// engine refuses what it does not know.
pub(crate) fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '\\' => escape(after, false, &mut out),
            '[' => class(after, &mut out),
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
    out
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
fn escape<'t>(text: &'t str, is_in_class: bool, out: &mut String) -> &'t str {
    let Some(letter) = text.chars().next() else {
        out.push('\\');
        return text;
    };
    if let Some((code, after)) = octal(text, is_in_class) {
        out.push_str(&format!("\\x{{{code:x}}}"));
        return after;
    }
    match (letter, is_in_class) {
        ('Z', false) => out.push_str(r"\z"),
        ('w', false) => out.push_str(&format!("[{WORD}]")),
        ('w', true) => out.push_str(WORD),
        ('W', _) => out.push_str(&format!("[^{WORD}]")),
        ('b', true) => out.push_str(r"\x08"),
        _ => {
            out.push('\\');
            out.push(letter);
        }
    }
    &text[letter.len_utf8()..]
}

/// A letter by its number: `\0`, `\012`, `\101`. Fewer digits refer back to parentheses, except in brackets.
fn octal(text: &str, is_in_class: bool) -> Option<(u32, &str)> {
    let digits = text.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let is_octal = digits == 3 || (digits > 0 && (text.starts_with('0') || is_in_class));
    let code = u32::from_str_radix(&text[..digits], 8).ok().filter(|code| is_octal && *code <= 0o377)?;
    Some((code, &text[digits..]))
}

/// What comes after the bracket that opens: in Python every sign in it is itself, and there are no brackets in brackets.
fn class<'t>(text: &'t str, out: &mut String) -> &'t str {
    out.push('[');
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    // One that closes is itself where it comes first.
    if let Some(after) = rest.strip_prefix(']') {
        out.push_str(r"\]");
        rest = after;
    }
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '\\' => escape(after, true, out),
            ']' => {
                out.push(']');
                return after;
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(letter);
                after
            }
            letter => {
                out.push(letter);
                after
            }
        };
    }
    rest
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
            (r"\w[\w\W\b]\W", r"[\p{L}\p{N}_][\p{L}\p{N}_[^\p{L}\p{N}_]\x08][^\p{L}\p{N}_]"),
            (r"\0\012\101\1[\1]", r"\x{0}\x{a}\x{41}\1[\x{1}]"),
            ("a\\", "a\\"),
            ("übung", "übung"),
        ] {
            assert_eq!(translated(python), here, "{python}");
        }
    }
}
