//! What tells the bytes of one configuration file from those of another.

use serde::{Deserialize, Serialize};

/// The bytes of `config.json` in short, for two programs that ask each other whether they have read the same. It proves
/// nothing against somebody who wants two files to look alike: who can write the file can do more than that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigHash(String);

impl ConfigHash {
    /// Of the bytes of the file; nothing: it is not there.
    #[must_use]
    pub fn of(bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => Self(format!("{:032x}", fnv_1a(bytes))),
            None => Self("absent".to_owned()),
        }
    }
}

/// FNV-1a with 128 bits; the two numbers are those of its definition (draft-eastlake-fnv).
fn fnv_1a(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_have_the_same_hash_and_others_another() {
        let of = |text: &str| ConfigHash::of(Some(text.as_bytes()));
        // From the definition.
        assert_eq!(of("a"), ConfigHash("d228cb696f1a8caf78912b704e4a8964".to_owned()));
        assert_eq!(of(""), ConfigHash("6c62272e07bb014262b821756295c58d".to_owned()));
        assert_ne!(of("{}"), of("{} "));
        assert_ne!(of(""), ConfigHash::of(None), "an empty file is there");
    }
}
