//! Each state of a port that can be made here, with real processes: its own sentence and its own ways out.
//! `reserved` is Windows' alone, and the window's parts are tested with it.

use std::io::Read as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use support::process::is_root;
use support::programs::{Programs, driver};
use support::wait::LONG;
use support::{Home, Window, free_ports, until};

use crate::holder::{Holder, Plan, written};

/// What is offered besides what a state offers by itself.
const ALWAYS: [&str; 2] = ["retry", "show-log"];
/// What is offered where another number for the one port is the way out.
const ANOTHER_NUMBER: [&str; 1] = ["use-free-network"];

/// An app whose agent is stopped until its ports are held as a case wants it.
struct Scene {
    home: Home,
    window: Window,
}

impl Scene {
    async fn open() -> Self {
        let home = Home::new();
        let window = Window::open(&Programs::current(), &home).await;
        window.role_is("agent", "ready").await;
        let scene = Self { home, window };
        scene.stop().await;
        scene
    }

    async fn stop(&self) {
        self.window.call(json!({ "command": "stop", "role": "agent" })).await;
        self.window.role_is("agent", "stopped").await;
    }

    async fn start(&self) {
        self.window.call(json!({ "command": "start", "role": "agent" })).await;
    }

    /// The agent is started, and refused for the state of a port: what is said and offered then.
    async fn is_refused(&self, name: &str, state: &str, said: (&str, &str), offered: &[&str]) {
        self.start().await;
        is_conflict(&self.window, name, state, said, offered).await;
    }

    /// What is said of the network port where ports are changed, while the agent is stopped.
    async fn is_said_of_the_port(&self, state: &str, english: &str, chinese: &str) {
        self.window.click("nav-ports").await;
        self.window.shows(&format!("[data-testid='port-state-agent-network'][data-state='{state}']")).await;
        self.window.says("port-state-agent-network", english, chinese).await;
        self.window.click("nav-this-machine").await;
    }
}

async fn is_conflict(window: &Window, name: &str, state: &str, said: (&str, &str), offered: &[&str]) {
    let row = format!("conflict-port-{name}");
    window.shows(&format!("[data-testid='{row}'][data-state='{state}']")).await;
    window.says(&row, &as_sentence(said.0), said.1).await;
    window.says("conflict", "Nothing was ended or changed.", "TaskPaw 没有结束任何程序").await;
    let script =
        "return [...document.querySelectorAll(\"[data-testid='conflict'] [data-testid^='action-']\")]
        .map(({ dataset }) => dataset.testid.replace('action-', '')).sort()";
    let mut wanted = [offered, &ALWAYS].concat();
    wanted.sort_unstable();
    assert_eq!(window.script(script).await, json!(wanted), "{state}");
    assert_eq!(window.barriers().await, Vec::<String>::new(), "{state}");
    window.picture(&format!("conflict-{state}")).await;
    window.speaks("zh-CN", "dark").await;
    window.picture(&format!("conflict-{state}-zh")).await;
    window.speaks("en", "light").await;
}

/// What is a part of a line elsewhere stands by itself here.
fn as_sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The holder's process as it is named in both languages.
fn named(name: &str, holder: &Holder) -> (String, String) {
    let pid = holder.pid();
    (format!("{name} (pid {pid})"), format!("{name}（进程号 {pid}）"))
}

#[tokio::test]
async fn each_holder_has_its_own_sentence_and_its_own_ways_out() {
    let scene = Scene::open().await;
    let port = scene.home.network;
    scene.is_said_of_the_port("free", "free", "空闲").await;

    let foreign = Plan::foreign().listens(port).start();
    let (english, chinese) = named("nginx", &foreign);
    let said = (&*format!("held by {english}"), &*format!("已被占用：{chinese}"));
    scene.is_refused("network", "foreign", said, &ANOTHER_NUMBER).await;
    scene.stop().await;
    foreign.is_untouched().await;
    drop(foreign);

    let hub = Plan::named("taskpaw-backend").word("hub").listens(port).start();
    let (english, chinese) = named("taskpaw-backend", &hub);
    let said =
        (&*format!("held by {english}, the TaskPaw hub"), &*format!("被 TaskPaw 汇总端占用：{chinese}"));
    // It runs without this app, which therefore does not offer to stop it. The app's own: see `one_click`.
    scene.is_refused("network", "own_other_role", said, &ANOTHER_NUMBER).await;
    scene.stop().await;
    hub.is_untouched().await;
    drop(hub);

    let theirs = Plan::agent().stamped("4.1.0").listens(port).start();
    let (english, chinese) = named("taskpaw-backend", &theirs);
    let said = (
        &*format!("held by {english}, a TaskPaw with another data folder"),
        &*format!("被使用其他数据文件夹的 TaskPaw 占用：{chinese}"),
    );
    scene.is_refused("network", "own_other_installation", said, &ANOTHER_NUMBER).await;
    scene.stop().await;
    theirs.is_untouched().await;
    drop(theirs);

    // Its first thread has ended, so nobody can say any more what it is.
    let unseen = Plan::foreign().word("--leader-exits").listens(port).start();
    until("its first thread has ended", LONG, async || unseen.state() == 'Z').await;
    let said = ("held by a program that cannot be seen", "被无法识别的程序占用");
    scene.is_refused("network", "unknown_holder", said, &ANOTHER_NUMBER).await;
    scene.stop().await;
    unseen.received_nothing().await;
    drop(unseen);

    if is_root() {
        let theirs = Plan::agent().run_by_nobody().listens(port).start();
        let (english, chinese) = named("taskpaw-backend", &theirs);
        let said = (
            &*format!("held by {english}, the TaskPaw of user nobody"),
            &*format!("被用户 nobody 的 TaskPaw 占用：{chinese}"),
        );
        scene.is_refused("network", "own_other_user", said, &ANOTHER_NUMBER).await;
        scene.stop().await;
        theirs.is_untouched().await;
    }
    replaced(&scene).await;
}

/// Our own earlier backend is not a conflict: it is replaced, which is said once and found again in the journal.
async fn replaced(scene: &Scene) {
    let Scene { home, window } = scene;
    let mut stale = Plan::agent().listens(home.network).start();
    let (english, chinese) = named("taskpaw-backend", &stale);
    let said =
        (format!("held by {english}, an earlier TaskPaw"), format!("被先前的 TaskPaw 占用：{chinese}"));
    scene.is_said_of_the_port("own_stale", &said.0, &said.1).await;
    scene.start().await;
    window.role_is("agent", "ready").await;
    stale.stopped_by_itself().await;
    // The stand-in has no stamp, as no program of V3 has.
    let told = named("TaskPaw 3", &stale);
    window.says("timeline", &format!("replaced {} in", told.0), &format!("已替换 {}", told.1)).await;
    window.picture("replaced").await;
    window.click("nav-diagnostics").await;
    window.says("journal", &format!("Replaced {english}"), &format!("已替换 {chinese}")).await;
    window.text_with("journal", "Not started: a port is held by something else").await;
    window.picture("journal").await;
}

/// Leaves the end of a connection behind whose process is gone; it goes when the client is reset.
async fn leave_half_closed(port: u16) -> TcpStream {
    let mut server = Plan::foreign().word("--no-reuse-address").word("--close-clients").listens(port).start();
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    client.read_to_end(&mut Vec::new()).expect("the server closes first");
    server.end().await;
    client
}

#[tokio::test]
async fn what_the_system_or_the_configuration_refuses_has_its_own_sentence_and_its_own_ways_out() {
    let home = Home::new();
    // Bound and not listening: it is not waited for, since it need never go.
    let plan = Plan::foreign().word("--no-reuse-address").word("--bind");
    let occupied = plan.word(written(("127.0.0.1", home.control))).start();
    let window = Window::open(&Programs::current(), &home).await;
    let scene = Scene { home, window };
    let Scene { home, window } = &scene;
    scene.stop().await;
    let (said_of_it, page) = (named("nginx", &occupied), ["use-free-control"]);
    let said = (
        &*format!("in use by {}, without listening", said_of_it.0),
        &*format!("被并未监听的程序占用：{}", said_of_it.1),
    );
    scene.is_refused("control", "occupied", said, &page).await;
    scene.stop().await;
    occupied.is_untouched().await;
    drop(occupied);

    // What is left of a connection: nobody has it any more, and it cannot be had until its client is gone as well.
    let lingering = leave_half_closed(home.control).await;
    scene.start().await;
    window.role_is("agent", "lingering").await;
    window
        .says("page-this-machine", "Waiting for the system to release a port", "正在等待系统释放端口")
        .await;
    window.says("page-this-machine", "At most ", "最多还需 ").await;
    window.picture("lingering").await;
    scene.stop().await;
    // Beside a port that is refused, nothing is waited for.
    let foreign = Plan::foreign().listens(home.network).start();
    let said = ("about to be released by the system", "系统即将释放");
    let both = ["use-free-all", "use-free-network", "use-free-control"];
    scene.is_refused("control", "lingering", said, &both).await;
    scene.stop().await;
    foreign.is_untouched().await;
    drop(foreign);
    // It goes by itself, and so does the agent.
    scene.start().await;
    window.role_is("agent", "lingering").await;
    SockRef::from(&lingering).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(lingering);
    window.role_is("agent", "ready").await;
    scene.stop().await;

    let [same] = free_ports();
    let agent = |network: Value, token: &str| {
        let control = json!({ "host": "127.0.0.1", "port": same });
        json!({ "agent": { "network": network, "control": control, "token": token } })
    };
    home.configure(&agent(json!({ "host": "127.0.0.1", "port": same }), ""));
    window.call(json!({ "command": "reload_config" })).await;
    let said = ("used twice", "重复使用");
    is_conflict(window, "network", "self_collision", said, &["use-free-control"]).await;
    window.shows("[data-testid='conflict-port-control'][data-state='self_collision']").await;

    // An address of a household that this machine does not have.
    home.configure(&agent(json!({ "host": "10.254.253.252", "port": home.network }), "t0ken"));
    window.call(json!({ "command": "reload_config" })).await;
    let said = ("not an address of this machine", "不是本机的地址");
    is_conflict(window, "network", "address_unavailable", said, &["this-machine-alone", "to-ports"]).await;
}

#[tokio::test]
async fn a_port_for_administrators_has_its_own_sentence_and_its_own_ways_out() {
    const PRIVILEGED: u16 = 81;
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first_free.is_ok_and(|first| first.trim().parse().is_ok_and(|first: u16| first <= PRIVILEGED)) {
        eprintln!("skipped: everybody may use port {PRIVILEGED} here");
        return;
    }
    let home = Home::unconfigured();
    home.configure(&json!({ "agent": { "network": { "port": PRIVILEGED } } }));
    // Root as well is refused without this one right.
    let mut without_the_right = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--"]);
        command.arg(driver());
        command
    } else {
        Command::new(driver())
    };
    let window = Window::open_through(&mut without_the_right, &Programs::current().app(), &home).await;
    let said = ("needs administrator rights", "需要管理员权限");
    is_conflict(&window, "network", "permission_denied", said, &ANOTHER_NUMBER).await;
    window.text_with("action-use-free-network", "Use free port 1024").await;
}
