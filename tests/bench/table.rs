//! The table of one run, made from criterion's medians.

use std::path::PathBuf;
use std::time::Duration;

/// Collects the rows, and prints them at the end.
pub(crate) struct Table {
    sections: Vec<Section>,
}

struct Section {
    title: String,
    heading: [&'static str; 2],
    /// The row that all others are compared with.
    base: Option<&'static str>,
    rows: Vec<Row>,
    remarks: Vec<String>,
}

struct Row {
    id: String,
    what: String,
    median: Duration,
    /// Measured in turns with the base; else it is made from the medians.
    ratio: Option<f64>,
    remark: String,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { sections: Vec::new() }
    }

    pub(crate) fn section(&mut self, title: &str, heading: [&'static str; 2], base: Option<&'static str>) {
        self.sections.push(Section {
            title: title.to_owned(),
            heading,
            base,
            rows: Vec::new(),
            remarks: Vec::new(),
        });
    }

    fn last(&mut self) -> &mut Section {
        self.sections.last_mut().expect("a section")
    }

    /// A sentence below the table.
    pub(crate) fn say(&mut self, sentence: &str) {
        self.last().remarks.push(sentence.to_owned());
    }

    /// A row, from what criterion has just measured. One that a filter left out has no row.
    pub(crate) fn row(&mut self, group: &str, id: &str, what: &str, remark: &str) {
        if let Some(median) = median(group, id) {
            let row = Row {
                id: id.to_owned(),
                what: what.to_owned(),
                median,
                ratio: None,
                remark: remark.to_owned(),
            };
            self.last().rows.push(row);
        }
    }

    /// The last row's ratio to the base, from pairs that were timed in turns.
    pub(crate) fn ratio(&mut self, pairs: &mut [f64]) {
        pairs.sort_unstable_by(f64::total_cmp);
        if let (Some(row), Some(&median)) = (self.last().rows.last_mut(), pairs.get(pairs.len() / 2)) {
            row.ratio = Some(median);
        }
    }

    /// A row is to take at most so long.
    pub(crate) fn limit(&mut self, id: &str, limit: Duration) {
        let section = self.last();
        if let Some(median) = section.median(id) {
            section.target(&format!("{id} takes at most {}", shown(limit)), median <= limit, &shown(median));
        }
    }

    /// The base is to take at most so many times another row.
    pub(crate) fn at_most(&mut self, id: &str, times: f64, other: &str) {
        let section = self.last();
        if let Some(ratio) = section.rows.iter().find(|row| row.id == other).and_then(|row| row.ratio) {
            let ratio = 1.0 / ratio;
            section.target(
                &format!("{id} takes at most {times} × {other}"),
                ratio <= times,
                &format!("{ratio:.2} ×"),
            );
        }
    }

    /// A row is to take at most so much longer than another one.
    pub(crate) fn at_most_above(&mut self, id: &str, limit: Duration, other: &str) {
        let section = self.last();
        if let (Some(median), Some(base)) = (section.median(id), section.median(other)) {
            let above = median.saturating_sub(base);
            section.target(
                &format!("{id} takes at most {} above {other}", shown(limit)),
                above <= limit,
                &shown(above),
            );
        }
    }

    /// The base is to be no slower than any row that finds holders and is not ours.
    pub(crate) fn fastest(&mut self, id: &str, ours: &[&str]) {
        let section = self.last();
        let others =
            section.rows.iter().filter(|row| !ours.contains(&row.id.as_str()) && row.remark.contains(" of "));
        let ratios = others.filter_map(|row| Some((row.what.clone(), row.ratio?)));
        let Some((name, ratio)) = ratios.min_by(|(_, one), (_, two)| one.total_cmp(two)) else { return };
        let ratio = 1.0 / ratio;
        section.target(
            &format!("{id} is no slower than the fastest other, {name}"),
            ratio <= 1.0,
            &format!("{ratio:.2} ×"),
        );
    }

    /// Prints Markdown.
    pub(crate) fn print(&self) {
        for section in &self.sections {
            println!("\n### {}\n", section.title);
            let ratio = if section.base.is_some() { " ratio |" } else { "" };
            let [what, remark] = section.heading;
            println!("| {what} | median |{ratio} {remark} |");
            println!("| --- | ---: |{} --- |", if section.base.is_some() { " ---: |" } else { "" });
            for row in &section.rows {
                let base = section.base.and_then(|base| section.median(base));
                let of_medians = base.map(|base| row.median.as_secs_f64() / base.as_secs_f64());
                let ratio =
                    row.ratio.or(of_medians).map_or(String::new(), |ratio| format!(" {ratio:.2} × |"));
                println!("| {} | {} |{ratio} {} |", row.what, shown(row.median), row.remark);
            }
            println!();
            section.remarks.iter().for_each(|remark| println!("- {remark}"));
        }
    }
}

impl Section {
    fn median(&self, id: &str) -> Option<Duration> {
        self.rows.iter().find(|row| row.id == id).map(|row| row.median)
    }

    fn target(&mut self, sentence: &str, met: bool, measured: &str) {
        let verdict = if met { "reached" } else { "MISSED" };
        self.remarks.push(format!("Target: {sentence}: {measured}, {verdict}."));
    }
}

/// What criterion wrote down; nothing where a filter left it out.
fn median(group: &str, id: &str) -> Option<Duration> {
    let folder = std::env::var_os("CRITERION_HOME").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/criterion"),
        PathBuf::from,
    );
    let file = folder.join(group).join(id).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"]
        .as_f64()
        .map(|nanoseconds| Duration::from_secs_f64(nanoseconds / 1e9))
}

fn shown(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 0.1 {
        format!("{:.1} µs", milliseconds * 1e3)
    } else {
        format!("{milliseconds:.2} ms")
    }
}
