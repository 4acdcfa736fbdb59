//! The numbers of this machine over the last hour, for the charts of a window that was just opened.

use std::collections::VecDeque;

use serde_json::{Map, Value};
use taskpaw_contract::ipc::MetricSample;

/// How long one sample stands for, in ms: an hour of them is no more than a chart has pixels.
const SAMPLE_MS: u64 = 10_000;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// Samples of one hour, the newest last.
#[derive(Debug, Default)]
pub(super) struct History {
    samples: VecDeque<MetricSample>,
    /// How many looks are in the newest one.
    looks: u32,
}

impl History {
    /// The machine was looked at, at this time in ms since 1970.
    pub(super) fn add(&mut self, now: u64, metrics: &Map<String, Value>) {
        let at = now - now % SAMPLE_MS;
        if let Some(newest) = self.samples.back_mut().filter(|newest| newest.at == at) {
            self.looks += 1;
            take_in(&mut newest.metrics, metrics, self.looks);
            return;
        }
        // What a clock that was set back has left ahead of now goes too.
        self.samples.retain(|sample| sample.at < at && at - sample.at < HOUR_MS);
        self.samples.push_back(MetricSample { at, metrics: metrics.clone() });
        self.looks = 1;
    }

    /// All of them.
    pub(super) fn samples(&self) -> Vec<MetricSample> {
        self.samples.iter().cloned().collect()
    }
}

/// Makes means of `looks` looks from those of the looks before and the last one; what is not a number is the last one's.
fn take_in(means: &mut Map<String, Value>, last: &Map<String, Value>, looks: u32) {
    for (key, value) in last {
        let mean = means.get(key).and_then(Value::as_f64).zip(value.as_f64());
        let mean = mean.map(|(before, now)| Value::from(before + (now - before) / f64::from(looks)));
        means.insert(key.clone(), mean.unwrap_or_else(|| value.clone()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metrics(cpu: f64) -> Map<String, Value> {
        let Value::Object(metrics) = json!({ "cpu_percent": cpu, "gpus": [{ "utilization_percent": cpu }] })
        else {
            unreachable!()
        };
        metrics
    }

    #[test]
    fn the_looks_of_ten_seconds_are_one_sample_with_their_mean() {
        let mut history = History::default();
        for (at, cpu) in [(20_000, 10.0), (22_000, 20.0), (29_999, 60.0), (30_000, 5.0)] {
            history.add(at, &metrics(cpu));
        }
        let samples = history.samples();
        assert_eq!(samples.iter().map(|sample| sample.at).collect::<Vec<_>>(), [20_000, 30_000]);
        assert_eq!(samples[0].metrics["cpu_percent"], 30.0);
        assert_eq!(samples[0].metrics["gpus"], json!([{ "utilization_percent": 60.0 }]));
        assert_eq!(samples[1].metrics["cpu_percent"], 5.0);
    }

    #[test]
    fn an_hour_is_kept_and_a_clock_that_is_set_back_leaves_nothing_ahead() {
        let mut history = History::default();
        for second in (0..2 * 3600).step_by(2) {
            history.add(second * 1000, &metrics(1.0));
        }
        let kept = history.samples();
        assert_eq!((kept.len(), kept[0].at, kept[359].at), (360, 3_600_000, 7_190_000));
        history.add(5_000_000, &metrics(1.0));
        assert!(history.samples().is_sorted_by_key(|sample| sample.at));
        assert_eq!(history.samples().last().map(|sample| sample.at), Some(5_000_000));
    }
}
