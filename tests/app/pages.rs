//! Every page, in both languages.

use serde_json::json;
use support::programs::Programs;
use support::{Home, Window};

const METRICS: [&str; 5] = ["metric-cpu", "metric-memory", "metric-disk", "metric-network", "metric-uptime"];

#[tokio::test]
async fn this_machine_shows_live_numbers_in_both_languages() {
    let home = Home::new();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    for metric in METRICS {
        window.shows_a_number(metric).await;
    }
    window.picture("this-machine-en").await;

    window.click("nav-settings").await;
    window.choose("select-language", "zh-CN").await;
    window.click("nav-this-machine").await;
    window.text_with("page-this-machine", "本机").await;
    assert_eq!(window.script("return document.documentElement.lang").await, "zh-CN");
    window.picture("this-machine-zh").await;
    assert_eq!(home.config()["app"]["language"], "zh-CN", "the choice is kept");
}

#[tokio::test]
async fn every_page_opens_in_both_languages_and_colours_without_barriers() {
    let home = Home::new();
    home.configure(&json!({ "roles": ["agent", "hub"], "hub": { "agents": [
        { "name": "own", "url": format!("http://127.0.0.1:{}", home.network) },
    ] } }));
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    for (language, theme) in [("en", "light"), ("zh-CN", "dark")] {
        window.speaks(language, theme).await;
        for page in ["this-machine", "fleet", "events", "ports", "settings", "diagnostics"] {
            window.click(&format!("nav-{page}")).await;
            let text = window.text(&format!("page-{page}")).await;
            assert!(!text.contains("undefined") && !text.contains("{{"), "{page} in {language}: {text}");
            assert_eq!(window.barriers().await, Vec::<String>::new(), "{page} in {language}, {theme}");
            window.picture(&format!("{page}-{language}")).await;
        }
    }
    window.speaks("en", "light").await;
    window.click("nav-fleet").await;
    window.text_with("page-fleet", "own").await;
}
