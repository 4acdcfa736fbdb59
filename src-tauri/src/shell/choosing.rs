//! The system's own window in which a person chooses a file or a folder.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::mpsc;

use rfd::{AsyncFileDialog, FileHandle};
use taskpaw_contract::ipc::PathKind;
use tauri::async_runtime::block_on;
use tauri::{AppHandle, Manager as _};

use crate::window;

/// The answer, which comes once the person has chosen.
type Choice = Pin<Box<dyn Future<Output = Option<FileHandle>> + Send>>;

/// Opens it above the app's window and waits until the person has chosen. Never on the main thread, which it needs itself.
pub(super) fn choose(handle: &AppHandle, what: PathKind) -> Result<Option<PathBuf>, String> {
    let (opened, opening) = mpsc::channel::<Choice>();
    let owner = handle.get_webview_window(window::NAME);
    let open = move || {
        let mut dialog = AsyncFileDialog::new();
        if let Some(owner) = &owner {
            dialog = dialog.set_parent(owner);
        }
        // It is made here, where each system wants its windows made, and waited for elsewhere.
        let choice: Choice = match what {
            PathKind::File => Box::pin(dialog.pick_file()),
            PathKind::Folder => Box::pin(dialog.pick_folder()),
        };
        // The caller waits for it.
        let _ = opened.send(choice);
    };
    handle.run_on_main_thread(open).map_err(|error| error.to_string())?;
    let choice = opening.recv().map_err(|_gone| "the app is about to end".to_owned())?;
    Ok(block_on(choice).map(|file| file.path().to_owned()))
}
