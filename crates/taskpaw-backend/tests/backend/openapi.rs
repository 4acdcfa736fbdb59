//! A document of OpenAPI held against a running server: each answer is one that the document promises.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{Answer, bearer, call_as, send};
use crate::running::TOKEN;

/// What hubs, people and their programs show.
pub(crate) const FOR_OTHERS: &str = "for-others";

/// A call of the document, and what belongs to it.
pub(crate) struct Operation<'a> {
    pub(crate) method: String,
    pub(crate) path: &'a str,
    pub(crate) about: &'a Value,
    pub(crate) port: u16,
    pub(crate) token: Option<&'static str>,
    /// Whether it is for the app.
    pub(crate) is_control: bool,
}

/// The calls of a document; those for the app are on the second port, if that is another one.
pub(crate) fn operations(document: &Value, ports: [u16; 2]) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let is_control = about["tags"][0] == "control";
            let is_open = about["security"].as_array().unwrap().is_empty();
            all.push(Operation {
                method: method.to_uppercase(),
                path,
                about,
                port: ports[usize::from(is_control)],
                is_control,
                token: (!is_open).then_some(if is_control { TOKEN } else { FOR_OTHERS }),
            });
        }
    }
    all
}

/// What is wrong with a value, by the part of JSON Schema that the document uses.
pub(crate) fn wrong_with(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
        return wrong_with(document, schema, value);
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        let fitting = one_of.iter().filter(|schema| wrong_with(document, schema, value).is_none()).count();
        return (fitting != 1).then(|| format!("{value} fits {fitting} of {one_of:?}"));
    }
    let is_of = |word: &str| match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let is_right_type = match &schema["type"] {
        Value::String(word) => is_of(word),
        Value::Array(words) => words.iter().any(|word| is_of(word.as_str().unwrap())),
        _ => true,
    };
    let is_allowed = schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value))
        && schema.get("const").is_none_or(|only| only == value)
        && schema["minimum"]
            .as_u64()
            .is_none_or(|least| value.as_u64().is_some_and(|number| number >= least));
    if !is_right_type || !is_allowed {
        return Some(format!("{value} is not {schema}"));
    }
    if let Some(items) = schema.get("items") {
        return value.as_array()?.iter().find_map(|item| wrong_with(document, items, item));
    }
    let keys = value.as_object()?;
    let missing = schema["required"].as_array().into_iter().flatten();
    if let Some(missing) = missing.map(|key| key.as_str().unwrap()).find(|key| !keys.contains_key(*key)) {
        return Some(format!("{missing} is missing in {value}"));
    }
    keys.iter().find_map(|(key, value)| {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) | (None, schema @ Value::Object(_)) => wrong_with(document, schema, value),
            (None, Value::Bool(false)) => Some(format!("{key} is not in the document")),
            _ => None,
        }
    })
}

/// Asserts that the document promises this answer.
pub(crate) fn promised(document: &Value, operation: &Operation, answer: &Answer) {
    let place = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.body);
    let promise = &operation.about["responses"][answer.status.to_string()];
    assert!(promise.is_object(), "not in the document: {place}");
    let (kind, content) = promise["content"].as_object().unwrap().iter().next().unwrap();
    assert!(answer.head.contains(&format!("content-type: {kind}")), "{place} {}", answer.head);
    if kind == "application/json" {
        assert_eq!(wrong_with(document, &content["schema"], &answer.json()), None, "{place}");
    }
}

/// The call of this method and path.
pub(crate) fn operation_of<'a, 'b>(
    operations: &'b [Operation<'a>],
    method: &str,
    path: &str,
) -> &'b Operation<'a> {
    let path = path.split('?').next().unwrap();
    let fits = |template: &str| {
        let (mut wanted, mut parts) = (template.split('/'), path.split('/'));
        let same =
            wanted.by_ref().zip(parts.by_ref()).all(|(wanted, part)| wanted == part || wanted == "{name}");
        same && template.matches('/').count() == path.matches('/').count()
    };
    operations.iter().find(|operation| operation.method == method && fits(operation.path)).unwrap()
}

/// Makes each call of a table (method, path, body, status) with its token: the status is that one, and the answer is
/// what the document promises. Gives the calls that were made.
pub(crate) fn answered_as_promised(
    document: &Value,
    operations: &[Operation],
    table: &[(&str, &str, &Value, u16)],
) -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    for (method, path, body, status) in table {
        let operation = operation_of(operations, method, path);
        let token = operation.token.map(bearer);
        let headers: Vec<&str> = token.iter().map(String::as_str).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(operation.port, method, path, &headers, body.as_bytes());
        assert_eq!(answer.status, *status, "{method} {path} {body}: {}", answer.body);
        promised(document, operation, &answer);
        called.insert(format!("{method} {}", operation.path));
    }
    called
}

/// Refusals that are the same for every call: no token or a wrong one, a foreign host, a large body, another method.
pub(crate) fn refused_everywhere(document: &Value, operations: &[Operation]) {
    for operation in operations {
        let Operation { method, path, port, token, .. } = operation;
        let path = path.replace("{name}", "one");
        let right = token.map(bearer);
        let right: Vec<&str> = right.iter().map(String::as_str).collect();
        if token.is_some() {
            for wrong in [&[][..], &["Authorization: Bearer wrong"], &["Authorization: Basic eDp5"]] {
                let answer = send(*port, method, &path, wrong, b"");
                assert_eq!((answer.status, answer.error_code().as_str()), (401, "unauthorized"), "{path}");
                assert!(answer.head.contains("www-authenticate: bearer"), "{path}");
                promised(document, operation, &answer);
            }
        }
        if operation.is_control {
            let answer = call_as("evil.example", *port, method, &path, &right);
            assert_eq!((answer.status, answer.error_code().as_str()), (403, "foreign_host"), "{path}");
            promised(document, operation, &answer);
        }
        let mut large = right.clone();
        large.push("Content-Length: 65537");
        let answer = call_as("127.0.0.1", *port, method, &path, &large);
        assert_eq!((answer.status, answer.error_code().as_str()), (413, "too_large"), "{path}");
        promised(document, operation, &answer);
        let answer = call_as("127.0.0.1", *port, "TRACE", &path, &right);
        assert_eq!((answer.status, answer.error_code().as_str()), (405, "wrong_method"), "{path}");
    }
}
