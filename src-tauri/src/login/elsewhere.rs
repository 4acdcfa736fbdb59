//! The start at login on macOS (a launch agent) and Windows (the registry).

use std::path::Path;

use auto_launch::{AutoLaunch, AutoLaunchBuilder, MacOSLaunchMode, WindowsEnableMode};

use super::ARGUMENT;

/// launchd slows down what does not say that a person works with it, and its children too.
const LAUNCH_AGENT: &str = "<key>ProcessType</key><string>Interactive</string>";
/// For the name under *Login Items*, and so that a permission for the local network counts for what starts at login as well.
const BUNDLE: &str = "app.taskpaw.desktop";

/// The entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    entry: AutoLaunch,
    program: String,
}

impl Entry {
    pub(super) fn of(program: &Path) -> Result<Self, String> {
        let program = program.display().to_string();
        let word = if cfg!(windows) { word_for_windows(&program) } else { program.clone() };
        let mut entry = AutoLaunchBuilder::new();
        entry.set_app_name("TaskPaw").set_app_path(&word).set_args(&[ARGUMENT]);
        // Else an administrator would enter it for everybody, and could not take it out again as a person.
        entry.set_windows_enable_mode(WindowsEnableMode::CurrentUser);
        entry.set_macos_launch_mode(MacOSLaunchMode::LaunchAgent);
        entry.set_agent_extra_config(LAUNCH_AGENT).set_bundle_identifiers(&[BUNDLE]);
        let entry = entry.build().map_err(|error| error.to_string())?;
        Ok(Self { entry, program })
    }

    pub(super) fn is_on(&self) -> Result<bool, String> {
        self.entry.is_enabled().map_err(|error| error.to_string())
    }

    /// On macOS each new entry is announced to the person: it is written only if the program is another one.
    #[cfg(target_os = "macos")]
    pub(super) fn is_current(&self) -> Result<bool, String> {
        let folders =
            directories::BaseDirs::new().ok_or_else(|| "the home folder is not known".to_owned())?;
        let agent = folders.home_dir().join("Library/LaunchAgents/TaskPaw.plist");
        let text = std::fs::read_to_string(agent).map_err(|error| error.to_string())?;
        Ok(is_agent_of(&self.program, &text))
    }

    /// On Windows the entry costs nothing to write, and is written at each start.
    #[cfg(not(target_os = "macos"))]
    pub(super) fn is_current(&self) -> Result<bool, String> {
        Ok(false)
    }

    pub(super) fn enter(&self) -> Result<(), String> {
        if is_passing(&self.program) {
            return Err(
                "TaskPaw runs from a place that will be gone. Move it to Applications first".to_owned()
            );
        }
        if cfg!(target_os = "macos") && !is_plain_xml(&self.program) {
            return Err(format!(
                "macOS cannot start {} at login, because of the & or < in its path. Rename the folder first",
                self.program
            ));
        }
        self.entry.enable().map_err(|error| error.to_string())
    }

    pub(super) fn remove(&self) -> Result<(), String> {
        if self.entry.is_enabled().unwrap_or(true) {
            self.entry.disable().map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Whether macOS shows the program in a place that will be gone at the next login: a disk image, or the copy that it makes of
/// an app which was not moved since its download.
fn is_passing(program: &str) -> bool {
    cfg!(target_os = "macos") && (program.contains("/AppTranslocation/") || program.starts_with("/Volumes/"))
}

/// Whether a launch agent starts this program, as this version would have it.
#[cfg(any(target_os = "macos", test))]
fn is_agent_of(program: &str, agent: &str) -> bool {
    agent.contains(&format!("<string>{program}</string>"))
        && agent.contains(LAUNCH_AGENT)
        && agent.contains(BUNDLE)
}

/// Whether a launch agent can name the path: the library writes it as it is.
fn is_plain_xml(path: &str) -> bool {
    !path.contains(['&', '<'])
}

/// A path in a command line of Windows. No path there has a quotation mark.
fn word_for_windows(path: &str) -> String {
    format!("\"{path}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        let path = r"C:\Program Files\TaskPaw\taskpaw.exe";
        assert_eq!(word_for_windows(path), format!("\"{path}\""));
    }

    #[test]
    fn an_agent_of_an_earlier_version_is_written_anew() {
        let program = "/Applications/TaskPaw.app/Contents/MacOS/taskpaw";
        let earlier = format!("<array><string>{program}</string></array>");
        assert!(!is_agent_of(program, &earlier));
        let current = format!("{earlier}<string>{BUNDLE}</string>{LAUNCH_AGENT}");
        assert!(is_agent_of(program, &current));
        assert!(!is_agent_of("/Applications/Other.app/Contents/MacOS/taskpaw", &current));
        assert!(is_plain_xml(program) && !is_plain_xml("/Applications/R&D/TaskPaw.app"));
    }

    #[test]
    fn an_app_that_was_not_moved_is_not_entered() {
        let translocated = "/private/var/folders/x/T/AppTranslocation/U/d/TaskPaw.app/Contents/MacOS/taskpaw";
        assert_eq!(is_passing(translocated), cfg!(target_os = "macos"));
        assert!(!is_passing("/Applications/TaskPaw.app/Contents/MacOS/taskpaw"));
    }
}
