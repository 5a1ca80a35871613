//! The document, and what a client sees when nothing but the API is there.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::domain::address::AccountId;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::store::{Store, StoreError, Tx};

/// A database that is down.
struct Down;

#[async_trait]
impl Store for Down {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        Err(StoreError::Unavailable { reason: "connection refused".to_owned() })
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.begin().await
    }
}

/// A database that does not come back.
struct Stuck;

#[async_trait]
impl Store for Stuck {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        std::future::pending().await
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.begin().await
    }
}

/// A database that has a bug.
struct Broken;

#[async_trait]
impl Store for Broken {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        panic!("a bug")
    }

    async fn begin_read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.begin().await
    }
}

/// A clock whose time is given and whose waits end at once.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _duration: Duration) {}
}

struct Ones;

impl Entropy for Ones {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x11);
    }
}

fn api(store: impl Store + 'static) -> Router {
    router(AppState {
        store: Arc::new(store),
        clock: Arc::new(Still),
        entropy: Arc::new(Ones),
        settings: Settings::default(),
        reservations: crate::reservations::Settings::default(),
        platform: AccountId([1; 32]),
        network_passphrase: crate::domain::deployment::PUBLIC_PASSPHRASE.to_owned(),
        payout_change_delay_seconds: 0,
        holder: "serve-test".to_owned(),
        metrics: Arc::new(|| "farmgate_up 1\n".to_owned()),
    })
}

async fn send(router: Router, request: Request<Body>) -> (Response<()>, Value) {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn get(store: impl Store + 'static, path: &str) -> (Response<()>, Value) {
    let request = Request::get(path).header(header::AUTHORIZATION, "Bearer fg_").body(Body::empty()).unwrap();
    send(api(store), request).await
}

fn is_problem(response: &Response<()>, body: &Value, status: u16, code: &str) {
    assert_eq!((response.status().as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:farmgate:problem:{code}"));
    assert_eq!(response.headers()["x-request-id"].to_str().ok(), body["request_id"].as_str());
}

#[tokio::test]
async fn health_needs_no_database() {
    let (response, body) = get(Down, "/healthz").await;
    assert_eq!((response.status(), &body["status"]), (StatusCode::OK, &Value::from("alive")));
    let (response, _) = get(Down, "/metrics").await;
    assert_eq!(response.status(), StatusCode::OK);
    let (response, body) = get(Down, "/openapi.json").await;
    assert_eq!((response.status(), &body["openapi"]), (StatusCode::OK, &Value::from("3.1.0")));
    let (response, _) = get(Down, "/docs/").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_database_that_is_down_is_said_so() {
    let (response, body) = get(Down, "/v1/farms/1").await;
    is_problem(&response, &body, 401, "unauthorized");
    let key = format!("Bearer fg_{}", "0".repeat(64));
    let request = Request::get("/v1/farms/1").header(header::AUTHORIZATION, key).body(Body::empty()).unwrap();
    let (response, body) = send(api(Down), request).await;
    is_problem(&response, &body, 503, "database_unavailable");
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    let (response, body) = get(Down, "/readyz").await;
    is_problem(&response, &body, 503, "not_ready");
    assert!(body["reasons"][0].as_str().unwrap().contains("connection refused"));
}

#[tokio::test]
async fn errors_of_the_router_are_problems_too() {
    let (response, body) = get(Down, "/v2/farms").await;
    is_problem(&response, &body, 404, "route_not_found");
    let (response, body) = get(Down, "/docs/nothing.js").await;
    is_problem(&response, &body, 404, "route_not_found");
    let request = Request::delete("/v1/farms/1").body(Body::empty()).unwrap();
    let (response, body) = send(api(Down), request).await;
    is_problem(&response, &body, 405, "method_not_allowed");
    assert!(response.headers().contains_key(header::ALLOW));
}

#[tokio::test]
async fn a_request_without_a_key_is_challenged() {
    for value in [None, Some("Basic Zm9v"), Some("Bearer"), Some("Bearer nonsense")] {
        let mut request = Request::get("/v1/farms").body(Body::empty()).unwrap();
        if let Some(value) = value {
            request.headers_mut().insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        let (response, body) = send(api(Stuck), request).await;
        is_problem(&response, &body, 401, "unauthorized");
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_a_slow_answer_is_too() {
    let (response, body) = get(Broken, "/readyz").await;
    is_problem(&response, &body, 500, "internal");
    let (response, body) = get(Stuck, "/readyz").await;
    is_problem(&response, &body, 503, "request_timeout");
}

#[tokio::test]
async fn a_harmless_request_id_is_taken_over() {
    let with = |id: &str| Request::get("/healthz").header("x-request-id", id).body(Body::empty()).unwrap();
    let (response, _) = send(api(Down), with("trace-7")).await;
    assert_eq!(response.headers()["x-request-id"], "trace-7");
    let (response, _) = send(api(Down), with("two words")).await;
    assert_eq!(response.headers()["x-request-id"], "1111111111111111");
}

mod document {
    use super::*;

    fn document() -> Value {
        serde_json::to_value(openapi()).unwrap()
    }

    fn operations(document: &Value) -> Vec<(String, String, Value)> {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations.push((method.clone(), path.clone(), operation.clone()));
            }
        }
        operations
    }

    /// Follows references; holds an example against `type`, `properties`, `required`, `items` and choices.
    fn fits(document: &Value, schema: &Value, example: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            let schema = &document["components"]["schemas"][name];
            assert!(schema.is_object(), "{reference} is not in the document");
            return fits(document, schema, example, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let tried = choices.iter().map(|choice| fits(document, choice, example, at));
            return if tried.filter(Result::is_ok).count() > 0 {
                Ok(())
            } else {
                Err(format!("{at}: no choice fits"))
            };
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return Err(format!("{at}: no type in {schema}")),
        };
        let kind = match example {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.contains(&kind) {
            return Err(format!("{at}: {kind} is none of {kinds:?}"));
        }
        if let Value::Array(items) = example {
            for item in items {
                fits(document, &schema["items"], item, &format!("{at}[]"))?;
            }
        }
        if let Value::Object(fields) = example {
            // An object of which nothing is said may have any.
            let said = schema.get("properties").is_some() || schema.get("additionalProperties").is_some();
            for (name, value) in fields.iter().filter(|_| said) {
                let at = format!("{at}.{name}");
                match (schema["properties"].get(name), &schema["additionalProperties"]) {
                    (Some(property), _) => fits(document, property, value, &at)?,
                    (None, Value::Object(_)) => {
                        fits(document, &schema["additionalProperties"], value, &at)?;
                    }
                    (None, _) => return Err(format!("{at} is not in the schema")),
                }
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap()) {
                    return Err(format!("{at}.{name} is missing"));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn every_operation_has_examples_that_fit_their_schemas() {
        let document = document();
        let operations = operations(&document);
        assert!(operations.len() >= 21, "{}", operations.len());
        for (method, path, operation) in &operations {
            let at = format!("{method} {path}");
            let mut media = Vec::new();
            if let Some(body) = operation.get("requestBody") {
                media.extend(body["content"].as_object().unwrap().values());
            }
            let mut successes = 0;
            for (status, response) in operation["responses"].as_object().unwrap() {
                successes += usize::from(status.starts_with('2'));
                media.extend(response["content"].as_object().unwrap().values());
            }
            assert!(successes > 0, "{at} never succeeds");
            for content in media {
                let example = content.get("example").unwrap_or_else(|| panic!("{at} lacks an example"));
                fits(&document, &content["schema"], example, &at).unwrap();
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_a_tag_and_its_security() {
        let document = document();
        let mut names = std::collections::BTreeSet::new();
        for (method, path, operation) in operations(&document) {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name), "{method} {path}: its name is taken");
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path}");
            let needs_key = operation["security"][0].get("api_key").is_some();
            assert_eq!(needs_key, path.starts_with("/v1/"), "{method} {path}");
            for status in ["400", "401", "403", "500"] {
                assert_eq!(
                    operation["responses"].get(status).is_some(),
                    needs_key,
                    "{method} {path} {status}"
                );
            }
        }
    }

    #[tokio::test]
    async fn every_operation_of_the_document_is_served_and_asks_for_a_key() {
        for (method, path, operation) in operations(&document()) {
            let path = path.replace("{id}", "1").replace("{code}", "TFT");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path);
            let (response, body) = send(api(Down), request.body(Body::empty()).unwrap()).await;
            if operation.get("security").is_some() {
                is_problem(&response, &body, 401, "unauthorized");
            }
            assert!(!matches!(response.status().as_u16(), 404 | 405), "{method} {path}");
        }
    }

    #[test]
    fn every_problem_code_is_in_the_document() {
        let document = document();
        let schema = &document["components"]["schemas"]["ProblemCode"];
        let listed = schema["enum"].as_array().unwrap_or_else(|| panic!("{schema}"));
        let codes: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
        let known: Vec<&str> = crate::api::ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes, known);
    }

    #[test]
    fn every_route_under_v1_is_in_the_document() {
        // Routes of the document and of the router are one list in `routes()`; nothing else may add one.
        let source = include_str!("mod.rs");
        assert_eq!(source.matches(".route(").count(), 0);
        assert_eq!(source.matches("routes!(").count(), source.matches(".routes(").count());
    }
}
