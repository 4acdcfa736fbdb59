//! The tray of a Linux desktop: a StatusNotifierItem on the session bus.
//!
//! Not Tauri's own tray: that loads libayatana-appindicator when the icon is made, and panics where it is missing;
//! and it does not say whether anybody shows the icon. Here a desktop without a tray is an answer.

use ksni::menu::{MenuItem, StandardItem, SubMenu};
use ksni::{Icon, OfflineReason, Status, ToolTip, TrayMethods as _};
use tauri::AppHandle;
use tokio::sync::watch;

use super::OnClick;
use super::icon::draw;
use super::menu::{Click, Command, Entry, Shown};
use super::mood::Mood;

/// The sizes of panels: anyone who shows the icon takes what fits best.
const SIZES: [u16; 3] = [22, 32, 48];

/// The icon, in the tray or waiting for one.
pub(super) struct TrayIcon(ksni::Handle<Item>);

/// Puts the icon up. `is_there` is told whether there is a tray that shows it; it begins with yes.
///
/// # Errors
/// Why there can be none: the session has no bus, or nobody is allowed on it.
pub(super) async fn put_up(
    _handle: AppHandle,
    shown: Shown,
    on_click: OnClick,
    is_there: watch::Sender<bool>,
) -> Result<TrayIcon, String> {
    // A desktop that starts this app at login may put up its tray only after that.
    let spawned = Item { shown, on_click, is_there }.assume_sni_available(true).spawn().await;
    spawned.map(TrayIcon).map_err(|error| error.to_string())
}

impl TrayIcon {
    /// Shows something else.
    pub(super) async fn show(&self, shown: Shown) {
        let _nothing_if_the_bus_is_gone = self.0.update(|item| item.shown = shown).await;
    }
}

/// What the bus is told.
struct Item {
    shown: Shown,
    on_click: OnClick,
    is_there: watch::Sender<bool>,
}

impl Item {
    fn tray_is_there(&self, is_now: bool) {
        self.is_there.send_if_modified(|is| std::mem::replace(is, is_now) != is_now);
    }

    fn line(command: &Command) -> MenuItem<Self> {
        let (label, click) = (command.label.clone(), command.click.clone());
        let activate = Box::new(move |item: &mut Self| (item.on_click)(click.clone()));
        StandardItem { label, activate, ..StandardItem::default() }.into()
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "app.taskpaw.desktop".to_owned()
    }

    fn title(&self) -> String {
        "TaskPaw".to_owned()
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        (self.on_click)(Click::Open);
    }

    fn status(&self) -> Status {
        if self.shown.mood == Mood::Broken { Status::NeedsAttention } else { Status::Active }
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        let icon = |size: u16| {
            let mut data = draw(self.shown.mood, size.into());
            // The bus wants the opacity first.
            data.chunks_exact_mut(4).for_each(|pixel| pixel.rotate_right(1));
            Icon { width: size.into(), height: size.into(), data }
        };
        SIZES.map(icon).into()
    }

    fn attention_icon_pixmap(&self) -> Vec<Icon> {
        self.icon_pixmap()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip { title: self.title(), description: self.shown.summary.clone(), ..ToolTip::default() }
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let item = |entry: &Entry| -> MenuItem<Self> {
            match entry {
                Entry::Word(label) => {
                    StandardItem { label: label.clone(), enabled: false, ..StandardItem::default() }.into()
                }
                Entry::Command(command) => Self::line(command),
                Entry::Group(label, commands) => {
                    let submenu = commands.iter().map(Self::line).collect();
                    SubMenu { label: label.clone(), submenu, ..SubMenu::default() }.into()
                }
                Entry::Line => MenuItem::Separator,
            }
        };
        self.shown.entries.iter().map(item).collect()
    }

    fn watcher_online(&self) {
        self.tray_is_there(true);
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.tray_is_there(false);
        true
    }
}
