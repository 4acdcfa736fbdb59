//! What the tests with real processes share: programs, folders, ports, processes that are ended by their
//! pid, and the real window.
//!
//! Nothing here depends on a fixed port being free, on what another test left behind, or on sleeping long
//! enough: every wait is for something, until a deadline.

pub mod desktop;
pub mod disk;
pub mod home;
pub mod ports;
pub mod process;
pub mod programs;
pub mod screen;
#[path = "../soak/lib.rs"]
pub mod soak;
#[path = "../successors/lib.rs"]
pub mod successors;
pub mod tray;
pub mod wait;
pub mod window;

pub use desktop::Desktop;
pub use home::Home;
pub use ports::free_ports;
pub use process::Owned;
pub use wait::{until, until_some};
pub use window::Window;
