//! Patterns as TaskPaw V3 took them, in Python's form, → the same in the form of the engine here.

/// Writes anew what means the same and is written in another way: `\\Z`, `{,n}`, comments. Everything else stays, and the
/// engine refuses what it does not know.
pub(crate) fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    // In brackets a sign is itself.
    let mut is_in_class = false;
    while let Some(letter) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix('\\') {
            let next = escaped.chars().next();
            out.push('\\');
            match next {
                Some('Z') if !is_in_class => out.push('z'),
                Some(next) => out.push(next),
                None => {}
            }
            rest = &escaped[next.map_or(0, char::len_utf8)..];
            continue;
        }
        if is_in_class {
            is_in_class = letter != ']';
        } else if let Some(comment) = rest.strip_prefix("(?#") {
            if let Some((_, after)) = comment.split_once(')') {
                rest = after;
                continue;
            }
        } else if let Some(count) = rest.strip_prefix("{,").filter(|count| is_upper_bound(count)) {
            out.push_str("{0,");
            rest = count;
            continue;
        } else if letter == '[' {
            is_in_class = true;
            out.push('[');
            rest = &rest[1..];
            // A bracket that closes is itself where it comes first.
            for first in ['^', ']'] {
                if let Some(after) = rest.strip_prefix(first) {
                    out.push(first);
                    rest = after;
                }
            }
            continue;
        }
        out.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    out
}

/// `n}`: else the brace is itself to Python.
fn is_upper_bound(count: &str) -> bool {
    count
        .split_once('}')
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_in_another_way_is_the_same() {
        for (python, here) in [
            (r"done\Z", r"done\z"),
            (r"a{,3}b", r"a{0,3}b"),
            (r"a(?#how so)b", r"ab"),
            (r"\\Z", r"\\Z"),
            (r"[\Z{,3}(?#x)]", r"[\Z{,3}(?#x)]"),
            (r"[]{,3}]{,3}", r"[]{,3}]{0,3}"),
            (r"[^]a]\Z", r"[^]a]\z"),
            (r"{,x}", r"{,x}"),
            (r"(?#never closed", r"(?#never closed"),
            ("a\\", "a\\"),
            ("übung", "übung"),
        ] {
            assert_eq!(translated(python), here, "{python}");
        }
        let finds = |pattern: &str, text: &str| crate::compiled(pattern).unwrap().is_match(text);
        assert!(finds(r"^a{,2}\Z", "aa") && !finds(r"^a{,2}\Z", "aaa"));
    }
}
