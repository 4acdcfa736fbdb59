//! Start at login: the system's own list is the truth, not the configuration.

use auto_launch::{AutoLaunch, AutoLaunchBuilder, MacOSLaunchMode, WindowsEnableMode};
use tauri::AppHandle;
#[cfg(target_os = "linux")]
use tauri::Manager as _;

/// What the app is started with then: only its icon shows.
const ARGUMENTS: [&str; 1] = ["--background"];

/// The app's place in that list.
#[derive(Debug, Clone)]
pub(crate) struct Entry(AutoLaunch);

impl Entry {
    /// The one of this program. To be made at the start: on Linux a program whose file was replaced does not know its path
    /// any more.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of_this_program(handle: &AppHandle) -> Result<Self, String> {
        #[cfg(target_os = "linux")]
        let app_image = handle.env().appimage.map(std::path::PathBuf::from);
        #[cfg(not(target_os = "linux"))]
        let app_image = None;
        let path = app_image.map_or_else(std::env::current_exe, Ok);
        let path = path.map_err(|error| error.to_string())?.display().to_string();
        let word = if cfg!(windows) {
            word_for_windows(&path)
        } else if cfg!(target_os = "linux") {
            word_of_a_desktop_entry(&path)
        } else {
            path
        };
        let mut entry = AutoLaunchBuilder::new();
        entry.set_app_name(&handle.package_info().name).set_app_path(&word).set_args(&ARGUMENTS);
        // Else an administrator would enter it for everybody, and could not take it out again as a person.
        entry.set_windows_enable_mode(WindowsEnableMode::CurrentUser);
        entry.set_macos_launch_mode(MacOSLaunchMode::LaunchAgent);
        entry.build().map(Self).map_err(|error| error.to_string())
    }

    /// Whether the app starts when the person logs in; nothing if the system does not say.
    pub(crate) fn is_on(&self) -> Option<bool> {
        let found = self.0.is_enabled();
        found.inspect_err(|error| tracing::warn!(%error, "whether the app starts at login is not known")).ok()
    }

    /// Enters the app in that list, or takes it out.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn set(&self, enabled: bool) -> Result<(), String> {
        let changed = match (enabled, self.0.is_enabled().unwrap_or(!enabled)) {
            (true, _) => self.0.enable(),
            (false, true) => self.0.disable(),
            (false, false) => Ok(()),
        };
        changed.map_err(|error| error.to_string())
    }
}

/// A path in a command line of Windows. No path there has a quotation mark.
fn word_for_windows(path: &str) -> String {
    format!("\"{path}\"")
}

/// A path in the `Exec` of a desktop entry, where it is quoted as an argument and then escaped as a text.
/// See <https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html>.
fn word_of_a_desktop_entry(path: &str) -> String {
    let mut word = String::from('"');
    for letter in path.chars() {
        match letter {
            '"' | '`' | '$' => word.extend(["\\\\", &letter.to_string()]),
            '\\' => word.push_str("\\\\\\\\"),
            '%' => word.push_str("%%"),
            letter => word.push(letter),
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(
            word_for_windows(r"C:\Program Files\TaskPaw\taskpaw.exe"),
            r#""C:\Program Files\TaskPaw\taskpaw.exe""#
        );
        assert_eq!(word_of_a_desktop_entry("/usr/bin/taskpaw"), r#""/usr/bin/taskpaw""#);
        assert_eq!(word_of_a_desktop_entry("/my apps/100%/$x"), r#""/my apps/100%%/\\$x""#);
        assert_eq!(word_of_a_desktop_entry(r"/a\b"), r#""/a\\\\b""#);
    }
}
