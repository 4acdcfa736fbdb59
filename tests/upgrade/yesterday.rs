//! A version that cannot hand over and serve again, as 4.0.0 is one, is started while this one runs: it ends, this one goes
//! on, and the person is asked which one shall run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::process::{running, runs};
use support::programs::{CURRENT, Programs};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until};

const YESTERDAY: &str = "4.0.0";

/// The folder with the programs of 4.0.0.
fn yesterday() -> PathBuf {
    std::env::var_os("TASKPAW_TEST_YESTERDAY").expect("TASKPAW_TEST_YESTERDAY: the programs of 4.0.0").into()
}

/// Waits until the hub of this version serves.
async fn hub_is(home: &Home, version: &str) {
    until(&format!("the hub {version} serves"), LONG, async || {
        support::home::ping(home.api).await.is_some_and(|answer| answer["version"] == version)
    })
    .await;
}

/// Asks as 4.0.0 does that was started.
fn ask_as_yesterday(home: &Home, want: &str) -> Value {
    let mut stream = UnixStream::connect(home.path().join("data/instance/socket")).expect("the socket");
    let ask = json!({ "taskpaw_instance": 1, "version": YESTERDAY, "want": want });
    writeln!(stream, "{ask}").expect("the ask");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("the answer");
    serde_json::from_str(&line).expect("JSON")
}

#[tokio::test]
async fn one_that_could_not_give_the_place_back_is_sent_away_and_the_person_is_asked() {
    let home = Home::new();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    let backends = running(&Programs::current().backend(), home.path());
    assert_eq!(ask_as_yesterday(&home, "show")["will"], "stay");
    assert_eq!(ask_as_yesterday(&home, "run")["will"], "show", "it ends by itself");
    let title = format!("TaskPaw {YESTERDAY} was started; {CURRENT} goes on");
    let said = window.text_with("other-start", &title).await;
    assert!(said.contains("quit this version, then start 4.0.0"), "{said}");
    let answer = window.call(json!({ "command": "run_other" })).await;
    assert_eq!(answer["error"]["code"], "bad_request", "nobody knows where it lies: {answer}");
    window.picture("other-start-unknown").await;
    window.click("action-keep-this").await;
    let gone = "return !document.querySelector(\"[data-testid='other-start']\")";
    until("it is gone", LONG, async || window.script(gone).await == json!(true)).await;
    assert_eq!(running(&Programs::current().backend(), home.path()), backends);
}

/// `TASKPAW_TEST_YESTERDAY=FOLDER cargo nextest run -p taskpaw-tests --test upgrade yesterday --run-ignored all`
#[tokio::test]
#[ignore = "needs the programs of 4.0.0"]
async fn the_real_4_0_0_is_sent_away_runs_when_it_is_wanted_and_is_replaced_again() {
    let home = Home::new();
    home.configure(&json!({ "roles": ["agent", "hub"] }));
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    hub_is(&home, CURRENT).await;
    let host = window.host_pid();
    let desktop = Desktop::new();
    let mut command = Command::new(yesterday().join("taskpaw"));
    desktop.furnish(home.furnish(&mut command)).current_dir("/").stderr(Stdio::null());
    let mut old = Owned::start(&mut command);
    assert_eq!(old.ended(LONG).await, Some(0), "it is shown the window of the one that runs");
    assert!(runs(host));
    assert_eq!(home.ping().await.expect("it answers")["version"], CURRENT);
    window.text_with("other-start", &yesterday().join("taskpaw").display().to_string()).await;
    for (language, theme) in [("zh-CN", "dark"), ("en", "light")] {
        window.speaks(language, theme).await;
        window.picture(&format!("other-start-{language}")).await;
    }
    assert_eq!(window.barriers().await, Vec::<String>::new());

    window.click("action-run-other").await;
    until("this version is gone", LONG, async || !runs(host)).await;
    until("4.0.0 serves", LONG, async || {
        home.ping().await.is_some_and(|answer| answer["version"] == YESTERDAY)
    })
    .await;
    hub_is(&home, YESTERDAY).await;
    let olds = running(&yesterday().join("taskpaw"), home.path());
    assert_eq!(olds.len(), 1);

    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    hub_is(&home, CURRENT).await;
    until("4.0.0 is gone", LONG, async || !runs(olds[0])).await;
    assert_eq!(home.ping().await.expect("it answers")["version"], CURRENT);
    let from = window.call(json!({ "command": "snapshot" })).await["app"]["took_over"].clone();
    assert_eq!((&from["version"], &from["forced"]), (&json!(YESTERDAY), &json!(false)));
}
