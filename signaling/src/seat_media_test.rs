//! Every order in which a room may hear what its media plane noticed.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn credentials(number: u32) -> IceCredentials {
    IceCredentials { ufrag: format!("u{number}"), password: format!("p{number}") }
}

fn answered(session: u32) -> Answered {
    Answered {
        session: MediaSession(session),
        generation: session,
        next_ice: Some(credentials(session)),
    }
}

/// What the plane noticed, on its way to the room.
#[derive(Debug, Clone)]
enum Notice {
    /// Which tunnel it ended.
    Up(MediaSession, Option<MediaSession>),
    Lost(MediaSession),
    NextIce(MediaSession, IceCredentials),
}

/// A media plane with one seat, as the room's calls find it: they are carried out at once, while what it
/// notices waits in line.
#[derive(Debug, Default)]
struct Plane {
    standing: Option<Answered>,
    up: bool,
    /// Up for long enough that a tunnel ends it.
    settled: bool,
    coming: Option<Answered>,
    tunnel: Option<MediaSession>,
    given: u32,
    line: VecDeque<Notice>,
}

impl Plane {
    fn number(&mut self) -> u32 {
        self.given += 1;
        self.given
    }

    fn negotiate(&mut self) -> (Answered, Option<MediaSession>) {
        let new = answered(self.number());
        let stays = self.up && self.tunnel.is_none();
        let beside = self.standing.as_ref().filter(|_| stays).map(|standing| standing.session);
        if beside.is_some() {
            self.coming = Some(new.clone());
        } else {
            (self.standing, self.up, self.coming) = (Some(new.clone()), false, None);
        }
        (new, beside)
    }

    /// What is being set up goes on, in the place that it waited for, and what has only just come up.
    fn open_tunnel(&mut self) -> OpenedTunnel {
        if self.up && (self.settled || self.coming.is_some()) {
            (self.standing, self.up) = (self.coming.take(), false);
        }
        let tunnel = MediaSession(self.number());
        self.tunnel = Some(tunnel);
        OpenedTunnel { tunnel, coming: self.standing.as_ref().map(|coming| coming.session) }
    }

    fn close_tunnel(&mut self) {
        self.tunnel = None;
    }

    fn close_seat(&mut self) {
        (self.standing, self.coming, self.tunnel, self.up) = (None, None, None, false);
    }

    /// The youngest session's handshake ends.
    fn comes_up(&mut self) {
        if let Some(coming) = self.coming.take() {
            (self.standing, self.up) = (Some(coming), false);
        }
        if let Some(standing) = self.standing.as_ref().filter(|_| !self.up) {
            (self.up, self.settled) = (true, false);
            if self.tunnel.is_none() {
                self.line.push_back(Notice::Up(standing.session, None));
            }
        }
    }

    /// Media come by a session that is up.
    fn carries(&mut self) {
        let Some(standing) = self.standing.as_ref().filter(|_| self.up) else { return };
        if let Some(tunnel) = self.tunnel.take() {
            self.line.push_back(Notice::Up(standing.session, Some(tunnel)));
        }
    }

    /// A new session's handshake fails.
    fn fails(&mut self) {
        if let Some(coming) = self.coming.take() {
            self.line.push_back(Notice::Lost(coming.session));
        }
    }

    /// The page begins the next path of a session by itself.
    fn begins_a_path(&mut self, of_coming: bool) {
        let number = self.number() + 1_000;
        let of = if of_coming { &mut self.coming } else { &mut self.standing };
        if let Some(of) = of {
            of.next_ice = Some(credentials(number));
            self.line.push_back(Notice::NextIce(of.session, credentials(number)));
        }
    }

    fn is_lost(&mut self) {
        if let Some(standing) = &self.standing {
            self.line.push_back(Notice::Lost(standing.session));
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Negotiate,
    OpenTunnel,
    CloseTunnel,
    CloseSeat,
    ComesUp,
    Settles,
    Carries,
    Fails,
    BeginsAPath { of_coming: bool },
    IsLost,
    Hear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Negotiate),
        2 => Just(Step::OpenTunnel),
        1 => Just(Step::CloseTunnel),
        1 => Just(Step::CloseSeat),
        3 => Just(Step::ComesUp),
        1 => Just(Step::Settles),
        2 => Just(Step::Carries),
        1 => Just(Step::Fails),
        2 => any::<bool>().prop_map(|of_coming| Step::BeginsAPath { of_coming }),
        1 => Just(Step::IsLost),
        4 => Just(Step::Hear),
    ];
    prop::collection::vec(step, 1..40)
}

/// A room beside its plane.
#[derive(Debug, Default)]
struct Room {
    media: SeatMedia,
    plane: Plane,
}

impl Room {
    fn tunnel(&self) -> Option<MediaSession> {
        match self.media {
            SeatMedia::Tunnel { tunnel, .. } => Some(tunnel),
            _ => None,
        }
    }

    fn hear(&mut self) {
        match self.plane.line.pop_front() {
            Some(Notice::Up(session, tunnel)) => {
                let before = self.tunnel();
                let ended = self.media.up(session, tunnel);
                assert_eq!(ended, before.is_some() && self.tunnel().is_none());
                if ended {
                    assert_eq!(self.plane.tunnel, None, "one that is open is not told to be shut");
                }
            }
            Some(Notice::Lost(session)) => drop(self.media.lost(session)),
            Some(Notice::NextIce(session, next)) => {
                if let Some(told) = self.media.path_changed(session, next) {
                    assert_eq!(told.generation, Some(session.0), "with its own offer's number");
                }
            }
            None => {}
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Negotiate => {
                let (answer, beside) = self.plane.negotiate();
                let ended = self.media.answered(answer, beside);
                assert!(
                    !ended || self.plane.tunnel.is_none(),
                    "one that is open is not told to be shut"
                );
            }
            Step::OpenTunnel => {
                let tunnel = self.plane.open_tunnel();
                self.media.opened(tunnel);
            }
            Step::CloseTunnel => {
                if self.media.end_tunnel() {
                    self.plane.close_tunnel();
                }
            }
            Step::CloseSeat => {
                self.plane.close_seat();
                self.media.end();
            }
            Step::ComesUp => self.plane.comes_up(),
            Step::Settles => self.plane.settled = true,
            Step::Carries => self.plane.carries(),
            Step::Fails => self.plane.fails(),
            Step::BeginsAPath { of_coming } => self.plane.begins_a_path(of_coming),
            Step::IsLost => self.plane.is_lost(),
            Step::Hear => self.hear(),
        }
        if let Some(open) = self.plane.tunnel {
            assert_eq!(self.tunnel(), Some(open), "an open tunnel is known to be open");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_the_room_knows_what_the_plane_has(steps in steps()) {
        let mut room = Room::default();
        for step in steps {
            room.step(step);
        }
        while !room.plane.line.is_empty() {
            room.hear();
        }
        prop_assert_eq!(room.tunnel(), room.plane.tunnel);
        // What the page would begin its next path with is what the plane takes.
        let youngest = room.plane.coming.as_ref().or(room.plane.standing.as_ref());
        prop_assert_eq!(room.media.next_ice(), youngest.and_then(|it| it.next_ice.as_ref()));
    }
}

#[test]
fn words_about_a_session_that_was_replaced_change_nothing() {
    // A tunnel was opened while the word that the session is up was on its way.
    let mut media = SeatMedia::Session(answered(1));
    media.opened(OpenedTunnel { tunnel: MediaSession(2), coming: None });
    assert!(!media.up(MediaSession(1), None) && !media.lost(MediaSession(1)));
    assert_eq!(media, SeatMedia::Tunnel { tunnel: MediaSession(2), coming: None });

    // The session is as young as that word, and goes on beside the tunnel until media come by it.
    let mut media = SeatMedia::Session(answered(1));
    media.opened(OpenedTunnel { tunnel: MediaSession(2), coming: Some(MediaSession(1)) });
    assert!(!media.up(MediaSession(1), None));
    assert!(media.up(MediaSession(1), Some(MediaSession(2))));
    assert_eq!(media, SeatMedia::Session(answered(1)));

    // A page begins the next path of the session that its new one is to replace.
    let mut media = SeatMedia::Session(answered(1));
    assert!(!media.answered(answered(3), Some(MediaSession(1))));
    assert_eq!(
        media.path_changed(MediaSession(1), credentials(9)),
        None,
        "not the page's business"
    );
    assert_eq!(media.next_ice(), Some(&credentials(3)));
    assert!(!media.up(MediaSession(3), None), "no tunnel ended");
    assert_eq!(media.path_changed(MediaSession(1), credentials(10)), None);
    assert!(!media.lost(MediaSession(1)));
    assert_eq!(media, SeatMedia::Session(answered(3)));
}

#[test]
fn a_new_session_that_fails_leaves_the_one_that_stands() {
    let mut media = SeatMedia::Session(answered(1));
    assert!(!media.answered(answered(2), Some(MediaSession(1))));
    assert!(!media.lost(MediaSession(1)), "its page makes another already");
    assert!(media.lost(MediaSession(2)));
    assert_eq!(media, SeatMedia::Session(answered(1)));
    media.opened(OpenedTunnel { tunnel: MediaSession(3), coming: None });
    assert!(!media.answered(answered(4), None));
    assert!(media.lost(MediaSession(4)));
    assert!(
        media.up(MediaSession(4), Some(MediaSession(3))),
        "it may be up yet, and ends the tunnel then"
    );
}
