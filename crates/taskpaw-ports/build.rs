//! On Windows the program must start where no C++ runtime was ever installed: it is linked in, as Tauri does for the host.

fn main() {
    static_vcruntime::metabuild();
}
