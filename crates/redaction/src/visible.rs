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

/// So many marks stay on one letter: no language that is written today has more on one (Vietnamese has two, Hebrew with all its
/// points and accents four).
const MOST_MARKS: usize = 4;

/// Whether a letter is a mark above, below or through the one before it, of those that any number can be put on one letter with:
/// piled up, they cover the lines around.
fn is_mark(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}' | '\u{eb4}'..='\u{ebc}' | '\u{ec8}'..='\u{ece}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Text without letters that are [not seen](is_unseen), and without more marks on one letter than any language puts there. What
/// has none of that stays as it is.
#[must_use]
pub fn only_seen(text: &str) -> Cow<'_, str> {
    let mut marks = 0;
    let mut stays = |letter: char| {
        if is_unseen(letter) {
            return false;
        }
        marks = if is_mark(letter) { marks + 1 } else { 0 };
        marks <= MOST_MARKS
    };
    let Some((at, _)) = text.char_indices().find(|(_, letter)| !stays(*letter)) else {
        return Cow::Borrowed(text);
    };
    let mut kept = text[..at].to_owned();
    kept.extend(text[at..].chars().skip(1).filter(|letter| stays(*letter)));
    Cow::Owned(kept)
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
        let of_languages = "Việt Nam, e\u{323}\u{302}, ไม่มีที่ว่าง, مُحَمَّدٌ, בְּרֵאשִׁ֖ית, ก็";
        assert!(matches!(only_seen(of_languages), Cow::Borrowed(_)));
    }

    #[test]
    fn marks_are_not_piled_up_on_a_letter() {
        for mark in ['\u{315}', '\u{489}', '\u{e49}', '\u{64b}', '\u{20dd}'] {
            let pile: String = std::iter::repeat_n(mark, 1_000).collect();
            let seen = only_seen(&format!("a{pile}b\u{202e}{pile}c")).into_owned();
            let four: String = std::iter::repeat_n(mark, 4).collect();
            assert_eq!(seen, format!("a{four}b{four}c"));
        }
    }
}
