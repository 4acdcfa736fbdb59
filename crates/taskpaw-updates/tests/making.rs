//! What `npm run feed` makes is believed, and nothing of it once it was touched.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program lies beside this test's.
fn feed(arguments: &[&str]) -> Output {
    let target = std::env::current_exe().unwrap();
    let target: PathBuf = target.parent().and_then(Path::parent).unwrap().to_owned();
    let program = target.join("examples").join(format!("feed{}", std::env::consts::EXE_SUFFIX));
    Command::new(program).args(arguments).env("TASKPAW_KEY_PASSWORD", "only here").output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_feed_is_made_signed_and_believed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let done = feed(&["keys", text(&at("keys"))]);
    assert!(done.status.success(), "{done:?}");
    assert!(!feed(&["keys", text(&at("keys"))]).status.success(), "no key is written over");
    for (name, content) in [
        ("TaskPaw_4.2.0_linux_x64.tar.gz", "archive"),
        ("TaskPaw_4.2.0_linux_x64.deb", "deb"),
        ("TaskPaw_4.2.0_windows_x64.exe", "installer"),
        ("TaskPaw_4.2.0_macos_arm64.dmg", "for people"),
        ("TaskPaw_4.1.0_linux_x64.deb", "older"),
        ("en", "Faster.\n"),
        ("zh", "更快。\n"),
    ] {
        std::fs::write(at(name), content).unwrap();
    }
    let make = |floor: &str| {
        let (packages, key) = (text(folder.path()).to_owned(), at("keys/taskpaw.key"));
        let (en, zh) = (at("en"), at("zh"));
        let names =
            ["make", "--version", "4.2.0", "--packages", &packages, "--key", text(&key), "--floor", floor];
        let others =
            ["--url", "https://example.org/taskpaw/", "--notes-en", text(&en), "--notes-zh", text(&zh)];
        feed(&[names.as_slice(), others.as_slice()].concat())
    };
    assert!(!make("4.3.0").status.success(), "a floor above the version");
    let done = make("4.1.0");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{done:?}");
    for system in ["linux-x86_64", "linux-x86_64-deb", "windows-x86_64"] {
        assert!(said.contains(&format!("offers 4.2.0 for {system}\n")), "{said}");
    }
    assert!(!said.contains("darwin") && !said.contains("4.1.0"), "{said}");
    let latest = at("latest.json");
    let check = || feed(&["check", text(&latest), "--keys", text(&at("keys/taskpaw.pub"))]);
    assert!(check().status.success());
    let changed = std::fs::read_to_string(&latest).unwrap().replace("4.2.0", "4.2.1");
    std::fs::write(&latest, changed).unwrap();
    let refused = check();
    assert_eq!(String::from_utf8_lossy(&refused.stderr), "bad_signature\n");
}
