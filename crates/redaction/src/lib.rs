//! Takes out of text what must not leave a machine: secrets by what they look like ([`without_secrets`]), and the names
//! of users in every form of path ([`Users`]).
//!
//! Nobody tells a program which of the words in a log are secret, so this goes by form: what stands beside a name such
//! as `password`, in a header, in an address, or begins as the tokens of known services do. It removes rather too much
//! than too little, keeps what says where and which, and takes time linear in the text. A secret that looks like any
//! other word, with nothing beside it that says so, cannot be found in this way.

mod address;
mod labels;
mod scan;
mod shape;
mod users;
mod visible;

use std::borrow::Cow;

use serde_json::Value;

pub use labels::is_secret_name;
pub use users::Users;
pub use visible::{is_unseen, only_seen};

/// Stands for a secret.
pub const REMOVED: &str = "(removed)";
/// Stands for the name of a user.
pub const USER: &str = "(user)";

/// Text with [`REMOVED`] in the place of every secret: of user and query in an address, of what follows `Bearer`, of the
/// value beside a name such as `api_key`, of a private key, and of a token of a known service. What is clean already stays
/// as it is.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    match scan::cleaned(text) {
        Some(cleaned) => Cow::Owned(cleaned),
        None => Cow::Borrowed(text),
    }
}

/// Bytes that a log writes at once, without secrets. What is not text is written as far as it is.
#[must_use]
pub fn clean_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => match without_secrets(text) {
            Cow::Borrowed(_) => Cow::Borrowed(bytes),
            Cow::Owned(cleaned) => Cow::Owned(cleaned.into_bytes()),
        },
        Cow::Owned(text) => Cow::Owned(without_secrets(&text).into_owned().into_bytes()),
    }
}

/// JSON without secrets: [`without_secrets`] of every text, and nothing of what stands below a name such as `api_key`.
pub fn clean_json(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(cleaned) = scan::cleaned(text) {
                *text = cleaned;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(clean_json),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match labels::strength(key) {
                    Some(labels::Strength::Strong) => remove(value),
                    _ => clean_json(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Nothing is left but the form.
fn remove(value: &mut Value) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(_) | Value::Number(_) => *value = REMOVED.into(),
        Value::Array(list) => list.iter_mut().for_each(remove),
        Value::Object(map) => map.iter_mut().for_each(|(_, value)| remove(value)),
        Value::Null | Value::Bool(_) => {}
    }
}
