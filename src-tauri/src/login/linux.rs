//! The start at login on Linux: a desktop entry in the person's autostart folder.
//! See <https://specifications.freedesktop.org/autostart-spec/latest/>.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use durable_file::replace_file;

use super::ARGUMENT;

/// The name that every version has given it.
const NAME: &str = "TaskPaw.desktop";

/// The desktop entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    file: PathBuf,
    exec: String,
}

impl Entry {
    pub(super) fn of(program: &Path) -> Result<Self, String> {
        let folders = BaseDirs::new().ok_or_else(|| "the home folder is not known".to_owned())?;
        Ok(Self::at(folders.config_dir(), program))
    }

    fn at(config: &Path, program: &Path) -> Self {
        let exec = format!("{} {ARGUMENT}", word(&program.display().to_string()));
        Self { file: config.join("autostart").join(NAME), exec }
    }

    pub(super) fn is_on(&self) -> Result<bool, String> {
        Ok(self.read()?.is_some_and(|text| is_on(&text)))
    }

    pub(super) fn is_current(&self) -> Result<bool, String> {
        Ok(self.read()?.is_some_and(|text| value(&text, "Exec") == Some(&self.exec)))
    }

    pub(super) fn enter(&self) -> Result<(), String> {
        let text = format!(
            "[Desktop Entry]\nType=Application\nVersion=1.0\nName=TaskPaw\nComment=TaskPaw startup script\nExec={}\n\
             StartupNotify=false\nTerminal=false\n",
            self.exec
        );
        let folder = self.file.parent().unwrap_or(&self.file);
        let written =
            std::fs::create_dir_all(folder).and_then(|()| replace_file(&self.file, text.as_bytes()));
        written.map_err(|error| error.to_string())
    }

    pub(super) fn remove(&self) -> Result<(), String> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<Option<String>, String> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Whether a desktop starts the entry: those that let a person switch it off leave the file where it is.
fn is_on(text: &str) -> bool {
    let is = |key: &str, wanted: &str| value(text, key).is_some_and(|it| it.eq_ignore_ascii_case(wanted));
    let is_switched_off = is("Hidden", "true")
        || ["X-GNOME-Autostart-enabled", "X-MATE-Autostart-enabled"].iter().any(|key| is(key, "false"));
    value(text, "Exec").is_some() && !is_switched_off
}

/// What a key of the entry says.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let of_the_entry = text.lines().map(str::trim).skip_while(|line| *line != "[Desktop Entry]").skip(1);
    of_the_entry.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim_end() == key).then(|| value.trim_start())
    })
}

/// A path in the `Exec` of a desktop entry, where it is quoted as an argument and then escaped as a text.
/// See <https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html>.
fn word(path: &str) -> String {
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
        assert_eq!(word("/usr/bin/taskpaw"), r#""/usr/bin/taskpaw""#);
        assert_eq!(word("/my apps/100%/$x"), r#""/my apps/100%%/\\$x""#);
        assert_eq!(word(r"/a\b"), r#""/a\\\\b""#);
    }

    #[test]
    fn the_entry_is_on_only_while_the_desktop_starts_it() {
        let entry = |more: &str| {
            format!("# mine\n[Desktop Entry]\nExec=\"/t\" --background\n{more}\n[Other]\nHidden=true\n")
        };
        assert!(is_on(&entry("")));
        assert!(is_on(&entry("Hidden=false\nX-GNOME-Autostart-enabled=true")));
        assert!(!is_on(&entry("Hidden=true")));
        assert!(!is_on(&entry("X-GNOME-Autostart-enabled = false")));
        assert!(!is_on("[Desktop Entry]\nName=TaskPaw\n"), "it starts nothing");
        assert!(!is_on("Exec=/t\n"), "it is no entry");
    }

    #[test]
    fn the_entry_of_another_version_is_known_and_replaced() {
        let config = tempfile::tempdir().unwrap();
        let old = Entry::at(config.path(), Path::new("/opt/TaskPaw-4.0.0/taskpaw"));
        let new = Entry::at(config.path(), Path::new("/opt/TaskPaw-4.1.0/taskpaw"));
        assert_eq!((new.is_on(), new.is_current()), (Ok(false), Ok(false)));
        new.remove().unwrap();
        old.enter().unwrap();
        assert_eq!((new.is_on(), new.is_current(), old.is_current()), (Ok(true), Ok(false), Ok(true)));
        new.enter().unwrap();
        assert_eq!((new.is_on(), new.is_current(), old.is_current()), (Ok(true), Ok(true), Ok(false)));
        new.remove().unwrap();
        assert_eq!(new.is_on(), Ok(false));
    }
}
