//! The Python backends of TaskPaw V3: what an interpreter runs, by module or by script.

use port_takeover::{IdentityRule, IdentityRules, ProcessFacts, Role, RuleName};

use super::interpreter::{self, Operand};

/// The rule of one entry point, as it stands in journals.
pub const PYTHON_ENTRY: RuleName = RuleName::new("python_entry");
/// The rule of a whole package, as it stands in journals.
pub const PYTHON_PACKAGE: RuleName = RuleName::new("python_package");

/// A Python interpreter that runs one entry point, as a script or with `-m`; the role is the first argument after it that is one,
/// in any case.
#[derive(Debug)]
pub(super) struct Entry {
    module: String,
    script: String,
}

impl Entry {
    /// By the parts of its path, in lower case, the last without `.py`: `["pkg", "sub", "main"]`.
    pub(super) fn new(path: &[&str]) -> Self {
        Self { module: path.join("."), script: format!("{}.py", path.join("/")) }
    }

    fn is_run_by(&self, operand: Operand<'_>, cwd: Option<&str>) -> bool {
        match operand {
            Operand::Module(module) => module.eq_ignore_ascii_case(&self.module),
            Operand::Script(script) => {
                let script = found_at(script, cwd);
                script
                    .strip_suffix(&self.script)
                    .is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
            }
        }
    }
}

impl IdentityRule for Entry {
    fn name(&self) -> RuleName {
        PYTHON_ENTRY
    }

    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role> {
        let (operand, arguments) = operand_of(process)?;
        self.is_run_by(operand, process.cwd).then(|| all.role_among(arguments, str::eq_ignore_ascii_case))
    }
}

/// A Python interpreter that runs `PACKAGE.ROLE`, a submodule of it, or a script below `PACKAGE/ROLE/`.
#[derive(Debug)]
pub(super) struct Package(&'static str);

impl Package {
    /// By its name, in lower case.
    pub(super) const fn new(name: &'static str) -> Self {
        Self(name)
    }
}

impl IdentityRule for Package {
    fn name(&self) -> RuleName {
        PYTHON_PACKAGE
    }

    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role> {
        let (operand, _) = operand_of(process)?;
        let (text, separator) = match operand {
            Operand::Module(module) => (module.to_ascii_lowercase(), '.'),
            Operand::Script(script) => (found_at(script, process.cwd), '/'),
        };
        let parts: Vec<&str> = text.split(separator).collect();
        let role_after = |pair: &[&str]| match pair {
            [first, second] if *first == self.0 => all.roles().iter().find(|role| role.as_str() == *second),
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

/// What a Python interpreter runs, and the arguments behind it; nothing where the program is none.
fn operand_of(process: ProcessFacts<'_>) -> Option<(Operand<'_>, &[String])> {
    interpreter::is_interpreter(&process.program()).then(|| interpreter::operand(process.argv))?
}

/// Paths are compared in lower case, with `/`. Only ASCII is folded: other alphabets have letters whose lower case is an ASCII one.
fn folded(path: &str) -> String {
    path.replace('\\', "/").to_ascii_lowercase()
}

/// The path of a script, or of a folder, as the interpreter finds it: a relative one in the folder that it works in.
fn found_at(script: &str, cwd: Option<&str>) -> String {
    let script = folded(script).trim_end_matches('/').to_owned();
    let is_absolute = script.starts_with('/') || script.as_bytes().get(1) == Some(&b':');
    let Some(cwd) = cwd.filter(|_| !is_absolute) else { return script };
    let mut parts = Vec::new();
    let cwd = folded(cwd.strip_suffix(" (deleted)").unwrap_or(cwd));
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
