//! Which names say that what stands beside them is secret: `password`, `apiKey`, `X-Auth-Token`.

/// A longer name is none that a person gave to a secret.
const LONGEST: usize = 128;

/// How sure a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    /// Whatever stands beside it is secret.
    Strong,
    /// The label has other meanings as well: a number or a word of a state beside it stays.
    Weak,
    /// The text beside the label is secret only if it also looks like a secret.
    Faint,
}

/// Secret wherever these stand in a name, written in one.
const ANYWHERE: [&str; 28] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "motdepasse",
    "密码",
    "密钥",
    "口令",
    "令牌",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "authkey",
    "accountkey",
    "sharedkey",
    "storagekey",
    "subscriptionkey",
    "sessionkey",
    "sessionid",
    "authorization",
    "accesscode",
    "connectionstring",
];
/// Secret as a word of a name.
const WORDS: [&str; 13] =
    ["pw", "pwd", "psk", "bearer", "jwt", "otp", "totp", "passkey", "cookie", "sas", "sessid", "csrf", "pat"];
/// Secret in one way and something else in another.
const WEAK: [&str; 7] = ["pass", "auth", "sig", "signature", "tokens", "session", "hmac"];
/// Names of parts of a text, as programs that learn languages call them: `pad_token`.
const NO_SECRETS: [&str; 15] = [
    "eos", "bos", "pad", "unk", "sep", "cls", "mask", "stop", "special", "image", "per", "start", "end",
    "max", "min",
];

/// Whether a name, of a setting or a header, says that its value is secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    strength(name).is_some_and(|strength| strength != Strength::Faint)
}

/// How sure a name says that its value is secret; `None` if it does not say so.
pub(crate) fn strength(name: &str) -> Option<Strength> {
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let (whole, words) = parts(name);
    if ANYWHERE.iter().any(|part| whole.contains(part))
        || words.iter().any(|word| WORDS.contains(&word.as_str()))
    {
        return Some(Strength::Strong);
    }
    if words.iter().any(|word| NO_SECRETS.contains(&word.as_str())) {
        return None;
    }
    if words.last().is_some_and(|word| word.ends_with("token")) {
        return Some(Strength::Strong);
    }
    let is_weak = |word: &String| WEAK.contains(&word.as_str()) || word == "token";
    if words.iter().any(is_weak) {
        return Some(Strength::Weak);
    }
    words.last().is_some_and(|word| word == "key").then_some(Strength::Faint)
}

/// A name in small letters, in one and as its words: `X-Auth-Token`, `authToken` and `AUTH_TOKEN` are the same.
fn parts(name: &str) -> (String, Vec<String>) {
    let (mut whole, mut words, mut word) = (String::new(), Vec::new(), String::new());
    let mut was_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_small) {
            words.push(std::mem::take(&mut word));
        }
        was_small = letter.is_lowercase() || letter.is_ascii_digit();
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
            whole.extend(letter.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    (whole, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_however_they_are_written() {
        for name in [
            "password",
            "db-password",
            "PGPASSWORD",
            "MYSQL_PWD",
            "apiKey",
            "X-Api-Key",
            "AWS_SECRET_ACCESS_KEY",
            "access.key",
            "token",
            "authToken",
            "refresh_token",
            "mytoken",
            "Authorization",
            "client_secret",
            "pw",
            "Set-Cookie",
            "PrivateKey",
        ] {
            assert_eq!(strength(name), Some(Strength::Strong), "{name}");
        }
        for name in ["pass", "auth", "sig", "tokens", "token_type", "x-session"] {
            assert_eq!(strength(name), Some(Strength::Weak), "{name}");
        }
        assert_eq!(strength("ssh_key"), Some(Strength::Faint));
        for name in
            ["", "max_tokens_", "pad_token", "eosToken", "tokenizer", "author", "design", "bypass", "path"]
        {
            assert_eq!(strength(name), None, "{name}");
        }
    }
}
