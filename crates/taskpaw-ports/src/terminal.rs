//! Printing for people: colours where they are seen, nothing that a foreign text can do to a terminal, and a
//! reader that goes away is not an error.

use std::fmt::Display;
use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};

/// What a table's heading looks like.
pub(crate) const HEADING: Style = Style::new().bold();
/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What goes away by itself, or will be ended.
pub(crate) const PASSING: Style = AnsiColor::Yellow.on_default();
/// What stands in the way.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// Prints a result. Styles are only seen on a terminal, and not where `NO_COLOR` is set. Who closes the pipe
/// (`| head -1`) has read enough.
pub(crate) fn result(text: &[u8]) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a message. Nobody can be told if that fails.
pub(crate) fn message(text: impl Display) {
    let _nobody_listens = writeln!(anstream::stderr().lock(), "{text}");
}

/// Prints what went wrong, in one line.
pub(crate) fn failure(text: impl Display) {
    let style = BAD.bold();
    message(format_args!("{style}taskpaw-ports:{style:#} {}", harmless(&text.to_string())));
}

/// A text that somebody else chose, such as a process's name. It could hold control sequences, and letters
/// that turn the direction of the line.
pub(crate) fn harmless(text: &str) -> String {
    let acts = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = |letter: char| {
        if acts(letter) { letter.escape_unicode().to_string() } else { letter.to_string() }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_foreign_text_cannot_act_on_the_terminal() {
        assert_eq!(harmless("nginx: master (网)"), "nginx: master (网)");
        assert_eq!(harmless("\u{1b}[2Jfree\n"), "\\u{1b}[2Jfree\\u{a}");
        assert_eq!(harmless("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
    }
}
