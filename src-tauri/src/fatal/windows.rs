//! Windows: a message box, which goes with the process and is waited for.

/// Shows a message box until the person has read it. On a thread of its own: a box handles the messages of its thread, and
/// whatever has failed may have windows there.
pub(super) fn show(title: &str, text: &str, _display_answers: bool) {
    let (title, text) = (title.to_owned(), text.to_owned());
    tracing::info!("a message is shown");
    let shown = std::thread::Builder::new()
        .name("message".to_owned())
        .spawn(move || crate::sys::message_box(&title, &text))
        .map(std::thread::JoinHandle::join);
    if !matches!(shown, Ok(Ok(true))) {
        tracing::warn!("no message can be shown");
    }
}
