//! What the app asks of Windows itself.

use windows::Win32::UI::WindowsAndMessaging::{MB_ICONERROR, MB_OK, MB_SETFOREGROUND, MessageBoxW};
use windows::core::HSTRING;

/// Shows a message until a person closes it. Whether it could be shown.
#[expect(unsafe_code, reason = "only the system shows one without a window")]
pub(crate) fn message_box(title: &str, text: &str) -> bool {
    let (title, text) = (HSTRING::from(title), HSTRING::from(text));
    // SAFETY: both texts end with a zero and live until it returns; there is no window that it would belong to.
    let chosen = unsafe { MessageBoxW(None, &text, &title, MB_OK | MB_ICONERROR | MB_SETFOREGROUND) };
    chosen.0 != 0
}
