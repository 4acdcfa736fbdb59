//! What somebody is shown of the history: rows of numbers with a place for each piece of time, and since when each state was.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use taskpaw_contract::ipc::{History, HistoryRange, MetricSeries, MonitorHistory, MonitorState, StateSince};

use super::minute::MINUTE_MS;
use super::segment::{Entry, Name, Spread};
use super::store::{Fold, TEN, rings};

/// The most changes of state in one answer, shared by its monitors; the oldest are left out.
const MOST_CHANGES: usize = 6_000;
/// Of one monitor.
const MOST_OF_ONE: usize = 2_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// One monitor with its numbers; nothing: the states of all.
    pub(super) monitor: Option<String>,
    /// Whose numbers are shown with the states of all: the machine's own.
    pub(super) machine: &'static str,
    pub(super) range: HistoryRange,
}

impl Asked {
    fn wants(&self, monitor: &str) -> bool {
        self.monitor.as_ref().is_none_or(|wanted| wanted == monitor)
    }

    fn wants_numbers(&self, monitor: &str) -> bool {
        monitor == self.monitor.as_deref().unwrap_or(self.machine)
    }
}

/// The places of an answer: from when on, how long each is, and how many.
#[derive(Debug, Clone, Copy)]
struct Frame {
    from: u64,
    step: u64,
    count: usize,
}

impl Frame {
    fn of(range: HistoryRange, now: u64) -> Self {
        let minutes = u64::from(TEN);
        let (step, count) = match range {
            HistoryRange::Day => (MINUTE_MS, 24 * 60),
            HistoryRange::Week => (minutes * MINUTE_MS, 7 * 24 * 60 / TEN as usize),
        };
        let to = now - now % step + step;
        Self { from: to.saturating_sub(step * count as u64), step, count }
    }

    fn place(self, at: u64) -> Option<usize> {
        let place = usize::try_from(at.checked_sub(self.from)? / self.step).ok()?;
        (place < self.count).then_some(place)
    }
}

/// What is gathered for an answer.
struct Gathered {
    frame: Frame,
    spreads: HashMap<Name, Vec<Option<Spread>>>,
    states: BTreeMap<String, Vec<(u64, Option<MonitorState>)>>,
    gaps: Vec<(u64, u64)>,
    /// What came before is of one that was removed.
    removed: HashMap<String, u64>,
}

/// Reads the files and makes the answer; what is in memory comes on top.
pub(super) fn answer(folder: &Path, asked: &Asked, waiting: &[Entry], now: u64) -> io::Result<History> {
    let frame = Frame::of(asked.range, now);
    let mut gathered = Gathered {
        frame,
        spreads: HashMap::new(),
        states: BTreeMap::new(),
        gaps: Vec::new(),
        removed: HashMap::new(),
    };
    let (fine, coarse) = rings(folder)?;
    let wanted = |name: &Name| asked.wants_numbers(&name.0);
    let mut has_ten = vec![false; frame.count];
    let mut see = |entry: Entry| match entry {
        Entry::Ten { at, spreads } if asked.range == HistoryRange::Week => {
            let Some(place) = frame.place(u64::from(at) * u64::from(TEN) * MINUTE_MS) else { return };
            has_ten[place] = true;
            for (name, spread) in spreads {
                if asked.wants_numbers(&name.0) {
                    gathered.add(name, place, spread);
                }
            }
        }
        Entry::State { monitor, at, state } if asked.wants(&monitor) && at <= now => {
            if state.is_none() {
                gathered.states.remove(&monitor);
                gathered.removed.insert(monitor, at);
            } else {
                gathered.states.entry(monitor).or_default().push((at, state));
            }
        }
        Entry::Gap { from, to } if from < to && from <= now => gathered.gaps.push((from, to.min(now))),
        _ => {}
    };
    coarse.each(&wanted, &mut see)?;
    waiting.iter().cloned().for_each(&mut see);
    let mut folds: HashMap<(Name, usize), Fold> = HashMap::new();
    let mut see = |entry: Entry| {
        let Entry::Minute { at, means } = entry else { return };
        let Some(place) = frame.place(u64::from(at) * MINUTE_MS) else { return };
        // The minutes of a ten that is not over, or that a crash has left undone.
        if asked.range == HistoryRange::Week && has_ten[place] {
            return;
        }
        for (name, mean) in means {
            if asked.wants_numbers(&name.0) {
                let fold = folds.entry((name, place));
                fold.and_modify(|fold| fold.add(mean)).or_insert_with(|| Fold::new(mean));
            }
        }
    };
    fine.each(&wanted, &mut see)?;
    waiting.iter().cloned().for_each(&mut see);
    for ((name, place), fold) in folds {
        gathered.add(name, place, fold.spread());
    }
    Ok(gathered.answer(asked, now))
}

impl Gathered {
    fn add(&mut self, name: Name, place: usize, spread: Spread) {
        let row = self.spreads.entry(name).or_insert_with(|| vec![None; self.frame.count]);
        row[place] = Some(match row[place] {
            // A restart within the time of this place.
            Some(known) => Spread {
                mean: f64::midpoint(known.mean, spread.mean),
                low: known.low.min(spread.low),
                high: known.high.max(spread.high),
            },
            None => spread,
        });
    }

    fn answer(mut self, asked: &Asked, now: u64) -> History {
        let Frame { from, step, .. } = self.frame;
        let most = (MOST_CHANGES / self.states.len().max(1)).clamp(10, MOST_OF_ONE);
        let mut names: Vec<String> = self.states.keys().cloned().collect();
        names.extend(self.spreads.keys().map(|name| name.0.clone()));
        names.extend(asked.monitor.clone());
        names.sort_unstable();
        names.dedup();
        let mut rows: Vec<(Name, Vec<Option<Spread>>)> = self.spreads.drain().collect();
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        let gaps = std::mem::take(&mut self.gaps);
        let monitors = names.into_iter().map(|name| {
            let removed = self.removed.get(&name).copied();
            let own = self.states.remove(&name).unwrap_or_default();
            let series = rows.iter().filter(|(own, _)| own.0 == name);
            let series = series.filter_map(|(own, row)| {
                let is_older =
                    |place: usize| removed.is_some_and(|at| from + place as u64 * step + step <= at);
                let row = row.iter().enumerate().map(|(place, spread)| spread.filter(|_| !is_older(place)));
                series_of(&own.1, &row.collect::<Vec<_>>(), asked.range)
            });
            MonitorHistory {
                states: states_of(own, &gaps, removed, from, most),
                series: series.collect(),
                name,
            }
        });
        let monitors = monitors
            .filter(|found| asked.monitor.is_some() || !found.states.is_empty() || !found.series.is_empty());
        History {
            now,
            from,
            step_seconds: u32::try_from(step / 1_000).unwrap_or_default(),
            monitors: monitors.collect(),
        }
    }
}

/// Nothing of what has no number at all.
fn series_of(key: &str, row: &[Option<Spread>], range: HistoryRange) -> Option<MetricSeries> {
    row.iter().any(Option::is_some).then(|| {
        let each = |of: fn(&Spread) -> f64| {
            row.iter().map(|spread| spread.as_ref().map(|spread| short(of(spread)))).collect()
        };
        let has_spread = range == HistoryRange::Week;
        MetricSeries {
            key: key.to_owned(),
            mean: each(|spread| spread.mean),
            low: if has_spread { each(|spread| spread.low) } else { Vec::new() },
            high: if has_spread { each(|spread| spread.high) } else { Vec::new() },
        }
    })
}

/// Five digits are as many as are kept.
fn short(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powf(4.0 - value.abs().log10().floor());
    let rounded = (value * unit).round() / unit;
    if rounded.is_finite() { rounded } else { value }
}

/// Since when each state was: the first one is that at the beginning of the answer, if it is known. While nobody watched there is none.
fn states_of(
    mut own: Vec<(u64, Option<MonitorState>)>,
    gaps: &[(u64, u64)],
    removed: Option<u64>,
    from: u64,
    most: usize,
) -> Vec<StateSince> {
    // In the order of their times, also where a clock was set back.
    own.sort_by_key(|(at, _)| *at);
    let Some((first, _)) = own.first().copied() else { return Vec::new() };
    let begin = removed.unwrap_or_default().max(first);
    let mut marks: Vec<(u64, u8, Option<MonitorState>)> =
        own.into_iter().map(|(at, state)| (at, 1, state)).collect();
    for (gone, back) in gaps.iter().filter(|(_, back)| *back > begin) {
        marks.push((*gone, 0, None));
        marks.push((*back, 0, Some(MonitorState::Unknown)));
    }
    marks.sort_by_key(|(at, order, _)| (*at, *order));
    let mut state = None;
    let mut shown: Vec<StateSince> = Vec::new();
    for (at, order, mark) in marks {
        let is_away = match (order, mark) {
            (0, mark) => mark.is_none(),
            (_, mark) => {
                state = mark;
                false
            }
        };
        if at < begin {
            continue;
        }
        let now = if is_away { None } else { state };
        let at = at.max(from);
        match shown.last_mut() {
            Some(last) if last.at == at => last.state = now,
            Some(last) if last.state == now => {}
            _ => shown.push(StateSince { at, state: now }),
        }
    }
    shown.dedup_by(|next, before| next.state == before.state);
    shown.drain(..shown.len().saturating_sub(most));
    shown
}
