//! Rooms and links: where a bot gets in.

use std::fmt;

use anyhow::{Context, Result, ensure};
use palabre_ids::{Role, RoomId, Seat};
use serde::{Deserialize, Serialize};

/// A server's address, `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    authority: String,
}

impl Server {
    /// Parses `http://host[:port]`; the load test speaks to servers it runs beside, without TLS.
    ///
    /// # Errors
    /// When it is another kind of address.
    pub fn parse(url: &str) -> Result<Self> {
        let authority =
            url.strip_prefix("http://").context("a server is given as http://host:port")?;
        let authority = authority.trim_end_matches('/');
        ensure!(
            !authority.is_empty() && !authority.contains(['/', '#', '?', '@']),
            "a server is given as http://host:port"
        );
        Ok(Self { authority: authority.to_owned() })
    }

    /// The address of a path.
    #[must_use]
    pub fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// The address of the WebSocket.
    #[must_use]
    pub fn websocket(&self) -> String {
        format!("ws://{}/ws", self.authority)
    }

    /// What a page served from there gives as its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }
}

/// The secret of a link.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// For the hello, and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A seat's link, taken apart.
#[derive(Debug, Clone)]
pub struct Link {
    /// Whose server.
    pub server: Server,
    /// The room.
    pub room: RoomId,
    /// The seat.
    pub seat: Seat,
    /// The part its person plays.
    pub role: Role,
    /// What gives access.
    pub token: Token,
}

/// A person to be invited.
#[derive(Debug, Clone, Serialize)]
pub struct Invitation {
    /// The name on the screen.
    pub name: String,
    /// The part.
    pub role: Role,
}

/// What `POST /api/rooms` takes.
#[derive(Debug, Clone, Serialize)]
pub struct RoomRequest {
    /// The template's name.
    pub template: String,
    /// `fr` or `en`.
    pub language: String,
    /// Who comes.
    pub people: Vec<Invitation>,
    /// A rehearsal: every duration divided by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<u32>,
}

/// What `POST /api/rooms` and `GET /api/demo` answer, as it is.
#[derive(Debug, Clone, Deserialize)]
pub struct RoomAnswer {
    room: RoomId,
    links: Vec<LinkAnswer>,
}

#[derive(Debug, Clone, Deserialize)]
struct LinkAnswer {
    role: Role,
    seat: Seat,
    url: String,
}

impl RoomAnswer {
    /// Parses the answer's text.
    ///
    /// # Errors
    /// When it is not such an answer.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json)
            .context("the answer of POST /api/rooms: {room, links: [{name, role, seat, url}]}")
    }

    /// The links, taken apart, by seat.
    ///
    /// # Errors
    /// When a link has another shape than `http://host/r/room#token`.
    pub fn links(&self) -> Result<Vec<Link>> {
        let mut links = self
            .links
            .iter()
            .map(|link| {
                let (page, token) =
                    link.url.split_once('#').context("a link has its token after a #")?;
                let (server, room) =
                    page.split_once("/r/").context("a link is http://host/r/room#token")?;
                ensure!(room == self.room.as_str(), "a link leads to another room");
                ensure!(!token.is_empty(), "a link has no token");
                Ok(Link {
                    server: Server::parse(server)?,
                    room: self.room.clone(),
                    seat: link.seat,
                    role: link.role,
                    token: Token(token.to_owned()),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        links.sort_by_key(|link| link.seat);
        Ok(links)
    }
}

/// Opens a room.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn open_room(server: &Server, request: &RoomRequest) -> Result<Vec<Link>> {
    let url = server.http("/api/rooms");
    let request = request.clone();
    let answer = tokio::task::spawn_blocking(move || post(&url, &request)).await??;
    let mut links = RoomAnswer::parse(&answer)?.links()?;
    // The server may call itself by another name than the one it was reached by.
    for link in &mut links {
        link.server = server.clone();
    }
    Ok(links)
}

/// The server has as many rooms as it takes, or takes no more so soon.
#[derive(Debug)]
pub struct Refused {
    /// The HTTP status: 503 or 429.
    pub status: u16,
    says: String,
}

impl Refused {
    /// What an answer with this status is.
    pub(crate) fn or_error(url: &str, status: u16, body: &str) -> anyhow::Error {
        let says = format!("POST {url} answered {status}: {body}");
        match status {
            503 | 429 => Self { status, says }.into(),
            _ => anyhow::anyhow!(says),
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)
    }
}

impl std::error::Error for Refused {}

fn post(url: &str, request: &RoomRequest) -> Result<String> {
    let agent = ureq::Agent::new_with_config(
        ureq::config::Config::builder().http_status_as_error(false).build(),
    );
    let mut response = agent.post(url).send_json(request).with_context(|| format!("POST {url}"))?;
    let body = response.body_mut().read_to_string()?;
    if response.status() != 201 {
        return Err(Refused::or_error(url, response.status().as_u16(), body.trim()));
    }
    Ok(body)
}

/// Gets a text, such as the server's metrics.
///
/// # Errors
/// When the answer is not 200.
pub async fn get(url: String) -> Result<String> {
    tokio::task::spawn_blocking(move || {
        let mut response = ureq::get(&url).call().with_context(|| format!("GET {url}"))?;
        Ok(response.body_mut().read_to_string()?)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_taken_apart_and_its_token_stays_out_of_debug() {
        let answer = RoomAnswer::parse(
            r#"{"room":"demo-room","links":[{"name":"B","role":"client","seat":1,"url":"http://h:1/r/demo-room#s3cret"},
                {"name":"A","role":"facilitator","seat":0,"url":"http://h:1/r/demo-room#other"}]}"#,
        )
        .expect("valid");
        let links = answer.links().expect("valid");
        assert_eq!(links[1].token.reveal(), "s3cret");
        assert_eq!((links[0].seat, links[0].role), (Seat(0), Role::Facilitator));
        assert_eq!(links[0].server.websocket(), "ws://h:1/ws");
        assert!(!format!("{:?}", links[1]).contains("s3cret"));
    }

    #[test]
    fn links_of_another_shape_are_refused() {
        for url in [
            "http://h/r/demo-room",
            "http://h/r/demo-room#",
            "http://h/demo-room#x",
            "http://h/r/other-room#x",
        ] {
            let json = format!(
                r#"{{"room":"demo-room","links":[{{"role":"client","seat":1,"url":"{url}"}}]}}"#
            );
            assert!(RoomAnswer::parse(&json).expect("JSON").links().is_err(), "{url}");
        }
        assert!(Server::parse("https://h").is_err());
        assert!(Server::parse("http://h/x").is_err());
    }
}
