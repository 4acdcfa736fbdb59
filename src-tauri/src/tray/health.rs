//! Whether everything that is watched is all right, in a line: the tray and the window's title say it alike.

use taskpaw_contract::ipc::{Health, Snapshot, Trouble, TroubleState};

use super::mood::Mood;
use super::words::Words;

/// How many troubles are named in the menu.
const MOST_NAMED: usize = 8;
/// The longest name in the menu, in letters: a person or a file has chosen it.
const LONGEST_NAME: usize = 60;

/// The answer in a line; nothing while it is not known, or where the roles themselves say more.
pub(super) fn line(health: &Health, words: &Words) -> Option<String> {
    match health {
        Health::Unknown | Health::NotWatched => None,
        Health::AllWell { total } => Some(words.fill(words.all_well, "total", &total.to_string())),
        Health::Attention { broken: 1, .. } => Some(words.attention_one.to_owned()),
        Health::Attention { broken, .. } => {
            Some(words.fill(words.attention_many, "count", &broken.to_string()))
        }
    }
}

/// How serious the worst trouble is.
pub(super) fn mood(shown: &Snapshot) -> Mood {
    let worst = troubles(shown).map(|trouble| trouble.state).min();
    match worst {
        Some(TroubleState::Offline | TroubleState::Error) => Mood::Broken,
        Some(TroubleState::Degraded) => Mood::Trying,
        None => Mood::Quiet,
    }
}

/// What is not as it should be, by name, each in a line: *Nightly backup – nas: Error*.
pub(super) fn named(shown: &Snapshot, words: &Words) -> Vec<String> {
    troubles(shown).take(MOST_NAMED).map(|trouble| trouble_line(trouble, words)).collect()
}

fn troubles(shown: &Snapshot) -> impl Iterator<Item = &Trouble> {
    let on = shown.roles.iter().filter(|view| view.enabled);
    on.filter_map(|view| view.watched.as_ref()).flat_map(|watched| &watched.troubles)
}

fn trouble_line(trouble: &Trouble, words: &Words) -> String {
    let state = match trouble.state {
        TroubleState::Offline => words.offline,
        TroubleState::Error => words.error,
        TroubleState::Degraded => words.degraded,
    };
    // What is always watched has no name but its kind.
    let monitor = trouble.monitor.as_deref();
    let monitor = monitor.map(|name| if name == "host_metrics" { words.this_machine } else { name });
    let of: Vec<String> = monitor.into_iter().chain(trouble.machine.as_deref()).map(short).collect();
    format!("{}{}{state}", of.join(" – "), words.colon)
}

/// One line of letters, cut.
fn short(name: &str) -> String {
    let mut letters = name.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut kept: String = letters.by_ref().take(LONGEST_NAME).collect();
    if letters.next().is_some() {
        kept.push('…');
    }
    kept
}
