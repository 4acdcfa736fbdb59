//! The rules that most applications need.

use std::fmt;
use std::path::Path;

use super::{IdentityRule, IdentityRules, ProcessFacts, RuleName, folded};
use crate::process::without_deleted;
use crate::role::Role;

/// A program of its own, by the base name of its executable: the name, or the name, `-` and a target triple, as sidecars of Tauri
/// have it; each with or without `.exe`, in any case. The role is the first argument that is one.
///
/// The name that the system shows must not say something else: a program that was renamed while it ran is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutableName(String);

impl ExecutableName {
    /// The rule for a base name, such as `acme-helper`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        Self(name.strip_suffix(".exe").unwrap_or(&name).to_owned())
    }

    fn fits(&self, process: ProcessFacts<'_>) -> bool {
        let shown = folded(process.name);
        if process.exe.is_none() {
            return is_program_name(&shown, &self.0);
        }
        let executable = process.program();
        is_program_name(&executable, &self.0)
            && (is_program_name(&shown, &self.0) || is_cut_short(&shown, &executable))
    }
}

impl IdentityRule for ExecutableName {
    fn name(&self) -> RuleName {
        RuleName::PROGRAM
    }

    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role> {
        self.fits(process).then(|| all.role_among(process.arguments(), str::eq))
    }
}

/// A program of its own, by the whole path of its executable. On Windows, upper and lower case are the same. The role is the first
/// argument that is one.
///
/// A process whose executable cannot be read is not ours by this rule. A program that was moved by an update has another path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutablePath(String);

impl ExecutablePath {
    /// The rule for a path, such as `/opt/acme/helper`. It is compared as it is: a link is not followed.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self(Self::compared(&path.as_ref().to_string_lossy()))
    }

    fn compared(path: &str) -> String {
        if cfg!(windows) { folded(path) } else { path.to_owned() }
    }
}

impl IdentityRule for ExecutablePath {
    fn name(&self) -> RuleName {
        RuleName::PATH
    }

    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role> {
        let path = Self::compared(without_deleted(process.exe?));
        (path == self.0).then(|| all.role_among(process.arguments(), str::eq))
    }
}

/// What an interpreter was asked to run: a program by its base name, and the arguments that its own must begin with. The role is
/// the first argument behind these that is one.
///
/// `Arguments::new("node", ["/opt/acme/server.js"])` is `node /opt/acme/server.js` and nothing else. The arguments are compared as
/// they are: a process whose script was named by a relative path needs a rule of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    program: ExecutableName,
    first: Vec<String>,
}

impl Arguments {
    /// The rule for a program that is started with these arguments first. Without any it names nothing, since every run of the
    /// interpreter would be ours.
    #[must_use]
    pub fn new<T: Into<String>>(program: &str, first: impl IntoIterator<Item = T>) -> Self {
        Self { program: ExecutableName::new(program), first: first.into_iter().map(Into::into).collect() }
    }
}

impl IdentityRule for Arguments {
    fn name(&self) -> RuleName {
        RuleName::ARGUMENTS
    }

    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role> {
        let rest = process.arguments().strip_prefix(self.first.as_slice())?;
        (!self.first.is_empty() && self.program.fits(process)).then(|| all.role_among(rest, str::eq))
    }
}

/// A rule that is a closure. The role is the first argument that is one.
pub struct RuleFn<F> {
    name: RuleName,
    fits: F,
}

impl<F: Fn(ProcessFacts<'_>) -> bool> RuleFn<F> {
    /// The rule that names a process ours where `fits` says so.
    #[must_use]
    pub fn new(name: RuleName, fits: F) -> Self {
        Self { name, fits }
    }
}

impl<F> fmt::Debug for RuleFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleFn").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F: Fn(ProcessFacts<'_>) -> bool + Send + Sync> IdentityRule for RuleFn<F> {
    fn name(&self) -> RuleName {
        self.name
    }

    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role> {
        (self.fits)(process).then(|| all.role_among(process.arguments(), str::eq))
    }
}

/// Linux keeps 15 bytes of a process name (`TASK_COMM_LEN` less its final zero).
fn is_cut_short(shown: &str, executable: &str) -> bool {
    shown.len() == 15 && executable.starts_with(shown)
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

    /// Whether a process is ours by a rule: its name and executable, and its arguments behind the program.
    fn is_ours(rule: &(impl IdentityRule + Clone + 'static), exe: Option<&str>, line: &str) -> bool {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let name = exe.unwrap_or(&argv[0]).rsplit(['/', '\\']).next().unwrap();
        let facts = ProcessFacts { name, exe, argv: &argv, cwd: None };
        IdentityRules::new(Role::new("server")).with_rule(rule.clone()).identify(facts).is_some()
    }

    #[test]
    fn a_path_is_the_whole_path() {
        let rule = ExecutablePath::new("/opt/acme/helper");
        for (exe, expected) in [
            (Some("/opt/acme/helper"), true),
            (Some("/opt/acme/helper (deleted)"), true),
            (Some("/opt/acme/helper2"), false),
            (Some("/home/x/opt/acme/helper"), false),
            (Some("/opt/ACME/helper"), cfg!(windows)),
            (None, false),
        ] {
            assert_eq!(is_ours(&rule, exe, "/opt/acme/helper"), expected, "{exe:?}");
        }
    }

    #[test]
    fn arguments_are_those_that_come_first() {
        let rule = Arguments::new("node", ["/opt/acme/server.js"]);
        for (exe, line, expected) in [
            (Some("/usr/bin/node"), "node /opt/acme/server.js", true),
            (Some("/usr/bin/node"), "node /opt/acme/server.js server", true),
            (Some("C:\\node\\NODE.EXE"), "node /opt/acme/server.js", true),
            (None, "node /opt/acme/server.js", true),
            (Some("/usr/bin/node"), "node --inspect /opt/acme/server.js", false),
            (Some("/usr/bin/node"), "node", false),
            (Some("/usr/bin/nodejs"), "node /opt/acme/server.js", false),
            (Some("/usr/bin/vim"), "vim /opt/acme/server.js", false),
        ] {
            assert_eq!(is_ours(&rule, exe, line), expected, "{exe:?} {line}");
        }
        let all: [&str; 0] = [];
        assert!(!is_ours(&Arguments::new("node", all), Some("/usr/bin/node"), "node x.js"));
    }

    #[test]
    fn a_name_is_compared_without_case_and_ending() {
        for name in ["helper", "Helper.exe"] {
            let rule = ExecutableName::new(name);
            for (exe, expected) in [
                ("/opt/helper", true),
                ("C:\\Acme\\HELPER.EXE", true),
                ("/opt/helper-x86_64-unknown-linux-gnu", true),
                ("/opt/helper-logger", false),
                ("/opt/helper.sh", false),
                ("/opt/helper/other", false),
            ] {
                assert_eq!(is_ours(&rule, Some(exe), "x"), expected, "{name} {exe}");
            }
        }
    }
}
