//! A program that holds ports in every way that a takeover can meet, and writes down every signal it gets.
//!
//! Tests copy it under the name by which it is to be known. Words that are not options, such as a role, are left
//! alone, so that it can be called as any other program is.

#[cfg(target_os = "linux")]
#[path = "holder/linux.rs"]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}
