//! Secrets in every form in which programs write them, none of which may be left; sentences that must stay as they are;
//! and any text at all.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use redaction::{clean_json, without_secrets};
use serde_json::json;

/// Each line has `S3CRET` in it where the secret is; nothing that has it may be left.
const SECRETS: &str = include_str!("secrets.txt");

#[test]
fn no_secret_is_left_whatever_it_stands_beside() {
    let mut left = Vec::new();
    for line in SECRETS.lines().filter(|line| !line.is_empty()) {
        assert!(line.contains("S3CRET"), "the corpus: {line}");
        for text in [
            line.to_owned(),
            format!("2026-11-27T10:00:00Z  WARN a: said={line:?} x=1"),
            format!("{line}\r\nnext"),
        ] {
            let cleaned = without_secrets(&text);
            if cleaned.contains("S3CRET") {
                left.push(format!("{text}\n  {cleaned}"));
            }
        }
        // As a string of JSON in a line of a log.
        let quoted = json!({ "message": line }).to_string();
        if without_secrets(&quoted).contains("S3CRET") {
            left.push(format!("{quoted}\n  {}", without_secrets(&quoted)));
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn what_is_no_secret_stays_as_it_is() {
    for text in [
        "agent on http://192.168.1.20:5680/status did not answer (timeout 5 s)",
        "max_tokens=4096 tokens: 1.2M tokens/s: 35.2, time per token: 12 ms, pad_token=50256 eos_token='</s>'",
        "pass: 12 fail: 0 auth: ok; session: closed",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0",
        "taskpaw_backend::http::auth::token: checks",
        "image nginx:1.25@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "commit 0123456789abcdef0123456789abcdef01234567 by git@github.com:taskpaw/taskpaw.git",
        "The token is too short. Set a token of at least 16 letters.",
        "the bearer of bad news; Basic settings; basic authentication",
        "epoch 3: loss=0.02 key=enter, primary_key=id, monkey: yes",
        "https://github.com/taskpaw/taskpaw/releases/tag/v4.1.0#notes",
        "file:///srv/data/2026-11-27-model-checkpoint-000123456789.log",
        "C:\\Users\\x\\AppData 10:22:33 [::1]:5680 fe80::1%eth0",
        "no such user: anna; mailto anna@example.org",
        "token=None password: null secret=\"\"",
        "/bots/12/both http://nas:1/both http://nas/webhooks",
        "完成 50 % \u{fe} 😀",
        "",
    ] {
        assert!(
            matches!(without_secrets(text), Cow::Borrowed(same) if same == text),
            "{text}\n{}",
            without_secrets(text)
        );
    }
}

#[test]
fn what_says_where_and_which_stays() {
    for (text, expected) in [
        (
            "GET https://me:pw@nas:5680/a/b?token=1#x failed",
            "GET https://(removed)@nas:5680/a/b?(removed) failed",
        ),
        ("curl -H 'Authorization: Bearer abc' http://a", "curl -H 'Authorization: (removed)' http://a"),
        ("curl -u me:pw http://a", "curl -u (removed) http://a"),
        ("run --password hunter2 --verbose", "run --password (removed) --verbose"),
        ("a=1&token=x&b=2", "a=1&token=(removed)&b=2"),
        (
            "{\"user\":\"anna\",\"password\":\"a b\\\"c\",\"x\":1}",
            "{\"user\":\"anna\",\"password\":\"(removed)\",\"x\":1}",
        ),
        ("password: Some(\"a b\"), next", "password: (removed) next"),
        ("login=ghp_0123456789abcdefghij0123 ok", "login=(removed) ok"),
        ("https://discord.com/api/webhooks/12/abc", "https://discord.com/api/webhooks/(removed)"),
        ("Bearer abc, and more", "Bearer (removed), and more"),
        ("密码：abc", "密码：(removed)"),
    ] {
        assert_eq!(without_secrets(text), expected);
    }
}

#[test]
fn json_loses_what_stands_below_a_secret_name() {
    let mut value = json!({ "token": "a", "password": ["b", 7, ""], "name": "curl -u me:pw", "list": [{ "api_key": { "x": 1 } }],
        "tokens": 12, "is_secret": true });
    clean_json(&mut value);
    assert_eq!(
        value,
        json!({ "token": "(removed)", "password": ["(removed)", "(removed)", ""], "name": "curl -u (removed)",
            "list": [{ "api_key": { "x": "(removed)" } }], "tokens": 12, "is_secret": true })
    );
}

/// Each of these makes a reader that goes back, or looks ahead for every word, take minutes.
#[test]
fn a_long_text_is_gone_through_once() {
    for piece in [
        "a",
        "token=",
        "sig:",
        "sig: ",
        "key=",
        "sig: [",
        "auth: '",
        "sig: (\"",
        "cookie: (removed) ",
        "basic%20",
        "a:",
        "a@",
        "http://",
        "http://a?",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "\\\"",
        "<token>",
        "ghp_",
        "bearer ",
        "password \\\\'",
        "a.b.",
        "\n",
        "密码：",
        "--u a",
        "/home/",
    ] {
        let text = piece.repeat((1 << 18) / piece.len());
        let began = Instant::now();
        let cleaned = without_secrets(&text).into_owned();
        // A second in a build without optimisations; a look ahead for every word takes minutes.
        assert!(began.elapsed() < Duration::from_secs(60), "{piece:?}: {:?}", began.elapsed());
        assert!(cleaned.len() <= 4 * text.len() + 64, "{piece:?}");
    }
}

fn words() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "token",
        "password",
        "Authorization",
        "Bearer ",
        "http://",
        "me:pw@",
        "?",
        "&",
        "=",
        ": ",
        "\"",
        "'",
        "\\",
        "\n",
        "[",
        "]",
        "{",
        "(",
        "Some(",
        " ",
        "--",
        "-u",
        "<",
        ">",
        "/",
        "ghp_0123456789abcdefghij",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "12",
        "sig",
        "key",
        "密码",
        "：",
        "é",
        "%3D",
        "(removed)",
        "cookie",
        ".",
        ",",
        "Basic ",
        "api/webhooks/",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_cleaned_and_then_is_clean(text in words()) {
        let once = without_secrets(&text).into_owned();
        let twice = without_secrets(&once).into_owned();
        prop_assert!(twice.len() <= once.len() + 64, "{once:?} {twice:?}");
        // Again and again it comes to an end.
        let last = (0..8).fold(twice, |text, _| without_secrets(&text).into_owned());
        prop_assert_eq!(without_secrets(&last).into_owned(), last);
    }
}
