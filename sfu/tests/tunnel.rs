//! Tunnels through a shard's thread: what is said in one comes out of the others, until the gate's word.

mod common;

use std::sync::mpsc;

use common::{NEVER, room, start};
use palabre_ids::{Epoch, GateEntry, Group, MediaRights, MediaSession, Seat};
use palabre_sfu::SfuHandle;
use palabre_sfu_core::GateTable;
use palabre_sfu_core::engine::tunnel::Voice;

const SPEAKER: Seat = Seat(0);
const HEARER: Seat = Seat(1);

fn voice(sequence: u16) -> Voice {
    Voice { sequence, timestamp: u32::from(sequence) * 960, opus: vec![7; 100] }
}

async fn gate(sfu: &SfuHandle, epoch: u64, audio: bool) {
    let entry = |seat| {
        let rights = MediaRights { audio, ..MediaRights::NONE };
        GateEntry { seat, rights, group: Group::PLENARY }
    };
    let entries = [SPEAKER, HEARER].map(entry).to_vec();
    let table = GateTable { epoch: Epoch(epoch), entries };
    sfu.set_gate(&room("the-first-room"), table).await.expect("running");
}

async fn open(sfu: &SfuHandle, seat: Seat) -> (MediaSession, mpsc::Receiver<(Seat, Voice)>) {
    let (ear, heard) = mpsc::channel();
    let ear = Box::new(move |speaker, voice| {
        // Who listened may be gone.
        let _gone = ear.send((speaker, voice));
    });
    let tunnel = sfu.open_tunnel(&room("the-first-room"), seat, ear).await.expect("running");
    (tunnel.expect("a seat").tunnel, heard)
}

#[tokio::test]
async fn nothing_comes_out_behind_the_word_that_it_is_taken_back() {
    let (sfu, events) = start(1, [127, 0, 0, 1].into());
    drop(events);
    let id = room("the-first-room");
    sfu.open_room(&id, 3).await.expect("running");
    let (tunnel, own) = open(&sfu, SPEAKER).await;
    let (_, heard) = open(&sfu, HEARER).await;
    let mut epoch = 0;
    let mut next = 0;
    for _ in 0..20 {
        epoch += 1;
        gate(&sfu, epoch, true).await;
        // More than the policer lets through is no matter: the first ones pass.
        for _ in 0..5 {
            next += 1;
            sfu.say(&id, (SPEAKER, tunnel), voice(next), 20);
        }
        let (speaker, first) = heard.recv_timeout(NEVER).expect("heard");
        assert_eq!((speaker, first.opus.len()), (SPEAKER, 100));
        // Said, and on its way while the gate shuts.
        epoch += 1;
        gate(&sfu, epoch, false).await;
        while heard.try_recv().is_ok() {}
        for _ in 0..5 {
            next += 1;
            sfu.say(&id, (SPEAKER, tunnel), voice(next), 20);
        }
        // Behind all of that on the shard's thread.
        sfu.silence(&id, SPEAKER).await.expect("running");
        assert!(heard.try_recv().is_err(), "past a closed gate");
    }
    assert!(own.try_recv().is_err(), "nobody hears themselves");
    // Another tunnel of the seat is not spoken into by who had the one before.
    epoch += 1;
    gate(&sfu, epoch, true).await;
    let (after, _) = open(&sfu, SPEAKER).await;
    sfu.say(&id, (SPEAKER, tunnel), voice(next + 1), 20);
    sfu.say(&id, (SPEAKER, after), voice(next + 2), 20);
    sfu.silence(&id, SPEAKER).await.expect("running");
    assert_eq!(heard.try_iter().count(), 1);
    sfu.shutdown().await;
}
