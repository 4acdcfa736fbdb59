//! Letters that nobody sees, by which a text shows itself as another one than it is.

use std::borrow::Cow;

/// Whether a letter is not seen where it stands, and can make what is shown lie: control characters, marks that turn the
/// direction of what follows, and letters without a width. Line ends and tabs are not such letters, and neither are the joiners
/// that some languages are written with.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    match letter {
        '\n' | '\t' | '\u{200c}' | '\u{200d}' => false,
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => true,
        // Letters of another plane that say the same as those of ASCII, to who reads bytes.
        '\u{e0000}'..='\u{e007f}' => true,
        letter => letter.is_control(),
    }
}

/// Text without letters that are [not seen](is_unseen). What has none stays as it is.
#[must_use]
pub fn only_seen(text: &str) -> Cow<'_, str> {
    if text.contains(is_unseen) {
        Cow::Owned(text.chars().filter(|letter| !is_unseen(*letter)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_goes_and_every_language_stays() {
        for (text, seen) in [
            ("plain\n\ttext", "plain\n\ttext"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("\u{2066}a\u{2069}\u{200f}b", "ab"),
            ("\u{1b}[31mred\u{7}\0", "[31mred"),
            ("a\rb\u{85}\u{9b}c", "abc"),
            ("\u{e0041}tag\u{feff}", "tag"),
            ("渲染农场 – שלום – سلام – क्‍ष – 👩‍🚀", "渲染农场 – שלום – سلام – क्‍ष – 👩‍🚀"),
        ] {
            assert_eq!(only_seen(text), seen, "{text:?}");
        }
        assert!(matches!(only_seen("as it is"), Cow::Borrowed(_)));
    }
}
