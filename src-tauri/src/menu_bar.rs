//! The menu bar of macOS. Tauri's own has a Quit that ends the program at once; this one ends the backends first.

use taskpaw_words::{menu_bar, settings};
use tauri::menu::{AboutMetadata, Menu, MenuEvent, MenuItem, PredefinedMenuItem as Item, Submenu};
use tauri::{AppHandle, Wry};

use crate::language;

/// The name of our own entry.
const QUIT: &str = "quit-taskpaw";

/// The menu bar, in the language of the system, as that of every other app.
pub(crate) fn build(handle: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let spoken = language::of_the_system();
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
            &Item::about(handle, Some(menu_bar::ABOUT.of(spoken)), Some(about))?,
            &Item::separator(handle)?,
            &Item::hide(handle, Some(menu_bar::HIDE.of(spoken)))?,
            &Item::hide_others(handle, Some(menu_bar::HIDE_OTHERS.of(spoken)))?,
            &Item::show_all(handle, Some(menu_bar::SHOW_ALL.of(spoken)))?,
            &Item::separator(handle)?,
            &MenuItem::with_id(handle, QUIT, settings::ON_CLOSE_QUIT.of(spoken), true, Some("CmdOrCtrl+Q"))?,
        ],
    )?;
    // Without it no field of the window takes the usual keys.
    let edit = Submenu::with_items(
        handle,
        menu_bar::EDIT.of(spoken),
        true,
        &[
            &Item::undo(handle, Some(menu_bar::UNDO.of(spoken)))?,
            &Item::redo(handle, Some(menu_bar::REDO.of(spoken)))?,
            &Item::separator(handle)?,
            &Item::cut(handle, Some(menu_bar::CUT.of(spoken)))?,
            &Item::copy(handle, Some(menu_bar::COPY.of(spoken)))?,
            &Item::paste(handle, Some(menu_bar::PASTE.of(spoken)))?,
            &Item::select_all(handle, Some(menu_bar::SELECT_ALL.of(spoken)))?,
        ],
    )?;
    let window = Submenu::with_items(
        handle,
        menu_bar::WINDOW.of(spoken),
        true,
        &[
            &Item::minimize(handle, Some(menu_bar::MINIMIZE.of(spoken)))?,
            &Item::close_window(handle, Some(menu_bar::CLOSE.of(spoken)))?,
        ],
    )?;
    Menu::with_items(handle, &[&app, &edit, &window])
}

/// Does what was chosen; the system does the rest itself.
pub(crate) fn choose(handle: &AppHandle, event: MenuEvent) {
    if event.id() == QUIT {
        handle.exit(0);
    }
}
