//! Linux has no message of its own: it is shown by the first of the desktop's programs that is there and can.

use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A program that cannot show it has ended by then. One that is still there shows it, until the person has read it.
const FAILS_WITHIN: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What shows it goes on when this process has ended. On a display that does not answer it would wait without an end.
pub(super) fn show(title: &str, text: &str, display_answers: bool) {
    // Who started it there reads it there.
    if std::io::stderr().is_terminal() {
        return;
    }
    let has_display = display_answers
        && ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let shown = programs(title, text, has_display).into_iter().find(|(name, words)| shows(name, words));
    match shown {
        Some((name, _)) => tracing::info!(name, "a message is shown"),
        None => tracing::warn!("nothing here can show a message"),
    }
}

/// The programs that could show it, the best one first, with what each is told.
fn programs(title: &str, text: &str, has_display: bool) -> Vec<(&'static str, Vec<String>)> {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut all = Vec::new();
    if has_display {
        let (for_title, for_text) = (format!("--title={title}"), format!("--text={text}"));
        all.push(("zenity", owned(&["--error", "--no-markup", "--no-wrap", &for_title, &for_text])));
        all.push(("kdialog", owned(&["--title", title, "--error", text])));
        all.push((
            "xmessage",
            owned(&["-center", "-title", title, "-buttons", "OK:0", &format!("{title}\n\n{text}")]),
        ));
    }
    // A desktop without a display for this process; its body is markup.
    let body = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    all.push(("notify-send", owned(&["--app-name=TaskPaw", "--urgency=critical", "--", title, &body])));
    all
}

fn shows(name: &str, words: &[String]) -> bool {
    let mut command = Command::new(name);
    // It is not part of what ends with this one.
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let Ok(mut program) = command.spawn() else { return false };
    let began = Instant::now();
    while began.elapsed() < FAILS_WITHIN {
        match program.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => sleep(LOOK_EVERY),
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_display_only_a_notification_can_be_shown_and_text_stays_text() {
        let text = "<b>bold</b> & $(reboot) `reboot`\n--help";
        let all = programs("TaskPaw", text, true);
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["zenity", "kdialog", "xmessage", "notify-send"]);
        // No word of it can be an option of its own, and nothing goes through a shell.
        for (name, words) in &all {
            assert!(words.iter().all(|word| word != "--help"), "{name}");
        }
        let alone = programs("TaskPaw", text, false);
        assert_eq!(alone.len(), 1);
        assert!(alone[0].1.last().unwrap().starts_with("&lt;b&gt;bold"));
    }

    #[test]
    fn one_that_is_missing_or_fails_shows_nothing_and_one_that_stays_does() {
        let words = |text: &str| vec!["-c".to_owned(), text.to_owned()];
        assert!(!shows("taskpaw-no-such-program", &[]));
        assert!(!shows("sh", &words("exit 1")));
        assert!(shows("sh", &words("exit 0")));
        let began = Instant::now();
        assert!(shows("sleep", &["5".to_owned()]));
        assert!(began.elapsed() < Duration::from_secs(4), "it is not waited for");
    }
}
