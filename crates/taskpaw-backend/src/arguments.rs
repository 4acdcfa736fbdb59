//! The command line: a role, and where the configuration is.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};
use taskpaw_contract::Role;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: taskpaw-backend [agent|hub] [--config-dir DIR] [--check-config | --import-v3]
       taskpaw-backend activity [--tool NAME] [--state busy|waiting|idle] [--session ID] [--path FILE]

  agent             watches this machine (the default)
  hub               polls the machines that do
  activity          writes what a coding assistant does, for the monitor dev_activity; without --state it is read from
                    the hook of Claude Code on stdin

  --config-dir DIR  where config.json is; else TASKPAW_CONFIG_DIR, else the platform's own folder
  --check-config    says whether config.json can be used, and starts nothing
  --import-v3       takes over what TaskPaw 3 has left and no earlier start has taken, and starts nothing
  --export-cursor FILE
                    writes where this agent's event numbers are, for a hub of TaskPaw 3.9 that asks for it
  --print-default-config
                    prints a config.json with every default
  --version         prints the version
  --help            prints this text

Environment: TASKPAW_CONFIG_DIR, TASKPAW_DATA_DIR, TASKPAW_V3_DIR, TASKPAW_LOG=error|warn|info|debug|trace";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Run a role.
    Run(Arguments),
    /// Say whether the configuration can be used.
    CheckConfig(Arguments),
    /// Take over what TaskPaw V3 has left.
    ImportV3(Arguments),
    /// Write where the numbers of the agent's events are.
    ExportCursor(Arguments, PathBuf),
    /// Print the configuration that a first start has.
    PrintDefaultConfig,
    /// Print the version.
    Version,
    /// Print the usage.
    Help,
}

/// How a role is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The role.
    pub(crate) role: Role,
    /// The folder of `config.json`, if it was given.
    pub(crate) config_dir: Option<PathBuf>,
}

/// Arguments that mean nothing here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongUsage {
    /// An unknown option, or one without its value.
    #[error(transparent)]
    Syntax(#[from] lexopt::Error),
    /// A word that is not a role, or one too many.
    #[error("unexpected argument {0:?}")]
    Unexpected(OsString),
    /// A folder whose name would be taken for the role by anyone who looks at this process from outside: the
    /// role of a backend is its first argument that is exactly `agent` or `hub`.
    #[error("write the folder as ./{0}, or it looks like the role")]
    FolderLikeRole(Role),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, WrongUsage> {
    let mut parser = Parser::from_args(arguments);
    let (mut role, mut config_dir, mut question) = (None, None, None);
    let mut instead: Option<fn(Arguments) -> Command> = None;
    let mut export = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("version") => question = Some(Command::Version),
            Arg::Long("help") => question = Some(Command::Help),
            Arg::Long("print-default-config") => question = Some(Command::PrintDefaultConfig),
            Arg::Long("check-config") => instead = Some(Command::CheckConfig),
            Arg::Long("import-v3") => instead = Some(Command::ImportV3),
            Arg::Long("export-cursor") => export = Some(PathBuf::from(parser.value()?)),
            Arg::Long("config-dir") => {
                let folder = parser.value()?;
                if let Some(looks_like) = role_named(&folder) {
                    return Err(WrongUsage::FolderLikeRole(looks_like));
                }
                config_dir = Some(PathBuf::from(folder));
            }
            Arg::Value(word) => match role_named(&word) {
                Some(named) if role.is_none() => role = Some(named),
                _ => return Err(WrongUsage::Unexpected(word)),
            },
            other => return Err(other.unexpected().into()),
        }
    }
    let run = Arguments { role: role.unwrap_or(Role::Agent), config_dir };
    let asked = match export {
        // Only an agent has events of its own.
        Some(_) if run.role == Role::Hub => return Err(WrongUsage::Unexpected("hub".into())),
        Some(file) => Command::ExportCursor(run, file),
        None => instead.unwrap_or(Command::Run)(run),
    };
    Ok(question.unwrap_or(asked))
}

fn role_named(word: &OsString) -> Option<Role> {
    word.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, WrongUsage> {
        parse(words.iter().map(OsString::from))
    }

    fn run(role: Role, config_dir: Option<&str>) -> Command {
        Command::Run(Arguments { role, config_dir: config_dir.map(PathBuf::from) })
    }

    #[test]
    fn a_role_and_a_folder_in_any_order() {
        for (words, expected) in [
            (&[][..], run(Role::Agent, None)),
            (&["agent"], run(Role::Agent, None)),
            (&["hub"], run(Role::Hub, None)),
            (&["hub", "--config-dir", "/c"], run(Role::Hub, Some("/c"))),
            (&["--config-dir=/c", "hub"], run(Role::Hub, Some("/c"))),
            (&["hub", "--version"], Command::Version),
            (&["--help"], Command::Help),
            (&["--print-default-config"], Command::PrintDefaultConfig),
            (
                &["--check-config", "hub"],
                Command::CheckConfig(Arguments { role: Role::Hub, config_dir: None }),
            ),
            (&["hub", "--import-v3"], Command::ImportV3(Arguments { role: Role::Hub, config_dir: None })),
            (
                &["agent", "--export-cursor", "f"],
                Command::ExportCursor(Arguments { role: Role::Agent, config_dir: None }, "f".into()),
            ),
        ] {
            assert_eq!(parsed(words).unwrap(), expected, "{words:?}");
        }
    }

    #[test]
    fn everything_else_is_wrong_usage() {
        for words in [
            &["agent", "hub"][..],
            &["agent", "agent"],
            &["Agent"],
            &["serve"],
            &["--config=/c"],
            &["--config-dir"],
            &["--config-dir", "agent", "hub"],
            &["-x"],
            &["--version=1"],
            &["hub", "--export-cursor", "f"],
            &["--export-cursor"],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }
}
