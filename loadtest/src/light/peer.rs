//! What a bot holds of its light media.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context as _, Result};
use palabre_wire::{IceCredentials, MediaPlan};
use tokio::sync::watch;

use super::connection::{Connection, Identity};
use super::engine::{Engine, SharedSession, lock};
use super::sdp::{Description, Flow, Kind, offer};
use super::session::Session;
use crate::bot::PeerState;
use crate::bot::peer::Camera;
use crate::bot::plan::SlotMap;
use crate::bot::senses::SharedSenses;

/// A peer connection laid out as the server's plan says, driven by one of the light bots' threads. It ends when
/// this value goes, without goodbye.
pub struct LightPeer {
    engine: Arc<Engine>,
    session: SharedSession,
    place: usize,
    sections: Vec<(Kind, Flow)>,
    plan: MediaPlan,
    state: watch::Receiver<PeerState>,
}

impl LightPeer {
    /// Lays out a peer connection: microphone, camera, screen, then the slots of `plan`. What it hears
    /// goes to `senses`, and what these have to say comes from there.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn new(plan: &MediaPlan, camera: Camera, senses: SharedSenses) -> Result<Self> {
        let engine = Engine::shared()?;
        let now = Instant::now();
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("a light bot's socket")?;
        let port = socket.local_addr()?.port();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        // A server takes a known certificate for the session it knows.
        let connection = Connection::new(Identity::new()?, address, now);
        let (state_tx, state) = watch::channel(PeerState::Connecting);
        let session = Session::new(socket, connection, camera.layers(), senses, state_tx, now)?;
        let [microphone, screen, single] = session.ssrcs();
        let sends = |ssrc| Flow::Send { ssrc, rtx: None };
        let shows = match camera {
            Camera::Simulcast => Flow::Simulcast,
            Camera::Single => sends(single),
        };
        let mut sections = vec![
            (Kind::Audio, sends(microphone)),
            (Kind::Video, shows),
            (Kind::Video, sends(screen)),
        ];
        for _ in &plan.slots {
            sections.extend([(Kind::Audio, Flow::Receive), (Kind::Video, Flow::Receive)]);
        }
        sections.push((Kind::Video, Flow::Receive));
        let session = Arc::new(Mutex::new(session));
        let place = engine.add(&session);
        Ok(Self { engine, session, place, sections, plan: plan.clone(), state })
    }

    /// The offer, with its candidate.
    #[must_use]
    pub fn offer(&self) -> String {
        offer(lock(&self.session).connection.own(), &self.sections)
    }

    /// The offer that follows makes new ICE credentials.
    pub fn restart_ice(&self) {
        lock(&self.session).connection.restart_ice();
    }

    /// Takes the server's answer.
    ///
    /// # Errors
    /// When it does not fit the offer.
    pub fn accept(&self, answer: &str) -> Result<()> {
        let map = SlotMap::from_answer(&self.plan, answer)?;
        let answer = Description::parse(answer).context("reading the answer")?;
        lock(&self.session).accept(&answer, map, Instant::now())?;
        self.engine.stir();
        Ok(())
    }

    /// Takes the credentials of the next path, which is begun when this one is dead.
    pub fn next_ice(&self, next: IceCredentials) {
        lock(&self.session).next_ice(next);
    }

    /// Where the connection stands, as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<PeerState> {
        self.state.clone()
    }

    /// Ends it, with a goodbye to the server.
    pub fn close(&self) {
        let mut session = lock(&self.session);
        if let Err(error) = session.connection.close(Instant::now()) {
            tracing::debug!(%error, "closing a light bot's media");
        }
        session.flush();
    }
}

impl Drop for LightPeer {
    fn drop(&mut self) {
        self.engine.remove(self.place);
    }
}
