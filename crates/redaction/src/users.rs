//! The names of users: of those that are known, wherever they stand as a word, and of any user in every form of path.

use std::collections::BTreeSet;

use crate::USER;

/// Names that tell nothing of a person, and words that a log is full of.
const NO_NAMES: [&str; 21] = [
    "root", "user", "users", "home", "homes", "admin", "agent", "hub", "taskpaw", "system", "app", "data",
    "public", "default", "guest", "nobody", "daemon", "service", "shared", "python", "test",
];
/// Shorter ones are not looked for in running text: they are parts of everything.
const SHORTEST: usize = 3;
/// How many names are searched for.
const MOST: usize = 1_000;
/// What follows one of these in a path is the name of a user.
const FOLDERS: [&str; 7] = ["home", "homes", "users", "documents and settings", "media", "mail", "crontabs"];
/// Folders beside those of users that are nobody's.
const NOBODYS: [&str; 6] = ["shared", "public", "default", "all users", "default user", "."];
/// The most spaces in the name of a person.
const SPACES: usize = 3;

/// Takes the names of users out of text.
#[derive(Debug, Clone, Default)]
pub struct Users {
    /// Names that are one word, in small letters.
    words: BTreeSet<String>,
    /// All others: with spaces, dots, lines.
    phrases: BTreeSet<String>,
    /// Folders of a person, wherever a system keeps them: up to the name, and the name.
    homes: BTreeSet<(String, String)>,
}

impl Users {
    /// Knows a name, also as Windows says it: with the machine in front.
    pub fn learn(&mut self, name: &str) {
        let name = name.rsplit('\\').next().unwrap_or(name).trim();
        let small = name.to_lowercase();
        let is_one = NO_NAMES.contains(&small.as_str());
        if is_one || name.chars().count() < SHORTEST || self.words.len() + self.phrases.len() >= MOST {
            return;
        }
        if small.chars().all(char::is_alphanumeric) {
            self.words.insert(small);
        } else {
            self.phrases.insert(small.replace(' ', "%20"));
            self.phrases.insert(small);
        }
    }

    /// Knows the folder of a person, whose last part is a name.
    pub fn learn_home(&mut self, home: &str) {
        let home = home.trim_end_matches(['/', '\\']);
        let Some(at) = home.rfind(['/', '\\']) else { return };
        let (folder, name) = home.split_at(at + 1);
        self.learn(name);
        if folder.len() > 1 && !name.is_empty() && self.homes.len() < MOST {
            self.homes.insert((folder.to_owned(), name.to_owned()));
        }
    }

    /// Text with [`USER`] in the place of every name.
    #[must_use]
    pub fn removed_from(&self, text: &str) -> String {
        let mut text = without_homes(text);
        for (folder, name) in &self.homes {
            let known = format!("{folder}{name}");
            text = replaced(&text, &known, &known, &format!("{folder}{USER}"));
        }
        for phrase in &self.phrases {
            let small = text.to_ascii_lowercase();
            text = replaced(&text, &small, phrase, USER);
        }
        self.without_words(&text)
    }

    fn without_words(&self, text: &str) -> String {
        if self.words.is_empty() {
            return text.to_owned();
        }
        let (mut cleaned, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(begin) = rest.find(char::is_alphanumeric) {
            let end = rest[begin..]
                .find(|letter: char| !letter.is_alphanumeric())
                .map_or(rest.len(), |at| begin + at);
            let word = &rest[begin..end];
            cleaned.push_str(&rest[..begin]);
            let is_marked = cleaned.ends_with('(') && rest[end..].starts_with(')');
            cleaned.push_str(if !is_marked && self.words.contains(&word.to_lowercase()) {
                USER
            } else {
                word
            });
            rest = &rest[end..];
        }
        cleaned.push_str(rest);
        cleaned
    }
}

/// Replaces a word where it is not a part of a longer one. `small` is the text in which it is looked for.
fn replaced(text: &str, small: &str, word: &str, by: &str) -> String {
    let small = if small.len() == text.len() { small } else { text };
    let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let (mut cleaned, mut copied, mut from) = (String::with_capacity(text.len()), 0, 0);
    while let Some(found) = small.get(from..).and_then(|rest| rest.find(word)) {
        let (begin, end) = (from + found, from + found + word.len());
        from = end;
        if !is_part(text[..begin].chars().next_back()) && !is_part(text[end..].chars().next()) {
            cleaned.push_str(&text[copied..begin]);
            cleaned.push_str(by);
            copied = end;
        }
    }
    cleaned.push_str(&text[copied..]);
    cleaned
}

/// The folder of any user, also of one that is not known: `/home/anna` is `/home/(user)`, `~anna/x` is `~(user)/x`.
fn without_homes(text: &str) -> String {
    let (mut cleaned, mut copied, mut at) = (String::with_capacity(text.len()), 0, 0);
    while let Some(found) = text[at..].find(['/', '\\', '%', '~']) {
        at += found;
        let (begin, end) = match name_after(text, at) {
            Ok(name) => name,
            Err(next) => {
                at = next;
                continue;
            }
        };
        cleaned.push_str(&text[copied..begin]);
        cleaned.push_str(USER);
        (copied, at) = (end, end);
    }
    cleaned.push_str(&text[copied..]);
    cleaned
}

/// The name of a user after this place, or where to look next.
fn name_after(text: &str, at: usize) -> Result<(usize, usize), usize> {
    if text[at..].starts_with('~') {
        let is_alone = !text[..at].ends_with(char::is_alphanumeric);
        let length =
            text[at + 1..].find(|letter: char| !(letter.is_alphanumeric() || "_-.".contains(letter)));
        let end = length.map(|length| at + 1 + length).filter(|&end| end > at + 1 && is_alone);
        let end = end.filter(|&end| text[end..].starts_with(['/', '\\']));
        return end.map(|end| (at + 1, end)).ok_or(at + 1);
    }
    let Some((folder, is_back)) = separator(text, at) else { return Err(at + 1) };
    let longest = FOLDERS.iter().map(|folder| folder.len()).max().unwrap_or_default();
    let is_end = |letter: char| matches!(letter, '/' | '\\' | '%');
    let length = text[folder..].char_indices().take(longest + 1).find(|(_, letter)| is_end(*letter));
    let Some((length, _)) = length else { return Err(folder) };
    let word = text[folder..folder + length].to_ascii_lowercase();
    let Some((begin, _)) = separator(text, folder + length) else { return Err(folder) };
    if !FOLDERS.contains(&word.as_str()) {
        return Err(folder + length);
    }
    let has_drive = text[..at].ends_with(':');
    let end = if is_back || has_drive { windows_end(text, begin) } else { unix_end(text, begin) };
    let name = &text[begin..end];
    let is_nobodys =
        NOBODYS.contains(&name.to_lowercase().as_str()) || name.starts_with(['(', '*', '$', '{']);
    if name.is_empty() || is_nobodys { Err(begin.max(at + 1)) } else { Ok((begin, end)) }
}

/// Where what separates the parts of a path ends, and whether it is that of Windows.
fn separator(text: &str, at: usize) -> Option<(usize, bool)> {
    let rest = &text.as_bytes()[at..];
    match rest {
        [b'/', ..] => Some((at + 1, false)),
        [b'\\', ..] => Some((at + rest.iter().take_while(|&&byte| byte == b'\\').count(), true)),
        [b'%', b'2', b'f' | b'F', ..] => Some((at + 3, false)),
        [b'%', b'5', b'c' | b'C', ..] => Some((at + 3, true)),
        _ => None,
    }
}

fn unix_end(text: &str, begin: usize) -> usize {
    let is_end = |(at, letter): &(usize, char)| {
        letter.is_whitespace()
            || matches!(
                letter,
                '"' | '\'' | ':' | ',' | ';' | ')' | ']' | '}' | '<' | '>' | '|' | '&' | '?' | '#' | '='
            )
            || separator(text, begin + at).is_some()
    };
    text[begin..].char_indices().find(is_end).map_or(text.len(), |(at, _)| begin + at)
}

/// Names of Windows have spaces. One with a path behind it goes up to there; else a word, and further ones with a capital.
fn windows_end(text: &str, begin: usize) -> usize {
    let is_end = |(at, letter): &(usize, char)| {
        letter.is_control()
            || matches!(letter, '"' | '\'' | ':' | '*' | '?' | '<' | '>' | '|' | ',' | ';')
            || separator(text, begin + at).is_some()
    };
    let end = text[begin..].char_indices().find(is_end).map_or(text.len(), |(at, _)| begin + at);
    let name = &text[begin..end];
    let is_whole = separator(text, end).is_some() || text[end..].starts_with(['"', '\'']);
    if is_whole && name.matches(' ').count() <= SPACES {
        return end;
    }
    let mut length = name.find(' ').unwrap_or(name.len());
    while let Some(next) =
        name[length..].strip_prefix(' ').filter(|next| next.starts_with(char::is_uppercase))
    {
        length += 1 + next.find(' ').unwrap_or(next.len());
    }
    begin + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_user_goes_from_every_form_of_path() {
        for (text, expected) in [
            ("/home/ben/x and /home/ben: y", "/home/(user)/x and /home/(user): y"),
            ("C:\\Users\\Ben B\\y", "C:\\Users\\(user)\\y"),
            ("C:\\Users\\Ben Brown", "C:\\Users\\(user)"),
            ("C:\\Users\\Ben Brown cannot be read", "C:\\Users\\(user) cannot be read"),
            ("\"C:\\\\Users\\\\ben van dyk\\\\x\"", "\"C:\\\\Users\\\\(user)\\\\x\""),
            ("c:\\users\\carl", "c:\\users\\(user)"),
            ("C:/Users/Ben Brown/x", "C:/Users/(user)/x"),
            ("\\\\server\\homes\\hans\\x", "\\\\server\\homes\\(user)\\x"),
            ("/volume1/homes/ida", "/volume1/homes/(user)"),
            ("%2Fhome%2Fmax%2Fx", "%2Fhome%2F(user)%2Fx"),
            ("C%3A%5CUsers%5Cmax%5Cx", "C%3A%5CUsers%5C(user)%5Cx"),
            ("file:///home/ida/x", "file:///home/(user)/x"),
            ("open \"/Users/zoë/a b\"", "open \"/Users/(user)/a b\""),
            ("/run/media/ida/stick /var/mail/ida", "/run/media/(user)/stick /var/mail/(user)"),
            ("/mnt/c/Users/ida/x", "/mnt/c/Users/(user)/x"),
            ("C:\\Documents and Settings\\Ida\\x", "C:\\Documents and Settings\\(user)\\x"),
            ("~ida/x but ~/x and ~5 s", "~(user)/x but ~/x and ~5 s"),
            ("/home/home/x", "/home/(user)/x"),
            ("/home/ is no home, nor C:\\Users\\Public\\x", "/home/ is no home, nor C:\\Users\\Public\\x"),
            ("C:\\Users\\BENBRO~1\\x", "C:\\Users\\(user)\\x"),
        ] {
            assert_eq!(Users::default().removed_from(text), expected);
        }
    }

    #[test]
    fn a_known_user_goes_from_everywhere_and_nobody_else() {
        let mut users = Users::default();
        users.learn("DESKTOP\\anna");
        users.learn("Ben Brown");
        users.learn("max.muster");
        users.learn("home");
        users.learn("x");
        users.learn_home("/srv/people/ida/");
        for (text, expected) in [
            ("anna started it; joanna and annatto did not", "(user) started it; joanna and annatto did not"),
            ("ANNA Anna anna_x DESKTOP\\anna", "(user) (user) (user)_x DESKTOP\\(user)"),
            ("by ben brown, Ben%20Brown", "by (user), (user)"),
            ("max.muster@nas not max.mustermann", "(user)@nas not max.mustermann"),
            ("/srv/people/ida/x ida", "/srv/people/(user)/x (user)"),
            ("x at home", "x at home"),
        ] {
            assert_eq!(users.removed_from(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_gone_through_once() {
        let mut users = Users::default();
        users.learn("anna");
        for piece in ["/", "\\", "%2f", "~a", "/home/", "\\Users\\a ", "anna", "C:/Users/A B ", "%"] {
            let text = piece.repeat((1 << 18) / piece.len());
            let began = std::time::Instant::now();
            let _cleaned = users.removed_from(&text);
            assert!(began.elapsed().as_secs() < 60, "{piece:?}: {:?}", began.elapsed());
        }
    }
}
