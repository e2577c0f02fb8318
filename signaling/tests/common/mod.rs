//! A real server on loopback, a fake media plane, and pages that speak the wire.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use palabre_backup::{Journal, LogJournal, MemoryJournal};
use palabre_facilitation::Template;
use palabre_ids::{
    DisplayName, Epoch, GateEntry, Language, MediaSession, OpenedTunnel, Role, RoomId, Seat,
};
use palabre_room::{PersonConfig, RoomConfig};
use palabre_signaling::{
    Ear, MediaFuture, MediaPlane, MediaStopped, Negotiated, OfferError, Service, ServiceConfig,
    router,
};
use palabre_wire::frame::{Heard, Voice};
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Command, CommandId, Event, Hello, Resume, RoomEvent,
    SeatView, ServerMessage, WIRE_VERSION, Welcome,
};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a test waits for what must come. Nothing takes so long; a missing message fails here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The journal in a data directory.
pub(crate) fn open(directory: &Path) -> Arc<dyn Journal> {
    Arc::new(LogJournal::open(directory).expect("opens"))
}

/// The data directory as `kill -9` would leave it now.
pub(crate) fn crash(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("dir");
    let (from, into) = (from.join("journal"), to.path().join("journal"));
    std::fs::create_dir(&into).expect("made");
    for file in std::fs::read_dir(from).expect("read") {
        let file = file.expect("read");
        std::fs::copy(file.path(), into.join(file.file_name())).expect("copied");
    }
    to
}

/// What the fake media plane was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    OpenRoom(u8),
    CloseRoom,
    LeaveRoom { until: std::time::Instant },
    Negotiate(Seat),
    SetGate(Epoch, Vec<GateEntry>),
    SetViews(Seat, Vec<SeatView>),
    SetScreen(Option<Seat>),
    CloseSeat(Seat),
    OpenTunnel(Seat),
    CloseTunnel(Seat),
    Say((Seat, MediaSession), Vec<u8>),
}

/// A media plane that writes down what it is asked.
pub(crate) struct FakeMedia {
    calls: Mutex<Vec<Call>>,
    count: watch::Sender<usize>,
    sessions: Mutex<HashSet<Seat>>,
    gate: Semaphore,
    stopped: AtomicBool,
    panics: AtomicBool,
    /// Sessions and tunnels are numbered from 1.
    given: AtomicU32,
    ear: Mutex<Option<Ear>>,
}

impl FakeMedia {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            count: watch::Sender::new(0),
            sessions: Mutex::default(),
            gate: Semaphore::new(1),
            stopped: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            given: AtomicU32::new(0),
            ear: Mutex::default(),
        })
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("lock").clone()
    }

    pub(crate) fn lose_session(&self, seat: Seat) {
        self.sessions.lock().expect("lock").remove(&seat);
    }

    /// The session or tunnel that was given last.
    pub(crate) fn last_given(&self) -> MediaSession {
        MediaSession(self.given.load(Ordering::SeqCst))
    }

    fn give(&self) -> MediaSession {
        MediaSession(self.given.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Puts something into the tunnel that was opened last.
    pub(crate) fn hear(&self, heard: &Heard<'_>) {
        self.ear.lock().expect("lock").as_ref().expect("a tunnel").hear(heard);
    }

    /// From now on no gate is taken.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// The next call about views panics, inside the room's task.
    pub(crate) fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// From now on a gate is not acknowledged, until what this gives is dropped.
    pub(crate) async fn hold_gate(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.gate.acquire().await.expect("open")
    }

    /// Waits until a call that `wanted` picks was made at or after index `from`; gives its index.
    pub(crate) async fn wait_for(&self, from: usize, wanted: impl Fn(&Call) -> bool) -> usize {
        let mut count = self.count.subscribe();
        let found = async {
            loop {
                count.borrow_and_update();
                let calls = self.calls();
                if let Some(at) = (from..calls.len()).find(|at| wanted(&calls[*at])) {
                    return at;
                }
                count.changed().await.expect("alive");
            }
        };
        timeout(PATIENCE, found).await.expect("the media plane was asked")
    }

    fn note(&self, call: Call) {
        self.calls.lock().expect("lock").push(call);
        self.count.send_modify(|count| *count += 1);
    }
}

impl MediaPlane for FakeMedia {
    fn open_room<'a>(&'a self, _: &'a RoomId, seats: u8) -> MediaFuture<'a, ()> {
        Box::pin(async move { self.note(Call::OpenRoom(seats)) })
    }
    fn close_room<'a>(&'a self, _: &'a RoomId) -> MediaFuture<'a, ()> {
        Box::pin(async move { self.note(Call::CloseRoom) })
    }
    fn leave_room<'a>(&'a self, _: &'a RoomId, until: std::time::Instant) -> MediaFuture<'a, ()> {
        Box::pin(async move { self.note(Call::LeaveRoom { until }) })
    }
    fn negotiate<'a>(
        &'a self,
        _: &'a RoomId,
        seat: Seat,
        offer: String,
    ) -> MediaFuture<'a, Result<Negotiated, OfferError>> {
        Box::pin(async move {
            self.note(Call::Negotiate(seat));
            if !offer.starts_with("v=0") {
                return Err(OfferError::Refused("not an offer".into()));
            }
            self.sessions.lock().expect("lock").insert(seat);
            let answer = offer.replace("offer", "answer");
            Ok(Negotiated { session: self.give(), beside: None, answer, next_ice: None })
        })
    }
    fn set_gate<'a>(
        &'a self,
        _: &'a RoomId,
        epoch: Epoch,
        table: Vec<GateEntry>,
    ) -> MediaFuture<'a, Result<(), MediaStopped>> {
        Box::pin(async move {
            self.note(Call::SetGate(epoch, table));
            drop(self.gate.acquire().await.expect("open"));
            if self.stopped.load(Ordering::SeqCst) { Err(MediaStopped) } else { Ok(()) }
        })
    }
    fn set_views<'a>(
        &'a self,
        _: &'a RoomId,
        seat: Seat,
        views: Vec<SeatView>,
    ) -> MediaFuture<'a, ()> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "as a test asked");
        Box::pin(async move { self.note(Call::SetViews(seat, views)) })
    }
    fn set_screen<'a>(&'a self, _: &'a RoomId, seat: Option<Seat>) -> MediaFuture<'a, ()> {
        Box::pin(async move { self.note(Call::SetScreen(seat)) })
    }
    fn close_seat<'a>(&'a self, _: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()> {
        Box::pin(async move {
            self.note(Call::CloseSeat(seat));
            self.lose_session(seat);
        })
    }
    fn open_tunnel<'a>(
        &'a self,
        _: &'a RoomId,
        seat: Seat,
        ear: Ear,
    ) -> MediaFuture<'a, Option<OpenedTunnel>> {
        Box::pin(async move {
            self.note(Call::OpenTunnel(seat));
            self.lose_session(seat);
            *self.ear.lock().expect("lock") = Some(ear);
            Some(OpenedTunnel { tunnel: self.give(), coming: None })
        })
    }
    fn close_tunnel<'a>(&'a self, _: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()> {
        Box::pin(async move { self.note(Call::CloseTunnel(seat)) })
    }
    fn say(&self, _: &RoomId, by: (Seat, MediaSession), voice: &Voice<'_>) {
        self.note(Call::Say(by, voice.encode()));
    }
    fn silence<'a>(&'a self, _: &'a RoomId, seat: Seat) -> MediaFuture<'a, Option<Duration>> {
        let known = self.sessions.lock().expect("lock").contains(&seat);
        Box::pin(async move { known.then_some(Duration::ZERO) })
    }
}

/// A server and one room in it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    pub(crate) media: Arc<FakeMedia>,
    pub(crate) room: RoomId,
    pub(crate) tokens: Vec<String>,
    http: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.abort();
    }
}

const PEOPLE: [(&str, Role); 4] = [
    ("Camille", Role::Facilitator),
    ("Laura", Role::Client),
    ("Amadou", Role::Consultant),
    ("Sofia", Role::Consultant),
];

pub(crate) const CHAIR: usize = 0;
pub(crate) const LAURA: usize = 1;
pub(crate) const AMADOU: usize = 2;
pub(crate) const SOFIA: usize = 3;

/// A room that follows `template`.
pub(crate) fn room_of(template: &str, people: &[(&str, Role)]) -> RoomConfig {
    let person = |(name, role): &(&str, Role)| PersonConfig {
        name: DisplayName::parse(name).expect("name"),
        role: *role,
        expert: false,
    };
    RoomConfig {
        template: Arc::new(Template::builtin(template).expect("ships")),
        language: Language::Fr,
        people: people.iter().map(person).collect(),
    }
}

/// A peer coaching session of three, the third of whom is called `name`.
pub(crate) fn three(name: &str) -> RoomConfig {
    let third = (name, Role::Consultant);
    room_of("codev-1h15", &[PEOPLE[CHAIR], PEOPLE[LAURA], third])
}

impl Server {
    /// A server with one room that follows `template`.
    pub(crate) async fn start(template: &str) -> Self {
        Self::start_with(Arc::new(MemoryJournal::new()), room_of(template, &PEOPLE)).await
    }

    /// A server with one room that `config` describes, over `journal`.
    pub(crate) async fn start_with(journal: Arc<dyn Journal>, config: RoomConfig) -> Self {
        let (service, media) = Self::service(journal).await;
        let room = service.create_room(config, false).await.expect("made");
        Self::serve(service, media, room).await
    }

    /// A server over `journal`, which has one room.
    pub(crate) async fn restart(journal: Arc<dyn Journal>, room: RoomId) -> Self {
        let (service, media) = Self::service(journal).await;
        Self::serve(service, media, room).await
    }

    /// A server beside the one that has `room`, which it is to take over.
    pub(crate) async fn beside(journal: Arc<dyn Journal>, room: &Server) -> Self {
        let media = FakeMedia::new();
        let (config, plane) = (ServiceConfig::default(), Arc::clone(&media) as _);
        let now = room.service.time();
        let started = Service::start_beside(config, journal, plane, now).await;
        let (service, _nobody_asks) = started.expect("starts");
        Self::listen(service, media, room.room.clone(), room.tokens.clone()).await
    }

    pub(crate) async fn service(journal: Arc<dyn Journal>) -> (Service, Arc<FakeMedia>) {
        let media = FakeMedia::new();
        let config = ServiceConfig::default();
        let service = Service::start(config, journal, Arc::clone(&media) as Arc<dyn MediaPlane>);
        (service.await.expect("starts"), media)
    }

    pub(crate) async fn serve(service: Service, media: Arc<FakeMedia>, room: RoomId) -> Self {
        let invitations = service.invitations(&room).expect("the room is there");
        let tokens = invitations.into_iter().map(|invitation| invitation.token.0).collect();
        Self::listen(service, media, room, tokens).await
    }

    async fn listen(
        service: Service,
        media: Arc<FakeMedia>,
        room: RoomId,
        tokens: Vec<String>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound");
        let app = router(service.clone());
        let http = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { address, service, media, room, tokens, http }
    }

    pub(crate) fn request(&self, origin: Option<&str>) -> Request<()> {
        let url = format!("ws://{}/ws", self.address);
        let mut request = url.into_client_request().expect("valid");
        if let Some(origin) = origin {
            let origin = HeaderValue::from_str(origin).expect("valid");
            request.headers_mut().insert("origin", origin);
        }
        request
    }

    /// An open WebSocket that has not said hello.
    pub(crate) async fn connect(&self) -> Page {
        let (socket, _) = connect_async(self.request(None)).await.expect("connected");
        Page { socket, next_command: 1, welcome: None, frames: Vec::new() }
    }

    /// A page that is in.
    pub(crate) async fn join(&self, person: usize) -> Page {
        let mut page = self.connect().await;
        page.hello(&self.tokens[person], None).await;
        page.take_welcome().await;
        page
    }
}

/// A page.
pub(crate) struct Page {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) next_command: u64,
    pub(crate) welcome: Option<Welcome>,
    /// Every frame so far, as it came.
    pub(crate) frames: Vec<String>,
}

impl Page {
    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.say_text(serde_json::to_string(message).expect("encodes")).await;
    }

    pub(crate) async fn say_text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.expect("sent");
    }

    pub(crate) async fn hello(&mut self, token: &str, resume: Option<Resume>) {
        let hello = Hello {
            version: WIRE_VERSION,
            token: token.to_owned(),
            language: Language::En,
            resume,
        };
        self.say(&ClientMessage::Hello(hello)).await;
    }

    pub(crate) async fn take_welcome(&mut self) -> &Welcome {
        match self.next().await {
            ServerMessage::Welcome(welcome) => {
                self.next_command = welcome.last_command.0 + 1;
                self.welcome.insert(*welcome)
            }
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    /// The next message; fails when the connection ends first.
    pub(crate) async fn next(&mut self) -> ServerMessage {
        self.try_next().await.expect("the connection is open")
    }

    /// The next message, or nothing when the connection is closed.
    pub(crate) async fn try_next(&mut self) -> Option<ServerMessage> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something comes") {
                Some(Ok(Message::Text(text))) => {
                    self.frames.push(text.to_string());
                    return Some(serde_json::from_str(&text).expect("a message of the wire"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Messages up to and with the first that `wanted` picks.
    pub(crate) async fn until(
        &mut self,
        wanted: impl Fn(&ServerMessage) -> bool,
    ) -> Vec<ServerMessage> {
        let mut messages = Vec::new();
        loop {
            let message = self.next().await;
            let found = wanted(&message);
            messages.push(message);
            if found {
                return messages;
            }
        }
    }

    pub(crate) async fn until_event(&mut self, wanted: impl Fn(&RoomEvent) -> bool) -> Event {
        let mut messages = self
            .until(|message| matches!(message, ServerMessage::Event(e) if wanted(&e.event)))
            .await;
        match messages.pop() {
            Some(ServerMessage::Event(event)) => event,
            other => panic!("{other:?} is no event"),
        }
    }

    /// Everything that was sent to this page before the answer to a ping.
    pub(crate) async fn so_far(&mut self) -> Vec<ServerMessage> {
        self.say(&ClientMessage::Ping { at: 777 }).await;
        self.until(|message| matches!(message, ServerMessage::Pong { at: 777, .. })).await
    }

    pub(crate) async fn send_command(&mut self, command: Command) -> CommandId {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.say(&ClientMessage::Command { id, command }).await;
        id
    }

    /// The answer to a command, with what came before it.
    pub(crate) async fn answer_to(&mut self, id: CommandId) -> (Answer, Vec<ServerMessage>) {
        let messages = self
            .until(|m| matches!(m, ServerMessage::Answer { id: answered, .. } if *answered == id))
            .await;
        match messages.last() {
            Some(ServerMessage::Answer { answer, .. }) => (*answer, messages),
            other => panic!("{other:?} is no answer"),
        }
    }

    pub(crate) async fn command(&mut self, command: Command) -> Answer {
        let id = self.send_command(command).await;
        self.answer_to(id).await.0
    }

    /// The reason of the last message; the connection is closed behind it.
    pub(crate) async fn closing(&mut self) -> ClosingReason {
        let messages = self.until(|m| matches!(m, ServerMessage::Closing { .. })).await;
        assert!(self.try_next().await.is_none(), "nothing follows the last message");
        match messages.last() {
            Some(ServerMessage::Closing { reason, .. }) => *reason,
            other => panic!("{other:?} does not close"),
        }
    }
}
