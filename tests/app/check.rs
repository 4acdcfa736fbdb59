//! `--check`, as `npm start -- --check` runs it.

use serde_json::Value;
use support::Home;
use support::process::running;
use support::programs::Programs;
use support::window::run_app;

#[test]
fn a_check_ends_well_with_a_picture_and_leaves_nothing_behind() {
    let home = Home::unconfigured();
    home.configure(&serde_json::json!({ "roles": ["agent", "hub"] }));
    let picture = home.path().join("window.png");
    let programs = Programs::current();
    let (status, printed, errors) =
        run_app(&programs.app(), &home, &["--check", picture.to_str().expect("a path")]);
    assert_eq!(status, Some(0), "{errors}");
    let result: Value = serde_json::from_str(&printed).expect("one line of JSON");
    assert_eq!(result["version"], programs.version);
    assert_eq!(result["roles"].as_array().expect("roles").len(), 2);
    for role in result["roles"].as_array().expect("roles") {
        assert_eq!(role["version"], programs.version);
        assert!(role["pid"].as_u64().is_some_and(|pid| pid > 0));
        assert!(role["base_url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
        assert!(role["ready_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    }
    assert!(result["first_paint_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    let png = std::fs::read(&picture).expect("the picture");
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
    assert!(running(&programs.app(), home.path()).is_empty());
    assert!(running(&programs.backend(), home.path()).is_empty());
}

#[test]
fn a_check_of_what_cannot_start_says_why() {
    let home = Home::unconfigured();
    home.write_config("{");
    let picture = home.path().join("window.png");
    let (status, printed, errors) =
        run_app(&Programs::current().app(), &home, &["--check", picture.to_str().expect("a path")]);
    assert_eq!((status, printed.as_str()), (Some(1), ""));
    assert!(errors.contains("is no valid JSON: line 1, column 1"), "{errors}");
}
