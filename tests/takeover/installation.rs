//! Backends of the same name, role and user that are not this TaskPaw's: their state is kept in another folder.

use std::fs::{self, File};
use std::path::PathBuf;

use port_takeover::sys::{Native, System as _};
use port_takeover::{Installation, Pid};
use serde_json::json;
use support::free_ports;
use taskpaw_contract::Role;
use tempfile::TempDir;

use crate::holder::Plan;
use crate::taker::{Takeover, Way};

/// A data folder, and the lock of its agent's state.
struct Data {
    folder: TempDir,
    lock: Option<File>,
}

impl Data {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("state")).expect("a state folder");
        Self { folder, lock: None }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The lock is held. Whose process holds it is not to be seen; a record says it.
    fn held(mut self) -> Self {
        let lock = File::create(Installation::lock_file(&self.state(), &Role::Agent.into())).expect("a lock");
        lock.try_lock().expect("nobody holds it");
        self.lock = Some(lock);
        self
    }

    /// A record lies beside the lock that names this process, started so many ticks later than it was.
    fn names(self, pid: u32, later: u64) -> Self {
        let process = Native::new().describe(Pid::new(pid).expect("a pid")).expect("it lives");
        let record = json!({ "schema": 1, "pid": pid, "exe": process.exe,
                             "started_at": process.started_at.map(|at| at + later) });
        let path = Installation::holder_file(&self.state(), &Role::Agent.into());
        fs::write(path, record.to_string()).expect("a record");
        self
    }

    fn takeover(&self, port: u16) -> Takeover {
        Takeover::of_ports(&[port]).with_data_in(self.folder.path())
    }
}

#[tokio::test]
async fn the_backend_of_another_data_folder() {
    for way in Way::BOTH {
        let [port, elsewhere] = free_ports();
        let theirs = Plan::agent().stamped("4.1.0").listens(port).start();
        let ours = Plan::agent().stamped("4.1.0").listens(elsewhere).start();
        for data in [Data::new(), Data::new().held(), Data::new().held().names(ours.pid(), 0)] {
            let told = data.takeover(port).by(way);
            told.is_refused("own_other_installation");
            assert_eq!(told.holders, [(theirs.pid(), false)]);
        }
        theirs.is_untouched().await;
        ours.is_untouched().await;
    }
}

#[tokio::test]
async fn the_recorded_holder_of_the_state() {
    for way in Way::BOTH {
        let [port, other] = free_ports();
        let mut ours = Plan::agent().stamped("4.1.0").listens(port).start();
        let copied = Data::new().names(ours.pid(), 0);
        copied.takeover(port).by(way).is_refused("own_other_installation");
        let reused = Data::new().held().names(ours.pid(), 1);
        reused.takeover(port).by(way).is_refused("own_other_installation");
        Data::new()
            .held()
            .names(ours.pid(), 0)
            .takeover(port)
            .by(way)
            .is_reclaimed(&[ours.pid()], "graceful");
        ours.stopped_by_itself().await;

        // One that has none of the wanted ports keeps the role from starting all the same.
        let mut stale = Plan::agent().stamped("4.1.0").listens(other).start();
        Data::new().names(stale.pid(), 0).takeover(port).by(way).is_free();
        let told = Data::new().held().names(stale.pid(), 0).takeover(port).by(way);
        assert_eq!((told.status, told.ended), (0, vec![(stale.pid(), "graceful".to_owned())]));
        stale.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn a_version_that_writes_no_record() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut older = Plan::agent().stamped("4.0.0").listens(port).start();
        Data::new().takeover(port).by(way).is_refused("own_other_installation");
        Data::new().held().takeover(port).by(way).is_reclaimed(&[older.pid()], "graceful");
        older.stopped_by_itself().await;

        // Without a stamp it is TaskPaw 3, which knows nothing of the lock.
        let mut oldest = Plan::agent().listens(port).start();
        Data::new().takeover(port).by(way).is_reclaimed(&[oldest.pid()], "graceful");
        oldest.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn a_forged_record() {
    for way in Way::BOTH {
        let [port, other] = free_ports();
        let foreign = Plan::foreign().listens(port).start();
        let hub = Plan::named("taskpaw-backend").word("hub").stamped("4.1.0").listens(other).start();
        Data::new().held().names(foreign.pid(), 0).takeover(port).by(way).is_refused_for(foreign.pid());
        Data::new().held().names(hub.pid(), 0).takeover(other).by(way).is_refused("own_other_role");
        let [free] = free_ports();
        Data::new().held().names(foreign.pid(), 0).takeover(free).by(way).is_free();
        Data::new().held().names(hub.pid(), 0).takeover(free).by(way).is_free();
        foreign.is_untouched().await;
        hub.is_untouched().await;
    }
}
