//! The other app goes on: the person is told where they look.

use std::time::Duration;

use taskpaw_contract::ipc::{Event, Launch};

use crate::app::App;
use crate::language;

/// So long a notification may take to reach the desktop, before this app ends.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(1);

/// Where a person looks who started this app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// At its window.
    Window,
    /// Elsewhere: it was started without one, as at a login.
    Desktop,
}

/// Says that the other app goes on. Who looks at no window cannot be asked: a notification says it, and this app ends with
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
    let (title, body) = words(version.as_deref(), language::is_chinese(chosen, &language::of_the_system()));
    app.shell().notify(&title, &body);
    std::thread::sleep(NOTIFIED_WITHIN);
    app.lifecycle().want_status(1);
    app.shell().quit();
}

fn words(version: Option<&str>, in_chinese: bool) -> (String, String) {
    let own = taskpaw_contract::version();
    if in_chinese {
        let title = version
            .map_or("已在运行的 TaskPaw 继续工作".to_owned(), |it| format!("TaskPaw {it} 继续工作"));
        return (title, format!("TaskPaw {own} 无法接替它。打开 TaskPaw {own} 即可查看原因。"));
    }
    let title = version
        .map_or("The TaskPaw that is running goes on".to_owned(), |it| format!("TaskPaw {it} goes on"));
    (title, format!("TaskPaw {own} could not take over. Open TaskPaw {own} to see why."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_who_goes_on_and_where_to_look_in_both_languages() {
        let (title, body) = words(Some("4.0.0"), false);
        assert_eq!(title, "TaskPaw 4.0.0 goes on");
        assert!(body.contains("could not take over") && body.contains("Open TaskPaw"), "{body}");
        assert_eq!(words(None, false).0, "The TaskPaw that is running goes on");
        assert_eq!(words(Some("4.0.0"), true).0, "TaskPaw 4.0.0 继续工作");
        assert_eq!(words(None, true).0, "已在运行的 TaskPaw 继续工作");
    }
}
