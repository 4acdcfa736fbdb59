//! The real window: the app on a display and a session bus of its own, driven by WebDriver.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::desktop::Desktop;
use crate::home::Home;
use crate::ports::free_ports;
use crate::process::{Owned, running, send};
use crate::programs::{Programs, driver};
use crate::wait::{LONG, until, until_some};

/// The app with its window.
#[derive(Debug)]
pub struct Window {
    client: Client,
    app: PathBuf,
    home: PathBuf,
    _driver: Owned,
    desktop: Desktop,
}

impl Window {
    /// Starts the app of some version and opens its window.
    pub async fn open(programs: &Programs, home: &Home) -> Self {
        Self::open_program(&programs.app(), home).await
    }

    /// Starts an app at any path.
    pub async fn open_program(app: &Path, home: &Home) -> Self {
        Self::open_through(&mut Command::new(driver()), app, home).await
    }

    /// Starts an app where the system speaks a language, such as `zh_CN.UTF-8`, whether or not the system has it.
    pub async fn open_where_spoken(programs: &Programs, home: &Home, language: &str) -> Self {
        Self::open_through(
            Command::new(driver()).env("LC_ALL", language).env_remove("LANGUAGE"),
            &programs.app(),
            home,
        )
        .await
    }

    /// Starts an app through a driver that is started in a way of its own: by another program, which then
    /// becomes the driver.
    pub async fn open_through(command: &mut Command, app: &Path, home: &Home) -> Self {
        Self::open_furnished(command, app, home, |_| {}).await
    }

    /// Starts an app whose environment is changed like this.
    pub async fn open_with(app: &Path, home: &Home, change: impl FnOnce(&mut Command)) -> Self {
        Self::open_furnished(&mut Command::new(driver()), app, home, change).await
    }

    async fn open_furnished(
        command: &mut Command,
        app: &Path,
        home: &Home,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let desktop = Desktop::new();
        let [port, native] = free_ports();
        command.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
        desktop.furnish(home.furnish(command)).stdout(Stdio::null()).stderr(Stdio::null());
        change(command);
        let driver = Owned::start(command);
        let capabilities = json!({ "tauri:options": { "application": app } });
        let capabilities = capabilities.as_object().expect("an object").clone();
        let client = until_some("the window opens", LONG, async || {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .ok()
        })
        .await;
        Self {
            client,
            app: app.canonicalize().expect("the app"),
            home: home.path().to_owned(),
            _driver: driver,
            desktop,
        }
    }

    /// The desktop that it is on.
    pub fn desktop(&self) -> &Desktop {
        &self.desktop
    }

    /// The app's process id.
    pub fn host_pid(&self) -> u32 {
        let pids = running(&self.app, &self.home);
        assert_eq!(pids.len(), 1, "one app");
        pids[0]
    }

    /// Waits until an element is shown, and gives its text.
    pub async fn text(&self, test_id: &str) -> String {
        let element = format!("[data-testid='{test_id}']");
        until_some(&format!("{test_id} is shown"), LONG, async || {
            let found = self.client.find(Locator::Css(&element)).await.ok()?;
            found.prop("innerText").await.ok().flatten().filter(|text| !text.is_empty())
        })
        .await
    }

    /// The text of an element, if it is shown now.
    pub async fn shown(&self, test_id: &str) -> Option<String> {
        let element = format!("[data-testid='{test_id}']");
        self.client.find(Locator::Css(&element)).await.ok()?.prop("innerText").await.ok().flatten()
    }

    /// Waits until an element shows a number: some are known only after a second look.
    pub async fn shows_a_number(&self, test_id: &str) {
        until(&format!("{test_id} shows a number"), LONG, async || {
            self.text(test_id).await.chars().any(|letter| letter.is_ascii_digit())
        })
        .await;
    }

    /// Waits until an element's text has a part, and gives the whole.
    pub async fn text_with(&self, test_id: &str, part: &str) -> String {
        let element = format!("[data-testid='{test_id}']");
        let mut last = String::new();
        let deadline = std::time::Instant::now() + LONG;
        while std::time::Instant::now() < deadline {
            if let Ok(found) = self.client.find(Locator::Css(&element)).await {
                last = found.prop("innerText").await.ok().flatten().unwrap_or_default();
                if last.contains(part) {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{test_id} never said {part:?}; it said {last:?}; the page:\n{}", self.page().await);
    }

    /// Everything that is written in the window.
    async fn page(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.prop("innerText").await.ok().flatten().unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    /// Waits until an element says something in English and, once that is the language, in Chinese.
    pub async fn says(&self, test_id: &str, english: &str, chinese: &str) {
        self.text_with(test_id, english).await;
        self.speaks("zh-CN", "light").await;
        self.text_with(test_id, chinese).await;
        self.speaks("en", "light").await;
    }

    /// Waits until there is an element.
    pub async fn shows(&self, selector: &str) {
        let found = self.client.wait().at_most(LONG).for_element(Locator::Css(selector)).await;
        if let Err(error) = found {
            panic!("{selector} never appeared: {error}; the page:\n{}", self.page().await);
        }
    }

    /// Waits until there is no such element any more.
    pub async fn hides(&self, selector: &str) {
        let gone = async || self.count(selector).await == 0;
        until(&format!("{selector} is gone"), LONG, gone).await;
    }

    /// How many elements there are.
    pub async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.expect("an answer").len()
    }

    /// Waits until a role is in a state.
    pub async fn role_is(&self, role: &str, kind: &str) {
        self.role_is_within(role, kind, LONG).await;
    }

    /// The same for what takes long because the app waits on purpose.
    pub async fn role_is_within(&self, role: &str, kind: &str, within: Duration) {
        let element = format!("[data-testid='role-state-{role}'][data-kind='{kind}']");
        let found = self.client.wait().at_most(within).for_element(Locator::Css(&element)).await;
        if found.is_err() {
            panic!("{role} is not {kind}: {:#}", self.call(json!({ "command": "snapshot" })).await);
        }
    }

    /// Clicks an element, once it is there.
    pub async fn click(&self, test_id: &str) {
        self.click_at(&format!("[data-testid='{test_id}']")).await;
    }

    /// Clicks an element, once it is there, that ends or hides the window: a driver's own click waits for an answer of it.
    pub async fn click_last(&self, test_id: &str) {
        self.shows(&format!("[data-testid='{test_id}']")).await;
        let click = format!("document.querySelector(\"[data-testid='{test_id}']\").click()");
        self.script(&format!("setTimeout(() => {click}, 20)")).await;
    }

    /// Clicks what a selector finds first, once it is there.
    pub async fn click_at(&self, selector: &str) {
        let found = self.client.wait().at_most(LONG).for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}")).click().await.expect("a click");
    }

    /// Puts a text in the place of what is in a field, as a person types it.
    pub async fn types(&self, test_id: &str, text: &str) {
        let element = format!("[data-testid='{test_id}']");
        let found = self.client.wait().at_most(LONG).for_element(Locator::Css(&element)).await;
        let field = found.unwrap_or_else(|error| panic!("{test_id}: {error}"));
        self.script(&format!("document.querySelector(\"{element}\").select()")).await;
        field.send_keys(text).await.expect("keys");
    }

    /// Presses a key, wherever the focus is.
    pub async fn presses(&self, key: &str) {
        self.client.active_element().await.expect("the focus").send_keys(key).await.expect("a key");
    }

    /// What is in a field.
    pub async fn value(&self, test_id: &str) -> String {
        let value =
            self.script(&format!("return document.querySelector(\"[data-testid='{test_id}']\").value")).await;
        value.as_str().expect("a text").to_owned()
    }

    /// Chooses an option of a select element by its value.
    pub async fn choose(&self, test_id: &str, value: &str) {
        let element = format!("[data-testid='{test_id}']");
        let found = self.client.wait().at_most(LONG).for_element(Locator::Css(&element)).await.expect("it");
        found.select_by_value(value).await.expect("an option");
    }

    /// Sets the language and the colours.
    pub async fn speaks(&self, language: &str, theme: &str) {
        let preferences = json!({ "language": language, "theme": theme });
        self.call(json!({ "command": "set_preferences", "preferences": preferences })).await;
        let shown = "return [document.documentElement.lang, document.documentElement.dataset.theme]";
        let wanted = json!([language, theme]);
        until(&format!("{language} and {theme}"), LONG, async || self.script(shown).await == wanted).await;
    }

    /// What axe-core finds that is serious for people who cannot see the window, or not well.
    pub async fn barriers(&self) -> Vec<String> {
        if self.script("return !window.axe").await == json!(true) {
            self.script(&axe()).await;
        }
        let script = "const [done] = arguments;
            axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => done(violations
                .filter(({ impact }) => impact === 'serious' || impact === 'critical')
                .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' '))),
                (error) => done([String(error)]));";
        let found = self.client.execute_async(script, Vec::new()).await.expect("an answer");
        found.as_array().expect("a list").iter().map(ToString::to_string).collect()
    }

    /// Calls the host as the window does, and gives its answer.
    pub async fn call(&self, request: Value) -> Value {
        let script = "const [request, done] = arguments;
            window.__TAURI_INTERNALS__.invoke('call', { request }).then(done, (error) => done({ error }));";
        self.client.execute_async(script, vec![request]).await.expect("an answer")
    }

    /// The events of the agent's last start.
    pub async fn timeline(&self) -> Vec<Value> {
        let snapshot = self.call(json!({ "command": "snapshot" })).await;
        let entries = snapshot["roles"][0]["timeline"].as_array().expect("a timeline").clone();
        entries.into_iter().map(|entry| entry["event"].clone()).collect()
    }

    /// Runs a script in the window.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("its result")
    }

    /// Asks the app to end, as its window does. The answer goes with the window.
    pub async fn quit(&self) {
        let script = "window.__TAURI_INTERNALS__.invoke('call', { request: { command: 'quit' } })";
        let _answer_is_lost = self.client.execute(script, Vec::new()).await;
    }

    /// Saves a picture of the window where a person can look at it: `target/window/NAME.png`.
    pub async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/window");
        std::fs::create_dir_all(&folder).expect("the folder");
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("the file");
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        for pid in running(&self.app, &self.home) {
            send(pid, libc::SIGKILL);
        }
    }
}

/// What looks for barriers in a page: the same that `npm run check:pages` uses.
fn axe() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(source).expect("axe-core: run the tests with `npm test`")
}

/// Starts the app without a driver and reads what it prints: for `--check`.
pub fn run_app(app: &Path, home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let desktop = Desktop::new();
    let mut command = Command::new(app);
    desktop.furnish(home.furnish(&mut command)).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the app");
    let mut stderr = child.stderr.take().expect("it is piped");
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        let _until_it_ends = stderr.read_to_string(&mut text);
        text
    });
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let printed: Vec<String> = stdout.lines().map_while(Result::ok).collect();
    let status = child.wait().expect("its end");
    (status.code(), printed.join("\n"), errors.join().expect("what it wrote"))
}
