//! Start at login: the system's own list is the truth, not the configuration. What is in it follows the program that runs.

#[cfg_attr(target_os = "linux", path = "login/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "login/elsewhere.rs")]
mod system;

use std::path::{Path, PathBuf};

use taskpaw_contract::folders::{CONFIG_DIR_VARIABLE, DATA_DIR_VARIABLE};

/// The argument with which the app is started at login: only its icon shows.
const ARGUMENT: &str = "--background";

/// The app's entry in that list.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    system: system::Entry,
    /// Whether this is the person's app, and not one beside it that has folders of its own.
    is_of_the_person: bool,
}

impl Entry {
    /// The one of this program, which lies at `program`. To be made at the start: a program whose file was replaced may not
    /// know its path any more.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of_this_program(program: Option<&Path>) -> Result<Self, String> {
        let app_image = std::env::var_os("APPIMAGE").map(PathBuf::from);
        let app_dir = std::env::var_os("APPDIR").map(PathBuf::from);
        let program = program.ok_or_else(|| "where the program lies is not known".to_owned())?;
        let program = started_by(program, app_image.as_deref(), app_dir.as_deref());
        let has_own_folders =
            [CONFIG_DIR_VARIABLE, DATA_DIR_VARIABLE].iter().any(|name| std::env::var_os(name).is_some());
        Ok(Self { system: system::Entry::of(program)?, is_of_the_person: !has_own_folders })
    }

    /// Whether the app starts when the person logs in; nothing if the system does not say.
    pub(crate) fn is_on(&self) -> Option<bool> {
        let found = self.system.is_on();
        found.inspect_err(|error| tracing::warn!(error, "whether the app starts at login is not known")).ok()
    }

    /// Enters the app in that list, or takes it out.
    ///
    /// # Errors
    /// What the system says, or why an entry would start nothing.
    pub(crate) fn set(&self, enabled: bool) -> Result<(), String> {
        if enabled { self.system.enter() } else { self.system.remove() }
    }

    /// Enters this program in the place of another TaskPaw that is in the list.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn follow(&self) -> Result<(), String> {
        if self.is_of_the_person && self.system.is_on()? && !self.system.is_current()? {
            self.system.enter()?;
            tracing::info!("what starts at login is this program now");
        }
        Ok(())
    }
}

/// What is to be started: the AppImage, where the program runs from one. The environment alone does not say that: an editor
/// that is an AppImage leaves its own name in every terminal.
fn started_by<'a>(program: &'a Path, app_image: Option<&'a Path>, app_dir: Option<&Path>) -> &'a Path {
    match (app_image, app_dir) {
        (Some(image), Some(dir)) if dir.is_absolute() && program.starts_with(dir) => image,
        _ => program,
    }
}

// There are no AppImages elsewhere, and a path like this is not absolute on Windows.
#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_app_image_is_started_only_if_the_program_runs_from_it() {
        let (own, editor) =
            (Path::new("/tmp/.mount_TaskPaw/usr/bin/taskpaw"), Path::new("/opt/editor.AppImage"));
        let mount = Path::new("/tmp/.mount_TaskPaw");
        assert_eq!(
            started_by(own, Some(Path::new("/a/TaskPaw.AppImage")), Some(mount)),
            Path::new("/a/TaskPaw.AppImage")
        );
        assert_eq!(started_by(own, Some(editor), Some(Path::new("/tmp/.mount_editor"))), own);
        assert_eq!(started_by(own, Some(editor), None), own);
        assert_eq!(started_by(own, Some(editor), Some(Path::new(""))), own);
        assert_eq!(started_by(own, None, Some(mount)), own);
    }
}
