//! What the app asks of Windows itself.

use windows::Win32::UI::WindowsAndMessaging::{
    ASFW_ANY, AllowSetForegroundWindow, MB_ICONERROR, MB_OK, MB_SETFOREGROUND, MessageBoxW,
};
use windows::core::HSTRING;

/// Shows a message until a person closes it. Whether it could be shown.
#[expect(unsafe_code, reason = "only the system shows one without a window")]
pub(crate) fn message_box(title: &str, text: &str) -> bool {
    let (title, text) = (HSTRING::from(title), HSTRING::from(text));
    // SAFETY: both texts end with a zero and live until it returns; there is no window that it would belong to.
    let chosen = unsafe { MessageBoxW(None, &text, &title, MB_OK | MB_ICONERROR | MB_SETFOREGROUND) };
    chosen.0 != 0
}

/// Lets another process bring its window to the front, or whichever wants to. Windows lets only that program do it which a person
/// has just started, and which may pass it on. Says whether it could.
#[expect(unsafe_code, reason = "the windows crate has no safe interface for it")]
pub(crate) fn let_come_to_the_front(process: Option<u32>) -> bool {
    // SAFETY: it has no conditions.
    unsafe { AllowSetForegroundWindow(process.unwrap_or(ASFW_ANY)) }.is_ok()
}
