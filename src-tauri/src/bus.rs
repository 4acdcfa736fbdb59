//! The session bus: the second line, for a launch that cannot reach place and socket of its data folder.
//!
//! The name there follows the data folder and the version, so that another version is never met. Whatever happens on the
//! bus is bounded, and nobody but a thread of its own waits for it: a bus that hangs, or a stranger who has taken the
//! name, keeps no window waiting.

use std::path::Path;

/// Who was found on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// The same version runs, and shows its window.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has a session bus"))]
    Shown,
    /// Nobody, or nobody who answers.
    Nobody,
}

/// Looks for an app of the same data folder and version; has it show its window, or else is found itself from now on:
/// `raise` shows the window then. Blocks; bounded.
#[cfg(target_os = "linux")]
pub(crate) fn meet(
    data_folder: &Path,
    version: &'static str,
    raise: impl Fn() + Send + Sync + 'static,
) -> Met {
    system::meet(None, name(data_folder, version), raise)
}

/// Elsewhere there is no session bus.
#[cfg(not(target_os = "linux"))]
pub(crate) fn meet(
    _data_folder: &Path,
    _version: &'static str,
    _raise: impl Fn() + Send + Sync + 'static,
) -> Met {
    Met::Nobody
}

/// The name of an app on the bus. Letters, digits and underlines are what a name may have there.
#[cfg(target_os = "linux")]
fn name(data_folder: &Path, version: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let version: String = version.chars().map(plain).collect();
    format!("app.taskpaw.desktop.d{:016x}.v{version}", crate::handover::fingerprint(data_folder))
}

#[cfg(target_os = "linux")]
mod system {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use zbus::blocking::connection::Builder;
    use zbus::fdo::RequestNameFlags;

    use super::Met;

    /// How long the bus and whoever is found there may take, together.
    const WITHIN: Duration = Duration::from_secs(2);
    /// How long one call may take.
    const CALL_WITHIN: Duration = Duration::from_secs(1);
    const PATH: &str = "/app/taskpaw/desktop";

    /// What other launches ask of the app on the bus.
    struct Window<F>(F);

    #[zbus::interface(name = "app.taskpaw.desktop.Window")]
    impl<F: Fn() + Send + Sync + 'static> Window<F> {
        /// Shows the window.
        fn show(&self) {
            (self.0)();
        }
    }

    /// `bus` is the address of a bus; nothing: the session's.
    pub(super) fn meet(bus: Option<String>, name: String, raise: impl Fn() + Send + Sync + 'static) -> Met {
        let (tell, told) = mpsc::channel();
        // Its connection lives as long as it does; one that hangs is left behind.
        thread::spawn(move || match try_to_meet(bus.as_deref(), &name, raise) {
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
        raise: impl Fn() + Send + Sync + 'static,
    ) -> zbus::Result<(Met, zbus::blocking::Connection)> {
        let builder = bus.map_or_else(Builder::session, Builder::address)?;
        let connection = builder.method_timeout(CALL_WITHIN).serve_at(PATH, Window(raise))?.build()?;
        match connection.request_name_with_flags(name, RequestNameFlags::DoNotQueue.into()) {
            Ok(_) => Ok((Met::Nobody, connection)),
            Err(zbus::Error::NameTaken) => {
                let asked =
                    connection.call_method(Some(name), PATH, Some("app.taskpaw.desktop.Window"), "Show", &());
                Ok((asked.map_or(Met::Nobody, |_| Met::Shown), connection))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixListener;
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

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

        fn meet(&self, version: &str, raise: impl Fn() + Send + Sync + 'static) -> Met {
            system::meet(Some(self.1.clone()), name(Path::new("/data"), version), raise)
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
        assert_eq!(bus.meet("4.1.0", move || tell.send(()).unwrap()), Met::Nobody);
        assert_eq!(bus.meet("4.1.1", || {}), Met::Nobody);
        assert!(told.try_recv().is_err());
        assert_eq!(bus.meet("4.1.0", || {}), Met::Shown);
        told.recv_timeout(Duration::from_secs(5)).unwrap();
    }

    /// A bus that accepts a connection and never says a word.
    #[test]
    fn a_bus_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let _bus = UnixListener::bind(folder.path().join("bus")).unwrap();
        let address = format!("unix:path={}", folder.path().join("bus").display());
        let began = Instant::now();
        assert_eq!(system::meet(Some(address), "app.taskpaw.desktop.test".to_owned(), || {}), Met::Nobody);
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
