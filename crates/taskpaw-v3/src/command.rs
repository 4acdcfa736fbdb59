//! A command as V3 wrote it, in one line, taken apart into a program and its arguments.

/// Takes a command apart; nothing if a quote is left open, or nothing is left. A backslash stands for the next letter
/// as it is, except on Windows, where paths are made with it.
pub(super) fn split(line: &str, has_escapes: bool) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some('"'), '\\') if has_escapes => {
                let next = letters.next()?;
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\\') if has_escapes => word.get_or_insert_default().push(letters.next()?),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_ascii_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    (quote.is_none() && words.first().is_some_and(|program| !program.is_empty())).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_line_is_taken_apart_as_a_shell_would() {
        for (line, words) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("'a b' \"c d\" e' 'f", &["a b", "c d", "e f"]),
            (r#"a\ b "c\"d" 'e\f' "g\h""#, &["a b", "c\"d", "e\\f", "g\\h"]),
            ("a '' b", &["a", "", "b"]),
        ] {
            assert_eq!(split(line, true).unwrap(), words, "{line}");
        }
        for line in ["", "   ", "a 'b", "a \"b", "a\\", "'' a"] {
            assert_eq!(split(line, true), None, "{line}");
        }
    }

    #[test]
    fn on_windows_a_backslash_is_a_backslash() {
        let words = split(r#""C:\Program Files\x.exe" C:\in\a.bat"#, false).unwrap();
        assert_eq!(words, [r"C:\Program Files\x.exe", r"C:\in\a.bat"]);
    }
}
