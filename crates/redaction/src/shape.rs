//! What looks like a secret by itself: tokens of known services, private keys, letters that nobody typed.

/// How the tokens of known services begin, and how many letters follow at least. From what the services publish for
/// those who look for leaked ones.
const SERVICES: [(&str, usize); 76] = [
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("glptt-", 16),
    ("glcbt-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xoxe.", 10),
    ("xoxe-", 10),
    ("xapp-", 10),
    ("sk-", 20),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("rk_test_", 10),
    ("whsec_", 16),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ya29.", 16),
    ("1//0", 30),
    ("GOCSPX-", 16),
    ("hf_", 20),
    ("api_org_", 20),
    ("npm_", 20),
    ("pypi-", 16),
    ("dckr_pat_", 16),
    ("dop_v1_", 16),
    ("doo_v1_", 16),
    ("SG.", 20),
    ("key-", 32),
    ("lin_api_", 16),
    ("ntn_", 20),
    ("secret_", 20),
    ("shpat_", 16),
    ("shpss_", 16),
    ("dapi", 32),
    ("ATATT3", 16),
    ("ATCTT3", 16),
    ("hvs.", 16),
    ("hvb.", 16),
    ("sbp_", 16),
    ("tskey-", 10),
    ("r8_", 16),
    ("gsk_", 20),
    ("xai-", 20),
    ("pplx-", 20),
    ("nvapi-", 20),
    ("AGE-SECRET-KEY-1", 10),
    ("dp.pt.", 16),
    ("glsa_", 16),
    ("glc_", 16),
    ("NRAK-", 16),
    ("sntrys_", 16),
    ("sntryu_", 16),
    ("sq0atp-", 16),
    ("sq0csp-", 16),
    ("fo1_", 16),
    ("HRKU-", 16),
    ("nfp_", 16),
    ("ops_", 40),
    ("pul-", 30),
    ("rubygems_", 20),
    ("figd_", 16),
    ("PMAK-", 16),
    ("eyJ", 20),
    ("MDEyOk", 20),
];
/// Among so many letters a token has a number.
const NEAR: usize = 64;
/// A run of letters and numbers longer than this was not typed by a person.
const UNBROKEN: usize = 16;
/// A line of a key as files hold it has 64, 70 or 76 letters.
const KEY_LINE: usize = 60;

/// Where in a run of letters, numbers and `_-.` the token of a known service begins.
pub(crate) fn service_token(run: &str) -> Option<usize> {
    let bytes = run.as_bytes();
    if is_discord(run) {
        return Some(0);
    }
    let begins = |at: &usize| *at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    (0..bytes.len()).filter(begins).find(|&at| {
        let is_known = |(prefix, least): &(&str, usize)| {
            let rest = bytes[at..].strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.len() >= *least && rest.iter().take(NEAR).any(u8::is_ascii_digit))
        };
        SERVICES.iter().any(is_known)
    })
}

/// The token of a bot of Discord: three parts, of known lengths.
fn is_discord(run: &str) -> bool {
    let lengths: Vec<usize> = run.splitn(4, '.').map(str::len).collect();
    matches!(lengths.as_slice(), [23..=30, 6..=7, 27..=45]) && run.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether this is a part of an address, or a value, that nobody typed: long, unbroken, with letters and numbers.
pub(crate) fn is_random(text: &str) -> bool {
    let parts = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    parts.filter(|part| part.len() >= UNBROKEN).any(|part| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        digits >= 2 && digits < part.len()
    })
}

/// How long the middle of a key is that begins here, wherever in a line.
pub(crate) fn key_length(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|&byte| is_base64(byte)).count();
    let key = &text[..length];
    (is_key_line(key) && is_random(key)).then_some(length)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether a line is nothing but the middle of a key, as `-----BEGIN` and `-----END` hold it.
pub(crate) fn is_key_line(line: &str) -> bool {
    let line = line.trim();
    line.len() >= KEY_LINE
        && line.bytes().all(is_base64)
        && line.bytes().any(|byte| byte.is_ascii_uppercase())
        && line.bytes().any(|byte| byte.is_ascii_lowercase())
        && line.bytes().any(|byte| byte.is_ascii_digit())
}
