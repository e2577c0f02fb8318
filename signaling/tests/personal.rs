//! What one person alone is shown reaches nobody else's page.

mod common;

use common::{AMADOU, CHAIR, LAURA, Page, SOFIA, Server};
use palabre_ids::{EventSeq, Seat};
use palabre_wire::{
    Answer, Ballot, Command, PersonalView, Resume, RoomEvent, ServerMessage, VoteOption,
};

const NOTES: &str = "CANARY-of-lauras-notes";
const HELP: &str = "CANARY-of-sofias-call-for-help";

fn personal(messages: &[ServerMessage]) -> Option<&PersonalView> {
    messages.iter().rev().find_map(|message| match message {
        ServerMessage::Personal(view) => Some(&**view),
        _ => None,
    })
}

/// Whether a page was ever sent `secret`.
fn gave_away(page: &Page, secret: &str) -> bool {
    page.frames.iter().any(|frame| frame.contains(secret))
}

/// The next turn is `page`'s, and they give it back.
async fn speaks(page: &mut Page, seat: Seat) {
    let turn = |event: &RoomEvent| matches!(event, RoomEvent::Floor(floor) if floor.turn.as_ref().is_some_and(|turn| turn.seat == seat));
    page.until_event(turn).await;
    assert_eq!(page.command(Command::ReleaseFloor).await, Answer::Done);
}

#[tokio::test]
async fn nobody_is_sent_what_is_anothers_alone() {
    let server = Server::start("codev-1h15").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    let (mut amadou, mut sofia) = (server.join(AMADOU).await, server.join(SOFIA).await);

    assert_eq!(laura.command(Command::SetNotes { text: NOTES.into() }).await, Answer::Done);
    assert_eq!(sofia.command(Command::Help { text: HELP.into() }).await, Answer::Done);
    assert_eq!(chair.command(Command::GoOn).await, Answer::Done);
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    speaks(&mut laura, Seat(1)).await;
    speaks(&mut amadou, Seat(2)).await;
    assert_eq!(chair.command(Command::OpenVote).await, Answer::Done);
    let opened = amadou
        .until_event(|event| matches!(event, RoomEvent::Votes(votes) if votes.open.is_some()))
        .await;
    let RoomEvent::Votes(votes) = opened.event else { panic!("votes") };
    let options = votes.open.expect("open").options;
    assert!(options.contains(&VoteOption::Person { seat: Seat(1) }), "{options:?}");
    let ballot = Ballot::For { option: 0 };
    assert_eq!(amadou.command(Command::CastBallot { ballot }).await, Answer::Done);

    // A page that comes now, one that comes back, and one in the place of another.
    let resume = sofia.welcome.as_ref().expect("welcome").resume_token.clone();
    let mut back = server.connect().await;
    back.hello(&server.tokens[SOFIA], Some(Resume { token: resume, last_seq: EventSeq(1) })).await;
    back.until(|m| matches!(m, ServerMessage::Personal(_))).await;
    let mut anew = server.join(CHAIR).await;
    let mut second = server.join(AMADOU).await;

    let seen = laura.so_far().await;
    assert_eq!(personal(&seen).and_then(|view| view.ballot), None);
    assert!(gave_away(&laura, NOTES), "she is shown her own");
    let seen = second.so_far().await;
    let own = personal(&seen).expect("the first follows the welcome");
    assert_eq!((own.ballot, own.notes.as_str()), (Some(ballot), ""));
    let seen = anew.so_far().await;
    let help = &personal(&seen).expect("personal").chair.as_ref().expect("the chair's part").help;
    assert_eq!(help.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), [HELP]);
    back.so_far().await;

    let ballots = r#""ballot":"for""#;
    for (page, name, may_see) in [
        (&chair, "the chair", [false, true, false, true]),
        (&anew, "the chair's second page", [false, true, false, true]),
        (&laura, "Laura", [true, false, false, false]),
        (&amadou, "Amadou", [false, false, true, false]),
        (&second, "Amadou's second page", [false, false, true, false]),
        (&sofia, "Sofia", [false, false, false, false]),
        (&back, "Sofia's page that came back", [false, false, false, false]),
    ] {
        for (secret, may) in [NOTES, HELP, ballots, r#""balance":"#].into_iter().zip(may_see) {
            assert_eq!(gave_away(page, secret), may, "{secret} on the page of {name}");
        }
    }
}

#[tokio::test]
async fn the_chairs_part_goes_with_the_chair() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    assert!(gave_away(&chair, r#""balance":"#));
    assert_eq!(chair.command(Command::NameBackup { seat: Some(Seat(1)) }).await, Answer::Done);
    laura.so_far().await;
    assert!(!gave_away(&laura, r#""balance":"#));
    chair.say(&palabre_wire::ClientMessage::Leave).await;
    laura.until(|m| matches!(m, ServerMessage::Personal(view) if view.chair.is_some())).await;
}
