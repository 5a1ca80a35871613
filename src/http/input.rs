//! Bodies, paths and queries, read into types; what is wrong with them is named by field.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::{App, Problem};
use crate::api::{LIST_ITEMS_DEFAULT, LIST_ITEMS_MAX, ProblemCode};
use crate::ports::store::Put;

/// A JSON body, and its bytes as they came.
pub(super) struct Input<T> {
    pub(super) value: T,
    pub(super) bytes: Bytes,
}

/// The last parameter of the path.
pub(super) struct PathId<T>(pub(super) T);

/// The query.
pub(super) struct Asked<T>(pub(super) T);

/// A parameter that is written as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<T>(pub(super) T);

impl<'de, T> Deserialize<'de> for Written<T>
where
    T: FromStr,
    T::Err: Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// How many items a list shall have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) u32);

impl Default for Limit {
    fn default() -> Self {
        Self(LIST_ITEMS_DEFAULT)
    }
}

impl Limit {
    /// One row more than asked for: it tells whether there is more.
    pub(super) const fn rows(self) -> u32 {
        self.0 + 1
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(limit) if (1..=LIST_ITEMS_MAX).contains(&limit) => Ok(Self(limit)),
            _ => Err(D::Error::custom(format_args!("a limit is 1 to {LIST_ITEMS_MAX}"))),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body's Content-Type must be application/json";
            return Err(Problem::new(ProblemCode::UnsupportedMediaType, detail).field("Content-Type"));
        }
        let limit = app.settings.body_bytes_max;
        let too_large =
            || Problem::new(ProblemCode::BodyTooLarge, format_args!("a body has at most {limit} bytes"));
        if announced_bytes(request.headers()).is_some_and(|bytes| bytes > u64::from(limit)) {
            return Err(too_large());
        }
        let bytes = to_bytes(request.into_body(), usize::try_from(limit).unwrap_or(usize::MAX))
            .await
            .map_err(|error| {
                let over_limit = std::error::Error::source(&error)
                    .is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
                if over_limit {
                    too_large()
                } else {
                    Problem::new(ProblemCode::InvalidRequest, "the body was cut off")
                }
            })?;
        let value = parse(&bytes)?;
        Ok(Self { value, bytes })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde reads arrays as structs too, field by field in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(ProblemCode::InvalidValue, "the body is a JSON object, not an array"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().clone();
        let error = error.into_inner();
        match error.classify() {
            Category::Data => misread(&path, &error),
            Category::Io | Category::Syntax | Category::Eof => malformed(&error),
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(ProblemCode::MalformedJson, error)
}

/// The problem behind one of serde's messages, which name missing and unknown fields only in words.
fn misread(path: &serde_path_to_error::Path, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let path = match path.to_string() {
        path if path == "." => String::new(),
        path => path,
    };
    let named = |prefix: &str| {
        let (name, _) = text.strip_prefix(prefix)?.split_once('`')?;
        let is_at_end = path == name || path.ends_with(&format!(".{name}"));
        Some(match path.as_str() {
            "" => name.to_owned(),
            path if is_at_end => path.to_owned(),
            path => format!("{path}.{name}"),
        })
    };
    if let Some(field) = named("unknown field `") {
        return Problem::new(ProblemCode::UnknownField, text).field(field);
    }
    if let Some(field) = named("missing field `") {
        return Problem::new(ProblemCode::MissingField, text).field(field);
    }
    let problem = Problem::new(ProblemCode::InvalidValue, text);
    if path.is_empty() { problem } else { problem.field(path) }
}

impl<T> FromRequestParts<App> for PathId<T>
where
    T: FromStr,
    T::Err: Display,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::new(ProblemCode::InvalidValue, error).field("id"))?;
        let (name, text) = params
            .iter()
            .last()
            .ok_or_else(|| Problem::new(ProblemCode::RouteNotFound, "the path names nothing"))?;
        text.parse().map(Self).map_err(|error| Problem::new(ProblemCode::InvalidValue, error).field(name))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let mut asked = Map::new();
        for (name, text) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if asked.insert(name.to_string(), Value::String(text.into_owned())).is_some() {
                return Err(Problem::new(ProblemCode::InvalidValue, "a parameter stands twice").field(name));
            }
        }
        serde_path_to_error::deserialize(Value::Object(asked)).map(Self).map_err(|error| {
            let path = error.path().clone();
            misread(&path, &error.into_inner())
        })
    }
}

/// The status of a PUT that was carried out.
pub(super) const fn written(put: Put, something_waits: bool) -> StatusCode {
    match put {
        Put::Created => StatusCode::CREATED,
        Put::Replaced if something_waits => StatusCode::ACCEPTED,
        Put::Replaced => StatusCode::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{FarmBody, ReservationOrder};

    fn wrong<T: DeserializeOwned>(body: &str) -> (String, Option<String>) {
        let problem = match parse::<T>(body.as_bytes()) {
            Err(problem) => problem.body("r"),
            Ok(_) => panic!("{body} was read"),
        };
        (problem.code, problem.field)
    }

    #[test]
    fn what_is_wrong_with_a_body_is_named_by_field() {
        for (body, code, field) in [
            ("", "malformed_json", None),
            ("{", "malformed_json", None),
            ("{\"customer_id\":\"7\"} x", "malformed_json", None),
            (" [\"7\",[],null,null,null,null]", "invalid_value", None),
            ("17", "invalid_value", None),
            ("{}", "missing_field", Some("customer_id")),
            (r#"{"customer_id":"7","colour":1}"#, "unknown_field", Some("colour")),
            (r#"{"customer_id":"7","units":{"cu":"1","gpu":"1"}}"#, "unknown_field", Some("units.gpu")),
            (r#"{"customer_id":7}"#, "invalid_value", Some("customer_id")),
            (r#"{"customer_id":"07"}"#, "invalid_value", Some("customer_id")),
            (r#"{"customer_id":"7","nodes":["1","x"]}"#, "invalid_value", Some("nodes[1]")),
            (r#"{"customer_id":"7","units":{"cu":"-1"}}"#, "invalid_value", Some("units.cu")),
            (r#"{"customer_id":"7","units":{"cu":"0.0001"}}"#, "invalid_value", Some("units.cu")),
            (r#"{"customer_id":"7","units":{"cu":"1000001"}}"#, "invalid_value", Some("units.cu")),
            (r#"{"customer_id":"7","duration_seconds":1.5}"#, "invalid_value", Some("duration_seconds")),
            (r#"{"customer_id":"7","currencies":["T-T"]}"#, "invalid_value", Some("currencies[0]")),
            (r#"{"customer_id":"7","customer_id":"7"}"#, "invalid_value", None),
        ] {
            let (got, at) = wrong::<ReservationOrder>(body);
            assert_eq!((got.as_str(), at.as_deref()), (code, field), "{body}");
        }
    }

    #[test]
    fn nested_names_are_found_in_farms() {
        let farm = |distribution: &str| {
            format!(r#"{{"name":"f","owner_id":"1","payout_addresses":{{}},"distribution":{distribution}}}"#)
        };
        let (code, field) = wrong::<FarmBody>(&farm(r#"{"name":"x","shares":[{"recipient":"farmer"}]}"#));
        assert_eq!(
            (code.as_str(), field.as_deref()),
            ("missing_field", Some("distribution.shares[0].percent"))
        );
        let (code, field) = wrong::<FarmBody>(&farm(r#"{"name":"x","shares":[],"rate":1}"#));
        assert_eq!((code.as_str(), field.as_deref()), ("unknown_field", Some("distribution.rate")));
    }

    #[test]
    fn json_is_told_by_its_media_type() {
        let of = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_json(&headers)
        };
        assert!(of("application/json") && of("Application/JSON; charset=utf-8") && of("application/x+json"));
        assert!(!of("text/plain") && !of("text/json") && !is_json(&HeaderMap::new()));
    }
}
