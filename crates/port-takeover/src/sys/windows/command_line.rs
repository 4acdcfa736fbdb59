//! A command line as a list of arguments: pure, and tested on every system.

/// Splits a command line by the rules of `CommandLineToArgvW`.
///
/// The program ends at its closing quote, or unquoted at the first space; a backslash means nothing in it.
/// After it, backslashes mean something only before a quote: each pair is one, and an odd one makes the quote
/// a character. A third quote in a row, counted from the one that opened the quoted part, is a character too
/// and closes that part.
pub(super) fn arguments(line: &str) -> Vec<String> {
    if line.is_empty() {
        return Vec::new();
    }
    let (program, mut rest) = program(line);
    let mut arguments = vec![program.to_owned()];
    loop {
        rest = rest.trim_start_matches(is_space);
        if rest.is_empty() {
            return arguments;
        }
        let (argument, after) = argument(rest);
        arguments.push(argument);
        rest = after;
    }
}

fn program(line: &str) -> (&str, &str) {
    let split = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').or(Some((quoted, ""))),
        None => line.find(is_space).map(|at| line.split_at(at)),
    };
    split.unwrap_or((line, ""))
}

/// The first argument, and what follows it.
fn argument(text: &str) -> (String, &str) {
    let mut argument = String::new();
    let mut backslashes = 0;
    // 0 outside a quoted part, 1 in one, 2 directly behind its closing quote.
    let mut quotes = 0;
    for (at, character) in text.char_indices() {
        if character == '\\' {
            if quotes == 2 {
                quotes = 0;
            }
            backslashes += 1;
            continue;
        }
        if character == '"' {
            let is_character = backslashes % 2 == 1;
            argument.extend(std::iter::repeat_n('\\', backslashes / 2));
            // A backslash in between ended a row of quotes, but not the quoted part.
            backslashes = 0;
            if is_character {
                argument.push('"');
            } else if quotes == 2 {
                argument.push('"');
                quotes = 0;
            } else {
                quotes += 1;
            }
            continue;
        }
        if quotes == 2 {
            quotes = 0;
        }
        argument.extend(std::iter::repeat_n('\\', backslashes));
        backslashes = 0;
        if quotes == 0 && is_space(character) {
            return (argument, &text[at..]);
        }
        argument.push(character);
    }
    argument.extend(std::iter::repeat_n('\\', backslashes));
    (argument, "")
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(line: &str) -> Vec<String> {
        arguments(line)
    }

    #[test]
    fn the_program_is_what_the_quotes_or_a_space_end() {
        assert_eq!(
            split(r#""C:\Program Files\App\backend.exe" agent"#),
            [r"C:\Program Files\App\backend.exe", "agent"]
        );
        assert_eq!(split(r"C:\App\backend.exe hub"), [r"C:\App\backend.exe", "hub"]);
        assert_eq!(split(r"C:\App\backend.exe"), [r"C:\App\backend.exe"]);
        assert_eq!(split(r#""C:\App\" agent"#), [r"C:\App\", "agent"]);
        assert_eq!(split(r#""never closed agent"#), ["never closed agent"]);
        assert_eq!(split(" agent"), ["", "agent"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn spaces_and_tabs_separate_arguments() {
        assert_eq!(split("b  agent\t--config   x  "), ["b", "agent", "--config", "x"]);
    }

    /// From the documentation of `CommandLineToArgvW` and of the C runtime.
    #[test]
    fn backslashes_mean_something_only_before_a_quote() {
        for (line, expected) in [
            (r#"b "abc" d e"#, &["abc", "d", "e"][..]),
            (r#"b a\\b d"e f"g h"#, &[r"a\\b", "de fg", "h"]),
            (r#"b a\\\"b c d"#, &[r#"a\"b"#, "c", "d"]),
            (r#"b a\\\\"b c" d e"#, &[r"a\\b c", "d", "e"]),
            (r#"b "a\\" c"#, &[r"a\", "c"]),
            (r#"b --config-dir="C:\Users\A B\\" agent"#, &[r"--config-dir=C:\Users\A B\", "agent"]),
            (r"b C:\x\ agent", &[r"C:\x\", "agent"]),
            (r#"b "" agent"#, &["", "agent"]),
            (r#"b "agent"#, &["agent"]),
        ] {
            assert_eq!(split(line)[1..], *expected, "{line}");
        }
    }

    /// As Wine's `CommandLineToArgvW` has it, whose tests pass on Windows.
    #[test]
    fn a_third_quote_in_a_row_is_a_character() {
        for (line, expected) in [
            (r#"b "a""b" c"#, &[r#"a"b c"#][..]),
            (r#"b "a"" b"#, &[r#"a""#, "b"]),
            (r#"b """" c"#, &[r#"" c"#]),
            (r#"b """"" c"#, &[r#"""#, "c"]),
            (r#"b "a"\"" c"#, &[r#"a" c"#]),
            (r#"b """ c"#, &[r#"""#, "c"]),
        ] {
            assert_eq!(split(line)[1..], *expected, "{line}");
        }
    }

    /// As std, Python and the C runtime quote an argument for a new process.
    fn quoted(argument: &str) -> String {
        let mut line = String::from('"');
        let mut backslashes = 0;
        for character in argument.chars() {
            if character == '"' {
                line.extend(std::iter::repeat_n('\\', backslashes + 1));
            }
            backslashes = if character == '\\' { backslashes + 1 } else { 0 };
            line.push(character);
        }
        line.extend(std::iter::repeat_n('\\', backslashes));
        line + "\""
    }

    proptest! {
        #[test]
        fn what_was_quoted_comes_back(wanted in prop::collection::vec(r#"[a-c \\"\t]{0,6}"#, 0..5)) {
            let line = wanted.iter().fold(String::from("backend"), |line, one| line + " " + &quoted(one));
            prop_assert_eq!(&arguments(&line)[1..], wanted.as_slice());
        }

        #[test]
        fn nothing_makes_it_panic(line in r#"[a \\"\té]{0,24}"#) {
            let _split = arguments(&line);
        }
    }
}
