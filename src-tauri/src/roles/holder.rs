//! What the window is told of a process that has a port: who it is, since when it runs and why, without what nobody should read.

use std::path::Path;
use std::sync::LazyLock;

use port_takeover::sys::started_at_unix_ms;
use port_takeover::{Pid, Process};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::HolderView;

#[cfg(target_os = "linux")]
use super::run_by::run_by;

/// The longest command line that is shown, in letters: three lines of the window.
const LONGEST_LINE: usize = 240;

/// A process that has a port; `process` is what is known of it.
pub(super) fn view(
    pid: Pid,
    process: Option<&Process>,
    role: Option<Role>,
    ours: bool,
    port: i64,
) -> HolderView {
    let port = u16::try_from(port).ok();
    HolderView {
        pid: pid.get(),
        // Whoever starts a program chooses what it is called.
        name: process.map(|process| seen(&process.name)),
        exe: process.and_then(|process| process.exe.as_deref().map(seen)),
        user: process.and_then(|process| process.user.as_deref().map(seen)),
        role,
        ours,
        run_by: process.filter(|_| !ours).and_then(|process| run_by(process, port?)),
        command_line: process.and_then(|process| command_line(&process.argv)),
        since: process.and_then(|process| started_at_unix_ms(process.started_at?)),
        is_under_systemd: *UNDER_SYSTEMD,
    }
}

/// As `sd_booted(3)` finds it out, once.
static UNDER_SYSTEMD: LazyLock<bool> =
    LazyLock::new(|| cfg!(target_os = "linux") && Path::new("/run/systemd/system").is_dir());

/// Other systems than Linux do not say why a process runs to whoever asks.
#[cfg(not(target_os = "linux"))]
fn run_by(_process: &Process, _port: u16) -> Option<taskpaw_contract::ipc::RunBy> {
    None
}

fn seen(text: &str) -> String {
    redaction::only_seen(text).into_owned()
}

/// One line, as it could be typed, without what looks like a secret. Nothing where there are no arguments.
fn command_line(argv: &[String]) -> Option<String> {
    // More is never shown, and a program can have megabytes of arguments.
    let mut line = String::new();
    for word in argv {
        if line.len() > LONGEST_LINE * 8 {
            break;
        }
        let separator = if line.is_empty() { "" } else { " " };
        let word: String = word.chars().take(LONGEST_LINE * 2).collect();
        let is_plain =
            !word.is_empty() && !word.contains(|it: char| it.is_whitespace() || "'\"\\$`".contains(it));
        line += separator;
        line += &(if is_plain { word } else { format!("'{}'", word.replace('\'', "'\\''")) });
    }
    let one_line: String = redaction::only_seen(&redaction::without_secrets(&line))
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .collect();
    let mut letters = one_line.trim().chars();
    let mut shown: String = letters.by_ref().take(LONGEST_LINE).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> Option<String> {
        command_line(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_line_is_one_short_line_without_secrets_and_unseen_letters() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&["python3", "-m", "http.server"]).as_deref(), Some("python3 -m http.server"));
        assert_eq!(line(&["a b", "it's", ""]).as_deref(), Some(r"'a b' 'it'\''s' ''"));
        assert_eq!(line(&["x", "a\nb\u{202e}c\u{1b}[31m"]).as_deref(), Some("x 'a bc[31m'"));
        for secret in ["--password=hunter2secret", "https://ann:hunter2secret@host/"] {
            let said = line(&["curl", secret]).unwrap();
            assert!(said.starts_with("curl ") && !said.contains("hunter2secret"), "{said}");
        }
        let long = line(&["x", &"界".repeat(100_000)]).unwrap();
        assert_eq!((long.chars().count(), long.chars().last()), (LONGEST_LINE + 1, Some('…')));
        let many = vec!["x".to_owned(); 1_000_000];
        assert_eq!(command_line(&many).unwrap().chars().count(), LONGEST_LINE + 1);
    }

    #[test]
    fn this_process_is_told_of_with_its_path_its_line_and_since_when_it_runs() {
        use port_takeover::sys::{Native, System as _};

        let own = Native::new().describe(Pid::own()).unwrap();
        let view = view(Pid::own(), Some(&own), None, false, 5680);
        let now = taskpaw_contract::clock::unix_ms();
        let since = view.since.unwrap();
        // A test takes minutes at most, and clocks differ by less.
        assert!(since <= now + 60_000 && since + 24 * 3_600_000 > now, "{since}, now {now}");
        assert_eq!(view.since, super::view(Pid::own(), Some(&own), None, false, 5680).since);
        assert!(view.exe.is_some() && view.command_line.is_some());
    }
}
