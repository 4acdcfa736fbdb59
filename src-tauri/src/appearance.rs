//! How the window looks: what the version that follows needs so that its own looks the same.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskpaw_contract::ipc::Page;

/// The least and the most that is believed of a side, in pixels: the smallest window, and the largest surface of a GPU.
const SIDE: std::ops::RangeInclusive<u32> = 100..=16384;
/// How far from the corner of the first screen a window is believed to be: as far as X11 counts.
const FARTHEST: std::ops::RangeInclusive<i32> = -32768..=32767;

/// How the window looks. Every part may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Appearance {
    /// The corner of its frame, in pixels.
    pub(crate) position: Option<(i32, i32)>,
    /// The window's size without its frame, in pixels.
    pub(crate) size: Option<(u32, u32)>,
    /// Whether it fills the screen; position and size are those of before.
    pub(crate) maximized: bool,
    /// The page that is open.
    pub(crate) page: Option<Page>,
}

impl Appearance {
    /// What another version says of its window; nothing that could not be one.
    pub(crate) fn told(value: Value) -> Option<Self> {
        let Value::Object(parts) = value else { return None };
        let part = |name: &str| parts.get(name).cloned().unwrap_or_default();
        let position: Option<(i32, i32)> = serde_json::from_value(part("position")).unwrap_or_default();
        let size: Option<(u32, u32)> = serde_json::from_value(part("size")).unwrap_or_default();
        Some(Self {
            position: position.filter(|(x, y)| FARTHEST.contains(x) && FARTHEST.contains(y)),
            size: size.filter(|(width, height)| SIDE.contains(width) && SIDE.contains(height)),
            maximized: part("maximized") == Value::Bool(true),
            // A page that this version does not have is left out.
            page: serde_json::from_value(part("page")).unwrap_or_default(),
        })
    }
}

/// How the window looks now. Its clones are the same; nobody who reads it waits for the window.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedAppearance(Arc<Mutex<Option<Appearance>>>);

impl SharedAppearance {
    /// How it looks now; nothing before there is a window.
    pub(crate) fn now(&self) -> Option<Appearance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes where the window stands.
    pub(crate) fn stands(&self, position: Option<(i32, i32)>, size: Option<(u32, u32)>, maximized: bool) {
        self.change(|shown| {
            shown.maximized = maximized;
            if !maximized {
                (shown.position, shown.size) = (position, size);
            }
        });
    }

    /// Notes which page is open.
    pub(crate) fn opened(&self, page: Page) {
        self.change(|shown| shown.page = Some(page));
    }

    fn change(&self, change: impl FnOnce(&mut Appearance)) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(shown.get_or_insert_default());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_comes_back_as_it_was() {
        let shown = SharedAppearance::default();
        assert_eq!(shown.now(), None);
        shown.stands(Some((302, -190)), Some((900, 600)), false);
        shown.opened(Page::Ports);
        shown.stands(Some((0, 0)), Some((1920, 1080)), true);
        let now = shown.now().unwrap();
        assert_eq!((now.position, now.size, now.maximized), (Some((302, -190)), Some((900, 600)), true));
        assert_eq!(Appearance::told(serde_json::to_value(&now).unwrap()), Some(now));
    }

    #[test]
    fn what_cannot_be_is_not_believed_and_spoils_nothing_else() {
        let told = json!({ "position": [1_000_000, 0], "size": [900, 600], "maximized": 3, "page": "moon" });
        let expected = Appearance { size: Some((900, 600)), ..Appearance::default() };
        assert_eq!(Appearance::told(told), Some(expected));
        for size in [json!([0, 600]), json!([900]), json!("900x600"), json!([-1, 5]), json!([1e9, 1e9])] {
            assert_eq!(Appearance::told(json!({ "size": size })), Some(Appearance::default()), "{size}");
        }
        assert_eq!(Appearance::told(json!(7)), None);
    }
}
