//! What GTK and what is below it say. They say it on standard error, where nobody reads it. When the display is gone they end the process, on
//! Wayland with a word and on X without one: that is the last line of the log.

use std::sync::atomic::{AtomicUsize, Ordering};

use gtk::glib::{self, LogLevel};

/// Who talks to the display. It says nothing at this level but that it is gone: what is wrong in a window is a warning.
const OF_THE_DISPLAY: &str = "Gdk";
/// The most lines that are written in one life: an error in every frame would fill the log.
const MOST: usize = 100;

/// From now on the toolkit's messages are logged.
pub(crate) fn hear() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    glib::log_set_default_handler(|domain, level, text| {
        let from = domain.unwrap_or_default();
        match heard(domain, level) {
            Heard::TheDisplayIsGone => {
                tracing::warn!(from, "{}", text.trim_end());
                display_is_gone();
            }
            Heard::Something if WRITTEN.fetch_add(1, Ordering::Relaxed) < MOST => {
                tracing::warn!(from, "{}", text.trim_end());
            }
            Heard::Something | Heard::Nothing => {}
        }
    });
}

/// Writes the last line: the process ends right after this.
pub(crate) fn display_is_gone() {
    tracing::error!("the app ends, since its display is gone");
    super::finish();
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// The process ends when this was said.
    TheDisplayIsGone,
    Something,
    /// Nothing that helps anybody.
    Nothing,
}

fn heard(domain: Option<&str>, level: LogLevel) -> Heard {
    match level {
        LogLevel::Message | LogLevel::Error if domain == Some(OF_THE_DISPLAY) => Heard::TheDisplayIsGone,
        LogLevel::Error | LogLevel::Critical | LogLevel::Warning => Heard::Something,
        LogLevel::Message | LogLevel::Info | LogLevel::Debug => Heard::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_display_is_told_from_what_is_only_wrong() {
        assert_eq!(heard(Some("Gdk"), LogLevel::Message), Heard::TheDisplayIsGone);
        assert_eq!(heard(Some("Gdk"), LogLevel::Error), Heard::TheDisplayIsGone);
        assert_eq!(heard(Some("Gdk"), LogLevel::Warning), Heard::Something);
        assert_eq!(heard(Some("Gtk"), LogLevel::Critical), Heard::Something);
        assert_eq!(heard(None, LogLevel::Message), Heard::Nothing);
        assert_eq!(heard(Some("Gtk"), LogLevel::Message), Heard::Nothing);
    }
}
