//! An address (`scheme://user:password@machine:port/path?query#part`) without what may be secret in it.

use crate::{REMOVED, shape};

/// What follows one of these in a path opens a webhook.
const WEBHOOKS: [&str; 3] = ["/webhook/", "/webhooks/", "/hooks/"];
/// The same for Slack, whose next part begins with the `T` of a team.
const SLACK: &str = "/services/";

/// How long the address is that begins a text with its `://`.
pub(crate) fn length(after_scheme: &str) -> usize {
    let is_end = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '"' | '\'' | '<' | '>' | '`' | '\\' | '|')
    };
    after_scheme.find(is_end).unwrap_or(after_scheme.len())
}

/// What follows `://` without its user, its query, and the parts of its path that nobody typed.
pub(crate) fn cleaned(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole =
        rest[..end].rsplit_once(':').is_none_or(|(_, port)| is_port(port) || rest[..end].contains('@'));
    // A password with a slash in it: the machine is what follows the last `@`.
    let user = if is_whole { rest[..end].rfind('@') } else { rest.rfind('@') };
    let (user, rest) = user.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (machine, after) = rest.split_at(end);
    let mut text = if user.is_empty() { String::new() } else { format!("{REMOVED}@") };
    text.push_str(machine);
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let (path, after) = after.split_at(end);
    push_path(&mut text, path);
    match after.as_bytes() {
        [b'?', _, ..] => {
            text.push('?');
            text.push_str(REMOVED);
        }
        [b'#', ..] if after.contains('=') || shape::is_random(after) => {
            text.push('#');
            text.push_str(REMOVED);
        }
        _ => text.push_str(after),
    }
    text
}

fn push_path(text: &mut String, path: &str) {
    if let Some(at) = opened(path) {
        text.push_str(&path[..at]);
        text.push_str(if at < path.len() { REMOVED } else { "" });
        return;
    }
    for (number, part) in path.split('/').enumerate() {
        if number > 0 {
            text.push('/');
        }
        let is_secret =
            shape::service_token(part).is_some() || (!part.contains('.') && shape::is_random(part));
        text.push_str(if is_secret { REMOVED } else { part });
    }
}

/// Where in a path everything that follows is a secret: that of a webhook, or of a bot of Telegram.
fn opened(path: &str) -> Option<usize> {
    let small = path.to_ascii_lowercase();
    let webhook = WEBHOOKS.iter().filter_map(|mark| small.find(mark).map(|at| at + mark.len())).min();
    let slack = path.find(&format!("{SLACK}T")).map(|at| at + SLACK.len());
    let is_bot = |at: &usize| small.as_bytes().get(at + "/bot".len()).is_some_and(u8::is_ascii_digit);
    let bot = small.find("/bot").filter(is_bot).map(|at| at + 1);
    webhook.or(slack).or(bot)
}
