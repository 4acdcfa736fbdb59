//! The other app goes on: the person is told where they are looking.

use std::time::Duration;

use taskpaw_contract::ipc::{Event, Launch};
use taskpaw_words::{Spoken, launch, native};

use crate::app::App;
use crate::language;

/// How long a notification may take to reach the desktop before this app ends.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(1);

/// Where a person looks who started this app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// At its window.
    Window,
    /// Elsewhere: it was started without one, as at a login.
    Desktop,
}

/// Says that the other app goes on. A person without a window cannot be asked: a notification says it, and this app ends with
/// status 1. Blocks for a moment.
pub(super) fn tell(app: &App, audience: Audience, launch: Launch) {
    let version = match &launch {
        Launch::Kept { version, .. } => version.clone(),
        _ => None,
    };
    app.board().publish(Event::LaunchChanged { launch });
    if audience == Audience::Window {
        return;
    }
    let chosen = app.settings().read().map(|config| config.app.language).unwrap_or_default();
    let (title, body) = words(version.as_deref(), language::spoken(chosen));
    app.shell().notify(&title, &body);
    std::thread::sleep(NOTIFIED_WITHIN);
    app.lifecycle().want_status(1);
    app.shell().quit();
}

fn words(version: Option<&str>, spoken: Spoken) -> (String, String) {
    let title = match version {
        Some(version) => launch::KEPT_VERSION.filled(spoken, &[("version", version)]),
        None => launch::KEPT.of(spoken).to_owned(),
    };
    (title, native::NOT_TAKEN_OVER.filled(spoken, &[("version", taskpaw_contract::version())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_who_goes_on_and_where_to_look_in_both_languages() {
        let (title, body) = words(Some("4.0.0"), Spoken::English);
        assert_eq!(title, "TaskPaw 4.0.0 goes on");
        assert!(body.contains("could not take over") && body.contains("Open TaskPaw"), "{body}");
        assert_eq!(words(None, Spoken::English).0, "The TaskPaw that is running goes on");
        assert_eq!(words(Some("4.0.0"), Spoken::SimplifiedChinese).0, "TaskPaw 4.0.0 继续工作");
        assert_eq!(words(None, Spoken::SimplifiedChinese).0, "已在运行的 TaskPaw 继续工作");
    }
}
