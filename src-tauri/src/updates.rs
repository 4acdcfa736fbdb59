//! New versions that the app finds by itself: it looks, downloads, puts them to their place, and starts one when the person wants it.
//!
//! `taskpaw_updates::machine` decides; [`task`] is the one task that does it, and asks nobody while anything is held. A version that
//! was started is on trial: it proves itself by [`proving`], and a small program of the version before it stays beside it ([`beside`]), which
//! needs nothing of it to bring the old one back.

pub(crate) mod beside;
mod fetching;
mod proving;
mod task;

pub(crate) use task::attend;

/// What came of work on another thread.
fn joined<T>(done: tauri::Result<std::io::Result<T>>) -> std::io::Result<T> {
    done.map_err(|error| std::io::Error::other(error.to_string())).flatten()
}
