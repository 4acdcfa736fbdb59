//! The programs of this person that run, to pick one from. Command lines, which can hold secrets, are not read.

use std::collections::BTreeMap;
use std::path::Path;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use taskpaw_contract::ipc::{ErrorCode, IpcError, RunningProgram};

/// The most programs that are listed: more than anybody reads through.
const MOST: usize = 500;
/// How many letters of a name Linux keeps.
const KEPT_OF_A_NAME: usize = 15;

/// Lists the programs. Blocks for a moment.
pub(super) fn running() -> Result<Vec<RunningProgram>, IpcError> {
    let mut system = System::new().map_err(|error| {
        IpcError::new(ErrorCode::Unsupported, format!("processes cannot be listed: {error}"))
    })?;
    let what = ProcessRefreshKind::nothing()
        .with_user(UpdateKind::Always)
        .with_exe(UpdateKind::Always)
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let own = system.process(Pid::from_u32(std::process::id())).and_then(|own| own.user_id().cloned());
    let seen = system.processes().values().filter(|process| process.user_id() == own.as_ref());
    Ok(listed(seen.map(|process| Seen {
        name: process.name().to_string_lossy().into_owned(),
        exe: process.exe().map(|exe| exe.to_string_lossy().into_owned()),
    })))
}

/// What is known about a process.
struct Seen {
    name: String,
    exe: Option<String>,
}

/// One line for each program, by name; TaskPaw itself is left out.
fn listed(seen: impl Iterator<Item = Seen>) -> Vec<RunningProgram> {
    let mut counted: BTreeMap<(String, Option<String>), u32> = BTreeMap::new();
    for Seen { name, exe } in seen {
        let name = whole_name(&name, exe.as_deref());
        if name.is_empty() || name.to_ascii_lowercase().starts_with("taskpaw") {
            continue;
        }
        *counted.entry((name, exe)).or_default() += 1;
    }
    let program = |((name, path), count)| RunningProgram { name, path, count };
    let mut programs: Vec<RunningProgram> = counted.into_iter().map(program).collect();
    programs.sort_by_key(|program| program.name.to_lowercase());
    programs.truncate(MOST);
    programs
}

/// The name of a process, of which Linux keeps only the beginning.
fn whole_name(name: &str, exe: Option<&str>) -> String {
    let of_file = exe.and_then(|exe| Path::new(exe).file_name()).map(|name| name.to_string_lossy());
    match of_file {
        Some(of_file) if name.len() >= KEPT_OF_A_NAME && of_file.starts_with(name) => of_file.into_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_is_there_once_by_its_whole_name_and_taskpaw_is_not() {
        let seen =
            |name: &str, exe: Option<&str>| Seen { name: name.to_owned(), exe: exe.map(str::to_owned) };
        let list = listed(
            [
                seen("python3", Some("/usr/bin/python3.12")),
                seen("Blender", None),
                seen("python3", Some("/usr/bin/python3.12")),
                seen("taskpaw-backend", Some("/opt/taskpaw-backend")),
                seen("a-program-with-a", Some("/opt/a-program-with-a-long-name")),
                seen("", None),
            ]
            .into_iter(),
        );
        let names: Vec<(&str, u32)> = list.iter().map(|it| (it.name.as_str(), it.count)).collect();
        assert_eq!(names, [("a-program-with-a-long-name", 1), ("Blender", 1), ("python3", 2)]);
    }

    #[test]
    fn this_very_machine_runs_something() {
        assert!(running().unwrap().len() <= MOST);
    }
}
