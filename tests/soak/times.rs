//! Moments that programs have written into their logs.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// When a log line was written: it begins with a time in UTC, such as `2026-01-31T12:00:00.000001Z`.
fn written_at(line: &str, about: SystemTime) -> Option<SystemTime> {
    let time = line.split_once('T')?.1.split_once('Z')?.0;
    let mut parts = time.split(':');
    let (hours, minutes) = (parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?);
    let seconds = parts.next()?.parse::<f64>().ok()?;
    let of_day =
        Duration::from_secs(hours * 3600 + minutes * 60) + Duration::try_from_secs_f64(seconds).ok()?;
    let days = about.duration_since(UNIX_EPOCH).ok()?.as_secs() / DAY;
    let written = UNIX_EPOCH + Duration::from_secs(days * DAY) + of_day;
    // Around midnight the day is the next one.
    let is_next_day = about.duration_since(written).is_ok_and(|ago| ago > Duration::from_secs(DAY / 2));
    Some(if is_next_day { written + Duration::from_secs(DAY) } else { written })
}

/// The lines of a log that were written from a moment on, each with when.
fn written_after(text: &str, moment: SystemTime) -> impl Iterator<Item = (&str, SystemTime)> {
    let with_time = move |line| written_at(line, moment).map(|written| (line, written));
    text.lines().filter_map(with_time).filter(move |(_, written)| *written >= moment)
}

/// When a log file first says something after a moment.
pub(crate) fn first_after(file: &Path, says: &str, moment: SystemTime) -> Option<SystemTime> {
    let text = std::fs::read_to_string(file).ok()?;
    written_after(&text, moment).find(|(line, _)| line.contains(says)).map(|(_, written)| written)
}

/// The lines that a log file has from a moment on.
pub(crate) fn said_after(file: &Path, moment: SystemTime) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    written_after(&text, moment).map(|(line, _)| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_on_the_day_it_is_read_or_after_midnight() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let line = "1970-01-02T00:00:01.500000Z  INFO taskpaw: start";
        let half = Duration::from_millis(500);
        assert_eq!(written_at(line, at(DAY + 1)), Some(at(DAY + 1) + half));
        assert_eq!(written_at(line, at(DAY - 1)), Some(at(DAY + 1) + half));
        assert_eq!(written_at("no time", at(DAY)), None);
    }
}
