//! What is measured. Criterion measures; the table at the end is made from its medians of this one run.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::Criterion;
use port_takeover::sys::{Native, System as _};
use port_takeover::{Decision, WantedPort, decide};
use taskpaw_contract::{Role, identity};

use crate::contender::{self, Contender};
use crate::crowd::{self, Crowd, Stale};
use crate::ending;
use crate::table::Table;

pub(crate) fn measure() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut table = Table::new();
    nothing_held(&mut criterion, &mut table);
    let crowd = Crowd::gather(crowd::PROCESSES, crowd::DESCRIPTORS);
    table.say(&format!(
        "Loaded with {} processes and {} descriptors: {}.",
        crowd.len(),
        crowd::DESCRIPTORS,
        crowd::census()
    ));
    stale_holder(&mut criterion, &mut table);
    ending::measure(&mut criterion, &mut table);
    drop(crowd);
    explain(&mut criterion, &mut table);
    table.print();
}

/// Two ports that nobody holds, on a machine with ever more processes.
fn nothing_held(criterion: &mut Criterion, table: &mut Table) {
    let wanted = wanted(crowd::free_ports());
    table.section(
        "Nothing held, two ports: the library's look and decision",
        ["processes added", "then there are"],
        None,
    );
    for more in [10, 300, 3000] {
        let _crowd = Crowd::gather(more, more * 4);
        let id = more.to_string();
        criterion.benchmark_group("nothing_held").bench_function(&id, |bencher| {
            bencher.iter(|| assert_eq!(look(&wanted), (Decision::Start, Vec::new())));
        });
        table.row("nothing_held", &id, &id, &crowd::census());
    }
    table.limit("3000", Duration::from_micros(200));
}

/// A stale backend and its child, which both hold two ports, among the crowd.
///
/// The machine may become busier or idler while this runs, so each contender is timed in turns with the library,
/// and the ratio is the median of these pairs.
fn stale_holder(criterion: &mut Criterion, table: &mut Table) {
    let stale = Stale::start(crowd::free_ports(), true);
    let wanted = wanted(stale.ports);
    let group = "stale_holder";
    table.section(
        "A stale holder found, with its co-holder",
        ["what is run", "holders found"],
        Some("library"),
    );
    for contender in contender::all(stale.ports) {
        let mut contender = match contender {
            Ok(contender) => contender,
            Err(missing) => {
                table.say(&missing);
                continue;
            }
        };
        let found = contender.found(&stale.pids);
        let mut ratios = Vec::new();
        criterion.benchmark_group(group).sample_size(10).bench_function(contender.id, |bencher| {
            bencher.iter_custom(|times| {
                let in_turns = |_| {
                    let took = contender.run(1);
                    let began = Instant::now();
                    assert_eq!(look(&wanted).1, stale.pids);
                    ratios.push(took.as_secs_f64() / began.elapsed().as_secs_f64());
                    took
                };
                (0..times).map(in_turns).sum()
            });
        });
        let Contender { id, what, .. } = contender;
        let found = found.map_or("–".to_owned(), |found| format!("{found} of {}", stale.pids.len()));
        table.row(group, id, what, &found);
        table.ratio(&mut ratios);
    }
    table.at_most("library", 1.3, "bare_walk");
    table.fastest("library", &["library", "taskpaw_ports"]);
}

/// `taskpaw-ports explain` as a whole process.
fn explain(criterion: &mut Criterion, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("snapshot.json");
    let snapshot = Native::new().look(&Role::Agent.into(), &wanted(crowd::free_ports())).expect("a look");
    std::fs::write(&file, serde_json::to_vec(&snapshot).expect("JSON")).expect("the file");
    table.section("`taskpaw-ports explain` as a whole process", ["what is run", ""], None);
    criterion.benchmark_group("command").bench_function("explain", |bencher| {
        bencher.iter(|| {
            let ran =
                Command::new(ports_program()).args(["explain", "--json", "--snapshot"]).arg(&file).output();
            assert!(ran.expect("taskpaw-ports").status.success());
        });
    });
    table.row("command", "explain", "`taskpaw-ports explain --snapshot FILE --json`", "");
    table.limit("explain", Duration::from_millis(5));
}

/// What the library decides on these ports now.
pub(crate) fn look(wanted: &[WantedPort]) -> (Decision, Vec<u32>) {
    let snapshot = Native::new().look(&Role::Agent.into(), wanted).expect("a look");
    let verdict = decide(&snapshot, &identity::rules());
    (verdict.decision, verdict.terminate.iter().map(|pid| pid.get()).collect())
}

pub(crate) fn wanted(ports: [u16; 2]) -> Vec<WantedPort> {
    let wanted = |(name, port): (&str, u16)| {
        WantedPort::new(name, "127.0.0.1", port.into()).expect("a port of a test")
    };
    ["network", "control"].into_iter().zip(ports).map(wanted).collect()
}

/// The command line under test, built for release.
pub(crate) fn ports_program() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/release/taskpaw-ports")
}
