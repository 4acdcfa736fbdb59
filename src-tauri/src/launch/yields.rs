//! What the app does for its side of a handover while it has the place.

use std::time::Duration;

use port_takeover::sys::{Native, System as _};
use port_takeover::{Limits, Pid, ProcessIdentity, end_process};
use taskpaw_contract::Role;
use taskpaw_contract::identity::BACKEND_PROGRAM;

use crate::app::App;
use crate::handover::{NamedBackend, Offer, StoodDown, Yields};
use crate::process;
use crate::roles::{Message, Stood};

/// How long a backend of a successor may take to end by itself: one that is not live ends at once when its host is gone, or
/// has told it so.
const GONE_WITHIN: Duration = Duration::from_millis(500);

impl Yields for App {
    async fn stand_down(&self) -> Option<StoodDown> {
        let mut stood_down = StoodDown::default();
        let mut nobodys = Vec::new();
        for (role, Stood { served, keeps_ports }) in
            self.stand_down_roles(&Role::ALL, &Message::StandDown).await
        {
            if served {
                stood_down.served.push(role);
            }
            match offer(self, role) {
                Some(offer) if keeps_ports => stood_down.offers.push(offer),
                None if keeps_ports => nobodys.push(role),
                _ => {}
            }
        }
        if !nobodys.is_empty() {
            self.let_go(nobodys).await;
        }
        Some(stood_down)
    }

    async fn let_go(&self, roles: Vec<Role>) {
        self.stand_down_roles(&roles, &Message::LetGo).await;
    }

    fn serve(&self) {
        for role in Role::ALL {
            self.tell(role, Message::Serve);
        }
    }

    async fn end_backends_of_successor(&self, backends: Vec<NamedBackend>) {
        let ended = crate::blocking::spawn_blocking(move || {
            for backend in &backends {
                end_backend(backend);
            }
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "the backends of the other TaskPaw could not be ended");
        }
    }

    fn lend_place(&self) {
        self.lend_the_place();
    }

    fn take_place_back(&self) -> bool {
        self.take_the_place_back()
    }

    async fn until_quit(&self) {
        self.lifecycle().until_end_is_wanted().await;
    }
}

/// The listening sockets of a backend that has stood down; nothing if it cannot be said which process has them.
fn offer(app: &App, role: Role) -> Option<Offer> {
    let (pid, way) = (Pid::new(app.sidecar(role)?)?, app.way(role)?);
    let process = Native::new().describe(pid)?.identity();
    Some(Offer { backend: NamedBackend { role, process }, sockets: Box::new(move || way.take()) })
}

/// Ends a backend of a successor that does not end by itself. It must be the process that was named, and a backend of
/// TaskPaw; the handle proves the rest.
fn end_backend(backend: &NamedBackend) {
    let process = &backend.process;
    if has_gone(process, GONE_WITHIN) {
        return;
    }
    if !is_backend(process) {
        return tracing::error!(pid = %process.pid, exe = process.exe, "the other TaskPaw names what is no backend");
    }
    match end_process(&Native::new(), process, Limits::default()) {
        Ok((how, _)) => {
            tracing::warn!(pid = %process.pid, ?how, "a backend of the other TaskPaw was ended")
        }
        Err(doubt) => tracing::error!(%doubt, "a backend of the other TaskPaw cannot be ended"),
    }
}

/// Waits for the end of a process; whether it is gone.
fn has_gone(named: &ProcessIdentity, within: Duration) -> bool {
    process::ends_within(named.pid, within, || process::is_there(named)).unwrap_or_else(|error| {
        tracing::warn!(%error, "the end of a backend of the other TaskPaw cannot be waited for");
        std::thread::sleep(within);
        !process::is_there(named)
    })
}

fn is_backend(process: &ProcessIdentity) -> bool {
    let own = process.pid == Pid::own();
    let name = process.exe.as_deref().map(|exe| exe.rsplit(['/', '\\']).next().unwrap_or(exe));
    let name = name.map(|name| name.strip_suffix(" (deleted)").unwrap_or(name));
    !own && name.map(|name| name.strip_suffix(".exe").unwrap_or(name)) == Some(BACKEND_PROGRAM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pid: u32, exe: Option<&str>) -> ProcessIdentity {
        ProcessIdentity { pid: Pid::new(pid).unwrap(), started_at: Some(1), exe: exe.map(Into::into) }
    }

    #[cfg(unix)]
    #[test]
    fn the_end_of_a_process_is_noticed_and_one_that_goes_on_or_is_another_is_not_waited_for_without_an_end() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Native::new().describe(Pid::new(child.id()).unwrap()).unwrap().identity();
        assert!(!has_gone(&process, Duration::from_millis(30)));
        let before = ProcessIdentity { started_at: process.started_at.map(|at| at - 1), ..process.clone() };
        assert!(has_gone(&before, Duration::from_secs(30)), "another process has that number by now");
        child.kill().unwrap();
        assert!(has_gone(&process, Duration::from_secs(30)), "not waited for by its parent yet");
        child.wait().unwrap();
        assert!(has_gone(&process, Duration::from_secs(30)));
    }

    #[test]
    fn only_a_backend_is_one() {
        for exe in ["/x/taskpaw-backend", "/x/taskpaw-backend (deleted)", r"C:\T\taskpaw-backend.exe"] {
            assert!(is_backend(&named(7, Some(exe))), "{exe}");
        }
        for exe in [Some("/usr/bin/sleep"), Some("/x/taskpaw-backend/sleep"), Some("/x/taskpaw"), None] {
            assert!(!is_backend(&named(7, exe)), "{exe:?}");
        }
        assert!(!is_backend(&named(std::process::id(), Some("/x/taskpaw-backend"))));
    }
}
