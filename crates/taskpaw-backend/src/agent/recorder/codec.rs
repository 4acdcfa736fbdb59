//! How numbers become few bytes: rounded to 13 binary digits, and written as what is another than before.

/// Binary digits of an `f32` that are given up: what is left tells numbers apart that differ by 0.025 %.
const DROPPED: u32 = 11;
const LARGEST: u32 = f32::MAX.to_bits() >> DROPPED;

/// A number as a small whole number in the same order.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for; what is too large is cut")]
pub(super) fn code_of(value: f64) -> i64 {
    let bits = (value.abs() as f32).to_bits();
    let code = i64::from((bits.saturating_add(1 << (DROPPED - 1)) >> DROPPED).min(LARGEST));
    if value < 0.0 { -code } else { code }
}

/// The number that a code stands for.
pub(super) fn value_of(code: i64) -> f64 {
    let bits = u32::try_from(code.unsigned_abs()).unwrap_or(LARGEST).min(LARGEST) << DROPPED;
    let value = f64::from(f32::from_bits(bits));
    if code < 0 { -value } else { value }
}

/// A whole number from 0 on, in as few bytes as it needs.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    bytes.push(low_byte(number));
}

/// A difference: small ones of both signs are short.
pub(super) fn put_difference(bytes: &mut Vec<u8>, difference: i64) {
    put_number(bytes, ((difference << 1) ^ (difference >> 63)).cast_unsigned());
}

/// A short text.
pub(super) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

/// FNV-1a: it finds what a crash or a disk has left half, and keeps nobody out.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Takes values from the front of bytes. Nothing: they are none of these.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_at_end(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn difference(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn text(&mut self, longest: usize) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= longest)?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were(number: u64, difference: i64, text in ".{0,20}") {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            put_difference(&mut bytes, difference);
            put_text(&mut bytes, &text);
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.difference(), Some(difference));
            prop_assert_eq!(reader.text(80), Some(text.as_str()));
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn a_value_is_kept_to_a_quarter_of_a_thousandth_and_in_order(
            one in prop::num::f64::NORMAL, other in prop::num::f64::NORMAL,
        ) {
            let kept = value_of(code_of(one));
            if (1e-30..1e30).contains(&one.abs()) {
                prop_assert!((kept - one).abs() <= one.abs() * 2.5e-4, "{} {}", one, kept);
            }
            prop_assert!(kept.is_finite());
            prop_assert_eq!(code_of(kept), code_of(one), "what is kept stays as it is");
            if one < other {
                prop_assert!(code_of(one) <= code_of(other));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.number().and_then(|_| reader.difference()).and_then(|_| reader.text(9)).is_some() {}
        }
    }

    #[test]
    fn round_numbers_stay_round() {
        for value in [0.0, 1.0, -1.0, 50.0, 100.0, 200.0, 443.0, 1024.0, 8_589_934_592.0] {
            assert!((value_of(code_of(value)) - value).abs() < f64::EPSILON, "{value}");
        }
    }
}
