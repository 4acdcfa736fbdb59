//! `npm run bench`: how fast the takeover is, beside what a person would run instead.
//!
//! The machine is loaded with processes and descriptors that are started here and ended by their pid. What is
//! compared with is there on Linux only.

#[cfg(target_os = "linux")]
mod contender;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod ending;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod takeover;

#[cfg(target_os = "linux")]
fn main() {
    if !crowd::plays_a_part() {
        takeover::measure();
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this benchmark runs on Linux only");
}
