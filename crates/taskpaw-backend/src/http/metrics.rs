//! Writing OpenMetrics, the text that Prometheus reads.

use std::fmt::Write as _;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// What OpenMetrics 1.0 calls itself.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The kind of a family of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows; its samples end with `_total`.
    Counter,
}

/// A text of metrics that is being written.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    text: String,
    family: String,
    suffix: &'static str,
}

impl Metrics {
    /// Begins a family. Its samples follow at once: a family must not be interrupted.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (word, suffix) = match kind {
            Kind::Gauge => ("gauge", ""),
            Kind::Counter => ("counter", "_total"),
        };
        (self.family, self.suffix) = (metric_name(name), suffix);
        // Writing to a text cannot fail.
        let _ =
            writeln!(self.text, "# TYPE {} {word}\n# HELP {} {}", self.family, self.family, escaped(help));
    }

    /// A sample of the family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{}", self.family, self.suffix);
        if !labels.is_empty() {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let value = if value.is_nan() {
            "NaN".to_owned()
        } else if value.is_infinite() {
            if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
        } else {
            value.to_string()
        };
        let _ = writeln!(self.text, " {value}");
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

impl IntoResponse for Metrics {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, TYPE)], self.finish()).into_response()
    }
}

/// A name as OpenMetrics allows it: what it does not allow is an underscore.
pub(crate) fn metric_name(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let mut clean: String = name.chars().map(plain).collect();
    if clean.is_empty() || clean.starts_with(|first: char| first.is_ascii_digit()) {
        clean.insert(0, '_');
    }
    clean
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_two_families() {
        let mut metrics = Metrics::default();
        metrics.family("taskpaw_up", Kind::Gauge, "Whether it is \"up\".");
        metrics.sample(&[("agent", "a\"b\\c\nd"), ("os", "linux")], 1.0);
        metrics.sample(&[], f64::NAN);
        metrics.family("taskpaw_events", Kind::Counter, "Events.");
        metrics.sample(&[], 1234567890.5);
        assert_eq!(
            metrics.finish(),
            "# TYPE taskpaw_up gauge\n# HELP taskpaw_up Whether it is \\\"up\\\".\n\
             taskpaw_up{agent=\"a\\\"b\\\\c\\nd\",os=\"linux\"} 1\ntaskpaw_up NaN\n\
             # TYPE taskpaw_events counter\n# HELP taskpaw_events Events.\ntaskpaw_events_total 1234567890.5\n# EOF\n"
        );
    }

    #[test]
    fn a_name_is_made_plain() {
        for (name, plain) in [("cpu.percent", "cpu_percent"), ("4k", "_4k"), ("größe", "gr__e"), ("", "_")]
        {
            assert_eq!(metric_name(name), plain);
        }
    }
}
