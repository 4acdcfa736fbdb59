//! A tray of a test's own, as a desktop's panel has one: it knows whose icons are there, reads their menus, and clicks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zbus::zvariant::{OwnedValue, Structure, Value};
use zbus::{Connection, interface, proxy};

use crate::desktop::Desktop;
use crate::wait::{LONG, until_some};

/// The name that panels have on the session bus.
const NAME: &str = "org.kde.StatusNotifierWatcher";

/// A panel's tray.
#[derive(Debug)]
pub struct Tray {
    connection: Connection,
    icons: Arc<Mutex<Vec<String>>>,
}

/// An icon in the tray, as a person uses it.
#[derive(Debug)]
pub struct Icon {
    item: StatusNotifierItemProxy<'static>,
    menu: DbusMenuProxy<'static>,
}

/// A line of a menu, with what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    id: i32,
    /// What it says; nothing: it is a line between two parts.
    pub label: String,
    /// Whether it can be clicked.
    pub is_enabled: bool,
    /// The menu that it opens.
    pub below: Vec<Self>,
}

struct Watcher {
    icons: Arc<Mutex<Vec<String>>>,
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, name: String) {
        self.icons.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    fn register_status_notifier_host(&self, _name: String) {}

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.icons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

#[proxy(interface = "org.kde.StatusNotifierItem", default_path = "/StatusNotifierItem", gen_blocking = false)]
trait StatusNotifierItem {
    fn activate(&self, x: i32, y: i32) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn title(&self) -> zbus::Result<String>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn status(&self) -> zbus::Result<String>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn icon_pixmap(&self) -> zbus::Result<Vec<(i32, i32, Vec<u8>)>>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn menu(&self) -> zbus::Result<zbus::zvariant::OwnedObjectPath>;
}

type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

#[proxy(interface = "com.canonical.dbusmenu", gen_blocking = false)]
trait DbusMenu {
    fn get_layout(&self, parent: i32, depth: i32, properties: &[&str]) -> zbus::Result<(u32, Layout)>;

    fn event(&self, id: i32, event: &str, data: Value<'_>, timestamp: u32) -> zbus::Result<()>;
}

impl Tray {
    /// Puts a tray on a desktop.
    pub async fn on(desktop: &Desktop) -> Self {
        let icons = Arc::default();
        let watcher = Watcher { icons: Arc::clone(&icons) };
        let builder = zbus::connection::Builder::address(desktop.bus()).expect("an address");
        let builder = builder.serve_at("/StatusNotifierWatcher", watcher).expect("a path").name(NAME);
        let connection = builder.expect("a name").build().await.expect("the bus is there");
        Self { connection, icons }
    }

    /// Waits for an icon.
    pub async fn icon(&self) -> Icon {
        let name = until_some("an icon is in the tray", LONG, async || self.names().first().cloned()).await;
        let on = &self.connection;
        let item = StatusNotifierItemProxy::builder(on).destination(name.clone()).expect("a name");
        let item = item.build().await.expect("the icon");
        let path = item.menu().await.expect("the path of its menu");
        let menu = DbusMenuProxy::builder(on).destination(name).expect("a name").path(path).expect("a path");
        Icon { item, menu: menu.build().await.expect("its menu") }
    }

    /// The names of the icons that were put in.
    pub fn names(&self) -> Vec<String> {
        self.icons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the tray away.
    pub async fn end(self) {
        self.connection.close().await.expect("it was open");
    }
}

impl Icon {
    /// The program that it stands for.
    pub async fn title(&self) -> String {
        self.item.title().await.expect("a title")
    }

    /// How much it calls for the person.
    pub async fn status(&self) -> String {
        self.item.status().await.expect("a status")
    }

    /// Its pictures: how wide and high, and how many of its pixels are to be seen.
    pub async fn pictures(&self) -> Vec<(i32, i32, usize)> {
        let pictures = self.item.icon_pixmap().await.expect("pictures");
        let visible = |data: &[u8]| data.chunks_exact(4).filter(|pixel| pixel[0] > 0).count();
        pictures.into_iter().map(|(width, height, data)| (width, height, visible(&data))).collect()
    }

    /// Clicks on the icon itself.
    pub async fn open(&self) {
        self.item.activate(0, 0).await.expect("it hears that");
    }

    /// Its menu as it is now.
    pub async fn menu(&self) -> Vec<Line> {
        let (_revision, root) = self.menu.get_layout(0, -1, &[]).await.expect("a menu");
        line(root).below
    }

    /// Every line of the menu, those below others too, without the ones between two parts.
    pub async fn labels(&self) -> Vec<String> {
        flat(&self.menu().await)
            .into_iter()
            .map(|line| line.label)
            .filter(|label| !label.is_empty())
            .collect()
    }

    /// Waits until a line stands in the menu.
    pub async fn says(&self, label: &str) {
        self.line(label).await;
    }

    /// Clicks a line, once it is there.
    pub async fn click(&self, label: &str) {
        self.try_click(label).await.expect("it hears that");
    }

    /// Clicks the line that ends the app, which may be gone before it has answered.
    pub async fn click_the_end(&self, label: &str) {
        let _perhaps_unanswered = self.try_click(label).await;
    }

    async fn try_click(&self, label: &str) -> zbus::Result<()> {
        let line = self.line(label).await;
        assert!(line.is_enabled, "{label} can be clicked");
        self.menu.event(line.id, "clicked", Value::from(0), 0).await
    }

    async fn line(&self, label: &str) -> Line {
        until_some(&format!("the menu says {label:?}"), LONG, async || {
            flat(&self.menu().await).into_iter().find(|line| line.label == label)
        })
        .await
    }
}

fn flat(lines: &[Line]) -> Vec<Line> {
    lines.iter().flat_map(|line| std::iter::once(line.clone()).chain(flat(&line.below))).collect()
}

fn line((id, properties, below): Layout) -> Line {
    let text = |name: &str| properties.get(name).and_then(|value| String::try_from(value.clone()).ok());
    let is_enabled = properties.get("enabled").and_then(|value| bool::try_from(value).ok()).unwrap_or(true);
    let below = below.into_iter().map(|value| {
        let structure = Structure::try_from(value).expect("a line of a menu");
        line(Layout::try_from(structure).expect("a line of a menu"))
    });
    Line { id, label: text("label").unwrap_or_default(), is_enabled, below: below.collect() }
}
