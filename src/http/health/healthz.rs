use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// A process that answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::http) struct Alive {
    /// Always `alive`.
    #[schema(example = "alive")]
    status: &'static str,
}

/// Whether the process is alive. Asks nobody.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "service",
    responses((status = 200, description = "Alive", body = Alive, example = json!({ "status": "alive" }))),
)]
pub(in crate::http) async fn handler() -> Json<Alive> {
    Json(Alive { status: "alive" })
}
