//! An app whose window cannot be made: it does its work all the same, unless another one with a window does it.

use std::time::Duration;

use crate::app::App;
use crate::language;

/// So long a notification may take to reach the desktop, before an app ends that has no window.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(1);

/// Tells the person by a notification. Whoever ends is waited for until it is shown.
pub(crate) fn tell(app: &App, goes_on: bool, why: &impl std::fmt::Display) {
    let chosen = app.settings().read().map(|config| config.app.language).unwrap_or_default();
    let in_chinese = language::is_chinese(chosen, &language::of_the_system());
    let (title, body) = words(goes_on, &why.to_string(), in_chinese);
    app.shell().notify(&title, &body);
    if !goes_on {
        std::thread::sleep(NOTIFIED_WITHIN);
    }
}

fn words(goes_on: bool, why: &str, in_chinese: bool) -> (String, String) {
    let own = taskpaw_contract::version();
    match (goes_on, in_chinese) {
        (true, false) => (
            format!("TaskPaw {own} runs without its window"),
            format!("The window could not be opened: {why}. What TaskPaw watches is watched all the same."),
        ),
        (true, true) => {
            (format!("TaskPaw {own} 在没有窗口的情况下运行"), format!("无法打开窗口：{why}。监测照常进行。"))
        }
        (false, false) => (
            format!("TaskPaw {own} did not start"),
            format!("Its window could not be opened: {why}. The TaskPaw that is running goes on."),
        ),
        (false, true) => (
            format!("TaskPaw {own} 没有启动"),
            format!("无法打开它的窗口：{why}。已在运行的 TaskPaw 继续工作。"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_why_and_who_does_the_work() {
        assert!(words(true, "no display", false).1.contains("no display. What TaskPaw watches"));
        assert!(words(false, "no display", false).1.ends_with("The TaskPaw that is running goes on."));
        assert!(words(true, "x", true).1.contains("照常") && words(false, "x", true).1.contains("继续工作"));
    }
}
