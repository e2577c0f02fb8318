//! The HTTP calls as others' tools read them (OpenAPI 3.1), made from the very types that are taken and
//! given. What passes over the WebSocket is described in `docs/WIRE.md`.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::api;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Palabre",
        description = "Rooms for facilitated sessions. A room's links are its people's: whoever opens one has that seat."
    ),
    paths(api::create_room, api::demo, api::templates),
    modifiers(&OperatorKey)
)]
struct Calls;

/// Making rooms takes the operator's key where there is one.
struct OperatorKey;

impl Modify for OperatorKey {
    fn modify(&self, calls: &mut OpenApi) {
        let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        calls.components.get_or_insert_default().add_security_scheme("operator", key);
    }
}

/// Where people read the calls, and try them.
const PAGE: &str = "/api/docs";

/// The calls for other tools, at `GET /api/openapi.json`, and for people.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Without the bar in which another server's calls can be looked up.
    let look = Config::default().use_base_layout();
    SwaggerUi::new(PAGE).url("/api/openapi.json", Calls::openapi()).config(look).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_described_with_its_types() {
        let calls = serde_json::to_value(Calls::openapi()).expect("JSON");
        let paths = calls["paths"].as_object().expect("paths");
        let names: Vec<&str> = paths.keys().map(String::as_str).collect();
        assert_eq!(names, ["/api/demo", "/api/rooms", "/api/templates"]);
        let responses = calls["paths"]["/api/rooms"]["post"]["responses"].as_object();
        let statuses: Vec<&String> = responses.expect("responses").keys().collect();
        assert_eq!(statuses, ["201", "400", "401", "403", "413", "415", "429", "503"]);
        let schemas = calls["components"]["schemas"].as_object().expect("schemas");
        for name in ["NewRoom", "NewPerson", "Links", "Link", "ProblemBody", "TemplateCard"] {
            assert!(schemas.contains_key(name), "{name}");
        }
        let required = &schemas["NewRoom"]["required"];
        assert_eq!(required, &serde_json::json!(["language", "people"]));
        // What is taken is told to the end: nothing else may be in it.
        assert_eq!(schemas["NewRoom"]["additionalProperties"], false);
    }
}
