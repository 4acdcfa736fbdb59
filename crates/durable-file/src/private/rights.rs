//! Whom a list of rights of Windows lets in, from its bytes alone: pure, and tested on every system.
//!
//! The form is that of MS-DTYP 2.4 (`ACL`, `ACE`, `SID`).

/// `ACCESS_ALLOWED_ACE_TYPE`, and the one with a condition behind it, `ACCESS_ALLOWED_CALLBACK_ACE_TYPE`.
const ALLOWS: [u8; 2] = [0x00, 0x09];
/// `ACCESS_DENIED_ACE_TYPE` and `ACCESS_DENIED_CALLBACK_ACE_TYPE`: they only take away.
const DENIES: [u8; 2] = [0x01, 0x0A];
/// Before the first entry of a list: revision, sizes, and how many there are.
const LIST_HEADER: usize = 8;
/// Before the identifier of an entry: type, flags, size, and the rights.
const ENTRY_HEADER: usize = 8;

/// Whether somebody is let in besides the owner, the system and the administrators, who can take whatever they want. What is
/// not understood lets in everybody.
pub(super) fn lets_in_others(list: &[u8], own: &[u8]) -> bool {
    entries(list).is_none_or(|entries| entries.iter().any(|entry| entry.lets_in_others(own)))
}

struct Entry<'a> {
    kind: u8,
    rights: u32,
    who: &'a [u8],
}

impl Entry<'_> {
    fn lets_in_others(&self, own: &[u8]) -> bool {
        if DENIES.contains(&self.kind) || self.rights == 0 {
            return false;
        }
        !ALLOWS.contains(&self.kind)
            || !(is_sid(self.who, own) || TRUSTED.iter().any(|it| is_sid(self.who, it)))
    }
}

/// SYSTEM (S-1-5-18), the administrators (S-1-5-32-544), whoever made something (S-1-3-0), and the owner (S-1-3-4).
const TRUSTED: [&[u8]; 4] = [
    &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
    &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0],
    &[1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0],
    &[1, 1, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0],
];

/// Behind an identifier there may be a condition, or nothing that means something.
fn is_sid(bytes: &[u8], sid: &[u8]) -> bool {
    !sid.is_empty() && bytes.starts_with(sid)
}

fn entries(list: &[u8]) -> Option<Vec<Entry<'_>>> {
    let count = u16_at(list, 4)?;
    let mut rest = list.get(LIST_HEADER..)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let size = usize::from(u16_at(rest, 2)?);
        let entry = rest.get(..size).filter(|_| size >= ENTRY_HEADER)?;
        entries.push(Entry {
            kind: *entry.first()?,
            rights: u32::from_le_bytes(*entry.get(4..)?.first_chunk()?),
            who: entry.get(ENTRY_HEADER..)?,
        });
        rest = rest.get(size..)?;
    }
    Some(entries)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-1-5-21-1-2-3-1001
    const OWN: &[u8] =
        &[1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xE9, 3, 0, 0];
    /// S-1-5-21-1-2-3-1002
    const SOMEBODY: &[u8] =
        &[1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xEA, 3, 0, 0];
    /// S-1-5-32-545, whom a folder beside the profiles lets read.
    const USERS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0];
    /// S-1-1-0
    const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    const READ: u32 = 0x0012_00A9;

    fn list(entries: &[(u8, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0];
        bytes.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        for (kind, rights, who) in entries {
            bytes.extend([*kind, 0x13]);
            bytes.extend(u16::try_from(ENTRY_HEADER + who.len()).unwrap().to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(*who);
        }
        let size = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes[2..4].copy_from_slice(&size);
        bytes
    }

    #[test]
    fn a_profile_lets_in_its_owner_and_who_rules_the_machine() {
        let profile =
            list(&[(0, 0x001F_01FF, TRUSTED[0]), (0, 0x001F_01FF, TRUSTED[1]), (0, 0x001F_01FF, OWN)]);
        assert!(!lets_in_others(&profile, OWN));
        assert!(lets_in_others(&profile, SOMEBODY), "it is another one's");
        assert!(!lets_in_others(&list(&[]), OWN), "nobody may do anything");
    }

    #[test]
    fn a_folder_beside_the_profiles_lets_in_everybody() {
        for (kind, rights, who, others) in [
            (0, READ, USERS, true),
            (0, READ, EVERYONE, true),
            (0, READ, SOMEBODY, true),
            (9, READ, USERS, true),
            (1, READ, EVERYONE, false),
            (0, 0, EVERYONE, false),
            // For one attribute of an object, in directories of a domain: not understood here.
            (5, READ, OWN, true),
        ] {
            let list = list(&[(0, 0x001F_01FF, OWN), (kind, rights, who)]);
            assert_eq!(lets_in_others(&list, OWN), others, "{kind} {rights:x} {who:?}");
        }
    }

    #[test]
    fn a_list_that_is_cut_off_lets_in_everybody() {
        let whole = list(&[(0, READ, OWN), (0, READ, TRUSTED[0])]);
        assert!(!lets_in_others(&whole, OWN));
        for length in 0..whole.len() {
            assert!(lets_in_others(&whole[..length], OWN), "{length}");
        }
        let mut endless = whole;
        endless[10..12].copy_from_slice(&[0, 0]);
        assert!(lets_in_others(&endless, OWN), "an entry without length");
    }
}
