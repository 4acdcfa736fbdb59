//! On Windows the program must start where no C++ runtime was ever installed: it is linked in, as Tauri does for the host. And
//! the firewall's question and the list of processes show a name and a version instead of a file.

fn main() {
    static_vcruntime::metabuild();
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        return;
    }
    let mut resource = winresource::WindowsResource::new();
    resource
        .set("FileDescription", "TaskPaw ports")
        .set("ProductName", "TaskPaw")
        .set("CompanyName", "The TaskPaw developers")
        .set("LegalCopyright", "Copyright (c) 2026 The TaskPaw developers");
    if let Err(error) = resource.compile() {
        println!("cargo:error=the version information cannot be made: {error}");
        std::process::exit(1);
    }
}
