//! The configuration in the host: read again for each start, changed one at a time.

mod note;
mod own_agent;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, ConfigFile, ConfigProblem};
use taskpaw_contract::folders::Folders;
use taskpaw_v3::{self as v3, Begun, ImportReport, LateError, LeftBehind, Starter};

use crate::blocking;

pub(crate) use note::{Change, Note, Port};

/// The configuration file of this app.
pub(crate) struct Settings {
    folders: Folders,
    path: PathBuf,
    /// Held during a change, so that two never mix.
    changing: Mutex<()>,
    /// Ports that are used in place of the configured ones until the app ends.
    until_end: Mutex<BTreeMap<Role, Vec<Port>>>,
    /// The change of ports that is under way.
    note: Note,
}

impl Settings {
    pub(crate) fn new(folders: Folders) -> Self {
        let (path, note) = (folders.config_file(), Note::at(folders.data.join("ports-change.json")));
        Self { folders, path, changing: Mutex::new(()), until_end: Mutex::default(), note }
    }

    /// Where backends keep their state.
    pub(crate) fn state_folder(&self) -> PathBuf {
        self.folders.state()
    }

    /// What counts now: what the file says, with the ports that are used until the app ends.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub(crate) fn read(&self) -> Result<Config, ConfigProblem> {
        blocking::here();
        ConfigFile::read(&self.path).map(|file| self.in_force(file.config().clone()))
    }

    /// Reads the file; on the first start it is made, with what TaskPaw V3 has left on this machine. A change of ports
    /// that the last run did not come to the end of is undone first: only its old ports were seen to work.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub(crate) fn read_for_launch(&self) -> Result<Config, ConfigProblem> {
        let _alone = self.alone();
        let Begun { imported, not_kept, .. } = v3::begin(&self.folders, Starter::App)?;
        for line in imported.iter().flat_map(ImportReport::lines) {
            tracing::info!("{line}");
        }
        if let Some(error) = not_kept {
            tracing::warn!(%error, "the report of what was taken over cannot be kept");
        }
        self.undo_unfinished_change()?;
        self.read()
    }

    /// What was taken over from TaskPaw V3, whoever did it.
    pub(crate) fn import_report(&self) -> Option<ImportReport> {
        blocking::here();
        let read = v3::report(&self.folders.import_report_file());
        read.inspect_err(|error| tracing::warn!(%error, "the report of what was taken over cannot be read"))
            .unwrap_or_default()
    }

    /// What an earlier version has left behind of TaskPaw V3, if nobody has decided about it.
    pub(crate) fn left_behind(&self, config: &Config) -> Option<LeftBehind> {
        v3::left_behind(&self.folders, config)
    }

    /// Takes over what was left behind, or remembers that nobody wants it.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(crate) fn answer_left_behind(&self, is_wanted: bool) -> Result<ImportReport, LateError> {
        let _alone = self.alone();
        v3::answer_left_behind(&self.folders, is_wanted)
    }

    /// Remembers that the person has seen the report, and gives it back.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn mark_import_seen(&self) -> std::io::Result<Option<ImportReport>> {
        v3::mark_seen(&self.folders.import_report_file())
    }

    fn undo_unfinished_change(&self) -> Result<(), ConfigProblem> {
        let change = match self.note.read() {
            Ok(None) => return Ok(()),
            Ok(Some(change)) => Some(change),
            // It was written whole, so somebody else has changed it. The configuration itself is whole.
            Err(error) => {
                tracing::warn!(%error, "the note of a change of ports cannot be read");
                None
            }
        };
        if let Some(change) = change {
            ConfigFile::update(&self.path, |config| {
                if change.is_made(config) {
                    tracing::warn!(role = %change.role, "a change of ports was not finished: it is undone");
                    Change::put(change.role, &change.before, config);
                }
                Ok(())
            })?;
        }
        if let Err(error) = self.note.forget() {
            tracing::warn!(%error, "the note of a change of ports cannot be removed");
        }
        Ok(())
    }

    /// Changes the file and gives back what counts then. This machine in its own fleet follows in the same step.
    ///
    /// # Errors
    /// [`ConfigProblem`]; the file is then as it was.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Config)) -> Result<Config, ConfigProblem> {
        let _alone = self.alone();
        ConfigFile::update(&self.path, |config| {
            let before = config.clone();
            change(config);
            own_agent::follow(&before, config, &machine_name(config));
            Ok(config.clone())
        })
        .map(|config| self.in_force(config))
    }

    /// What the file says, without the ports that are used until the app ends.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub(crate) fn read_file(&self) -> Result<Config, ConfigProblem> {
        blocking::here();
        ConfigFile::read(&self.path).map(|file| file.config().clone())
    }

    /// The note of the change of ports that is under way.
    pub(crate) fn note(&self) -> &Note {
        &self.note
    }

    /// The ports of a role that are used in place of the configured ones.
    pub(crate) fn ports_until_end(&self, role: Role) -> Option<Vec<Port>> {
        self.until_end().get(&role).cloned()
    }

    /// Uses ports in place of the configured ones until the app ends; nothing: the configured ones.
    pub(crate) fn use_until_end(&self, role: Role, ports: Option<Vec<Port>>) {
        let mut until_end = self.until_end();
        match ports {
            Some(ports) => until_end.insert(role, ports),
            None => until_end.remove(&role),
        };
    }

    fn in_force(&self, mut config: Config) -> Config {
        for (role, ports) in self.until_end().iter() {
            Change::put(*role, ports, &mut config);
        }
        config
    }

    fn until_end(&self) -> MutexGuard<'_, BTreeMap<Role, Vec<Port>>> {
        self.until_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the file as the last that was seen to work.
    pub(crate) fn keep_as_last_good(&self) {
        let _alone = self.alone();
        let kept = ConfigFile::read(&self.path).and_then(|file| file.keep_as_last_good());
        if let Err(problem) = kept {
            tracing::warn!(%problem, "no copy of the working configuration could be kept");
        }
    }

    /// Whether there is a copy that was seen to work.
    pub(crate) fn has_last_good(&self) -> bool {
        ConfigFile::has_last_good(&self.path)
    }

    /// Puts the last good copy in the place of the file.
    ///
    /// # Errors
    /// [`ConfigProblem`]; the file is then as it was.
    pub(crate) fn restore_last_good(&self) -> Result<(), ConfigProblem> {
        let _alone = self.alone();
        ConfigFile::restore_last_good(&self.path).map(|_| ())
    }

    /// Puts a file that cannot be used aside and begins a new one. Gives where the old one is.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub(crate) fn start_afresh(&self) -> Result<PathBuf, ConfigProblem> {
        let _alone = self.alone();
        ConfigFile::start_afresh(&self.path)
    }

    /// The configuration file.
    pub(crate) fn file(&self) -> &Path {
        &self.path
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        blocking::here();
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What people call this machine.
pub(crate) fn machine_name(config: &Config) -> String {
    match config.agent.machine.trim() {
        "" => sysinfo::System::host_name().unwrap_or_default(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::config::Endpoint;
    use taskpaw_contract::ipc::PortDraft;

    use super::*;

    fn settings(folder: &Path) -> Settings {
        Settings::new(Folders { config: folder.into(), data: folder.into(), v3: folder.join("v3") })
    }

    fn draft(name: &str, port: i64) -> PortDraft {
        let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
        PortDraft { role: Role::Agent, name: name.to_owned(), endpoint }
    }

    fn ports(config: &Config) -> (i64, i64) {
        (config.agent.network.port, config.agent.control.port)
    }

    /// A change of both ports is a row of durable steps. Whatever the last one before a sudden end was, the
    /// next launch has both old ports or both new ones.
    #[test]
    fn a_launch_after_a_sudden_end_at_any_step_is_on_one_of_the_two_configurations() {
        let (old, new) = ((5680, 5681), (6000, 6001));
        for steps in 0..=5 {
            let folder = tempfile::tempdir().unwrap();
            let before = settings(folder.path());
            let config = before.read_for_launch().unwrap();
            let change = Change::of(&config, Role::Agent, &[draft("network", 6000), draft("control", 6001)]);
            let put = |ports: &[Port]| {
                before.change(|config| Change::put(Role::Agent, ports, config)).unwrap();
            };
            // The order of the effects: note, save, then either keep, or restore and forget.
            let expected = match steps {
                0 => old,
                1 => {
                    before.note().write(&change).unwrap();
                    old
                }
                2 => {
                    before.note().write(&change).unwrap();
                    put(&change.after);
                    old
                }
                3 => {
                    before.note().write(&change).unwrap();
                    put(&change.after);
                    before.note().forget().unwrap();
                    new
                }
                4 => {
                    before.note().write(&change).unwrap();
                    put(&change.after);
                    put(&change.before);
                    old
                }
                _ => {
                    before.note().write(&change).unwrap();
                    put(&change.after);
                    put(&change.before);
                    before.note().forget().unwrap();
                    old
                }
            };
            drop(before);
            let after = settings(folder.path());
            assert_eq!(ports(&after.read_for_launch().unwrap()), expected, "after {steps} steps");
            assert_eq!(after.note().read().unwrap(), None, "the next launch has nothing to undo");
        }
    }

    #[test]
    fn what_a_person_wrote_after_an_unfinished_change_stays() {
        let folder = tempfile::tempdir().unwrap();
        let first = settings(folder.path());
        let config = first.read_for_launch().unwrap();
        first.note().write(&Change::of(&config, Role::Agent, &[draft("network", 6000)])).unwrap();
        first.change(|config| config.agent.network.port = 7000).unwrap();
        assert_eq!(settings(folder.path()).read_for_launch().unwrap().agent.network.port, 7000);
    }

    #[test]
    fn a_note_that_cannot_be_read_does_not_stop_a_launch() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ports-change.json"), "{").unwrap();
        let settings = settings(folder.path());
        assert_eq!(ports(&settings.read_for_launch().unwrap()), (5680, 5681));
        assert_eq!(settings.note().read().unwrap(), None);
    }

    #[test]
    fn ports_until_the_end_count_and_are_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let config = settings.read_for_launch().unwrap();
        let change = Change::of(&config, Role::Agent, &[draft("network", 6000)]);
        settings.use_until_end(Role::Agent, Some(change.after));
        assert_eq!(ports(&settings.read().unwrap()), (6000, 5681));
        let changed = settings.change(|config| config.agent.machine = "m".to_owned()).unwrap();
        assert_eq!(ports(&changed), (6000, 5681), "what counts is shown");
        assert_eq!(ports(&settings.read_file().unwrap()), (5680, 5681));
        settings.use_until_end(Role::Agent, None);
        assert_eq!(ports(&settings.read().unwrap()), (5680, 5681));
    }

    #[test]
    fn what_an_earlier_version_left_behind_is_asked_about_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let config = settings.read_for_launch().unwrap();
        assert_eq!(settings.left_behind(&config), None);
        std::fs::create_dir(folder.path().join("v3")).unwrap();
        let yaml = "openclaw_enabled: true\nopenclaw_token: claw\ndata_dir: /nowhere\n";
        std::fs::write(folder.path().join("v3/hub.yaml"), yaml).unwrap();
        assert!(settings.left_behind(&config).is_some());
        settings.answer_left_behind(true).unwrap();
        let config = settings.read().unwrap();
        assert_eq!((config.hub.webhook.token.as_str(), settings.left_behind(&config)), ("claw", None));
    }

    #[test]
    fn the_first_launch_takes_over_what_v3_has_left_and_keeps_the_report() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("v3")).unwrap();
        std::fs::write(folder.path().join("v3/hub.yaml"), "bind_port: 6690\n").unwrap();
        let settings = settings(folder.path());
        assert_eq!(settings.import_report(), None);
        let config = settings.read_for_launch().unwrap();
        // V3's hub watched its own machine.
        assert_eq!((config.roles.as_slice(), config.hub.api.port), (&[Role::Agent, Role::Hub][..], 6690));
        assert!(!settings.import_report().unwrap().seen);
        assert!(settings.mark_import_seen().unwrap().unwrap().seen);
        assert!(settings.import_report().unwrap().seen);
    }
}
