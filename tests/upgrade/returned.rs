//! A new version that could be prepared and then does not come to serve: the old one serves again by itself, in the same
//! process, and both windows say why.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use support::process::{running, runs};
use support::programs::{CURRENT, NEWER, Programs, replace};
use support::wait::LONG;
use support::{Home, Window, until};

/// Installs the newer version with a backend that misbehaves like this.
fn install_broken(folder: &Path, behaviour: &str) {
    std::fs::create_dir(folder).expect("the folder");
    Programs::newer().install(folder);
    let misbehaving = std::fs::read(env!("CARGO_BIN_EXE_misbehaving")).expect("the misbehaving program");
    replace(&folder.join("taskpaw-backend"), &misbehaving);
    std::fs::write(folder.join("behaviour"), behaviour).expect("what it does wrong");
}

/// The older version serves; the newer one is started, fails like this, and the older one serves again.
async fn serves_again_after(behaviour: &str, kind: &str) {
    let home = Home::new();
    let older = Window::open(&Programs::current(), &home).await;
    older.role_is("agent", "ready").await;
    let (host, backends) = (older.host_pid(), running(&Programs::current().backend(), home.path()));
    let folder = home.path().join("newer");
    install_broken(&folder, behaviour);

    let newer = Window::open_program(&folder.join("taskpaw"), &home).await;
    let said = newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} goes on")).await;
    assert!(said.contains("agent"), "{said}");
    let snapshot = newer.call(json!({ "command": "snapshot" })).await;
    assert_eq!(snapshot["app"]["launch"]["because"]["failure"]["kind"], kind, "{snapshot}");
    let said = older.text_with("not-replaced", &format!("TaskPaw {NEWER} could not start")).await;
    assert!(said.contains(CURRENT), "{said}");
    older.role_is("agent", "ready").await;
    older.picture(&format!("returned-{}", behaviour.replace(' ', "-"))).await;
    newer.picture(&format!("kept-{}", behaviour.replace(' ', "-"))).await;
    assert!(runs(host));
    assert_eq!(running(&Programs::current().backend(), home.path()), backends, "it is the same process");
    assert_eq!(home.ping().await.expect("it answers")["version"], CURRENT);

    // Once the new version is whole, one click leads on.
    replace(
        &folder.join("taskpaw-backend"),
        &std::fs::read(Programs::newer().backend()).expect("the program"),
    );
    newer.click("action-claim-again").await;
    newer.role_is("agent", "ready").await;
    until("the older app is gone", LONG, async || !runs(host)).await;
    assert_eq!(home.ping().await.expect("it answers")["version"], NEWER);
}

/// The real one, with something that goes wrong once it has gone on: at each step the older one serves again, at once, in the
/// same process, and says why in the language that the person has chosen.
#[tokio::test]
async fn the_real_one_that_fails_at_any_step_after_it_went_on() {
    let home = Home::new();
    home.configure(&json!({ "app": { "language": "zh-CN" } }));
    let older = Window::open(&Programs::current(), &home).await;
    older.role_is("agent", "ready").await;
    let backends = running(&Programs::current().backend(), home.path());
    let folder = home.path().join("newer");
    std::fs::create_dir(&folder).expect("the folder");
    Programs::newer().install(&folder);
    let mut newer = None;
    for (at, how, kind, sentence) in [
        ("prepared", "crashes", "exited", "后台程序意外停止"),
        ("go_on", "crashes", "exited", "后台程序意外停止"),
        ("go_on", "garbage", "broken_protocol", "安装可能已损坏"),
        ("go_on", "state_too_new", "startup_error", "请重新安装较新的 TaskPaw"),
        ("before_ready", "crashes", "exited", "后台程序意外停止"),
        ("before_ready", "garbage", "broken_protocol", "安装可能已损坏"),
    ] {
        let failure = json!({ "at": at, "how": how, "once": false, "role": "agent" }).to_string();
        Programs::newer().install_failing(&folder, Path::new(env!("CARGO_BIN_EXE_failing")), &failure);
        let told = folder.join("told");
        let _of_the_one_before = std::fs::remove_file(&told);
        match &newer {
            None => newer = Some(Window::open_program(&folder.join("taskpaw"), &home).await),
            Some(newer) => newer.click("action-claim-again").await,
        }
        let newer = newer.as_ref().expect("it was opened");
        until(&format!("{how} at {at}"), LONG, async || told.exists()).await;
        let failed = Instant::now();
        until("the older one answers again", LONG, async || {
            home.ping().await.is_some_and(|answer| answer["version"] == CURRENT)
        })
        .await;
        // On a machine that is busy with other tests, too.
        assert!(failed.elapsed() < Duration::from_secs(4), "{how} at {at}: after {:?}", failed.elapsed());
        newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} 继续工作")).await;
        newer.text_with("launch-kept", sentence).await;
        let snapshot = newer.call(json!({ "command": "snapshot" })).await;
        assert_eq!(
            snapshot["app"]["launch"]["because"]["failure"]["kind"], kind,
            "{how} at {at}: {snapshot}"
        );
        older.text_with("not-replaced", &format!("TaskPaw {NEWER} 无法启动")).await;
        older.text_with("not-replaced", sentence).await;
        older.role_is("agent", "ready").await;
        assert_eq!(running(&Programs::current().backend(), home.path()), backends, "{how} at {at}");
    }
}

#[tokio::test]
async fn one_that_crashes_when_it_is_told_to_go_on() {
    serves_again_after("crashes when it goes on", "exited").await;
}

#[tokio::test]
async fn one_that_writes_garbage_when_it_is_told_to_go_on() {
    serves_again_after("writes garbage when it goes on", "broken_protocol").await;
}
