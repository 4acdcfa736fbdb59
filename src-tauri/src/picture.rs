//! A picture of the window, as the webview itself has painted it.

use std::path::{Path, PathBuf};

use tauri::WebviewWindow;

/// Saves a picture of the window's content as PNG.
///
/// # Errors
/// Why there is none.
#[cfg(target_os = "linux")]
pub(crate) async fn save(window: &WebviewWindow, path: &Path) -> Result<(), String> {
    use webkit2gtk::{SnapshotOptions, SnapshotRegion, WebViewExt as _, gio};

    let (tell, told) = tokio::sync::oneshot::channel();
    let path: PathBuf = path.to_owned();
    window
        .with_webview(move |webview| {
            let done = move |surface: Result<cairo::Surface, webkit2gtk::glib::Error>| {
                let _nobody_waits =
                    tell.send(surface.map_err(|error| error.to_string()).and_then(|surface| {
                        let mut file = std::fs::File::create(&path).map_err(|error| error.to_string())?;
                        surface.write_to_png(&mut file).map_err(|error| error.to_string())
                    }));
            };
            let no_cancel: Option<&gio::Cancellable> = None;
            webview.inner().snapshot(SnapshotRegion::Visible, SnapshotOptions::NONE, no_cancel, done);
        })
        .map_err(|error| error.to_string())?;
    told.await.map_err(|_| "the webview gave no answer".to_owned())?
}

/// Saves a picture of the window's content as PNG.
///
/// # Errors
/// Always: only Linux is taught so far.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn save(_window: &WebviewWindow, _path: &Path) -> Result<(), String> {
    let _unused: Option<PathBuf> = None;
    Err("a picture can only be saved on Linux".to_owned())
}
