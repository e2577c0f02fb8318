//! The HTTP calls: making a room, the demo room, the templates.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use palabre_backup::Telephone;
use palabre_facilitation::{Template, TemplateError};
use palabre_ids::{DisplayName, Language, Role, RoomId, Seat};
use palabre_room::{ConfigError, PersonConfig, RoomConfig};
use palabre_signaling::{CreateError, Service};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::demo;
use crate::http::App;

/// The largest request, in bytes: a template of one's own (64 KiB, as its parser has it), of which
/// every character may take two in JSON, and twelve people with long names.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 64 * 1024 + 16 * 1024;

/// The room that is wanted: `template` or `template_text`, one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoom {
    /// One of `GET /api/templates`.
    #[schema(example = "codev-1h15")]
    template: Option<String>,
    /// A whole template of one's own (TOML, at most 64 KiB).
    template_text: Option<String>,
    /// The language of titles and prompts until a person chooses another: `fr` or `en`.
    #[schema(value_type = String, example = "fr")]
    language: Language,
    /// In the order of their seats: at most 12, of whom at most 9 send media, with one facilitator and at
    /// most one client.
    people: Vec<NewPerson>,
    /// Divides every length, where the server takes rehearsals.
    #[schema(minimum = 1, maximum = 120)]
    speed: Option<u32>,
    /// What people are to call when they cannot have media: a number, or any line of up to 60 characters.
    #[schema(example = "+33 1 23 45 67 89")]
    telephone: Option<String>,
}

/// A person who is to get a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPerson {
    /// 1 to 60 characters.
    #[schema(example = "Laura")]
    name: String,
    /// `facilitator`, `co_facilitator`, `client`, `consultant`, `scribe` or `observer`.
    #[schema(example = "client")]
    role: String,
    /// A consultant who speaks last, and not for long.
    #[serde(default)]
    expert: bool,
}

/// A room's links.
#[derive(Serialize, ToSchema)]
pub(crate) struct Links {
    /// Its name.
    #[schema(value_type = String, example = "abcd-efgh-ijkl")]
    room: RoomId,
    /// One for each person, in the order of their seats.
    links: Vec<Link>,
}

/// A person's link. Whoever has it has the seat: it is for that person alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Link {
    #[schema(value_type = String)]
    pub(crate) name: DisplayName,
    #[schema(value_type = String)]
    pub(crate) role: Role,
    #[schema(value_type = u8)]
    seat: Seat,
    pub(crate) url: String,
}

/// The links of a room, under the server's address.
pub(crate) fn links(service: &Service, room: RoomId, base: &str) -> Option<Vec<Link>> {
    let invitations = service.invitations(&room)?;
    let link = |invitation: palabre_signaling::Invitation| Link {
        url: format!("{base}/r/{}#{}", room.as_str(), invitation.token.0),
        name: invitation.name,
        role: invitation.role,
        seat: invitation.seat,
    };
    Some(invitations.into_iter().map(link).collect())
}

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: ProblemBody,
}

/// Why a request is refused: which field, and what is wrong with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    #[schema(example = "people[1].role: unknown role `boss`")]
    error: String,
    /// Of a template that was brought: where, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl Problem {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, body: ProblemBody { error: error.into(), line: None } }
    }
}

impl axum::response::IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

fn bad(reason: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, reason)
}

/// Makes a room and its links.
#[utoipa::path(
    post, path = "/api/rooms", tag = "public listener", request_body = NewRoom, security(("operator" = [])),
    responses(
        (status = 201, description = "It is there", body = Links),
        (status = 400, description = "Which field is wrong, and why", body = ProblemBody),
        (status = 401, description = "It takes the operator's key", body = ProblemBody),
        (status = 403, description = "No operator's key is set on a public server", body = ProblemBody),
        (status = 413, description = "More than 144 KiB"),
        (status = 415, description = "Not `application/json`", body = ProblemBody),
        (status = 429, description = "This network asked too often; see `Retry-After`", body = ProblemBody),
        (status = 503, description = "The server is full, or stops", body = ProblemBody),
    ),
)]
pub(crate) async fn create_room(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    authorise(&app, &headers)?;
    // A form of another site cannot name this type without asking us first (CORS), so no other site
    // makes rooms on a server that is open to its own machine.
    let json =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
            kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
        });
    if !json {
        let reason = "the content type must be application/json".to_owned();
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let (config, telephone) = parse(&body, app.allow_rehearsal)?;
    let room = app.service.create_room_with(config, false, telephone).await.map_err(refused)?;
    let gone = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the room ended at once");
    let links = links(&app.service, room.clone(), &app.base_url(&headers)).ok_or_else(gone)?;
    Ok((StatusCode::CREATED, Json(Links { room, links })).into_response())
}

/// The links of the ready-made room.
#[utoipa::path(
    get, path = "/api/demo", tag = "public listener",
    responses(
        (status = 200, description = "The demo room, a new one if the last one's session is over", body = Links),
        (status = 404, description = "This server has none", body = ProblemBody),
    ),
)]
pub(crate) async fn demo(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<Links>, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "this server has no demo room");
    if !app.demo {
        return Err(none());
    }
    if app.service.takes_over() {
        // It may be with the server before, and there is to be one.
        let reason = "the server takes over from another one: ask again";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason));
    }
    let room = demo::room(&app.service, &app.demo_lock).await.map_err(refused)?;
    let links = links(&app.service, room.clone(), &app.base_url(&headers)).ok_or_else(none)?;
    Ok(Json(Links { room, links }))
}

/// A template that ships.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateCard {
    id: String,
    /// By language.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    title: palabre_facilitation::Text,
    /// By language.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    purpose: palabre_facilitation::Text,
    minutes: u64,
    /// How many it is sized for.
    people: u8,
}

/// The templates that ship.
#[utoipa::path(
    get, path = "/api/templates", tag = "public listener",
    responses((status = 200, description = "All of them", body = Vec<TemplateCard>)),
)]
pub(crate) async fn templates() -> Json<Vec<TemplateCard>> {
    let card = |template: Template| TemplateCard {
        minutes: template.target().0 / 60_000,
        people: template.people,
        id: template.id,
        title: template.title,
        purpose: template.purpose,
    };
    Json(Template::all_builtin().into_iter().map(card).collect())
}

fn authorise(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    match &app.operator_key {
        Some(key) => {
            let given = headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
                .unwrap_or_default();
            if bool::from(given.ct_eq(key.0.as_bytes())) {
                Ok(())
            } else {
                let reason = "making a room takes the operator's key".to_owned();
                Err(Problem::new(StatusCode::UNAUTHORIZED, reason))
            }
        }
        None if app.own_machine => Ok(()),
        None => {
            let reason =
                "no operator's key is set on this server: nobody can make rooms".to_owned();
            Err(Problem::new(StatusCode::FORBIDDEN, reason))
        }
    }
}

fn parse(body: &[u8], allow_rehearsal: bool) -> Result<(RoomConfig, Option<Telephone>), Problem> {
    let NewRoom { template, template_text, language, people, speed, telephone } =
        serde_json::from_slice(body).map_err(|error| bad(format!("the request: {error}")))?;
    let template = match (template, template_text) {
        (Some(id), None) => Template::builtin(&id).ok_or_else(|| {
            let known: Vec<String> = Template::all_builtin().into_iter().map(|t| t.id).collect();
            bad(format!("template: there is no `{id}` (there are: {})", known.join(", ")))
        })?,
        (None, Some(text)) => Template::parse(&text).map_err(brought)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(bad("template: either its name or, as `template_text`, its whole text"));
        }
    };
    let template = match speed {
        None | Some(1) => template,
        Some(_) if !allow_rehearsal => {
            return Err(bad("speed: this server takes no rehearsals"));
        }
        Some(factor @ 2..=120) => template.sped_up(factor),
        Some(factor) => return Err(bad(format!("speed: must be 1 to 120, not {factor}"))),
    };
    let people = people
        .into_iter()
        .enumerate()
        .map(|(index, NewPerson { name, role, expert })| {
            let at = |field, reason: String| bad(format!("people[{index}].{field}: {reason}"));
            let name = DisplayName::parse(&name).map_err(|error| at("name", error.to_string()))?;
            let role = role.parse::<Role>().map_err(|error| at("role", error.to_string()))?;
            if expert && role != Role::Consultant {
                return Err(at("expert", ConfigError::ExpertRole.to_string()));
            }
            Ok(PersonConfig { name, role, expert })
        })
        .collect::<Result<_, Problem>>()?;
    let telephone = telephone
        .map(|line| Telephone::parse(&line).map_err(|error| bad(format!("telephone: {error}"))))
        .transpose()?;
    Ok((RoomConfig { template: Arc::new(template), language, people }, telephone))
}

/// Why a template that was brought is none, and in which line.
fn brought(error: TemplateError) -> Problem {
    let TemplateError { line, reason } = error;
    let body = ProblemBody { error: format!("template_text: {reason}"), line: Some(line) };
    Problem { status: StatusCode::BAD_REQUEST, body }
}

fn refused(error: CreateError) -> Problem {
    let status = match &error {
        CreateError::Config(_) => StatusCode::BAD_REQUEST,
        CreateError::Full | CreateError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        CreateError::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let reason = match &error {
        CreateError::Config(error) => format!("people: {error}"),
        CreateError::Full | CreateError::Stopping => error.to_string(),
        // What the disk said is for the log, not for the caller.
        CreateError::Journal(_) => "the room cannot be remembered".to_owned(),
    };
    Problem::new(status, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = r#"{"template":"codev-1h15","language":"fr","people":[
        {"name":"Camille","role":"facilitator"},{"name":"Laura","role":"client"}]}"#;

    const MINE: &str = r#"title = { fr = "À moi", en = "Mine" }
purpose = { fr = "Parler.", en = "To talk." }
people = 4
[[phase]]
id = "parole"
title = { fr = "Parole", en = "Word" }
purpose = { fr = "Parler.", en = "To talk." }
target = "1 min"
[phase.prompts]
everyone = { fr = "Parlez.", en = "Talk." }
[[phase.floor]]
policy = "open"
"#;

    /// The request with a template of one's own.
    fn with_text(text: &str) -> String {
        let text = serde_json::to_string(text).expect("encodes");
        ROOM.replacen(r#""template":"codev-1h15""#, &format!(r#""template_text":{text}"#), 1)
    }

    #[test]
    fn a_room_is_what_was_asked_for() {
        let (config, _) = parse(ROOM.as_bytes(), false).expect("valid");
        assert_eq!(config.template.id, "codev-1h15");
        assert_eq!(config.people[1].role, Role::Client);
    }

    #[test]
    fn a_template_that_is_brought_is_followed() {
        let text = "id = \"mine\"\n".to_owned() + MINE;
        let (config, _) = parse(with_text(&text).as_bytes(), false).expect("valid");
        assert_eq!((config.template.id.as_str(), config.template.phases.len()), ("mine", 1));
        let faster = with_text(&text).replace(r#""language""#, r#""speed":2,"language""#);
        let (config, _) = parse(faster.as_bytes(), true).expect("valid");
        assert_eq!(config.template.target().0, 30_000);
    }

    #[test]
    fn a_broken_template_is_refused_with_line_and_reason() {
        for (text, line, reason) in [
            (MINE.to_owned(), 1, "id"),
            (format!("id = \"mine\"\n{MINE}nonsense = 1\n"), 14, "nonsense"),
            (format!("id = \"mine\"\n{MINE}#{}", "é".repeat(32 * 1024)), 1, "at most"),
        ] {
            let Err(problem) = parse(with_text(&text).as_bytes(), false) else {
                panic!("{text} was taken");
            };
            assert_eq!((problem.status, problem.body.line), (StatusCode::BAD_REQUEST, Some(line)));
            let words = problem.body.error;
            assert!(words.starts_with("template_text: ") && words.contains(reason), "{words}");
        }
    }

    #[test]
    fn a_rehearsal_is_faster_where_it_is_allowed() {
        let fast = ROOM.replace(r#""language""#, r#""speed":60,"language""#);
        let (config, _) = parse(fast.as_bytes(), true).expect("valid");
        let target = Template::builtin("codev-1h15").expect("ships").target();
        assert_eq!(config.template.target().0, target.0 / 60);
        assert!(parse(fast.as_bytes(), false).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, reason) in [
            ("codev-1h15", "codev-9h", "there is no `codev-9h`"),
            (r#""fr""#, r#""xx""#, "xx"),
            ("Laura", " ", "people[1].name: a name must not be empty"),
            (r#""client""#, r#""boss""#, "people[1].role: unknown role `boss`"),
            (r#""language""#, r#""speed":121,"language""#, "speed: must be 1 to 120"),
            (r#""language""#, r#""speed":0,"language""#, "speed: must be 1 to 120"),
            (r#""language""#, r#""speed":1.5,"language""#, "the request"),
            (r#""language""#, r#""colour":1,"language""#, "unknown field `colour`"),
            (r#""language""#, r#""telephone":" ","language""#, "telephone: must be one line"),
            (r#""people""#, r#""persons""#, "persons"),
            (r#""template":"codev-1h15","#, "", "either its name or"),
            (r#""language""#, r#""template_text":"","language""#, "either its name or"),
            (
                r#""client"}"#,
                r#""client","expert":true}"#,
                "people[1].expert: only a consultant can be an expert",
            ),
        ] {
            let text = ROOM.replacen(from, to, 1);
            let Err(Problem { status, body }) = parse(text.as_bytes(), true) else {
                panic!("{text} was taken");
            };
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(body.error.contains(reason), "{body:?} does not say {reason}");
            assert_eq!(body.line, None);
        }
    }
}
