use palabre_ids::MediaRights;
use palabre_wire::{MediaPlan, ServerMessage};

use super::*;

const SPEAKER: Seat = Seat(4);

/// The room of the wire's own example, where the speaker may or may not be heard.
fn room(audio: bool) -> Room {
    let text = include_str!("../../../../crates/wire/golden/server.welcome.json");
    let message = serde_json::from_str(text).expect("a message of the wire");
    let ServerMessage::Welcome(welcome) = message else { panic!("a welcome") };
    let mut room = Room::new(&welcome);
    room.view.floor.groups.clear();
    room.view.floor.rights = vec![(SPEAKER, MediaRights { audio, ..MediaRights::NONE })];
    room.view.people.iter_mut().for_each(|person| person.muted = false);
    assert_ne!(room.seat, SPEAKER);
    room
}

/// An answer whose slot for the speaker's sound has this SSRC.
fn map(ssrc: u32) -> SlotMap {
    let plan = MediaPlan { slots: vec![SPEAKER], ice_servers: vec![] };
    let sections = [ssrc, ssrc + 1, ssrc + 2].map(|ssrc| format!("m=x\r\na=ssrc:{ssrc} c\r\n"));
    let sdp = format!("v=0\r\nm=x\r\nm=x\r\nm=x\r\n{}", sections.concat());
    SlotMap::from_answer(&plan, &sdp).expect("an answer to that plan")
}

fn sound(ssrc: u32, sequence: u16, at: Instant) -> Arrival {
    Arrival { at, ssrc, sequence, timestamp: 0, marker: false }
}

/// What none of these tests looks into.
fn payload() -> Option<Bytes> {
    Some(Bytes::from_static(&[0x78; 60]))
}

fn listener() -> Listener {
    Listener::new(Cast::default(), Ledger::default(), Attention { decode: false, open: 1 })
}

/// The speaker's longest silence in milliseconds, and its end.
fn silence(listener: &mut Listener, now: Instant) -> Option<(u128, Option<Instant>)> {
    let gaps = listener.audio_gaps(now);
    assert!(gaps.len() <= 1, "one speaker");
    gaps.first().map(|(seat, silence)| {
        assert_eq!(*seat, SPEAKER);
        (silence.length.as_millis(), silence.ended)
    })
}

#[test]
fn a_silence_lasts_over_a_new_media_session() {
    let (room, start) = (room(true), Instant::now());
    let at = |ms| start + Duration::from_millis(ms);
    let mut listener = listener();
    listener.session(map(10), start, &room);
    for (sequence, ms) in [(7, 0), (8, 20)] {
        listener.packet(sound(10, sequence, at(ms)), payload()).expect("taken");
    }
    assert_eq!(silence(&mut listener, at(20)), Some((20, Some(at(20)))));
    listener.session(map(20), at(900), &room);
    assert!(listener.report(at(900)).is_empty(), "nothing came in this session");
    listener.packet(sound(20, 30_000, at(1_000)), payload()).expect("taken");
    assert_eq!(listener.last_heard(), [(SPEAKER, at(1_000))]);
    assert_eq!(silence(&mut listener, at(1_001)), Some((980, Some(at(1_000)))));
    // The sessions count apart: the new one's numbers begin anywhere.
    assert_eq!(listener.packets(), (3, 3, 0));
}

#[test]
fn who_lost_the_right_meanwhile_is_not_missed() {
    let (open, closed, start) = (room(true), room(false), Instant::now());
    let at = |ms| start + Duration::from_millis(ms);
    let mut listener = listener();
    listener.session(map(10), start, &open);
    listener.packet(sound(10, 7, start), payload()).expect("taken");
    listener.session(map(20), at(900), &closed);
    assert_eq!(silence(&mut listener, at(950)), None);
    listener.rights_changed(at(2_000), None, &open);
    listener.packet(sound(20, 1, at(2_100)), payload()).expect("taken");
    listener.packet(sound(20, 2, at(2_120)), payload()).expect("taken");
    assert_eq!(silence(&mut listener, at(2_120)), Some((20, Some(at(2_120)))));
    assert_eq!(listener.leaks.total(), 0);
}

#[test]
fn with_hostile_bots_about_a_light_listener_looks_into_every_packet() {
    let (room, start) = (room(true), Instant::now());
    let ledger = Ledger::default();
    let forbidden = Bytes::from_static(&[7; 60]);
    ledger.forbidden(Seat(2), start, &forbidden);
    let hears = |open| {
        let attention = Attention { decode: false, open };
        let mut listener = Listener::new(Cast::default(), ledger.clone(), attention);
        listener.session(map(10), start, &room);
        // The eighth of ten packets is what nobody may receive.
        for sequence in 0..10 {
            let whole = if sequence == 7 { Some(forbidden.clone()) } else { payload() };
            let opened = whole.filter(|_| listener.wants(10));
            listener.packet(sound(10, sequence, start), opened).expect("taken");
        }
        listener
    };
    let crate::bot::Stack::Light { open } = crate::bot::Stack::LIGHT.wary() else {
        panic!("it stays light")
    };
    assert_eq!(hears(open).leaks.forbidden, 1);
    let usual = hears(16);
    assert_eq!((usual.leaks.forbidden, usual.packets()), (0, (10, 10, 0)), "one in 16 is opened");
}

#[test]
fn a_microphone_that_may_be_heard_is_told_of_though_nothing_ever_came() {
    let (open, closed, start) = (room(true), room(false), Instant::now());
    let at = |ms| start + Duration::from_millis(ms);
    let stream = |opened, last: Option<u64>| {
        vec![OpenStream { of: SPEAKER, opened: at(opened), last: last.map(at) }]
    };
    let mut listener = listener();
    listener.session(map(10), start, &open);
    assert_eq!(listener.take_recent().open, stream(0, None));
    listener.packet(sound(10, 7, at(20)), payload()).expect("taken");
    // What else changes in the room opens it no later.
    listener.rights_changed(at(500), None, &open);
    listener.session(map(20), at(900), &open);
    assert_eq!(listener.take_recent().open, stream(0, Some(20)));
    listener.rights_changed(at(2_000), None, &closed);
    assert_eq!(listener.take_recent().open, []);
    listener.rights_changed(at(3_000), None, &open);
    assert_eq!(listener.take_recent().open, stream(3_000, None));
}
