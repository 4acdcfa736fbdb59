//! Queries, with errors that name the field.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use taskpaw_contract::ipc::HistoryRange;

use super::ApiError;

/// The query of a request. A key that is there twice has its last value; unknown keys are ignored.
#[derive(Debug)]
pub(crate) struct Query(BTreeMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| ApiError::BadQuery(error.body_text()))
    }
}

impl Query {
    /// A text; nothing if it is left out or empty.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A text, also an empty one; nothing if it is left out.
    pub(crate) fn given(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// A whole number from 0 on; nothing if it is left out.
    pub(crate) fn number(&self, field: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.0.get(field) else { return Ok(None) };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_plain => Ok(Some(number)),
            _ => Err(ApiError::BadQuery(format!("{field}: {text:?} is no whole number from 0 on"))),
        }
    }

    /// How far back a history goes; a day if it is left out.
    pub(crate) fn range(&self) -> Result<HistoryRange, ApiError> {
        match self.text("range") {
            None | Some("day") => Ok(HistoryRange::Day),
            Some("week") => Ok(HistoryRange::Week),
            Some(other) => Err(ApiError::BadQuery(format!("range: {other:?} is neither day nor week"))),
        }
    }

    /// How many entries are asked for, at most.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, ApiError> {
        let asked = self.number("limit")?.map_or(default, |number| usize::try_from(number).unwrap_or(most));
        Ok(asked.min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(text: &str) -> Result<Option<u64>, ApiError> {
        Query([("ack".to_owned(), text.to_owned())].into()).number("ack")
    }

    #[test]
    fn only_whole_numbers_are_numbers() {
        assert_eq!(ack("0").unwrap(), Some(0));
        assert_eq!(ack("18446744073709551615").unwrap(), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.5", "x", " 1", "18446744073709551616"] {
            assert!(
                matches!(ack(text), Err(ApiError::BadQuery(why)) if why.starts_with("ack: ")),
                "{text:?}"
            );
        }
        assert_eq!(Query(BTreeMap::new()).number("ack").unwrap(), None);
    }

    #[test]
    fn a_limit_has_a_default_and_a_most() {
        let limit = |text: &str| Query([("limit".to_owned(), text.to_owned())].into()).limit(10, 20).unwrap();
        assert_eq!((limit("0"), limit("15"), limit("99")), (0, 15, 20));
        assert_eq!(Query(BTreeMap::new()).limit(10, 20).unwrap(), 10);
    }
}
