//! The session bus: the second line, for a launch that cannot reach place and socket of its data folder.
//!
//! The name there follows the data folder and the version, so that another version is never met; only `--quit` ends them all. Whatever happens on the
//! bus is bounded, and nobody but a thread of its own waits for it: a bus that hangs, or a stranger who has taken the
//! name, keeps no window waiting.

use std::path::Path;
#[cfg(target_os = "linux")]
use std::time::Duration;

/// An app ends within 5 s of being told to, whatever is stuck; its name goes with it.
#[cfg(target_os = "linux")]
const ENDS_WITHIN: Duration = Duration::from_secs(6);

/// What another launch asks of an app that it has found on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has a session bus"))]
pub(crate) enum Wish {
    /// That its window is shown.
    Show,
    /// That it ends.
    Quit,
}

/// Which app was found on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// The same version runs, and shows its window.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has a session bus"))]
    Shown,
    /// Nobody, or nobody who answers.
    Nobody,
}

/// Looks for an app of the same data folder and version; has it show its window, or else is found itself from now on:
/// `heed` does then what is asked. Blocks; bounded.
#[cfg(target_os = "linux")]
pub(crate) fn meet(
    data_folder: &Path,
    version: &'static str,
    heed: impl Fn(Wish) + Send + Sync + 'static,
) -> Met {
    system::meet(None, name(data_folder, version), heed)
}

/// Other systems have no session bus.
#[cfg(not(target_os = "linux"))]
pub(crate) fn meet(
    _data_folder: &Path,
    _version: &'static str,
    _heed: impl Fn(Wish) + Send + Sync + 'static,
) -> Met {
    Met::Nobody
}

/// Ends every app of this data folder that is found on the bus, of whichever version. Whether one was there, and has ended.
/// Blocks; bounded.
#[cfg(target_os = "linux")]
pub(crate) fn quit_all(data_folder: &Path) -> bool {
    system::quit_all(None, names_of(data_folder), ENDS_WITHIN)
}

/// Other systems have no session bus.
#[cfg(not(target_os = "linux"))]
pub(crate) fn quit_all(_data_folder: &Path) -> bool {
    false
}

/// The desktop's libraries wait for the session bus before anything of the app runs, and for one that is silent for ever: then
/// this program starts once more, without the bus. Returns where that is not needed, or not possible. Blocks; bounded.
#[cfg(target_os = "linux")]
pub(crate) fn do_without_a_silent_one() {
    silent::start_without_it();
}

/// The name of an app on the bus. Letters, digits and underlines are what a name may have there.
#[cfg(target_os = "linux")]
fn name(data_folder: &Path, version: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let version: String = version.chars().map(plain).collect();
    format!("{}{version}", names_of(data_folder))
}

/// What the names of all versions of an app begin with.
#[cfg(target_os = "linux")]
fn names_of(data_folder: &Path) -> String {
    format!("app.taskpaw.desktop.d{:016x}.v", crate::handover::fingerprint(data_folder))
}

#[cfg(target_os = "linux")]
mod silent {
    use std::ffi::OsString;
    use std::io::{Read as _, Write as _};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};
    use std::os::unix::process::CommandExt as _;
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use crate::logging;

    /// How long a bus may take to say its first word; it takes less than a millisecond, and seconds on a machine that swaps.
    const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
    const ADDRESS_VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";
    /// Every library takes it for a bus that cannot be reached.
    const NO_BUS: &str = "unix:path=/nonexistent/no-session-bus";

    pub(super) fn start_without_it() {
        let address = std::env::var(ADDRESS_VARIABLE).ok();
        let socket = match &address {
            Some(address) => socket_of(address),
            None => std::env::var_os("XDG_RUNTIME_DIR").and_then(in_runtime_folder),
        };
        if socket.is_none_or(|socket| answers(socket, ANSWERS_WITHIN)) {
            return;
        }
        logging::say("taskpaw: the session bus does not answer: TaskPaw starts without it");
        let Ok(program) = std::env::current_exe() else { return };
        let error =
            Command::new(program).args(std::env::args_os().skip(1)).env(ADDRESS_VARIABLE, NO_BUS).exec();
        logging::say(&format!("taskpaw: it cannot be started without it: {error}"));
    }

    fn in_runtime_folder(folder: OsString) -> Option<SocketAddr> {
        let bus = PathBuf::from(folder).join("bus");
        bus.exists().then(|| SocketAddr::from_pathname(bus).ok()).flatten()
    }

    /// The first address of a list, if it is a socket of this machine. Other ways to a bus are left to the libraries.
    pub(super) fn socket_of(address: &str) -> Option<SocketAddr> {
        let keys = address.split(';').next()?.strip_prefix("unix:")?;
        let value = |name: &str| {
            keys.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(unescaped)
        };
        match (value("path"), value("abstract")) {
            (Some(path), _) => SocketAddr::from_pathname(OsString::from(path?)).ok(),
            (None, Some(name)) => SocketAddr::from_abstract_name(name?).ok(),
            (None, None) => None,
        }
    }

    /// A value as it is meant: `%20` is a blank. Nothing for one that is not well formed, or no text.
    fn unescaped(value: &str) -> Option<String> {
        let (mut bytes, mut rest) = (Vec::new(), value.bytes());
        while let Some(byte) = rest.next() {
            bytes.push(if byte == b'%' {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            } else {
                byte
            });
        }
        String::from_utf8(bytes).ok()
    }

    /// Whether somebody says a word there within this time, or nobody can be reached: then nobody waits for one. Every bus
    /// answers a question that names no way to show who asks.
    pub(super) fn answers(socket: SocketAddr, within: Duration) -> bool {
        let (tell, told) = mpsc::channel();
        // One that hangs is left behind. To connect may take as long as an answer: a queue that nobody empties is full once.
        let asks = thread::Builder::new().name("bus".to_owned()).spawn(move || {
            let asked = UnixStream::connect_addr(&socket).and_then(|mut bus| {
                bus.write_all(b"\0AUTH\r\n")?;
                bus.read(&mut [0; 64])
            });
            // Refused or closed is an answer, too.
            let _no_longer_waited_for = tell.send(asked.is_ok());
        });
        asks.is_err() || told.recv_timeout(within).is_ok()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use zbus::blocking::connection::Builder;
    use zbus::blocking::{Connection, fdo::DBusProxy};
    use zbus::fdo::RequestNameFlags;
    use zbus::names::OwnedBusName;

    use super::{Met, Wish};

    /// How long the bus and an app that is found there may take, together.
    const WITHIN: Duration = Duration::from_secs(2);
    /// How long one call may take.
    const CALL_WITHIN: Duration = Duration::from_secs(1);
    /// How often it is checked whether it has.
    const CHECK_EVERY: Duration = Duration::from_millis(50);
    const PATH: &str = "/app/taskpaw/desktop";
    const INTERFACE: &str = "app.taskpaw.desktop.Window";

    /// What other launches ask of the app on the bus.
    struct Window<F>(F);

    #[zbus::interface(name = "app.taskpaw.desktop.Window")]
    impl<F: Fn(Wish) + Send + Sync + 'static> Window<F> {
        /// Shows the window.
        fn show(&self) {
            (self.0)(Wish::Show);
        }

        /// Ends the app.
        fn quit(&self) {
            (self.0)(Wish::Quit);
        }
    }

    /// `bus` is the address of a bus; nothing: the session's.
    pub(super) fn meet(
        bus: Option<String>,
        name: String,
        heed: impl Fn(Wish) + Send + Sync + 'static,
    ) -> Met {
        let (tell, told) = mpsc::channel();
        // Its connection lives as long as it does; one that hangs is left behind.
        thread::spawn(move || match try_to_meet(bus.as_deref(), &name, heed) {
            Ok((met, connection)) => {
                // From now on others find this app, for as long as it runs.
                if tell.send(met).is_ok() && met == Met::Nobody {
                    loop {
                        let _is_kept = &connection;
                        thread::park();
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the session bus cannot be used to find other TaskPaws"),
        });
        told.recv_timeout(WITHIN).unwrap_or(Met::Nobody)
    }

    fn try_to_meet(
        bus: Option<&str>,
        name: &str,
        heed: impl Fn(Wish) + Send + Sync + 'static,
    ) -> zbus::Result<(Met, Connection)> {
        let connection = to(bus)?.serve_at(PATH, Window(heed))?.build()?;
        match connection.request_name_with_flags(name, RequestNameFlags::DoNotQueue.into()) {
            Ok(_) => Ok((Met::Nobody, connection)),
            Err(zbus::Error::NameTaken) => {
                let asked = connection.call_method(Some(name), PATH, Some(INTERFACE), "Show", &());
                Ok((asked.map_or(Met::Nobody, |_| Met::Shown), connection))
            }
            Err(error) => Err(error),
        }
    }

    /// Has every app end whose name begins so, and waits so long until they have. `bus` is as above.
    pub(super) fn quit_all(bus: Option<String>, names_begin: String, ends_within: Duration) -> bool {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let ended = try_to_quit_all(bus.as_deref(), &names_begin, ends_within).unwrap_or_else(|error| {
                tracing::warn!(%error, "the session bus cannot be used to end other TaskPaws");
                false
            });
            let _no_longer_waited_for = tell.send(ended);
        });
        told.recv_timeout(WITHIN + ends_within).unwrap_or(false)
    }

    fn try_to_quit_all(bus: Option<&str>, names_begin: &str, ends_within: Duration) -> zbus::Result<bool> {
        let connection = to(bus)?.build()?;
        let proxy = DBusProxy::new(&connection)?;
        let found = |names: Vec<OwnedBusName>| {
            names.into_iter().filter(|name| name.as_str().starts_with(names_begin)).collect::<Vec<_>>()
        };
        let apps = found(proxy.list_names()?);
        for app in &apps {
            connection.call_method(Some(app.as_str()), PATH, Some(INTERFACE), "Quit", &())?;
        }
        let asked = Instant::now();
        while !found(proxy.list_names()?).is_empty() {
            if asked.elapsed() > ends_within {
                return Ok(false);
            }
            thread::sleep(CHECK_EVERY);
        }
        Ok(!apps.is_empty())
    }

    fn to(bus: Option<&str>) -> zbus::Result<Builder<'_>> {
        Ok(bus.map_or_else(Builder::session, Builder::address)?.method_timeout(CALL_WITHIN))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixListener;
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    /// A session bus of its own; it ends with the test.
    struct Bus(Child, String);

    impl Bus {
        fn start() -> Self {
            let mut command = Command::new("dbus-daemon");
            command.args(["--session", "--nofork", "--print-address=1"]);
            let mut daemon = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut address = String::new();
            BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
            Self(daemon, address.trim().to_owned())
        }

        fn meet(&self, version: &str, heed: impl Fn(Wish) + Send + Sync + 'static) -> Met {
            system::meet(Some(self.1.clone()), name(Path::new("/data"), version), heed)
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _already_ended = self.0.kill();
            let _reaped = self.0.wait();
        }
    }

    #[test]
    fn the_same_version_is_shown_and_another_one_is_never_met() {
        let bus = Bus::start();
        let (tell, told) = mpsc::channel();
        assert_eq!(bus.meet("4.1.0", move |wish| tell.send(wish).unwrap()), Met::Nobody);
        assert_eq!(bus.meet("4.1.1", |_| {}), Met::Nobody);
        assert!(told.try_recv().is_err());
        assert_eq!(bus.meet("4.1.0", |_| {}), Met::Shown);
        assert_eq!(told.recv_timeout(Duration::from_secs(5)).unwrap(), Wish::Show);
    }

    #[test]
    fn every_version_of_a_data_folder_is_told_to_end_and_no_other_one() {
        let bus = Bus::start();
        let within = Duration::from_millis(200);
        let quit_all =
            |folder: &str| system::quit_all(Some(bus.1.clone()), names_of(Path::new(folder)), within);
        assert!(!quit_all("/data"), "nobody is there");
        let (tell, told) = mpsc::channel();
        for version in ["4.1.0", "4.2.0"] {
            let tell = tell.clone();
            assert_eq!(bus.meet(version, move |wish| tell.send((version, wish)).unwrap()), Met::Nobody);
        }
        assert!(!quit_all("/elsewhere"));
        assert!(told.try_recv().is_err());
        // Nobody ends here: that is said, and in time.
        let began = Instant::now();
        assert!(!quit_all("/data"));
        assert!(began.elapsed() < Duration::from_secs(20));
        let mut asked = [told.recv().unwrap(), told.recv().unwrap()];
        asked.sort_by_key(|(version, _)| *version);
        assert_eq!(asked, [("4.1.0", Wish::Quit), ("4.2.0", Wish::Quit)]);
    }

    #[test]
    fn a_bus_that_says_a_word_or_is_not_there_answers_and_a_silent_one_does_not() {
        let (bus, folder) = (Bus::start(), tempfile::tempdir().unwrap());
        assert!(silent::answers(silent::socket_of(&bus.1).unwrap(), Duration::from_secs(20)));
        let path = folder.path().join("a bus");
        let address = format!("unix:path={},guid=1;unix:path=/x", path.display()).replace(' ', "%20");
        let socket = || silent::socket_of(&address).unwrap();
        assert_eq!(socket().as_pathname(), Some(path.as_path()));
        assert!(silent::answers(socket(), Duration::from_secs(20)), "nobody is there");
        let listener = UnixListener::bind(&path).unwrap();
        assert!(!silent::answers(socket(), Duration::from_millis(50)));
        drop(listener);
        assert!(silent::answers(socket(), Duration::from_secs(20)), "nobody is there any more");
        for other in
            ["", "tcp:host=localhost,port=1", "autolaunch:", "unix:dir=/tmp", "unix:path=%zz", "disabled:"]
        {
            assert!(silent::socket_of(other).is_none(), "{other}");
        }
        assert!(silent::socket_of("unix:abstract=/tmp/dbus-x,guid=2").is_some());
    }

    /// A bus that accepts a connection and never says a word.
    #[test]
    fn a_bus_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let _bus = UnixListener::bind(folder.path().join("bus")).unwrap();
        let address = format!("unix:path={}", folder.path().join("bus").display());
        let began = Instant::now();
        assert_eq!(system::meet(Some(address), "app.taskpaw.desktop.test".to_owned(), |_| {}), Met::Nobody);
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn the_name_follows_the_data_folder_and_the_version() {
        let folder = Path::new("/home/anna/.local/share/TaskPaw");
        let one = name(folder, "4.1.0-beta.1");
        assert!(one.ends_with(".v4_1_0_beta_1"), "{one}");
        assert_eq!(one, name(folder, "4.1.0-beta.1"));
        assert_ne!(one, name(folder, "4.1.0"));
        assert_ne!(one, name(Path::new("/tmp/other"), "4.1.0-beta.1"));
    }
}
