//! Bodies, with errors that name the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::ApiError;
use super::limits::BODY_BYTES;

/// A body of JSON, whatever the client calls it.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::TooLarge(BODY_BYTES)
            } else {
                ApiError::BadBody(rejection.body_text())
            }
        })?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner());
        ApiError::BadBody(match (why.is_data(), path.as_str()) {
            (true, ".") => format!("body: {why}"),
            (true, field) => format!("{field}: {why}"),
            (false, _) => format!("body: it is no valid JSON: {why}"),
        })
    })?;
    json.end().map_err(|why| ApiError::BadBody(format!("body: it is no valid JSON: {why}")))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::config::MonitorConfig;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("", "body: it is no valid JSON"),
            ("{", "body: it is no valid JSON"),
            ("[]", "body: "),
            ("{}", "missing field `type_id`"),
            (r#"{"type_id":1}"#, "type_id: "),
            (r#"{"type_id":"t","name":"n","config":[]}"#, "config: "),
            (r#"{"type_id":"t","name":"n"} x"#, "body: it is no valid JSON"),
        ] {
            let error = parse::<MonitorConfig>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(parse::<MonitorConfig>(br#"{"type_id":"t","name":"n"}"#).unwrap().name, "n");
    }
}
