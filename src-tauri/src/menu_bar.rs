//! The menu bar of macOS. Tauri's own has a Quit that ends the program at once; this one ends the backends first.

use taskpaw_contract::config::Language;
use tauri::menu::{AboutMetadata, Menu, MenuEvent, MenuItem, PredefinedMenuItem as Item, Submenu};
use tauri::{AppHandle, Wry};

use crate::language;

/// The name of our own entry.
const QUIT: &str = "quit-taskpaw";

struct Words {
    about: &'static str,
    hide: &'static str,
    hide_others: &'static str,
    show_all: &'static str,
    quit: &'static str,
    edit: &'static str,
    undo: &'static str,
    redo: &'static str,
    cut: &'static str,
    copy: &'static str,
    paste: &'static str,
    select_all: &'static str,
    window: &'static str,
    minimize: &'static str,
    close: &'static str,
}

const ENGLISH: Words = Words {
    about: "About TaskPaw",
    hide: "Hide TaskPaw",
    hide_others: "Hide Others",
    show_all: "Show All",
    quit: "Quit TaskPaw",
    edit: "Edit",
    undo: "Undo",
    redo: "Redo",
    cut: "Cut",
    copy: "Copy",
    paste: "Paste",
    select_all: "Select All",
    window: "Window",
    minimize: "Minimize",
    close: "Close Window",
};

/// As in the menus of macOS itself.
const CHINESE: Words = Words {
    about: "关于 TaskPaw",
    hide: "隐藏 TaskPaw",
    hide_others: "隐藏其他",
    show_all: "全部显示",
    quit: "退出 TaskPaw",
    edit: "编辑",
    undo: "撤销",
    redo: "重做",
    cut: "剪切",
    copy: "拷贝",
    paste: "粘贴",
    select_all: "全选",
    window: "窗口",
    minimize: "最小化",
    close: "关闭窗口",
};

/// The menu bar, in the language of the system, as that of every other app.
pub(crate) fn build(handle: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let is_chinese = language::is_chinese(Language::System, &language::of_the_system());
    let words = if is_chinese { &CHINESE } else { &ENGLISH };
    let about = AboutMetadata {
        name: Some("TaskPaw".to_owned()),
        version: Some(taskpaw_contract::version().to_owned()),
        ..AboutMetadata::default()
    };
    let app = Submenu::with_items(
        handle,
        "TaskPaw",
        true,
        &[
            &Item::about(handle, Some(words.about), Some(about))?,
            &Item::separator(handle)?,
            &Item::hide(handle, Some(words.hide))?,
            &Item::hide_others(handle, Some(words.hide_others))?,
            &Item::show_all(handle, Some(words.show_all))?,
            &Item::separator(handle)?,
            &MenuItem::with_id(handle, QUIT, words.quit, true, Some("CmdOrCtrl+Q"))?,
        ],
    )?;
    // Without it no field of the window takes the usual keys.
    let edit = Submenu::with_items(
        handle,
        words.edit,
        true,
        &[
            &Item::undo(handle, Some(words.undo))?,
            &Item::redo(handle, Some(words.redo))?,
            &Item::separator(handle)?,
            &Item::cut(handle, Some(words.cut))?,
            &Item::copy(handle, Some(words.copy))?,
            &Item::paste(handle, Some(words.paste))?,
            &Item::select_all(handle, Some(words.select_all))?,
        ],
    )?;
    let window = Submenu::with_items(
        handle,
        words.window,
        true,
        &[&Item::minimize(handle, Some(words.minimize))?, &Item::close_window(handle, Some(words.close))?],
    )?;
    Menu::with_items(handle, &[&app, &edit, &window])
}

/// Does what was chosen; the system does the rest itself.
pub(crate) fn choose(handle: &AppHandle, event: MenuEvent) {
    if event.id() == QUIT {
        handle.exit(0);
    }
}
