//! Closing the window: it ends the app, after a question that says what stops, or hides the window where there is
//! a tray and the person wants that.

use std::sync::Arc;

use taskpaw_contract::config::OnClose;
use taskpaw_contract::ipc::{Event, RoleState, Snapshot};
use tauri::{WebviewWindow, WindowEvent};

use crate::app::App;

/// What closing the window is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// The app ends.
    End,
    /// The window asks the person.
    Ask,
    /// The window is hidden, and the app goes on: in the tray, or until another one has followed.
    Hide,
}

/// Decides each time that a person closes the window.
pub(crate) fn attend(window: &WebviewWindow, app: &Arc<App>) {
    let app = Arc::clone(app);
    window.on_window_event(move |event| {
        let WindowEvent::CloseRequested { api, .. } = event else { return };
        match decide(&app.board().snapshot(), app.paint().after().is_some()) {
            Closing::End => {}
            Closing::Ask => {
                api.prevent_close();
                app.board().publish(Event::CloseRequested);
            }
            Closing::Hide => {
                api.prevent_close();
                app.shell().hide();
            }
        }
    });
}

/// The question is asked only if something would stop and somebody can answer: closing the window once more
/// while it is asked is an answer too, and helps where the page hangs.
fn decide(shown: &Snapshot, has_painted: bool) -> Closing {
    let (app, on_close) = (&shown.app, shown.app.preferences.on_close);
    if app.replaced_by.is_some() {
        return Closing::Hide;
    }
    if on_close == OnClose::Tray && app.has_tray {
        return Closing::Hide;
    }
    let runs = |state: &RoleState| {
        !matches!(state, RoleState::Stopped | RoleState::Waiting { .. } | RoleState::Failed { .. })
    };
    let something_stops = shown.roles.iter().any(|view| runs(&view.state));
    let may_ask = has_painted && !app.is_close_asked;
    // A person who wanted the app to stay in a tray that is not there is asked, and not surprised.
    if on_close != OnClose::Quit && may_ask && something_stops { Closing::Ask } else { Closing::End }
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::Role;
    use taskpaw_contract::config::Config;

    use super::*;
    use crate::board::Board;

    fn running() -> Board {
        let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
        board.configure(&Config::default(), false);
        board.publish(Event::TakeoverStarted { role: Role::Agent, generation: 1, ports: Vec::new() });
        board
    }

    #[test]
    fn it_is_asked_once_where_something_stops() {
        let board = running();
        assert_eq!(decide(&board.snapshot(), true), Closing::Ask);
        assert_eq!(decide(&board.snapshot(), false), Closing::End, "nobody could answer");
        board.publish(Event::CloseRequested);
        assert_eq!(decide(&board.snapshot(), true), Closing::End, "closing again is an answer");
        board.publish(Event::CloseAnswered);
        assert_eq!(decide(&board.snapshot(), true), Closing::Ask);
        let exited = Event::BackendExited { role: Role::Agent, generation: 1, status: String::new() };
        board.publish(exited);
        assert_eq!(decide(&board.snapshot(), true), Closing::End, "nothing stops");
    }

    #[test]
    fn whoever_wants_no_question_gets_none() {
        let board = running();
        let mut config = Config::default();
        config.app.on_close = OnClose::Quit;
        board.configure(&config, false);
        assert_eq!(decide(&board.snapshot(), true), Closing::End);
    }

    #[test]
    fn whoever_wants_the_tray_gets_it_where_there_is_one() {
        let board = running();
        let mut config = Config::default();
        config.app.on_close = OnClose::Tray;
        board.configure(&config, false);
        assert_eq!(
            decide(&board.snapshot(), true),
            Closing::Ask,
            "without a tray nobody finds the app again"
        );
        board.show_tray(true);
        assert_eq!(decide(&board.snapshot(), true), Closing::Hide);
        assert_eq!(decide(&board.snapshot(), false), Closing::Hide, "also while the page is slow");
        board.publish(Event::HandoverStarted { version: "4.1.0".into() });
        assert_eq!(decide(&board.snapshot(), true), Closing::Hide, "this one may have to go on");
    }
}
