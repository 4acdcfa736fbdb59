//! The result for people, first part: an aligned table of the ports and who holds them.

use std::fmt::Write as _;

use anstyle::Style;
use port_takeover::PortState;
use taskpaw_contract::PortStatus;

use crate::report::{Holder, Port};
use crate::terminal::{BAD, GOOD, HEADING, PASSING, harmless};

/// A line; a port with many holders has one for each.
struct Row {
    cells: [String; 4],
    state: Style,
}

/// The table of all ports, styled.
pub(crate) fn table(ports: &[Port]) -> String {
    let rows: Vec<Row> = ports.iter().flat_map(rows).collect();
    let headings = ["PORT", "ADDRESS", "STATE", "HELD BY"];
    let shown = if rows.iter().any(|row| !row.cells[3].is_empty()) { 4 } else { 3 };
    // A long sentence with nobody beside it need not push the holders of others to the right.
    let counts = |row: &&Row, column: usize| column < 2 || !row.cells[3].is_empty();
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| counts(row, column)).map(|row| row.cells[column].as_str());
        cells.chain([headings[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), 0];

    let mut text = String::new();
    let heading = headings.map(str::to_owned);
    line(&mut text, &heading[..shown], &widths, |_| HEADING);
    for row in &rows {
        let style = |column| if column == 2 { row.state } else { Style::new() };
        line(&mut text, &row.cells[..shown], &widths, style);
    }
    text
}

/// One line, without spaces at its end.
fn line(text: &mut String, cells: &[String], widths: &[usize; 4], style: impl Fn(usize) -> Style) {
    let last = cells.iter().rposition(|cell| !cell.is_empty()).unwrap_or(0);
    for (column, cell) in cells.iter().enumerate().take(last + 1) {
        let gap = if column == last { 0 } else { widths[column].saturating_sub(cell.chars().count()) + 2 };
        let style = style(column);
        let _never_fails = write!(text, "{style}{cell}{style:#}{:gap$}", "");
    }
    text.push('\n');
}

fn rows(port: &Port) -> Vec<Row> {
    let (words, style) = state(port.state);
    // Those that are in the way come first; a stale backend beside them is called what it is.
    let foreign = port.holders.iter().filter(|holder| !holder.ours).map(holder);
    let ours = port.holders.iter().filter(|holder| holder.ours).map(|ours| match port.state {
        PortStatus::Judged(PortState::OwnStale) => holder(ours),
        _ => format!("{}, stale TaskPaw backend", holder(ours)),
    });
    let mut holders = foreign.chain(ours);
    let first = holders.next().unwrap_or_default();
    let mut rows =
        vec![Row { cells: [harmless(&port.name), address(port), words.to_owned(), first], state: style }];
    rows.extend(holders.map(|holder| Row {
        cells: [String::new(), String::new(), String::new(), holder],
        state: Style::new(),
    }));
    rows
}

fn address(port: &Port) -> String {
    let host = harmless(port.host.trim());
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{}", port.port)
    } else {
        format!("{host}:{}", port.port)
    }
}

/// The state of a port in words.
fn state(status: PortStatus) -> (&'static str, Style) {
    let PortStatus::Judged(state) = status else {
        return ("the host is no address, or the port is not between 1 and 65535", BAD);
    };
    match state {
        PortState::Free => ("free", GOOD),
        PortState::OwnStale => ("stale TaskPaw backend", PASSING),
        PortState::OwnOtherInstallation => ("a TaskPaw with another data folder", BAD),
        PortState::OwnOtherRole => ("TaskPaw in its other role", BAD),
        PortState::OwnOtherUser => ("another user's TaskPaw", BAD),
        PortState::Foreign => ("another program", BAD),
        PortState::UnknownHolder => ("held by a process that this user may not see", BAD),
        PortState::Occupied => ("held by a program that does not listen on it", BAD),
        PortState::Lingering => ("held by nobody any more; the system frees it within a minute", PASSING),
        PortState::Reserved => ("kept back by the system", BAD),
        PortState::PermissionDenied => ("needs administrator rights", BAD),
        PortState::AddressUnavailable => ("the host is no address of this machine", BAD),
        PortState::SelfCollision => ("the same port is wanted twice", BAD),
    }
}

/// A holder in a few words.
pub(crate) fn holder(holder: &Holder) -> String {
    let name = holder.name.as_deref().filter(|name| !name.is_empty());
    let name = name.map_or_else(|| "a process".to_owned(), harmless);
    match &holder.user {
        Some(user) if !holder.ours => format!("{name} (pid {}, user {})", holder.pid, harmless(user)),
        _ => format!("{name} (pid {})", holder.pid),
    }
}
