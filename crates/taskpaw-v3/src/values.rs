//! A value of V3's files as a setting of this version: converted where V3's own reader did, and where it means one
//! thing only.

use serde_json::{Number, Value};
use taskpaw_forms::Shape;

use super::NotTakenReason;
use super::yaml::Node;

/// The largest whole number that a floating-point number holds exactly (2^53).
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A converted value.
#[derive(Debug, PartialEq)]
pub(super) struct Fit {
    /// The value that fits.
    pub(super) value: Value,
    /// What was changed about it, for the report.
    pub(super) changed: Option<NotTakenReason>,
}

/// Converts a value to what a setting takes; whether it is a good one is the form's to say.
pub(super) fn fitting(shape: &Shape, node: &Node) -> Result<Fit, NotTakenReason> {
    if *node == Node::Tagged {
        return Err(NotTakenReason::Tagged);
    }
    let plain = |value: Value| Fit { value, changed: None };
    match shape {
        Shape::Number { least, most, .. } => {
            let number = node.number().ok_or(NotTakenReason::NotANumber)?;
            let near = number.clamp(*least, *most);
            let changed = (near != number)
                .then(|| NotTakenReason::Nearest { least: least.to_string(), most: most.to_string() });
            Ok(Fit { value: written(near), changed })
        }
        Shape::Whole { least, most, .. } => {
            let number = node.whole().ok_or(NotTakenReason::NotWhole)?;
            let (least, most) = (saturated(*least), saturated(*most));
            match u32::try_from(number).ok().filter(|number| (least..=most).contains(number)) {
                Some(number) => Ok(plain(number.into())),
                None => Err(NotTakenReason::OutOfRange { least, most }),
            }
        }
        Shape::Flag(_) => node.lax_flag().map(|flag| plain(flag.into())).ok_or(NotTakenReason::NotYesOrNo),
        Shape::Texts { .. } => {
            let Node::List(entries) = node else { return Err(NotTakenReason::NotAList) };
            let texts = entries.iter().map(|entry| entry.text().map(Value::from)).collect::<Option<Vec<_>>>();
            texts.map(|texts| plain(texts.into())).ok_or(NotTakenReason::NotText)
        }
        Shape::Text(_) | Shape::Host(_) | Shape::Path | Shape::Pattern(_) | Shape::Choice(_) => {
            node.text().map(|text| plain(text.into())).ok_or(NotTakenReason::NotText)
        }
    }
}

fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Without a fraction if it has none, as a person would write it.
#[expect(clippy::cast_possible_truncation, reason = "it has no fraction and fits")]
fn written(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < LARGEST_WHOLE {
        Value::from(number as i64)
    } else {
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::yaml::parse;
    use super::*;

    fn node(text: &str) -> Node {
        let Some(Node::Map(pairs)) = parse(&format!("v: {text}")).unwrap().root else { panic!("{text}") };
        pairs.into_iter().next().unwrap().1
    }

    #[test]
    fn numbers_and_flags_mean_what_they_meant_to_v3() {
        let number = Shape::Number { default: None, least: 0.1, most: 3_600.0 };
        let port = Shape::Whole { default: None, least: 1, most: 65_535 };
        let flag = Shape::Flag(true);
        for (shape, text, expected) in [
            (&number, "15", json!(15)),
            (&number, "'15'", json!(15)),
            (&number, "\" 1.5 \"", json!(1.5)),
            (&number, "1_5", json!(15)),
            (&number, "1e1", json!(10)),
            (&number, "1:30", json!(90)),
            (&number, "026", json!(22)),
            (&number, "'026'", json!(26)),
            (&number, "0x10", json!(16)),
            (&number, "08", json!(8)),
            (&number, "+3", json!(3)),
            (&port, "22", json!(22)),
            (&port, "'22'", json!(22)),
            (&port, "22.0", json!(22)),
            (&port, "'22.0'", json!(22)),
            (&port, "5_680", json!(5680)),
            (&flag, "yes", json!(true)),
            (&flag, "'yes'", json!(true)),
            (&flag, "0", json!(false)),
            (&flag, "1.0", json!(true)),
            (&flag, "'f'", json!(false)),
        ] {
            let fit = fitting(shape, &node(text));
            assert_eq!(fit, Ok(Fit { value: expected, changed: None }), "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused_and_what_is_out_of_range_is_brought_near() {
        let number = Shape::Number { default: None, least: 0.1, most: 86_400.0 };
        let port = Shape::Whole { default: None, least: 1, most: 65_535 };
        for (shape, text, expected) in [
            (&number, "often", NotTakenReason::NotANumber),
            (&number, ".inf", NotTakenReason::NotANumber),
            (&number, "'1:30'", NotTakenReason::NotANumber),
            (&number, "[1]", NotTakenReason::NotANumber),
            (&port, "22.5", NotTakenReason::NotWhole),
            (&port, "0", NotTakenReason::OutOfRange { least: 1, most: 65_535 }),
            (&port, "70000", NotTakenReason::OutOfRange { least: 1, most: 65_535 }),
            (&Shape::Flag(true), "maybe", NotTakenReason::NotYesOrNo),
            (&Shape::Flag(true), "2", NotTakenReason::NotYesOrNo),
            (&Shape::Path, "{a: 1}", NotTakenReason::NotText),
            (&Shape::Texts { default: &[], least: 0 }, "mp4", NotTakenReason::NotAList),
            (&Shape::Pattern(None), "!!python/name:os.getpid x", NotTakenReason::Tagged),
        ] {
            assert_eq!(fitting(shape, &node(text)), Err(expected), "{text}");
        }
        for (text, expected) in [("100000", json!(86_400)), ("0.01", json!(0.1)), ("-5", json!(0.1))] {
            let fit = fitting(&number, &node(text)).unwrap();
            assert_eq!((fit.value, fit.changed.is_some()), (expected, true), "{text}");
        }
    }
}
