//! Which language is spoken outside of the window: in the tray and in notifications. The window decides by the same rule.

use taskpaw_contract::config::Language;

/// Whether that is Chinese, for what a person chose; `system` is the system's own language, such as `zh-CN`.
pub(crate) fn is_chinese(chosen: Language, system: &str) -> bool {
    match chosen {
        Language::English => false,
        Language::SimplifiedChinese => true,
        Language::System => system.split(['-', '_']).next().is_some_and(|it| it.eq_ignore_ascii_case("zh")),
    }
}

/// The system's own language; nothing if it does not say it.
pub(crate) fn of_the_system() -> String {
    sys_locale::get_locale().unwrap_or_default()
}
