//! The settings: how the app looks, what this machine does, and who can reach it.

use serde_json::{Value, json};
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window, until};

#[tokio::test]
async fn language_colours_roles_and_the_token() {
    let (home, programs) = (Home::new(), Programs::current());
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    window.click("nav-settings").await;

    window.choose("select-language", "zh-CN").await;
    window.text_with("page-settings", "本机的用途").await;
    assert_eq!(window.script("return document.documentElement.lang").await, "zh-CN");
    window.choose("select-theme", "dark").await;
    let is_dark = "const [red] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);
        return Number(red) < 64";
    until("the window is dark", LONG, async || window.script(is_dark).await == json!(true)).await;
    window.picture("settings-zh-dark").await;
    window.choose("select-theme", "light").await;
    until("the window is light", LONG, async || window.script(is_dark).await == json!(false)).await;
    window.choose("select-language", "en").await;
    window.text_with("page-settings", "What this machine does").await;
    assert_eq!(home.config()["app"]["language"], "en");
    assert_eq!(home.config()["app"]["theme"], "light");

    larger_and_smaller(&window, &home).await;

    window.click("switch-role-hub").await;
    window.role_is("hub", "ready").await;
    assert_eq!(home.config()["roles"], json!(["agent", "hub"]));
    window.says("page-settings", "Who can reach the hub", "谁可以访问汇总端").await;
    window.click("switch-role-hub").await;
    window.role_is("hub", "stopped").await;
    window.says("role-state-hub", "Switched off", "未启用").await;
    assert_eq!(home.config()["roles"], json!(["agent"]));
    assert!(home.ping().await.is_some(), "the other role is left alone");

    exposure(&window).await;
    token(&window, &home).await;
}

/// By the keys of every browser and by the setting; the host keeps it, for the next version too.
async fn larger_and_smaller(window: &Window, home: &Home) {
    let width = async || window.script("return innerWidth").await.as_f64().expect("a number");
    let usual = width().await;
    let is_at = async |percent: f64| {
        let wanted = usual * 100.0 / percent;
        until("everything has that size", LONG, async || (width().await - wanted).abs() < 2.0).await;
        assert_eq!(home.config()["app"]["zoom"], percent);
    };
    window.choose("select-zoom", "150").await;
    is_at(150.0).await;
    window.picture("settings-150").await;
    window.presses("\u{e009}-\u{e000}").await;
    is_at(125.0).await;
    window.presses("\u{e009}0\u{e000}").await;
    is_at(100.0).await;
}

/// An address of this machine that others can reach: which one, and why it cannot be used without a token.
async fn exposure(window: &Window) {
    window.says("address-reason-agent", "No other machine can reach it.", "其他机器无法访问。").await;
    let choices = window.call(json!({ "command": "addresses", "role": "agent" })).await;
    let choices = choices.as_array().expect("the addresses");
    // A machine without any network has none; the page of the ports tells all reasons in any case.
    let Some(open) = choices.iter().find(|choice| choice["refused"] != Value::Null) else { return };
    window.choose("select-address-agent", open["address"].as_str().expect("an address")).await;
    let (english, chinese) = match open["refused"].as_str() {
        Some("no_token") => ("Set the token above first.", "请先在上方设置令牌。"),
        _ => ("The whole internet could reach it.", "整个互联网都能访问它。"),
    };
    window.says("address-reason-agent", english, chinese).await;
    window.shows("[data-testid='action-apply-address-agent'][aria-disabled='true']").await;
    window.picture("settings-exposure").await;
    window.click("action-undo-address-agent").await;
}

/// Hidden until somebody asks, regenerated, saved, shown, copied, removed.
async fn token(window: &Window, home: &Home) {
    let field = |kind: &str| format!("[data-testid='token-text-agent'][type='{kind}']");
    let configured = || home.config()["agent"]["token"].as_str().unwrap_or_default().to_owned();
    window.shows(&format!("{}[placeholder='No token is set']", field("password"))).await;
    window.click("token-generate-agent").await;
    window.shows(&field("text")).await;
    let made = window.value("token-text-agent").await;
    assert_eq!((made.len(), configured().as_str()), (64, ""), "it is made, and not saved yet");
    window.says("token-agent", "Not saved yet.", "尚未保存。").await;
    window.click("token-save-agent").await;
    window.text_with("token-agent", "Saved.").await;
    window.shows(&format!("{}[placeholder='A token is set']", field("password"))).await;
    assert_eq!(configured(), made);
    let is_in_the_page = format!(
        "return document.documentElement.outerHTML.includes('{made}') ||
            [...document.querySelectorAll('input')].some(({{ value }}) => value === '{made}')"
    );
    assert_eq!(window.script(&is_in_the_page).await, json!(false), "what is saved is hidden");
    window.role_is("agent", "ready").await;

    window.click("token-show-agent").await;
    window.shows(&field("text")).await;
    assert_eq!(window.value("token-text-agent").await, made);
    window.picture("settings-token").await;
    window.click("token-show-agent").await;
    window.shows(&field("password")).await;
    assert_eq!(window.script(&is_in_the_page).await, json!(false), "what is hidden again is gone");

    window.click("token-copy-agent").await;
    window.text_with("token-agent", "Copied.").await;
    assert_eq!(window.script(&is_in_the_page).await, json!(false), "copying shows nothing");
    window.click("nav-diagnostics").await;
    // Control and V, as WebDriver writes them.
    window.types("log-search", "\u{e009}v").await;
    until("the copy is pasted", LONG, async || window.value("log-search").await == made).await;

    window.click("nav-settings").await;
    window.click("token-remove-agent").await;
    window.says("confirm", "without a token from then on", "无需令牌即可访问监测端").await;
    window.click("confirm-yes").await;
    window.says("token-agent", "The token was removed.", "令牌已移除。").await;
    assert_eq!(configured(), "");
}
