//! Tokens that are not what they should be, over a real socket: each is refused in a word that the wire
//! names, nobody else notices, and nothing of it is in the log.

mod common;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use common::{AMADOU, CHAIR, Call, LAURA, Page, Server, room_of};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use palabre_backup::{Journal, MemoryJournal, ValueName};
use palabre_ids::{EventSeq, Role, RoomId, Seat};
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Command, MediaOffer, Missed, RecordFate, Resume,
    ServerMessage, WIRE_VERSION,
};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps everything that is logged, at every level.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0.lock().expect("lock"), "{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Log {
    /// Nothing of `secret` is in it, not even half.
    fn knows_nothing_of(&self, what: &str, secret: &str) {
        let logged = self.0.lock().expect("lock");
        let part: String = secret.chars().take(secret.len() / 2).skip(secret.len() / 4).collect();
        assert!(part.len() < 4 || !logged.contains(&part), "{what} is in the log");
    }
}

/// A room whose link key is known, as to somebody who stole it: what it signs is refused for other reasons.
struct Scene {
    server: Server,
    key: EncodingKey,
}

impl Scene {
    async fn new() -> Self {
        let journal = Arc::new(MemoryJournal::new());
        let people =
            [("Camille", Role::Facilitator), ("Laura", Role::Client), ("Amadou", Role::Consultant)];
        let room = room_of("plain-meeting", &people);
        let server = Server::start_with(Arc::clone(&journal) as _, room).await;
        let secret = journal.get(ValueName::LinkKey).expect("read").expect("a key");
        Self { server, key: EncodingKey::from_secret(&secret) }
    }

    fn signed(&self, room: &str, seat: Value, exp: Value) -> String {
        let claims = json!({"room": room, "seat": seat, "role": "client", "exp": exp});
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key).expect("signed")
    }

    /// What a hello with this token, and this resume, is answered with.
    async fn hello(&self, token: &Value, resume: &Value) -> ServerMessage {
        let mut page = self.server.connect().await;
        let mut hello =
            json!({"type": "hello", "version": WIRE_VERSION, "token": token, "language": "en"});
        if !resume.is_null() {
            hello["resume"] = resume.clone();
        }
        page.say_text(hello.to_string()).await;
        page.next().await
    }
}

/// One character in another place of the alphabet, at `at`.
fn flipped(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

const FAR: u64 = 4_000_000_000;

#[tokio::test]
async fn a_link_that_is_not_whole_opens_nothing_and_disturbs_nobody() {
    let log = Log::default();
    // The test's own thread runs everything of it.
    let _logged = tracing::subscriber::set_default(log.clone());
    let scene = Scene::new().await;
    let mut laura = scene.server.join(LAURA).await;
    let (good, room) = (scene.server.tokens[LAURA].clone(), scene.server.room.as_str().to_owned());
    let other = Scene::new().await;
    let unsigned = {
        let payload = good.split('.').nth(1).expect("three parts");
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{payload}.")
    };
    let parts: Vec<usize> = good.match_indices('.').map(|(at, _)| at).collect();
    let bad = ClosingReason::BadToken;
    let mut cases = vec![
        ("nothing", json!(""), bad),
        ("no parts", json!("token"), bad),
        ("empty parts", json!(".."), bad),
        ("a signature less", json!(good[..parts[1]]), bad),
        ("a byte less", json!(good[..good.len() - 1]), bad),
        ("a byte more", json!(format!("{good}A")), bad),
        ("half of it", json!(good[..good.len() / 2]), bad),
        ("far too long", json!("A".repeat(40_000)), bad),
        ("unsigned", json!(unsigned), bad),
        ("not text at all", json!("\u{0}\u{7}é\u{1F600}"), bad),
        ("of another server", json!(other.server.tokens[LAURA]), bad),
        (
            "expired",
            json!(scene.signed(&room, json!(1), json!(1_000_000_000))),
            ClosingReason::TokenExpired,
        ),
        (
            "of a room that never was",
            json!(scene.signed("aaaa-bbbb-cccc", json!(1), json!(FAR))),
            ClosingReason::RoomGone,
        ),
        ("of a seat that the room has not", json!(scene.signed(&room, json!(11), json!(FAR))), bad),
        ("of a seat that no room has", json!(scene.signed(&room, json!(200), json!(FAR))), bad),
        ("of a seat below none", json!(scene.signed(&room, json!(-1), json!(FAR))), bad),
        ("of a seat in words", json!(scene.signed(&room, json!("1"), json!(FAR))), bad),
        ("that never expires", json!(scene.signed(&room, json!(1), json!(null))), bad),
        ("a number", json!(5), ClosingReason::HelloExpected),
        ("none", json!(null), ClosingReason::HelloExpected),
        ("a list", json!([good.clone()]), ClosingReason::HelloExpected),
    ];
    // One of each place: head, claims, signature; their first, middle and last but one byte, whose bits
    // all count.
    for (part, (from, to)) in [(0, parts[0]), (parts[0] + 1, parts[1]), (parts[1] + 1, good.len())]
        .into_iter()
        .enumerate()
    {
        for at in [from, from + (to - from) / 2, to - 2] {
            let names = ["forged in its head", "forged in its claims", "forged in its signature"];
            cases.push((names[part], json!(flipped(&good, at)), bad));
        }
    }
    for (what, token, expected) in cases {
        match scene.hello(&token, &Value::Null).await {
            ServerMessage::Closing { reason, .. } => assert_eq!(reason, expected, "{what}"),
            admitted => panic!("{what}: {admitted:?}"),
        }
        if let Some(token) = token.as_str() {
            log.knows_nothing_of(what, token);
        }
    }
    let token = laura.welcome.as_ref().expect("welcome").resume_token.clone();
    is_undisturbed(&scene, &mut laura).await;
    log.knows_nothing_of("the resume token", &token);
    log.knows_nothing_of("the link", &good);
}

/// The page is where it was: connected, heard, and with a place to come back to.
async fn is_undisturbed(scene: &Scene, page: &mut Page) {
    let seen = page.so_far().await;
    let closed = seen.iter().any(|message| matches!(message, ServerMessage::Closing { .. }));
    assert!(!closed, "{seen:?}");
    assert_eq!(page.command(Command::CannotHear).await, Answer::Done);
    let welcome = page.welcome.clone().expect("welcome");
    let resume = Resume { token: welcome.resume_token, last_seq: welcome.seq };
    let mut back = scene.server.connect().await;
    back.hello(&scene.server.tokens[welcome.seat.index()], Some(resume)).await;
    assert!(matches!(back.next().await, ServerMessage::Resumed(_)));
    assert!(page.try_next().await.is_none(), "it was given up for the one that resumed");
    // By saying something it shows that it has its next token.
    back.so_far().await;
    *page = back;
}

async fn missed(scene: &Scene, person: usize, token: &str, seq: EventSeq) -> Missed {
    let resume = json!({"token": token, "last_seq": seq});
    match scene.hello(&json!(scene.server.tokens[person]), &resume).await {
        ServerMessage::Resumed(missed) => missed,
        other => panic!("{other:?} instead of what was missed"),
    }
}

#[tokio::test]
async fn a_resume_token_is_one_seats_and_good_once() {
    let log = Log::default();
    let _logged = tracing::subscriber::set_default(log.clone());
    let scene = Scene::new().await;
    let other = Scene::new().await;
    let mut laura = scene.server.join(LAURA).await;
    let welcome = laura.welcome.clone().expect("welcome");
    let (mine, seq) = (welcome.resume_token.clone(), welcome.seq);
    let of_other_room = other.server.join(LAURA).await.welcome.expect("welcome").resume_token;
    // Somebody else of the room tries to come back as Laura: they come as themselves, and anew.
    let mut resumes = vec![
        ("another seat's", mine.clone()),
        ("another room's", of_other_room),
        ("nothing", String::new()),
        ("a byte less", mine[..mine.len() - 1].to_owned()),
        ("a byte more", format!("{mine}A")),
        ("far too long", "A".repeat(40_000)),
        ("no such alphabet", "é".repeat(11)),
    ];
    resumes.extend((0..mine.len() - 1).step_by(5).map(|at| ("forged", flipped(&mine, at))));
    for (what, token) in resumes {
        let resume = json!({"token": token, "last_seq": seq});
        let link = json!(scene.server.tokens[AMADOU]);
        match scene.hello(&link, &resume).await {
            ServerMessage::Welcome(welcome) => assert_eq!(welcome.seat, Seat(2), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        log.knows_nothing_of(what, &token);
    }
    for (what, resume) in [
        ("not an object", json!("token")),
        ("a number for a token", json!({"token": 5, "last_seq": 0})),
        ("a seq below none", json!({"token": mine, "last_seq": -1})),
        ("a seq in words", json!({"token": mine, "last_seq": "0"})),
        ("no seq", json!({"token": mine})),
        ("more than there is", json!({"token": mine, "last_seq": 0, "seat": 1})),
    ] {
        match scene.hello(&json!(scene.server.tokens[LAURA]), &resume).await {
            ServerMessage::Closing { reason, .. } => {
                assert_eq!(reason, ClosingReason::HelloExpected, "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    is_undisturbed(&scene, &mut laura).await;

    // Used once, it is used up: who replays it has the link, and so the seat, but nothing of the page's.
    match scene
        .hello(&json!(scene.server.tokens[LAURA]), &json!({"token": mine, "last_seq": seq}))
        .await
    {
        ServerMessage::Welcome(welcome) => {
            assert_ne!(welcome.resume_token, mine);
            let again = missed(&scene, LAURA, &welcome.resume_token, welcome.seq).await;
            assert_ne!(again.resume_token, welcome.resume_token, "each works once");
        }
        other => panic!("{other:?} instead of a welcome"),
    }
    log.knows_nothing_of("the resume token", &mine);
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_comes_back_with_the_token_it_has() {
    let scene = Scene::new().await;
    let mut laura = scene.server.join(LAURA).await;
    let offer = ClientMessage::MediaOffer(MediaOffer { generation: 1, sdp: "v=0 offer".into() });
    laura.say(&offer).await;
    laura.until(|message| matches!(message, ServerMessage::MediaAnswer(_))).await;
    let welcome = laura.welcome.clone().expect("welcome");
    let (first, seq) = (welcome.resume_token, welcome.seq);
    let before = scene.server.media.calls().len();
    let ended = || scene.server.media.calls()[before..].contains(&Call::CloseSeat(Seat(1)));
    // Each of these answers gets lost with its connection.
    let mut given = Vec::new();
    for _ in 0..3 {
        let missed = missed(&scene, LAURA, &first, seq).await;
        assert!(missed.media_alive, "its media were never touched");
        given.push(missed.resume_token);
    }
    // The last one arrives after all. The page says so, whatever it says, and those before are over.
    let mut page = scene.server.connect().await;
    let resume = Resume { token: given.pop().expect("three"), last_seq: seq };
    page.hello(&scene.server.tokens[LAURA], Some(resume.clone())).await;
    assert!(matches!(page.next().await, ServerMessage::Resumed(_)));
    page.so_far().await;
    given.extend([first, resume.token]);
    assert!(!ended());
    for token in given {
        let resume = json!({"token": token, "last_seq": seq});
        match scene.hello(&json!(scene.server.tokens[LAURA]), &resume).await {
            ServerMessage::Welcome(_) => {}
            other => panic!("{other:?} for a token that was used up"),
        }
    }
    assert!(ended(), "whoever starts anew ends what was there");
}

#[tokio::test]
async fn the_tokens_of_an_erased_room_lead_nowhere() {
    let scene = Scene::new().await;
    let mut chair = scene.server.join(CHAIR).await;
    let mut laura = scene.server.join(LAURA).await;
    let welcome = laura.welcome.clone().expect("welcome");
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    let erase = Command::DecideRecord { fate: RecordFate::Erase };
    assert_eq!(laura.command(erase).await, Answer::Done);
    assert_eq!(chair.command(Command::EndSession).await, Answer::Done);
    assert_eq!(laura.closing().await, ClosingReason::SessionEnded);
    let resume = json!({"token": welcome.resume_token, "last_seq": welcome.seq});
    for resume in [Value::Null, resume] {
        match scene.hello(&json!(scene.server.tokens[LAURA]), &resume).await {
            ServerMessage::Closing { reason, .. } => assert_eq!(reason, ClosingReason::RoomGone),
            other => panic!("{other:?}"),
        }
    }
    let room: &RoomId = &scene.server.room;
    assert!(scene.server.service.invitations(room).is_none());
}
