//! The time as the agent writes it.

/// Now, in UTC, as ISO 8601 with milliseconds.
pub(super) fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_utc_with_milliseconds() {
        let now = now();
        assert!(now.len() == "2026-01-01T00:00:00.000Z".len() && now.ends_with('Z'), "{now}");
    }
}
