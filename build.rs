//! Prepares what Tauri compiles into the host: its configuration, its capabilities and the window's files.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=ui/dist");
    if !Path::new("ui/dist/index.html").exists() {
        println!("cargo:error=the window is not built yet: run `npm run build:ui` (`npm start` does it all)");
        std::process::exit(1);
    }
    let attributes = tauri_build::Attributes::new()
        .windows_attributes(windows_attributes())
        .capabilities_path_pattern("src-tauri/capabilities/*.json")
        .app_manifest(tauri_build::AppManifest::new().commands(&["call"]));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo:error={error:#}");
        std::process::exit(1);
    }
}

/// On Windows the window's library needs a manifest that asks for the newer controls. Tauri gives it to the program
/// alone, and a program of tests without it does not even load.
fn windows_attributes() -> tauri_build::WindowsAttributes {
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("msvc") {
        return tauri_build::WindowsAttributes::new();
    }
    const MANIFEST: &str = "packaging/windows/app.manifest";
    println!("cargo:rerun-if-changed={MANIFEST}");
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg=/MANIFEST:EMBED");
    println!("cargo:rustc-link-arg=/MANIFESTINPUT:{folder}/{MANIFEST}");
    tauri_build::WindowsAttributes::new_without_app_manifest()
}
