//! What a person sees on a display: which windows are there, whose they are, and which has the focus.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask,
    ImageFormat, MapState, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Smaller ones are not windows for a person: toolkits have such for themselves.
const SMALLEST: u16 = 200;
/// An empty page has one colour and its scroll bar a few; a page with text has many, since letters have
/// soft edges.
const COLOURS_OF_TEXT: usize = 24;
/// One pixel in this many is looked at: odd, so that all columns have their turn.
const EVERY: usize = 7;
/// What a message says that comes from a person's task bar, and not from an app for itself.
const FROM_A_TASK_BAR: u32 = 2;
/// `IconicState` of the window system's conventions.
const MINIMISED: u32 = 3;

/// A connection to a display. Windows come and go: whatever is asked of one that is gone is nothing.
pub struct Screen {
    connection: RustConnection,
    root: Window,
}

/// A window that is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    window: Window,
    /// The process whose window it is.
    pub pid: u32,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Screen {
    /// The screen of a display, such as `:5`.
    pub fn of(display: &str) -> Self {
        let (connection, screen) = RustConnection::connect(Some(display)).expect("the display");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    /// Whether a window manager manages it.
    pub fn has_a_manager(&self) -> bool {
        self.cardinal(self.root, "_NET_SUPPORTING_WM_CHECK", AtomEnum::WINDOW.into()).is_some()
    }

    /// The windows that are on the screen, however deep their frames have put them.
    pub fn windows(&self) -> Vec<Shown> {
        let mut found = Vec::new();
        let mut left = vec![self.root];
        while let Some(window) = left.pop() {
            for child in self.children(window) {
                match self.shown(child) {
                    Some(shown) => found.push(shown),
                    None if window == self.root => left.push(child),
                    None => {}
                }
            }
        }
        found
    }

    /// A process's window, if it is on the screen.
    pub fn window_of(&self, pid: u32) -> Option<Shown> {
        self.windows().into_iter().find(|shown| shown.pid == pid)
    }

    /// Whether there is something to read in a window.
    pub fn is_painted(&self, shown: Shown) -> bool {
        self.colours(shown).is_some_and(|colours| colours >= COLOURS_OF_TEXT)
    }

    /// Waits until a process's window is put on the screen, and says when. The display tells it, so nothing is
    /// asked again and again.
    pub fn mapped_at(&self, pid: u32, within: Duration) -> Option<Instant> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            match self.connection.poll_for_event().expect("the display is there") {
                Some(Event::MapNotify(mapped)) => {
                    let at = Instant::now();
                    if self.shown(mapped.window).is_some_and(|shown| shown.pid == pid) {
                        return Some(at);
                    }
                }
                Some(_) => {}
                None => std::thread::sleep(Duration::from_micros(500)),
            }
        }
        None
    }

    /// Has the display tell what is put on the screen from now on, for [`Screen::mapped_at`].
    pub fn watch(&self) {
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        let asked =
            self.connection.change_window_attributes(self.root, &events).expect("the display is there");
        asked.check().expect("whoever asks is told");
    }

    /// The process whose window has the focus.
    pub fn focused_pid(&self) -> Option<u32> {
        let window = self.cardinal(self.root, "_NET_ACTIVE_WINDOW", AtomEnum::WINDOW.into())?;
        self.pid(window)
    }

    /// Minimises a window as its button does.
    pub fn minimise(&self, shown: Shown) {
        self.tell(shown.window, "WM_CHANGE_STATE", [MINIMISED, 0, 0, 0, 0]);
    }

    /// Asks a window to close, as a window manager does when its button is clicked.
    pub fn close(&self, shown: Shown) {
        let data = [self.atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let event = ClientMessageEvent::new(32, shown.window, self.atom("WM_PROTOCOLS"), data);
        let sent = self.connection.send_event(false, shown.window, EventMask::NO_EVENT, event);
        sent.expect("the display is there");
        self.connection.flush().expect("the display is there");
    }

    /// Where a window is, and how large: without its frame.
    pub fn place(&self, shown: Shown) -> Option<(i16, i16, u16, u16)> {
        let size = self.connection.get_geometry(shown.window).ok()?.reply().ok()?;
        let at = self.connection.translate_coordinates(shown.window, self.root, 0, 0).ok()?.reply().ok()?;
        Some((at.dst_x, at.dst_y, size.width, size.height))
    }

    /// Moves a window and gives it another size, as a person does with the mouse.
    pub fn put(&self, shown: Shown, (x, y, width, height): (i16, i16, u16, u16)) {
        let place = [x.unsigned_abs(), y.unsigned_abs(), width, height].map(u32::from);
        let all_four = 0b1111 << 8;
        let [x, y, width, height] = place;
        self.tell(
            shown.window,
            "_NET_MOVERESIZE_WINDOW",
            [all_four | FROM_A_TASK_BAR << 12, x, y, width, height],
        );
    }

    /// Gives a window the focus as a click in the task bar does.
    pub fn focus(&self, shown: Shown) {
        self.tell(shown.window, "_NET_ACTIVE_WINDOW", [FROM_A_TASK_BAR, 0, 0, 0, 0]);
    }

    /// Opens a window of this test's own: what the person works with meanwhile.
    pub fn open_another(&self) -> Shown {
        let window = self.connection.generate_id().expect("an id");
        let (pid, depth, visual) = (std::process::id(), 0, 0);
        self.connection
            .create_window(
                depth,
                window,
                self.root,
                40,
                40,
                600,
                400,
                0,
                WindowClass::INPUT_OUTPUT,
                visual,
                &CreateWindowAux::new(),
            )
            .expect("the display is there");
        let name = self.atom("_NET_WM_PID");
        self.connection
            .change_property32(
                x11rb::protocol::xproto::PropMode::REPLACE,
                window,
                name,
                AtomEnum::CARDINAL,
                &[pid],
            )
            .expect("the display is there");
        self.connection.map_window(window).expect("the display is there");
        self.connection.flush().expect("the display is there");
        Shown { window, pid }
    }

    fn shown(&self, window: Window) -> Option<Shown> {
        let state = self.connection.get_window_attributes(window).ok()?.reply().ok()?.map_state;
        let size = self.connection.get_geometry(window).ok()?.reply().ok()?;
        let is_one = state == MapState::VIEWABLE && size.width >= SMALLEST && size.height >= SMALLEST;
        let pid = self.pid(window)?;
        is_one.then_some(Shown { window, pid })
    }

    fn children(&self, window: Window) -> Vec<Window> {
        let asked = self.connection.query_tree(window).expect("the display is there");
        asked.reply().map(|tree| tree.children).unwrap_or_default()
    }

    fn pid(&self, window: Window) -> Option<u32> {
        self.cardinal(window, "_NET_WM_PID", AtomEnum::CARDINAL.into())
    }

    /// The first number of a property. That a manager which ended left it is not looked at.
    fn cardinal(&self, window: Window, name: &str, of: u32) -> Option<u32> {
        let name = self.atom(name);
        let asked = self.connection.get_property(false, window, name, of, 0, 1).ok()?;
        asked.reply().ok()?.value32()?.next().filter(|value| *value != 0)
    }

    /// How many colours a window has, looked at where it is on the screen.
    fn colours(&self, shown: Shown) -> Option<usize> {
        let size = self.connection.get_geometry(shown.window).ok()?.reply().ok()?;
        let place =
            self.connection.translate_coordinates(shown.window, self.root, 0, 0).ok()?.reply().ok()?;
        let (x, y) = (place.dst_x, place.dst_y);
        let asked = self.connection.get_image(
            ImageFormat::Z_PIXMAP,
            self.root,
            x,
            y,
            size.width,
            size.height,
            u32::MAX,
        );
        let image = asked.ok()?.reply().ok()?;
        let pixels = image.data.chunks_exact(4).step_by(EVERY);
        let colours: HashSet<&[u8]> = pixels.map(|pixel| &pixel[..3]).collect();
        Some(colours.len())
    }

    fn tell(&self, window: Window, kind: &str, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, window, self.atom(kind), data);
        let to_manager = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.connection.send_event(false, self.root, to_manager, event).expect("the display is there");
        self.connection.flush().expect("the display is there");
    }

    fn atom(&self, name: &str) -> u32 {
        let asked = self.connection.intern_atom(false, name.as_bytes()).expect("the display is there");
        asked.reply().expect("a name").atom
    }
}
