//! Whose process is this: the rules by which a process is known as one of ours, and in which role.
//!
//! The rules are given by the application. A process that no rule names is foreign.

use std::fmt;
use std::sync::Arc;

use crate::process::{Process, without_deleted};
use crate::role::Role;

mod name;
mod rules;

pub use name::RuleName;
pub use rules::{Arguments, ExecutableName, ExecutablePath, RuleFn};

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

impl<'a> ProcessFacts<'a> {
    /// The base name of the executable in the form in which names are compared, or the name that the system shows where the
    /// executable cannot be read.
    ///
    /// ASCII letters are in lower case, and the ` (deleted)` is cut that Linux shows for an executable that was replaced.
    #[must_use]
    pub fn program(&self) -> String {
        match self.exe {
            Some(path) => folded(without_deleted(path)).rsplit('/').next().unwrap_or_default().to_owned(),
            None => folded(self.name),
        }
    }

    /// The arguments behind the program.
    #[must_use]
    pub fn arguments(&self) -> &'a [String] {
        self.argv.get(1..).unwrap_or_default()
    }

    /// Whether neither the executable nor the arguments can be read: whatever such a process is, it is not ours.
    fn is_unreadable(&self) -> bool {
        self.exe.is_none() && self.argv.is_empty()
    }
}

/// One way in which a process of ours can look.
///
/// [`ExecutableName`], [`ExecutablePath`] and [`Arguments`] are there; [`RuleFn`] makes one of a closure. A rule sees only what
/// can be read of a process, and says yes only where it is certain: what it takes for ours may be ended. Who runs the process is
/// no matter of rules: a process of another user is never ended.
pub trait IdentityRule: fmt::Debug + Send + Sync {
    /// The name by which journals know this rule.
    fn name(&self) -> RuleName;

    /// The role of the process if it is ours by this rule. `all` knows the roles that there are.
    fn role(&self, process: ProcessFacts<'_>, all: &IdentityRules) -> Option<Role>;
}

/// What counts as ours.
///
/// ```
/// use port_takeover::{ExecutableName, IdentityRules, ProcessFacts, Role};
///
/// let rules = IdentityRules::new(Role::new("server"))
///     .with_role(Role::new("worker"))
///     .with_rule(ExecutableName::new("acme-helper"));
/// let argv = ["/opt/acme/acme-helper".to_owned(), "worker".to_owned()];
/// let facts = ProcessFacts { name: "acme-helper", exe: Some("/opt/acme/acme-helper"), argv: &argv, cwd: None };
/// assert_eq!(rules.identify(facts).map(|ours| ours.role), Some(Role::new("worker")));
/// ```
#[derive(Debug, Clone)]
pub struct IdentityRules {
    roles: Vec<Role>,
    default_role: Role,
    rules: Vec<Arc<dyn IdentityRule>>,
}

/// A process that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identified {
    /// The role that the process plays.
    pub role: Role,
    /// The rule that named it.
    pub rule: RuleName,
}

impl IdentityRules {
    /// No rules yet: every process is foreign. A process that names no role among its arguments plays the default one.
    #[must_use]
    pub fn new(default_role: Role) -> Self {
        Self { roles: vec![default_role.clone()], default_role, rules: Vec::new() }
    }

    /// With one more role that a process of ours can play.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        if !self.roles.contains(&role) {
            self.roles.push(role);
        }
        self
    }

    /// With one more rule. The first rule that names a process decides.
    #[must_use]
    pub fn with_rule(mut self, rule: impl IdentityRule + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Every role that there is.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The role of a process of ours and the rule that named it, or `None` for every other process.
    ///
    /// A process whose executable and arguments both cannot be read is not ours: its role would be a guess.
    #[must_use]
    pub fn identify(&self, process: ProcessFacts<'_>) -> Option<Identified> {
        if process.is_unreadable() {
            return None;
        }
        self.rules.iter().find_map(|rule| {
            let role = rule.role(process, self)?;
            Some(Identified { role, rule: rule.name() })
        })
    }

    /// The first role that is named among arguments, or the default one. `is_same` compares a role with an argument:
    /// `str::eq`, or `str::eq_ignore_ascii_case`.
    #[must_use]
    pub fn role_among(&self, arguments: &[String], is_same: fn(&str, &str) -> bool) -> Role {
        let named = |argument: &String| self.roles.iter().find(|role| is_same(role.as_str(), argument));
        arguments.iter().find_map(named).unwrap_or(&self.default_role).clone()
    }
}

/// Only ASCII is folded: other alphabets have letters whose lower case is an ASCII one (the Kelvin sign). `\` counts as `/`.
fn folded(text: &str) -> String {
    text.replace('\\', "/").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_data_cannot_be_read_is_not_ours() {
        let rules = IdentityRules::new(Role::new("agent"))
            .with_rule(ExecutableName::new("backend"))
            .with_rule(RuleFn::new(RuleName::new("any"), |_| true));
        let unreadable = ProcessFacts { name: "backend", exe: None, argv: &[], cwd: None };
        assert_eq!(rules.identify(unreadable), None);
        let argv = ["backend".to_owned()];
        let seen = ProcessFacts { argv: &argv, ..unreadable };
        assert_eq!(rules.identify(seen).map(|ours| ours.rule), Some(RuleName::PROGRAM));
        let other = ProcessFacts { name: "frontend", ..seen };
        assert_eq!(rules.identify(other).map(|ours| ours.rule), Some(RuleName::new("any")), "the next rule");
    }

    #[test]
    fn nobody_is_ours_without_a_rule() {
        let argv = ["backend".to_owned()];
        let facts = ProcessFacts { name: "backend", exe: Some("/opt/backend"), argv: &argv, cwd: None };
        assert_eq!(IdentityRules::new(Role::new("agent")).identify(facts), None);
    }

    #[test]
    fn a_role_is_the_first_argument_that_is_one() {
        let rules = IdentityRules::new(Role::new("agent")).with_role(Role::new("hub"));
        let among = |line: &str| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            rules.role_among(&arguments, str::eq).as_str().to_owned()
        };
        assert_eq!(among("--config x hub agent"), "hub");
        assert_eq!(among("Hub"), "agent");
        assert_eq!(among(""), "agent");
    }
}
