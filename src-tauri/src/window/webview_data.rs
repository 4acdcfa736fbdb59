//! Where the webview keeps its data. On Windows the windows of one folder share one browser process, which refuses a window
//! of another version or with other options: so each version has a folder of its own there.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// When the folders of other versions are removed: the app that was replaced has ended, and the start is over.
const CLEARED_AFTER: Duration = Duration::from_secs(60);

/// The folder of a version; nothing where the system's own place will do.
pub(super) fn folder(local_data: &Path, version: &str) -> Option<PathBuf> {
    cfg!(windows).then(|| of_version(local_data, version))
}

/// Removes the folders of other versions, in a while. What is in use stays.
pub(super) fn clear_later(local_data: &Path, version: &'static str) {
    if !cfg!(windows) {
        return;
    }
    let all = all_versions(local_data);
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(CLEARED_AFTER).await;
        for folder in others(&all, version) {
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                tracing::debug!(folder = %folder.display(), %error, "in use");
            }
        }
    });
}

fn all_versions(local_data: &Path) -> PathBuf {
    local_data.join("webview")
}

fn of_version(local_data: &Path, version: &str) -> PathBuf {
    all_versions(local_data).join(version)
}

/// The folders of other versions than this one.
fn others(all: &Path, version: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(all).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter(|entry| entry.file_name() != version).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_have_two_folders_and_only_the_other_one_is_cleared() {
        let data = tempfile::tempdir().unwrap();
        let (one, other) = (of_version(data.path(), "4.1.0"), of_version(data.path(), "4.1.1"));
        assert_ne!(one, other);
        assert_eq!(others(&all_versions(data.path()), "4.1.1"), Vec::<PathBuf>::new(), "there is none yet");
        for folder in [&one, &other] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(all_versions(data.path()).join("file"), "").unwrap();
        assert_eq!(others(&all_versions(data.path()), "4.1.1"), [one]);
    }

    #[test]
    fn only_windows_needs_a_folder() {
        assert_eq!(folder(Path::new("d"), "4.1.0").is_some(), cfg!(windows));
    }
}
