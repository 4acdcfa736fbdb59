//! The tray of Windows and macOS: Tauri's own, which is a part of the system there.

use std::sync::{Arc, Mutex, PoisonError};

use tauri::image::Image;
use tauri::menu::{IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Wry};
use tokio::sync::watch;

use super::OnClick;
use super::icon::draw;
use super::menu::{Click, Command, Entry, Shown};

/// The icon's size in pixels; both systems scale it down where they need to.
const SIZE: u32 = 64;
const NO_SHORTCUT: Option<&str> = None;

/// The icon in the tray.
pub(super) struct TrayIcon {
    handle: AppHandle,
    icon: tauri::tray::TrayIcon,
    clicks: Clicks,
    /// As long as it lives, there is a tray.
    _is_there: watch::Sender<bool>,
}

/// What each command of the menu does that is shown now; its place is its name.
type Clicks = Arc<Mutex<Vec<Click>>>;

/// Puts the icon up.
///
/// # Errors
/// What the system says.
pub(super) async fn put_up(
    handle: AppHandle,
    shown: Shown,
    on_click: OnClick,
    is_there: watch::Sender<bool>,
) -> Result<TrayIcon, String> {
    let clicks = Clicks::default();
    let (chosen, opens) = (Arc::clone(&clicks), Arc::clone(&on_click));
    let built = menu(&handle, &shown, &clicks).and_then(|menu| {
        TrayIconBuilder::with_id("taskpaw")
            .icon(image(&shown))
            .tooltip(tooltip(&shown))
            .menu(&menu)
            // On macOS a click on such an icon opens its menu; on Windows it opens the app.
            .show_menu_on_left_click(cfg!(target_os = "macos"))
            .on_menu_event(move |_, event| {
                let at = event.id().as_ref().parse::<usize>().ok();
                let click = at.and_then(|at| lock(&chosen).get(at).cloned());
                if let Some(click) = click {
                    on_click(click);
                }
            })
            .on_tray_icon_event(move |_, event| {
                let is_click = matches!(
                    event,
                    TrayIconEvent::Click {
                        button: MouseButton::Left,
                        button_state: MouseButtonState::Up,
                        ..
                    }
                );
                if is_click && cfg!(not(target_os = "macos")) {
                    opens(Click::Open);
                }
            })
            .build(&handle)
    });
    let icon = built.map_err(|error| error.to_string())?;
    Ok(TrayIcon { handle, icon, clicks, _is_there: is_there })
}

impl TrayIcon {
    /// Shows something else.
    pub(super) async fn show(&self, shown: Shown) {
        let changed = menu(&self.handle, &shown, &self.clicks).and_then(|menu| {
            self.icon.set_menu(Some(menu))?;
            self.icon.set_icon(Some(image(&shown)))?;
            self.icon.set_tooltip(Some(tooltip(&shown)))
        });
        if let Err(error) = changed {
            tracing::warn!(%error, "the tray cannot be changed");
        }
    }
}

fn image(shown: &Shown) -> Image<'static> {
    Image::new_owned(draw(shown.mood, SIZE), SIZE, SIZE)
}

fn tooltip(shown: &Shown) -> String {
    format!("TaskPaw\n{}", shown.summary)
}

fn menu(handle: &AppHandle, shown: &Shown, clicks: &Clicks) -> tauri::Result<Menu<Wry>> {
    let mut named = Vec::new();
    let mut item = |command: &Command| {
        named.push(command.click.clone());
        let name = (named.len() - 1).to_string();
        MenuItem::with_id(handle, name, &command.label, true, NO_SHORTCUT)
    };
    let menu = Menu::new(handle)?;
    for entry in &shown.entries {
        match entry {
            Entry::Word(label) => menu.append(&MenuItem::new(handle, label, false, NO_SHORTCUT)?)?,
            Entry::Command(command) => menu.append(&item(command)?)?,
            Entry::Group(label, commands) => {
                let items = commands.iter().map(&mut item).collect::<tauri::Result<Vec<_>>>()?;
                let items: Vec<&dyn IsMenuItem<Wry>> =
                    items.iter().map(|item| item as &dyn IsMenuItem<Wry>).collect();
                menu.append(&Submenu::with_items(handle, label, true, &items)?)?;
            }
            Entry::Line => menu.append(&PredefinedMenuItem::separator(handle)?)?,
        }
    }
    *lock(clicks) = named;
    Ok(menu)
}

fn lock(clicks: &Clicks) -> std::sync::MutexGuard<'_, Vec<Click>> {
    clicks.lock().unwrap_or_else(PoisonError::into_inner)
}
