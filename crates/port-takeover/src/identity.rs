//! Whose process is this: the rules by which a process is known as one of ours, and in which role.
//!
//! The rules are data, given by the application. A process that no rule names is foreign.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::python::{self, Operand};
use crate::snapshot::{Process, without_deleted};

/// The role of a backend: one word, as it stands among its arguments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct Role(Cow<'static, str>);

impl Role {
    /// A role that is known when the program is built.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One form that a process of ours can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityRule {
    /// A program of its own. The base name of the executable is `name`, or `name-` and a target triple,
    /// with or without `.exe`; the role is the first argument that is one.
    Program {
        /// The base name, in lower case.
        name: String,
    },
    /// A Python interpreter that runs one entry point, as a script or with `-m`; the role is the first
    /// argument after it that is one, in any case.
    PythonEntry {
        /// The components of the script's path, the last without `.py`: `["pkg", "sub", "main"]`.
        path: Vec<String>,
    },
    /// A Python interpreter that runs `PACKAGE.ROLE`, a submodule of it, or a script below `PACKAGE/ROLE/`.
    PythonPackage {
        /// The package's name, in lower case.
        package: String,
    },
}

impl IdentityRule {
    /// The short name of the form.
    #[must_use]
    pub fn name(&self) -> RuleName {
        match self {
            Self::Program { .. } => RuleName::Program,
            Self::PythonEntry { .. } => RuleName::PythonEntry,
            Self::PythonPackage { .. } => RuleName::PythonPackage,
        }
    }
}

/// The rule that decided whose process a holder is: the form by which it is ours, or why it is not. The
/// names stand in journals and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum RuleName {
    /// Ours, by [`IdentityRule::Program`].
    Program,
    /// Ours, by [`IdentityRule::PythonEntry`].
    PythonEntry,
    /// Ours, by [`IdentityRule::PythonPackage`].
    PythonPackage,
    /// Not ours: no form fits.
    NoRule,
    /// Not ours to end: the process that asks.
    #[serde(rename = "self")]
    Itself,
    /// Not ours to end: another user runs it, or who runs it cannot be read.
    OtherUser,
    /// Not ours to end: it plays another role.
    OtherRole,
    /// Not ours to end: it keeps its state in another folder.
    OtherInstallation,
    /// Not known: nothing could be read of it.
    Unseen,
}

/// What counts as ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRules {
    /// Every role there is.
    pub roles: Vec<Role>,
    /// The role of a process that names none.
    pub default_role: Role,
    /// The forms, in the order in which they are tried.
    pub rules: Vec<IdentityRule>,
}

/// The part of a process that its identity is read from.
#[derive(Debug, Clone, Copy)]
pub struct ProcessFacts<'a> {
    /// The name that the system shows.
    pub name: &'a str,
    /// The path of the executable, where it can be read.
    pub exe: Option<&'a str>,
    /// The arguments, the program first.
    pub argv: &'a [String],
    /// The folder that it works in, where it can be read: a script is looked for there.
    pub cwd: Option<&'a str>,
}

impl<'a> From<&'a Process> for ProcessFacts<'a> {
    fn from(process: &'a Process) -> Self {
        Self {
            name: &process.name,
            exe: process.exe.as_deref(),
            argv: &process.argv,
            cwd: process.cwd.as_deref(),
        }
    }
}

/// A process that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified<'r> {
    /// The role it plays.
    pub role: Role,
    /// The rule that named it.
    pub rule: &'r IdentityRule,
}

impl IdentityRules {
    /// The role of a process of ours, or nothing for every other process.
    ///
    /// Names are compared without regard to case, `\` counts as `/`, and the ` (deleted)` that Linux shows
    /// for a replaced executable is cut. A process whose executable and arguments both cannot be read is
    /// not ours: its role would be a guess.
    #[must_use]
    pub fn identify<'r>(&'r self, process: ProcessFacts<'_>) -> Option<Identified<'r>> {
        if process.exe.is_none() && process.argv.is_empty() {
            return None;
        }
        let seen = Names::of(process);
        self.rules.iter().find_map(|rule| {
            let role = match rule {
                IdentityRule::Program { name } => {
                    let arguments = process.argv.get(1..).unwrap_or_default();
                    seen.is_program(name).then(|| self.role_among(arguments, str::eq))
                }
                IdentityRule::PythonEntry { path } => {
                    let (operand, arguments) = seen.python_operand(process.argv)?;
                    runs_entry(operand, process.cwd, path)
                        .then(|| self.role_among(arguments, str::eq_ignore_ascii_case))
                }
                IdentityRule::PythonPackage { package } => {
                    let (operand, _) = seen.python_operand(process.argv)?;
                    self.role_of_package(operand, process.cwd, package)
                }
            };
            role.map(|role| Identified { role, rule })
        })
    }

    fn role_among(&self, arguments: &[String], is_same: fn(&str, &str) -> bool) -> Role {
        let named = |argument: &String| self.roles.iter().find(|role| is_same(role.as_str(), argument));
        arguments.iter().find_map(named).unwrap_or(&self.default_role).clone()
    }

    fn role_of_package(&self, operand: Operand<'_>, cwd: Option<&str>, package: &str) -> Option<Role> {
        let (text, separator) = match operand {
            Operand::Module(module) => (module.to_ascii_lowercase(), '.'),
            Operand::Script(script) => (found_at(script, cwd), '/'),
        };
        let parts: Vec<&str> = text.split(separator).collect();
        let role_after = |pair: &[&str]| match pair {
            [first, second] if *first == package => self.roles.iter().find(|role| role.as_str() == *second),
            _ => None,
        };
        match operand {
            // `-m` names the package from its root.
            Operand::Module(_) => parts.get(..2).and_then(role_after),
            // A script may lie anywhere, below the role's folder; or it is that folder, whose `__main__.py` runs.
            Operand::Script(_) => {
                let (file, folders) = parts.split_last()?;
                if file.ends_with(".py") {
                    folders.windows(2).find_map(role_after)
                } else {
                    parts.windows(2).last().and_then(role_after)
                }
            }
        }
        .cloned()
    }
}

/// The names of a process in the form in which they are compared.
struct Names {
    process: String,
    executable: Option<String>,
}

impl Names {
    fn of(process: ProcessFacts<'_>) -> Self {
        let executable = process.exe.map(|path| {
            let path = folded(without_deleted(path));
            path.rsplit('/').next().unwrap_or_default().to_owned()
        });
        Self { process: folded(process.name), executable }
    }

    fn is_program(&self, wanted: &str) -> bool {
        match &self.executable {
            Some(executable) => {
                is_program_name(executable, wanted)
                    && (is_program_name(&self.process, wanted) || self.process_name_is_cut_short(executable))
            }
            None => is_program_name(&self.process, wanted),
        }
    }

    /// Linux keeps 15 bytes of a process name (`TASK_COMM_LEN` less its final zero).
    fn process_name_is_cut_short(&self, executable: &str) -> bool {
        self.process.len() == 15 && executable.starts_with(&self.process)
    }

    /// What a Python interpreter runs; nothing where the program is none.
    fn python_operand<'a>(&self, argv: &'a [String]) -> Option<(Operand<'a>, &'a [String])> {
        let program = self.executable.as_deref().unwrap_or(&self.process);
        python::is_interpreter(program).then(|| python::operand(argv))?
    }
}

/// Only ASCII is folded: other alphabets have letters whose lower case is an ASCII one (the Kelvin sign).
fn folded(text: &str) -> String {
    text.replace('\\', "/").to_ascii_lowercase()
}

/// `wanted`, or `wanted-` and a target triple, each with or without `.exe`.
fn is_program_name(name: &str, wanted: &str) -> bool {
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let Some(rest) = name.strip_prefix(wanted) else {
        return false;
    };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(is_target_triple)
}

fn is_target_triple(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    (3..=4).contains(&text.split('-').count()) && text.split('-').all(is_part)
}

/// The path of a script, or of a folder, as the interpreter finds it: a relative one in the folder that it works in.
fn found_at(script: &str, cwd: Option<&str>) -> String {
    let script = folded(script).trim_end_matches('/').to_owned();
    let is_absolute = script.starts_with('/') || script.as_bytes().get(1) == Some(&b':');
    let Some(cwd) = cwd.filter(|_| !is_absolute) else { return script };
    let mut parts = Vec::new();
    let cwd = folded(without_deleted(cwd));
    for part in cwd.split('/').chain(script.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn runs_entry(operand: Operand<'_>, cwd: Option<&str>, path: &[String]) -> bool {
    match operand {
        Operand::Module(module) => module.eq_ignore_ascii_case(&path.join(".")),
        Operand::Script(script) => {
            let script = found_at(script, cwd);
            let wanted = format!("{}.py", path.join("/"));
            script == wanted || script.ends_with(&format!("/{wanted}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triple_has_three_or_four_parts() {
        for (text, expected) in [
            ("x86_64-unknown-linux-gnu", true),
            ("aarch64-apple-darwin", true),
            ("a-b", false),
            ("a-b-c-d-e", false),
            ("a--c", false),
            ("", false),
            ("a-b-c.d", false),
        ] {
            assert_eq!(is_target_triple(text), expected, "{text}");
        }
    }

    #[test]
    fn a_relative_script_is_where_the_interpreter_works() {
        for (script, cwd, expected) in [
            ("main.py", Some("/x/Pkg"), "/x/pkg/main.py"),
            ("./a/../main.py", Some("/x/pkg/"), "/x/pkg/main.py"),
            ("../../main.py", Some("/x/pkg"), "/main.py"),
            ("../../../main.py", Some("/x"), "/main.py"),
            ("sub/", Some("/x/pkg (deleted)"), "/x/pkg/sub"),
            ("/y/main.py", Some("/x/pkg"), "/y/main.py"),
            ("C:\\y\\main.py", Some("C:\\x"), "c:/y/main.py"),
            ("a/../main.py", None, "a/../main.py"),
        ] {
            assert_eq!(found_at(script, cwd), expected, "{script} in {cwd:?}");
        }
    }

    #[test]
    fn a_process_whose_data_cannot_be_read_is_not_ours() {
        let rules = IdentityRules {
            roles: vec![Role::new("agent")],
            default_role: Role::new("agent"),
            rules: vec![IdentityRule::Program { name: "backend".into() }],
        };
        let unreadable = ProcessFacts { name: "backend", exe: None, argv: &[], cwd: None };
        assert_eq!(rules.identify(unreadable), None);
    }
}
