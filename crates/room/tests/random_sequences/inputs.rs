//! What can happen to a room.

use palabre_ids::{Group, Millis, Role, Seat, UnixMillis};
use palabre_room::{Command, Input, PersonConfig};
use palabre_vocabulary::{Ballot, ClientDropChoice, EntryDraft, EntryId, RecordFate};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use crate::common::{START, person};

pub(crate) const SEATS: u8 = 10;

/// Two facilitators, a client, an expert, peers, one who writes and one who watches.
pub(crate) fn people() -> Vec<PersonConfig> {
    let mut people =
        vec![person(Role::Facilitator), person(Role::Client), person(Role::CoFacilitator)];
    people.extend((0..4).map(|_| person(Role::Consultant)));
    people.push(PersonConfig { expert: true, ..person(Role::Consultant) });
    people.extend([person(Role::Scribe), person(Role::Observer)]);
    people
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Something happens.
    Input(Input),
    /// Everyone accepts the contract, or tries to.
    Accept,
    /// Everyone votes, or tries to.
    Vote(u8),
    /// Time goes by and nobody ticks.
    Silence(u64),
    /// Time goes by, with a tick whenever the room asks for one.
    Wait(u64),
}

fn seat() -> impl Strategy<Value = Seat> {
    // One seat more than there are.
    prop_oneof![3 => Just(Seat(0)), 2 => Just(Seat(1)), 8 => (0..=SEATS).prop_map(Seat)]
}

/// What is written has a mark, to be looked for where it must not be.
fn text(mark: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z]{0,9}".prop_map(move |text| format!("{mark} {text}")),
        1 => Just(String::new()),
        1 => Just(format!("{mark} {}", "x".repeat(900))),
    ]
}

fn entry() -> impl Strategy<Value = EntryDraft> {
    let text = || text("canary");
    prop_oneof![
        text().prop_map(|text| EntryDraft::Subject { text }),
        text().prop_map(|text| EntryDraft::Suggestion { text }),
        text().prop_map(|text| EntryDraft::Learning { text }),
        text().prop_map(|text| EntryDraft::Note { text }),
        (text(), text()).prop_map(|(what, first_step)| EntryDraft::Action {
            what,
            when: "canary day".to_owned(),
            first_step,
        }),
        (0..7_u8, text()).prop_map(|(stars, comment)| EntryDraft::Rating { stars, comment }),
    ]
}

fn ballot() -> impl Strategy<Value = Ballot> {
    prop_oneof![
        4 => (0..4_u8).prop_map(|option| Ballot::For { option }),
        1 => Just(Ballot::Abstain),
    ]
}

fn id() -> impl Strategy<Value = EntryId> {
    (0..12_u32).prop_map(EntryId)
}

fn fate() -> impl Strategy<Value = RecordFate> {
    prop_oneof![Just(RecordFate::Undecided), Just(RecordFate::Keep), Just(RecordFate::Erase)]
}

fn command() -> impl Strategy<Value = Command> {
    let floor = prop_oneof![
        6 => Just(Command::RequestFloor),
        1 => Just(Command::CancelRequest),
        4 => Just(Command::ReleaseFloor),
        2 => Just(Command::Pass),
        2 => prop::option::of(seat()).prop_map(|to| Command::YieldFloor { to }),
        1 => any::<bool>().prop_map(|muted| Command::SetMuted { muted }),
        1 => any::<bool>().prop_map(|on| Command::SetCamera { on }),
        2 => any::<bool>().prop_map(|on| Command::SetScreen { on }),
        1 => text("canary").prop_map(|text| Command::Chat { text }),
        1 => Just(Command::CannotHear),
        1 => Just(Command::OutOfContract),
        2 => text("canary").prop_map(|text| Command::ProposeContract { text }),
        3 => Just(Command::AcceptContract),
        1 => Just(Command::TakeChair),
    ];
    let record = prop_oneof![
        6 => entry().prop_map(|entry| Command::AddEntry { entry }),
        2 => (id(), entry()).prop_map(|(id, entry)| Command::ChangeEntry { id, entry }),
        1 => id().prop_map(|id| Command::RemoveEntry { id }),
        2 => (id(), any::<bool>()).prop_map(|(id, kept)| Command::KeepEntry { id, kept }),
        2 => text("privatenote").prop_map(|text| Command::SetNotes { text }),
        1 => fate().prop_map(|fate| Command::DecideRecord { fate }),
        1 => text("privatehelp").prop_map(|text| Command::Help { text }),
        6 => ballot().prop_map(|ballot| Command::CastBallot { ballot }),
        3 => any::<bool>().prop_map(|wanted| Command::WantNext { wanted }),
    ];
    prop_oneof![2 => floor, 1 => record]
}

fn chair_command() -> impl Strategy<Value = Command> {
    let choice = prop_oneof![
        Just(ClientDropChoice::KeepWaiting),
        Just(ClientDropChoice::InWriting),
        Just(ClientDropChoice::AnotherSubject),
        Just(ClientDropChoice::Reschedule),
    ];
    prop_oneof![
        8 => Just(Command::GoOn),
        3 => Just(Command::NextPhase),
        1 => Just(Command::PreviousPhase),
        1 => (0_u64..7_200_000).prop_map(|by| Command::ExtendPhase { by: Millis(by) }),
        2 => Just(Command::Stay),
        1 => Just(Command::PausePhase),
        1 => Just(Command::ResumePhase),
        3 => seat().prop_map(|seat| Command::GrantFloor { seat }),
        1 => Just(Command::RevokeFloor),
        3 => Just(Command::SkipTurn),
        1 => seat().prop_map(|seat| Command::NameClient { seat }),
        3 => Just(Command::OpenVote),
        1 => Just(Command::CloseVote),
        2 => prop::option::of(seat()).prop_map(|seat| Command::NameBackup { seat }),
        2 => choice.prop_map(|choice| Command::AfterClientDrop { choice }),
        1 => Just(Command::StartDrill),
        1 => Just(Command::EndDrill),
        3 => (0..5_u8).prop_map(|group| Command::VisitGroup { group: Group(group) }),
        1 => Just(Command::TakeChair),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let input = prop_oneof![
        6 => (seat(), any::<bool>()).prop_map(|(seat, resumed)| Input::Connected { seat, resumed }),
        4 => seat().prop_map(|seat| Input::Disconnected { seat }),
        1 => seat().prop_map(|seat| Input::Left { seat }),
        14 => (seat(), command()).prop_map(|(seat, command)| Input::Command { seat, command }),
        9 => chair_command().prop_map(|command| Input::Command { seat: Seat(0), command }),
        3 => (seat(), chair_command()).prop_map(|(seat, command)| Input::Command { seat, command }),
        2 => prop::collection::vec((seat(), (0..6_000_u64).prop_map(Millis)), 0..4)
            .prop_map(|voices| Input::Talked { voices }),
        1 => seat().prop_map(|seat| Input::Blocked { seat }),
        1 => Just(Input::Tick),
        1 => any::<Option<u16>>().prop_map(|back| Input::Restarted {
            down_since: back.map(|back| UnixMillis(START.0 + u64::from(back) * 100)),
        }),
    ];
    prop_oneof![
        14 => input.prop_map(Step::Input),
        1 => Just(Step::Accept),
        1 => (0..3_u8).prop_map(Step::Vote),
        1 => (0_u64..40_000).prop_map(Step::Silence),
        4 => prop_oneof![0_u64..3_000, 0_u64..60_000, 0_u64..400_000].prop_map(Step::Wait),
    ]
}
