//! The HTTP calls as others' tools read them (OpenAPI 3.1), made from the very types that are taken and
//! given, each under the listener that serves it. What passes over the WebSocket is described in
//! `docs/WIRE.md`.

use axum::Router;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{HttpMethod, OpenApi, Response};
use utoipa::{Modify, OpenApi as _};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{api, http, metrics, private};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Palabre",
        description = "Rooms for facilitated sessions. A room's links are its people's: whoever opens one has that seat."
    ),
    paths(
        api::create_room,
        api::demo,
        api::templates,
        http::livez,
        http::ready,
        metrics::answer,
        private::drain
    ),
    tags(
        (name = PUBLIC, description = "Where pages come (`http`, `https`)"),
        (name = "private listener", description = "For the operator's own machines (`private`): not at this address")
    ),
    modifiers(&OperatorKey, &WebSocket)
)]
struct Calls;

/// What serves pages.
const PUBLIC: &str = "public listener";

/// Making rooms takes the operator's key where there is one.
struct OperatorKey;

impl Modify for OperatorKey {
    fn modify(&self, calls: &mut OpenApi) {
        let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        calls.components.get_or_insert_default().add_security_scheme("operator", key);
    }
}

/// The way into a room, which is signaling's and knows nothing of this document.
struct WebSocket;

impl Modify for WebSocket {
    fn modify(&self, calls: &mut OpenApi) {
        let upgrade = OperationBuilder::new()
            .tag(PUBLIC)
            .summary(Some("Opens a WebSocket, by which a page is in its room"))
            .description(Some("What passes over it, from the hello on, is in `docs/WIRE.md`."))
            .operation_id(Some("ws"))
            .response("101", Response::new("Subprotocol `palabre.v3`, or none"))
            .response("400", Response::new("No request for a WebSocket"))
            .response("403", Response::new("A page of another origin"))
            .response("503", Response::new("Too many connections have said no hello yet"));
        calls.paths.add_path_operation("/ws", vec![HttpMethod::Get], upgrade.build());
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
    use std::collections::BTreeSet;

    use super::*;

    /// The routes that a source serves: method and path. A router tells nobody what it has.
    fn routes(source: &str) -> BTreeSet<(String, String)> {
        let routes = source.split(".route(").skip(1).map(|route| {
            let path = route.split('"').nth(1).expect("a path").to_owned();
            let posts = route.find("post(").unwrap_or(usize::MAX);
            let gets = route.find("get(").unwrap_or(usize::MAX);
            (if posts < gets { "post" } else { "get" }.to_owned(), path)
        });
        routes.collect()
    }

    #[test]
    fn every_route_is_described_under_its_listener_and_nothing_else() {
        let calls = serde_json::to_value(Calls::openapi()).expect("JSON");
        let described = |listener: &str| -> BTreeSet<(String, String)> {
            let mut found = BTreeSet::new();
            for (path, methods) in calls["paths"].as_object().expect("paths") {
                for (method, call) in methods.as_object().expect("methods") {
                    if call["tags"]
                        .as_array()
                        .is_some_and(|tags| tags.iter().any(|t| t == listener))
                    {
                        found.insert((method.clone(), path.clone()));
                    }
                }
            }
            found
        };
        let mut public = routes(include_str!("http.rs"));
        public.extend(routes(include_str!("../../../signaling/src/upgrade.rs")));
        assert_eq!(public.len(), 6);
        assert_eq!(described(PUBLIC), public);
        assert_eq!(described("private listener"), routes(include_str!("private.rs")));
    }

    #[test]
    fn every_call_is_described_with_its_types() {
        let calls = serde_json::to_value(Calls::openapi()).expect("JSON");
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
