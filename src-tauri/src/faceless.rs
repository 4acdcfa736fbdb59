//! An app whose window cannot be made: it does its work all the same, unless another app with a window does, and says so.

use std::time::Duration;

use taskpaw_words::{Spoken, native};

use crate::app::App;
use crate::fatal::{self, Fatal};
use crate::language;

/// How long a notification may take to reach the desktop before an app without a window ends.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(1);

/// Tells the person by a notification. An app that ends waits until it is shown.
pub(crate) fn tell(app: &App, goes_on: bool, why: &impl std::fmt::Display) {
    let chosen = app.settings().read().map(|config| config.app.language).unwrap_or_default();
    let (why, spoken) = (why.to_string(), language::spoken(chosen));
    let (title, body) = words(goes_on, &why, spoken);
    app.shell().notify(&title, &body);
    if goes_on {
        // It may be there until the person has read it, and nothing waits for that.
        let said = std::thread::Builder::new()
            .name("faceless".to_owned())
            .spawn(move || fatal::tell(Fatal::Faceless(&why), spoken));
        if let Err(error) = said {
            tracing::warn!(%error, "no message can be shown");
        }
    } else {
        std::thread::sleep(NOTIFIED_WITHIN);
    }
}

fn words(goes_on: bool, why: &str, spoken: Spoken) -> (String, String) {
    let (title, body) = if goes_on {
        (native::NO_WINDOW, native::NO_WINDOW_TEXT)
    } else {
        (native::NOT_STARTED, native::NOT_STARTED_TEXT)
    };
    let title = title.filled(spoken, &[("version", taskpaw_contract::version())]);
    (title, body.filled(spoken, &[("reason", why)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_why_and_who_does_the_work() {
        let said = |goes_on, why, spoken| words(goes_on, why, spoken).1;
        assert!(said(true, "no display", Spoken::English).contains("no display. What TaskPaw watches"));
        assert!(said(false, "x", Spoken::English).ends_with("The TaskPaw that is running goes on."));
        assert!(said(true, "x", Spoken::SimplifiedChinese).contains("照常"));
        assert!(said(false, "x", Spoken::SimplifiedChinese).contains("继续工作"));
    }
}
