//! Processes that look like ours and are not, and ours that do not look like it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use support::free_ports;
use taskpaw_contract::Role;

use crate::holder::{Plan, touch};
use crate::taker::{Takeover, Way};

/// A foreign holder: it is named in the refusal, and untouched.
async fn is_foreign(plan: impl Fn() -> Plan) {
    for way in Way::BOTH {
        let [port] = free_ports();
        let holder = plan().listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_refused_for(holder.pid());
        holder.is_untouched().await;
    }
}

/// A holder of ours: it is asked, and stops by itself.
async fn is_ours(plan: impl Fn() -> Plan) {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut holder = plan().listens(port).start();
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[holder.pid()], "graceful");
        holder.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn spoofed_argv0() {
    is_foreign(|| Plan::foreign().calls_itself("taskpaw-backend").word("agent")).await;
    is_foreign(|| Plan::foreign().calls_itself("/opt/taskpaw/taskpaw-backend").word("agent")).await;
}

#[tokio::test]
async fn renamed_process() {
    is_foreign(|| Plan::foreign().word("--name").word("taskpaw-backend").word("agent")).await;
}

#[tokio::test]
async fn our_program_under_another_process_name() {
    is_foreign(|| Plan::agent().word("--name").word("nginx")).await;
}

#[tokio::test]
async fn names_that_are_almost_ours() {
    for name in ["taskpaw-backend-logger", "taskpaw-backend2", "my-taskpaw-backend", "taskpaw-backend.sh"] {
        is_foreign(|| Plan::named(name).word("agent")).await;
    }
}

#[tokio::test]
async fn a_name_that_the_kernel_cuts_short() {
    is_ours(|| Plan::named("taskpaw-backend-x86_64-unknown-linux-gnu").word("agent")).await;
}

#[tokio::test]
async fn executable_replaced() {
    for way in Way::BOTH {
        let [ours, others] = free_ports();
        let mut backend = Plan::agent().listens(ours).start();
        let foreign = Plan::foreign().listens(others).start();
        for holder in [&backend, &foreign] {
            // As an update does it: another file takes the name.
            let newer = holder.program.with_extension("new");
            fs::write(&newer, "another program").expect("the newer file");
            fs::rename(&newer, &holder.program).expect("it takes the name");
        }
        Takeover::of_ports(&[others]).by(way).is_refused_for(foreign.pid());
        Takeover::of_ports(&[ours]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
        foreign.is_untouched().await;
    }
}

#[tokio::test]
async fn executable_deleted() {
    for way in Way::BOTH {
        let [ours, others] = free_ports();
        let mut backend = Plan::agent().listens(ours).start();
        let foreign = Plan::foreign().calls_itself("taskpaw-backend").listens(others).start();
        for holder in [&backend, &foreign] {
            fs::remove_file(&holder.program).expect("it is deleted");
        }
        Takeover::of_ports(&[others]).by(way).is_refused_for(foreign.pid());
        Takeover::of_ports(&[ours]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
        foreign.is_untouched().await;
    }
}

#[tokio::test]
async fn the_other_role() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut hub = Plan::named("taskpaw-backend").word("hub").listens(port).start();
        let told = Takeover::of_ports(&[port]).by(way);
        told.is_refused("own_other_role");
        assert_eq!(told.holders, [(hub.pid(), false)]);
        hub.is_untouched().await;
        Takeover::of_ports(&[port]).role(Role::Hub).by(way).is_reclaimed(&[hub.pid()], "graceful");
        hub.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn a_role_is_a_whole_argument() {
    is_ours(|| Plan::named("hub/hubert/taskpaw-backend").word("--for=hub").word("agent")).await;
    is_ours(|| Plan::named("taskpaw-backend").word("hubert")).await;
}

#[tokio::test]
async fn arguments_that_are_not_utf8() {
    let bytes = OsStr::from_bytes(b"\xff\xfe=\xc3\x28");
    is_ours(|| Plan::agent().word(bytes)).await;
    is_ours(|| Plan::named(OsStr::from_bytes(b"in\xff\xfe/taskpaw-backend")).word(bytes)).await;
    is_foreign(|| Plan::foreign().word(bytes).word("taskpaw-backend")).await;
    is_foreign(|| Plan::named(OsStr::from_bytes(b"taskpaw-backend\xff")).word("agent")).await;
}

#[tokio::test]
async fn an_editor_with_our_file_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("taskpaw_v3/packaging/backend_main.py");
    touch(&file);
    for editor in ["vim", "less", "gdb"] {
        is_foreign(|| Plan::named(editor).word(&file).word("--open-file").word(&file)).await;
    }
}
