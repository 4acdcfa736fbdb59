//! What ends the app before there is a window is told by what the system has for it: a person who starts it by a double click has no
//! terminal, and would see nothing at all.

#[cfg_attr(target_os = "linux", path = "fatal/linux.rs")]
#[cfg_attr(windows, path = "fatal/windows.rs")]
#[cfg_attr(not(any(target_os = "linux", windows)), path = "fatal/macos.rs")]
mod system;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use taskpaw_words::{Spoken, native};

use crate::language;

/// Where Microsoft offers its web view, for people who lack it.
const WEB_VIEW_FROM: &str = "https://go.microsoft.com/fwlink/p/?LinkId=2124703";

/// Why the app ends, or goes on without a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fatal<'a> {
    /// There is no folder for its files.
    NoHome,
    /// There is no display.
    #[cfg(target_os = "linux")]
    NoDisplay,
    /// The display does not answer.
    #[cfg(target_os = "linux")]
    SilentDisplay,
    /// The window cannot be made, for this reason.
    NoWindow(&'a str),
    /// The window cannot be made, and what TaskPaw watches is watched all the same.
    Faceless(&'a str),
    /// A part of the app has failed.
    Failed(&'a str),
}

impl Fatal<'_> {
    /// Whether something can be shown on the display.
    fn display_answers(self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::SilentDisplay => false,
            _ => true,
        }
    }
}

static LOGS: OnceLock<PathBuf> = OnceLock::new();
static IS_DONE: AtomicBool = AtomicBool::new(false);

/// From now on messages say that the log in this folder has more.
pub(crate) fn more_is_in(logs: &Path) {
    let _of_the_first_start = LOGS.set(logs.join("taskpaw.log"));
}

/// From now on nothing is shown: a program has started this one, and reads its output.
pub(crate) fn is_read_by_a_program() {
    IS_DONE.store(true, Ordering::SeqCst);
}

/// Shows a message, once in the life of the process: any later fault only follows from the first. Waits for the person only
/// where the message goes with the process (Windows).
pub(crate) fn tell(fatal: Fatal<'_>, spoken: Spoken) {
    if IS_DONE.swap(true, Ordering::SeqCst) {
        return;
    }
    let (title, text) = words(fatal, has_web_view(), LOGS.get().map(PathBuf::as_path), spoken);
    system::show(&title, &text, fatal.display_answers());
}

/// As [`tell`], in the language of the system: what a person has chosen is not known.
pub(crate) fn tell_in_the_systems_language(fatal: Fatal<'_>) {
    tell(fatal, language::of_the_system());
}

/// Only on Windows can the web view be missing.
fn has_web_view() -> bool {
    !cfg!(windows) || tauri::webview_version().is_ok()
}

fn words(fatal: Fatal<'_>, has_web_view: bool, log: Option<&Path>, spoken: Spoken) -> (String, String) {
    let title = if matches!(fatal, Fatal::Faceless(_)) { native::NO_WINDOW } else { native::NOT_STARTED };
    let title = title.filled(spoken, &[("version", taskpaw_contract::version())]);
    let because = |reason| native::FATAL_REASON.filled(spoken, &[("reason", reason)]);
    let mut said = vec![match fatal {
        Fatal::NoHome => native::FATAL_NO_HOME.of(spoken).to_owned(),
        #[cfg(target_os = "linux")]
        Fatal::NoDisplay => native::FATAL_NO_DISPLAY.of(spoken).to_owned(),
        #[cfg(target_os = "linux")]
        Fatal::SilentDisplay => native::FATAL_SILENT_DISPLAY.of(spoken).to_owned(),
        Fatal::NoWindow(_) | Fatal::Faceless(_) if !has_web_view => {
            native::FATAL_NO_WEB_VIEW.filled(spoken, &[("address", WEB_VIEW_FROM)])
        }
        Fatal::NoWindow(reason) | Fatal::Faceless(reason) => {
            format!("{}\n{}", native::FATAL_NO_WINDOW.of(spoken), because(reason))
        }
        Fatal::Failed(reason) => format!("{}\n{}", native::FATAL_FAILED.of(spoken), because(reason)),
    }];
    if matches!(fatal, Fatal::Faceless(_)) {
        said.push(native::FATAL_GOES_ON.of(spoken).to_owned());
    }
    if let Some(log) = log {
        said.push(native::FATAL_LOG.filled(spoken, &[("log", &log.display().to_string())]));
    }
    (title, said.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Fatal<'static>] = &[
        Fatal::NoHome,
        #[cfg(target_os = "linux")]
        Fatal::NoDisplay,
        #[cfg(target_os = "linux")]
        Fatal::SilentDisplay,
        Fatal::NoWindow("a reason"),
        Fatal::Faceless("a reason"),
        Fatal::Failed("a reason"),
    ];

    #[test]
    fn every_message_is_whole_in_every_language_and_names_the_log() {
        for (fatal, spoken) in ALL.iter().flat_map(|fatal| Spoken::ALL.map(|spoken| (*fatal, spoken))) {
            for has_web_view in [true, false] {
                let log = Path::new("/data/logs/taskpaw.log");
                let (title, text) = words(fatal, has_web_view, Some(log), spoken);
                assert!(title.contains(taskpaw_contract::version()), "{title}");
                assert!(text.contains("/data/logs/taskpaw.log") && !text.contains("{{"), "{text}");
                assert_eq!(words(fatal, has_web_view, None, spoken).1.lines().next(), text.lines().next());
            }
        }
    }

    #[test]
    fn without_the_web_view_it_is_said_where_it_is_to_be_had() {
        let said = |fatal, has_web_view| words(fatal, has_web_view, None, Spoken::English).1;
        assert!(said(Fatal::Faceless("0x80070002"), false).contains(WEB_VIEW_FROM));
        assert!(said(Fatal::NoWindow("0x80070002"), false).contains("WebView2"));
        assert!(said(Fatal::NoWindow("a reason"), true).contains("a reason"));
        assert!(!said(Fatal::NoHome, false).contains("WebView2"), "that is not why");
    }
}
