//! The words of the window, for what is said outside of it: tray, notifications, menus, and messages before there
//! is a window. There is one catalogue, `ui/src/locales`; `build.rs` reads it, and refuses words that a language lacks.

/// A language that there are words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// English.
    English,
    /// Simplified Chinese.
    SimplifiedChinese,
}

impl Spoken {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::SimplifiedChinese];

    /// The language for what a system calls its own, such as `zh-CN` or `zh_Hans`; English for all that there are no words for.
    #[must_use]
    pub fn for_tag(tag: &str) -> Self {
        match tag.split(['-', '_', '.', '@']).next() {
            Some(language) if language.eq_ignore_ascii_case("zh") => Self::SimplifiedChinese,
            _ => Self::English,
        }
    }
}

/// One thing to say, in every language.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    en: &'static str,
    zh_cn: &'static str,
}

impl Word {
    /// Nothing, in every language: what else is said is enough.
    pub const EMPTY: Self = Self { en: "", zh_cn: "" };

    /// The word in a language. A name in double braces stands for what is filled in.
    #[must_use]
    pub const fn of(self, spoken: Spoken) -> &'static str {
        match spoken {
            Spoken::English => self.en,
            Spoken::SimplifiedChinese => self.zh_cn,
        }
    }

    /// The word in a language, with these names filled in.
    #[must_use]
    pub fn filled(self, spoken: Spoken, values: &[(&str, &str)]) -> String {
        fill(self.of(spoken), values)
    }
}

/// A sentence with names filled in. What is filled in is not looked at again.
#[must_use]
pub fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            rest = &rest[before.len()..];
            break;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => {
                filled.push_str("{{");
                filled.push_str(name);
                filled.push_str("}}");
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

include!(concat!(env!("OUT_DIR"), "/words.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_says_is_a_language() {
        for tag in ["zh-CN", "zh_Hans", "ZH", "zh_CN.UTF-8", "zh"] {
            assert_eq!(Spoken::for_tag(tag), Spoken::SimplifiedChinese, "{tag}");
        }
        for tag in ["de-DE", "zhx", "", "C.UTF-8", "xx_YY.UTF-8"] {
            assert_eq!(Spoken::for_tag(tag), Spoken::English, "{tag}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_window() {
        assert_eq!(state::READY.of(Spoken::English), "Ready");
        assert_eq!(state::READY.of(Spoken::SimplifiedChinese), "运行中");
        let said = conflict::TITLE_ONE.filled(Spoken::English, &[("port", "5680")]);
        assert_eq!(said, "Port 5680 is not available");
    }

    #[test]
    fn what_is_filled_in_is_only_text() {
        let values = [("a", "{{b}}"), ("b", "x")];
        assert_eq!(fill("{{a}} {{b}} {{c}} {{", &values), "{{b}} x {{c}} {{");
    }
}
