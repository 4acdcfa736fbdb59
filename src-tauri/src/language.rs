//! Which language the app speaks: decided here, once, for the window, tray, notifications and native messages.

use std::sync::OnceLock;

use taskpaw_contract::config::Language;
use taskpaw_words::Spoken;

/// The language for what a person chose.
pub(crate) fn spoken(chosen: Language) -> Spoken {
    match chosen {
        Language::English => Spoken::English,
        Language::SimplifiedChinese => Spoken::SimplifiedChinese,
        Language::System => of_the_system(),
    }
}

/// The language of the system when the app was started; English where it does not say one.
pub(crate) fn of_the_system() -> Spoken {
    static SYSTEM: OnceLock<Spoken> = OnceLock::new();
    *SYSTEM.get_or_init(|| Spoken::for_tag(&sys_locale::get_locale().unwrap_or_default()))
}

/// The spoken language, in the form in which the window is told.
pub(crate) fn written(spoken: Spoken) -> Language {
    match spoken {
        Spoken::English => Language::English,
        Spoken::SimplifiedChinese => Language::SimplifiedChinese,
    }
}
