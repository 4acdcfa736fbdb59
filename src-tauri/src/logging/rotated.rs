//! A log file that is started over when it is full, with the old ones kept beside it.
//!
//! Our own, because nothing about a log may stop the app: a folder that cannot be made or a full disk is an
//! error here and no panic.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Files kept beside the one that is written: `agent.log.1` is the youngest.
const OLD_FILES: u32 = 4;
/// The size of a file, in bytes.
const FILE_SIZE: u64 = 5 * 1024 * 1024;

/// A log file; only its owner can read it. A new file is started between two writes, so a line is written at
/// once.
#[derive(Debug)]
pub(crate) struct RotatedFile {
    path: PathBuf,
    full_at: u64,
    open: Option<(File, u64)>,
}

impl RotatedFile {
    /// The file at a path; nothing is opened before the first write.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, full_at: FILE_SIZE, open: None }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.open = None;
        if self.aged(0).exists() {
            // An old one was held open when it should have moved on.
            self.shift()?;
        }
        // First of all the one that somebody may hold open, so that no old one goes for nothing.
        rename_if_there(&self.path, &self.aged(0))?;
        self.shift()
    }

    fn shift(&self) -> io::Result<()> {
        for age in (0..OLD_FILES).rev() {
            rename_if_there(&self.aged(age), &self.aged(age + 1))?;
        }
        Ok(())
    }

    fn aged(&self, age: u32) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{age}"));
        self.path.with_file_name(name)
    }

    fn append(&self) -> io::Result<(File, u64)> {
        durable_file::create_private_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Write for RotatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.open.as_ref().is_some_and(|(_, size)| *size >= self.full_at) {
            // Where somebody holds it open (Windows) the full file is written on, and the next write tries again.
            let _held_open = self.begin_anew();
        }
        let (mut file, size) = match self.open.take() {
            Some(open) => open,
            None => self.append()?,
        };
        // After an error the file is reopened: the folder may have come back.
        let written = file.write(bytes)?;
        self.open = Some((file, size.saturating_add(u64::try_from(written).unwrap_or(u64::MAX))));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |(file, _)| file.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_kept_and_only_a_few_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs").join("agent.log");
        let mut file = RotatedFile { full_at: 10, ..RotatedFile::new(path.clone()) };
        for number in 0..20 {
            file.write_all(format!("line number {number}\n").as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "line number 19\n");
        assert_eq!(fs::read_to_string(file.aged(1)).unwrap(), "line number 18\n");
        assert_eq!(fs::read_to_string(file.aged(OLD_FILES)).unwrap(), "line number 15\n");
        assert!(!file.aged(OLD_FILES + 1).exists());
    }

    #[test]
    fn what_was_there_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.log");
        writeln!(RotatedFile::new(path.clone()), "before").unwrap();
        writeln!(RotatedFile::new(path.clone()), "after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\n");
    }

    #[test]
    fn a_file_that_somebody_holds_open_costs_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.log");
        let mut file = RotatedFile { full_at: 10, ..RotatedFile::new(path.clone()) };
        fs::write(file.aged(OLD_FILES - 1), "older").unwrap();
        // In the way of the older one, as somebody who holds it open is on Windows.
        fs::create_dir(file.aged(OLD_FILES)).unwrap();
        for number in 0..20 {
            file.write_all(format!("line number {number}\n").as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(file.aged(0)).unwrap(), "line number 0\n");
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 19);
        assert_eq!(fs::read_to_string(file.aged(OLD_FILES - 1)).unwrap(), "older");
        fs::remove_dir(file.aged(OLD_FILES)).unwrap();
        file.write_all(b"at last\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "at last\n");
        assert_eq!(fs::read_to_string(file.aged(OLD_FILES)).unwrap(), "older");
        assert!(!file.aged(0).exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").unwrap();
        assert!(writeln!(RotatedFile::new(blocked.join("agent.log")), "line").is_err());
    }
}
