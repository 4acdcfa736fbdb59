//! How the window looks before the page has asked for anything: in the colours and the language that were chosen, from the first
//! pixel on.

use taskpaw_contract::config::{Preferences, Theme};
use tauri::window::Color;

/// The window's paper, as `ui/src/styles/tokens.css` has it; a test compares the two.
const LIGHT: Color = Color(0xf6, 0xf5, 0xf1, 0xff);
const DARK: Color = Color(0x15, 0x17, 0x1a, 0xff);

/// What is behind the page until it is drawn; nothing where the system's own colours are wanted, which the page's head asks for.
pub(super) fn paper(preferences: &Preferences) -> Option<Color> {
    match preferences.theme {
        Theme::System => None,
        Theme::Light => Some(LIGHT),
        Theme::Dark => Some(DARK),
    }
}

/// What the page finds before its own script runs. The preferences are words of a fixed list: nothing in them is a script.
pub(super) fn script(preferences: &Preferences) -> String {
    let theme = serde_json::to_string(&preferences.theme).unwrap_or_default();
    let language = serde_json::to_string(&preferences.language).unwrap_or_default();
    format!(
        "globalThis.taskpawStart = {{ theme: {theme}, language: {language} }};\
         if ({theme} !== \"system\" && document.documentElement) document.documentElement.dataset.theme = {theme};"
    )
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::config::Language;

    use super::*;

    #[test]
    fn the_paper_is_that_of_the_page() {
        let tokens = include_str!("../../../ui/src/styles/tokens.css");
        let papers: Vec<&str> =
            tokens.lines().filter_map(|line| line.trim().strip_prefix("--paper: ")).collect();
        let written = |Color(red, green, blue, _)| format!("#{red:02x}{green:02x}{blue:02x};");
        assert_eq!(papers, [written(LIGHT), written(DARK), written(DARK)]);
        let of = |theme| paper(&Preferences { theme, ..Preferences::default() });
        assert_eq!((of(Theme::System), of(Theme::Light), of(Theme::Dark)), (None, Some(LIGHT), Some(DARK)));
    }

    #[test]
    fn the_page_finds_what_was_chosen() {
        let chosen = Preferences {
            theme: Theme::Dark,
            language: Language::SimplifiedChinese,
            ..Preferences::default()
        };
        assert_eq!(
            script(&chosen),
            "globalThis.taskpawStart = { theme: \"dark\", language: \"zh-CN\" };\
             if (\"dark\" !== \"system\" && document.documentElement) document.documentElement.dataset.theme = \"dark\";"
        );
    }
}
