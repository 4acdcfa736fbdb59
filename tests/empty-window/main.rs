//! The least that Tauri can show: one window with an empty page. The app's own start is measured against it.

fn main() -> tauri::Result<()> {
    tauri::Builder::default().run(tauri::generate_context!())
}
