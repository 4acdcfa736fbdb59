//! Patterns that people write: Python's, as TaskPaw V3 took them, with look-around and references back.

use std::fmt;

use fancy_regex::{Error, Regex, RegexBuilder, RuntimeError};

use super::python;

/// How much memory a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;
/// How often one search may go back to try another way: some ten milliseconds of it.
const MOST_TRIES: usize = 200_000;

/// A pattern that is ready to be searched for. It does not care about case, as people who look for a name do not.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it was written.
    text: String,
    regex: Regex,
    /// The one for texts that end with a line break, if its end is before that break too.
    before_newline: Option<Regex>,
}

/// Why a search gives no answer, which is not the answer that nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// There are too many ways in which it could be found.
    #[error(
        "the pattern {0} has too many ways to be tried on a text; write it without repetitions inside of repetitions"
    )]
    TooManyTries(String),
    /// The engine says something else.
    #[error("the pattern {0} cannot be searched for: {1}")]
    Failed(String, String),
}

impl Pattern {
    /// Makes it ready.
    ///
    /// # Errors
    /// What the engine says of a text that is not a pattern.
    pub fn compiled(text: &str) -> Result<Self, String> {
        let python::Translated { pattern, before_newline } = python::translated(text)?;
        let before_newline = before_newline.as_deref().map(regex).transpose()?;
        Ok(Self { text: text.to_owned(), regex: regex(&pattern)?, before_newline })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many pairs of parentheses find something.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.regex.captures_len().saturating_sub(1)
    }

    /// Whether it is found anywhere in a text.
    ///
    /// # Errors
    /// [`SearchError`] if that cannot be said.
    pub fn is_match(&self, text: &str) -> Result<bool, SearchError> {
        self.regex_for(text).is_match(text).map_err(|error| self.failed(&error))
    }

    /// What its first parentheses find; nothing if it, or they, find nothing.
    ///
    /// # Errors
    /// [`SearchError`] if that cannot be said.
    pub fn first_group<'t>(&self, text: &'t str) -> Result<Option<&'t str>, SearchError> {
        let found = self.regex_for(text).captures(text).map_err(|error| self.failed(&error))?;
        Ok(found.and_then(|found| found.get(1)).map(|found| found.as_str()))
    }

    fn regex_for(&self, text: &str) -> &Regex {
        self.before_newline.as_ref().filter(|_| text.ends_with('\n')).unwrap_or(&self.regex)
    }

    fn failed(&self, error: &Error) -> SearchError {
        match error {
            Error::RuntimeError(RuntimeError::BacktrackLimitExceeded) => {
                SearchError::TooManyTries(self.text.clone())
            }
            other => SearchError::Failed(self.text.clone(), other.to_string()),
        }
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .backtrack_limit(MOST_TRIES)
        .delegate_size_limit(PATTERN_BYTES)
        .delegate_dfa_size_limit(PATTERN_BYTES)
        .build()
        .map_err(|error| match error {
            Error::ParseError(_, reason) => reason.to_string(),
            Error::CompileError(reason) => reason.to_string(),
            other => other.to_string(),
        })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns that are refused here, or answered otherwise, though Python takes them; each is said in the manual.
    const OTHERWISE: &[&str] = &[r"\N{DIGIT ONE}"];

    /// What Python 3.11 answered, recorded by `python_answers.py`: for each pattern some texts, and whether it was found in
    /// them; nothing where Python refuses the pattern.
    #[test]
    fn sixty_patterns_answer_as_in_python() {
        type Answers = Vec<(String, Option<bool>)>;
        let rows: Vec<(String, Answers)> =
            serde_json::from_str(include_str!("../tests/python_answers.json")).unwrap();
        assert!(rows.len() >= 60);
        let (mut refused, mut other) = (Vec::new(), Vec::new());
        for (pattern, texts) in &rows {
            let is_python = texts.iter().all(|(_, answer)| answer.is_some());
            match Pattern::compiled(pattern) {
                Err(_) if !is_python => {}
                Err(error) => refused.push(format!("{pattern}: {error}")),
                Ok(compiled) => {
                    for (text, answer) in texts.iter().filter(|(_, answer)| answer.is_some()) {
                        let found = compiled.is_match(text).ok();
                        if found != *answer {
                            other.push(format!("{pattern} in {text:?}: {found:?}, Python says {answer:?}"));
                        }
                    }
                }
            }
        }
        assert!(other.is_empty(), "silently other: {other:#?}");
        assert!(refused.len() <= 5, "refused: {refused:#?}");
        assert!(
            refused.iter().all(|line| OTHERWISE.iter().any(|known| line.starts_with(known))),
            "{refused:#?}"
        );
    }

    #[test]
    fn too_many_ways_are_an_error_and_not_no_match() {
        let pattern = Pattern::compiled(r"^(\w+\s?)*(?=x)y$").unwrap();
        let text = "a".repeat(60);
        assert_eq!(pattern.is_match(&text), Err(SearchError::TooManyTries(pattern.as_str().to_owned())));
    }
}
