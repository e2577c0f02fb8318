//! The floor's policies and the facilitator's commands, one test a rule.

mod common;

use std::sync::Arc;

use common::{CHAIR, CLIENT, START, Table, eight, person};
use palabre_facilitation::{Overtime, Template};
use palabre_ids::{Language, MAX_SEATS, MediaRights, Millis, Role, Seat};
use palabre_room::{Command, ConfigError, Effect, Part, PersonConfig, Refusal, Room, RoomConfig};
use palabre_vocabulary::{Blocked, Clock, Firmness, FloorKind, Stage};

fn codev() -> Template {
    Template::builtin("codev-1h15").expect("ships")
}

/// The queue of the consultation, with nobody speaking.
fn queue(people: Vec<PersonConfig>) -> Table {
    let mut table = Table::codev_at("consultation", people);
    while table.room.floor().policy == FloorKind::RoundRobin {
        table.chair(Command::SkipTurn);
    }
    table
}

#[test]
fn what_is_taken_is_taken_before_anything_is_given() {
    let mut table = Table::codev_at("consultation", eight());
    let before = table.gate.epoch;
    let effects = table.does(Seat(2), Command::ReleaseFloor);
    let tables: Vec<(u64, Vec<u8>)> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Rights(change) => Some(change),
            _ => None,
        })
        .map(|change| {
            let heard = change.table.iter().filter(|entry| entry.rights.audio);
            (change.epoch.0, heard.map(|entry| entry.seat.0).collect())
        })
        .collect();
    assert_eq!(tables, [(before.0 + 1, vec![0]), (before.0 + 2, vec![0, 3])]);
    assert!(matches!(effects[2], Effect::Changed(Part::Floor)), "and told afterwards");
}

#[test]
fn hands_have_one_order_and_a_second_turn_comes_after_every_first() {
    let mut table = queue(eight());
    table.does(Seat(2), Command::RequestFloor);
    assert_eq!(table.holder(), Some(Seat(2)), "a free floor is given at once");
    assert_eq!(table.tries(Seat(2), Command::RequestFloor), Err(Refusal::AlreadyAsked));
    for seat in [5, 3, 4] {
        table.does(Seat(seat), Command::RequestFloor);
    }
    assert_eq!(table.tries(Seat(5), Command::RequestFloor), Err(Refusal::AlreadyAsked));
    assert_eq!(table.hands(), [5, 3, 4]);
    table.does(Seat(2), Command::ReleaseFloor);
    table.does(Seat(2), Command::RequestFloor);
    table.does(Seat(6), Command::RequestFloor);
    assert_eq!((table.holder(), table.hands()), (Some(Seat(5)), vec![3, 4, 6, 2]));
    table.does(Seat(4), Command::CancelRequest);
    assert_eq!(table.tries(Seat(4), Command::CancelRequest), Err(Refusal::NothingToCancel));
    assert_eq!(table.hands(), [3, 6, 2]);
}

#[test]
fn only_roles_of_the_policy_have_turns() {
    let mut people = eight();
    people.extend([person(Role::Observer), person(Role::Scribe)]);
    let mut table = queue(people);
    for seat in [CHAIR, CLIENT, Seat(8), Seat(9)] {
        assert_eq!(
            table.tries(seat, Command::RequestFloor),
            Err(Refusal::NotInThisPhase),
            "{seat}"
        );
        assert_eq!(
            table.tries(CHAIR, Command::GrantFloor { seat }),
            Err(Refusal::NotEligible),
            "{seat}"
        );
    }
    let nobody = Command::GrantFloor { seat: Seat(10) };
    assert_eq!(table.tries(CHAIR, nobody), Err(Refusal::NoSuchSeat));
    let sends = table.gate.table.iter().filter(|entry| entry.rights != MediaRights::NONE);
    let gate: Vec<u8> = sends.map(|entry| entry.seat.0).collect();
    assert_eq!(gate, [0, 1, 2, 3, 4, 5, 6, 7], "who watches or writes sends nothing");
}

#[test]
fn the_chair_gives_takes_and_skips() {
    let mut table = Table::codev_at("consultation", eight());
    table.chair(Command::GrantFloor { seat: Seat(6) });
    assert_eq!((table.holder(), table.upcoming()), (Some(Seat(6)), vec![3, 4, 5, 7]));
    assert_eq!(table.tries(CHAIR, Command::GrantFloor { seat: Seat(6) }), Err(Refusal::NoChange));
    table.chair(Command::RevokeFloor);
    assert_eq!((table.holder(), table.heard()), (None, vec![0]));
    assert_eq!(table.tries(CHAIR, Command::RevokeFloor), Err(Refusal::NoChange));
    table.wait_s(60);
    assert_eq!(table.holder(), None, "nobody is next until the chair says so");
    table.chair(Command::SkipTurn);
    assert_eq!(table.holder(), Some(Seat(3)));
    table.chair(Command::SkipTurn);
    assert_eq!(table.holder(), Some(Seat(4)));
    assert_eq!(table.tries(Seat(4), Command::SkipTurn), Err(Refusal::NotFacilitator));
    assert_eq!(table.tries(Seat(5), Command::ReleaseFloor), Err(Refusal::NotYourTurn));
    assert_eq!(table.tries(Seat(2), Command::Pass), Err(Refusal::NotYourTurn), "had their turn");
}

#[test]
fn the_chair_skips_a_silence() {
    let mut table = Table::codev_at("synthese", eight());
    assert_eq!(
        table.tries(CHAIR, Command::GrantFloor { seat: CLIENT }),
        Err(Refusal::NotInThisPhase)
    );
    table.chair(Command::SkipTurn);
    assert_eq!(table.holder(), Some(CLIENT));
}

#[test]
fn experts_speak_last_are_capped_and_are_not_called_on() {
    let mut people = eight();
    people[3].expert = true;
    let mut template = codev();
    let consultation = template.phases.iter_mut().find(|phase| phase.id == "consultation").unwrap();
    for step in &mut consultation.steps {
        match &mut step.floor {
            palabre_facilitation::FloorPolicy::RoundRobin { turn, .. }
            | palabre_facilitation::FloorPolicy::Queue { turn, .. } => {
                turn.expert = Millis::from_secs(60)
            }
            _ => {}
        }
    }
    let mut table = Table::at(template, "consultation", people);
    assert_eq!(table.upcoming(), [4, 5, 6, 7, 3]);
    assert_eq!(
        table.tries(CHAIR, Command::GrantFloor { seat: Seat(3) }),
        Err(Refusal::NotEligible)
    );
    for seat in [2, 4, 5, 6, 7] {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    assert_eq!((table.holder(), table.turn_left()), (Some(Seat(3)), Millis::from_secs(60)));
    table.does(Seat(3), Command::ReleaseFloor);
    table.does(Seat(4), Command::RequestFloor);
    table.does(Seat(3), Command::RequestFloor);
    table.chair(Command::GrantFloor { seat: Seat(3) });
    assert_eq!(table.holder(), Some(Seat(3)), "who asks can be given the floor");
}

#[test]
fn a_question_waits_for_its_answer_and_a_pass_has_none() {
    let mut table = Table::codev_at("clarification", eight());
    table.does(Seat(2), Command::Pass);
    assert_eq!(table.holder(), Some(Seat(3)), "nothing was asked");
    table.chair(Command::SkipTurn);
    assert_eq!(table.holder(), Some(Seat(4)));
    table.wait_s(30);
    assert_eq!(
        (table.holder(), table.turn().partner),
        (Some(CLIENT), Some(Seat(4))),
        "cut, but asked"
    );
    table.chair(Command::GrantFloor { seat: Seat(6) });
    assert_eq!((table.holder(), table.turn().partner), (Some(Seat(6)), Some(CLIENT)));
    table.chair(Command::GrantFloor { seat: CLIENT });
    assert_eq!((table.holder(), table.turn_left()), (Some(CLIENT), Millis::from_secs(60)));
}

#[test]
fn yielding_is_for_pairs() {
    let mut table = Table::codev_at("consultation", eight());
    assert_eq!(
        table.tries(Seat(2), Command::YieldFloor { to: None }),
        Err(Refusal::NotInThisPhase)
    );
}

#[test]
fn advice_and_chimes_cut_nobody() {
    for firmness in [Firmness::Advise, Firmness::Chime] {
        let mut template = codev();
        for phase in &mut template.phases {
            phase.firmness = firmness;
        }
        let mut table = Table::at(template, "consultation", eight());
        table.wait_s(600);
        assert_eq!((table.holder(), table.turn_left()), (Some(Seat(2)), Millis::ZERO));
        assert_eq!(table.heard(), [0, 2]);
    }
}

#[test]
fn a_timed_phase_ends_itself_but_not_through_a_closed_gate() {
    let mut template = codev();
    for phase in &mut template.phases {
        phase.transition = palabre_facilitation::Transition::Timer;
    }
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(template, people);
    table.everyone_comes();
    table.chair(Command::NextPhase);
    table.wait_s(300);
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
    table.wait_s(301);
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
    assert_eq!(table.room.phase().blocked, Some(Blocked::ClientNotNamed));
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::GateClosed));
    table.chair(Command::NameClient { seat: Seat(5) });
    table.wait_s(5);
    assert_eq!((table.phase_id(), table.holder()), (Some("expose"), Some(Seat(5))));
}

#[test]
fn a_phase_is_extended_up_to_its_maximum() {
    let mut template = codev();
    template.phases[2].overtime = Overtime::Soft;
    let mut table = Table::at(template, "expose", eight());
    let by = |seconds| Command::ExtendPhase { by: Millis::from_secs(seconds) };
    let ends = table.room.phase().session_ends_at.unwrap();
    table.chair(by(120));
    assert_eq!(table.phase_left(), Millis::from_secs(9 * 60));
    assert_eq!(table.room.phase().session_ends_at, Some(ends + Millis::from_secs(120)));
    table.chair(by(120));
    // 130 % of seven minutes.
    assert_eq!(table.room.phase().extended, Millis::from_secs(126));
    assert_eq!(table.tries(CHAIR, by(1)), Err(Refusal::AtMaximum));
    assert_eq!(table.tries(CHAIR, by(3_601)), Err(Refusal::OutOfRange));
    assert_eq!(
        table.tries(CHAIR, Command::ExtendPhase { by: Millis(999) }),
        Err(Refusal::OutOfRange)
    );
    table.chair(Command::NextPhase);
    table.chair(Command::PreviousPhase);
    assert_eq!(table.room.phase().extended, Millis::ZERO, "a phase entered again is whole again");
}

#[test]
fn hard_overtime_is_none_and_borrowed_overtime_is_paid_later() {
    let by = Command::ExtendPhase { by: Millis::from_secs(120) };
    let mut template = codev();
    template.phases[2].overtime = Overtime::Hard;
    let mut table = Table::at(template, "expose", eight());
    assert_eq!(table.tries(CHAIR, by.clone()), Err(Refusal::AtMaximum));

    let mut template = codev();
    template.phases[2].overtime = Overtime::Borrow;
    for later in [4, 6, 7, 8, 9] {
        template.phases[later].min = template.phases[later].target;
    }
    template.phases[3].min = Millis::from_secs(13 * 60);
    template.phases[5].min = Millis::from_secs(100);
    let mut table = Table::at(template, "expose", eight());
    let ends = table.room.phase().session_ends_at;
    table.chair(by.clone());
    assert_eq!(
        table.room.phase().extended,
        Millis::from_secs(80),
        "a minute and 20 s can be spared"
    );
    assert_eq!(table.room.phase().session_ends_at, ends, "the session ends when it was to end");
    assert_eq!(table.tries(CHAIR, by), Err(Refusal::AtMaximum));
    table.chair(Command::NextPhase);
    assert_eq!(table.phase_left(), Millis::from_secs(13 * 60));
}

#[test]
fn pause_and_resume_stop_every_clock() {
    let mut table = Table::codev_at("consultation", eight());
    table.wait_s(10);
    let ends = table.room.phase().session_ends_at;
    table.chair(Command::PausePhase);
    assert_eq!(table.tries(CHAIR, Command::PausePhase), Err(Refusal::NoChange));
    table.wait_s(500);
    assert_eq!(
        (table.phase_left(), table.turn_left()),
        (Millis::from_secs(1_190), Millis::from_secs(110))
    );
    assert_eq!(table.room.phase().session_ends_at, ends, "as of the moment when it stopped");
    table.does(Seat(2), Command::ReleaseFloor);
    assert_eq!(table.turn().clock, Some(Clock::Paused { remaining: Millis::from_secs(120) }));
    table.chair(Command::ResumePhase);
    assert_eq!(table.tries(CHAIR, Command::ResumePhase), Err(Refusal::NoChange));
    table.wait_s(10);
    assert_eq!(
        (table.phase_left(), table.turn_left()),
        (Millis::from_secs(1_180), Millis::from_secs(110))
    );

    let mut table = Table::codev_at("synthese", eight());
    table.wait_s(100);
    table.chair(Command::PausePhase);
    table.wait_s(100);
    assert_eq!(table.holder(), None, "a silence stands too");
    table.chair(Command::ResumePhase);
    table.wait_s(20);
    assert_eq!(table.holder(), Some(CLIENT));
}

#[test]
fn another_sentence_is_accepted_anew() {
    let mut table = Table::codev_at("contrat", eight());
    let propose = |text: &str| Command::ProposeContract { text: text.into() };
    assert_eq!(table.tries(Seat(3), Command::AcceptContract), Err(Refusal::NotInThisPhase));
    assert_eq!(table.tries(Seat(3), propose("a")), Err(Refusal::NotEligible));
    assert_eq!(table.tries(CLIENT, propose(" ")), Err(Refusal::BadText));
    assert_eq!(table.tries(CLIENT, propose(&"x".repeat(501))), Err(Refusal::BadText));
    table.accept_a_contract();
    assert_eq!(table.tries(Seat(3), Command::AcceptContract), Err(Refusal::NoChange));
    table.chair(propose("another"));
    assert_eq!(table.room.phase().contract_accepted_by, [CHAIR]);
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::GateClosed));
    table.accept_a_contract();
    table.chair(Command::NextPhase);
    assert_eq!(table.tries(CLIENT, propose("late")), Err(Refusal::NotInThisPhase));
}

#[test]
fn the_contract_asks_those_who_are_here() {
    let mut people = eight();
    people.extend([person(Role::Observer), person(Role::Scribe)]);
    let mut table = Table::codev_at("contrat", people);
    table.disconnect(Seat(7));
    table.wait_s(2);
    for seat in [8, 9] {
        assert_eq!(table.tries(Seat(seat), Command::AcceptContract), Err(Refusal::NotEligible));
    }
    table.does(CLIENT, Command::ProposeContract { text: "Aidez-moi".into() });
    for seat in [0, 2, 3, 4, 5] {
        table.does(Seat(seat), Command::AcceptContract);
    }
    assert_eq!(table.room.phase().blocked, Some(Blocked::ContractNotAccepted));
    table.does(Seat(6), Command::AcceptContract);
    assert_eq!(table.room.phase().blocked, None);
}

#[test]
fn muting_closes_the_gate_and_asks_nobody() {
    let mut table = Table::codev_at("consultation", eight());
    table.does(Seat(2), Command::SetMuted { muted: true });
    assert_eq!(table.heard(), [0]);
    let (_, rights) = table.room.floor().rights[2];
    assert!(rights.audio, "the right is still theirs");
    table.does(Seat(2), Command::SetMuted { muted: false });
    assert_eq!(table.heard(), [0, 2]);
    table.does(Seat(3), Command::SetMuted { muted: false });
    assert_eq!(table.heard(), [0, 2], "a switch is no right");
}

#[test]
fn chat_is_off_while_someone_holds_the_floor() {
    let mut people = eight();
    people.push(person(Role::Observer));
    let mut table = Table::codev_at("consultation", people);
    let chat = |text: &str| Command::Chat { text: text.into() };
    assert_eq!(table.tries(Seat(3), chat("psst")), Err(Refusal::ChatOff));
    table.chair(Command::RevokeFloor);
    let effects = table.does(Seat(3), chat(" bonjour "));
    assert!(
        matches!(&effects[..], [Effect::Chat(line)] if line.text == "bonjour" && line.seat == Seat(3))
    );
    for bad in ["", "  ", "a\u{0}b", &"x".repeat(2_001)] {
        assert_eq!(table.tries(Seat(3), chat(bad)), Err(Refusal::BadText));
    }
    assert_eq!(table.tries(Seat(8), chat("I watch")), Err(Refusal::NotEligible));
    for _ in 0..60 {
        table.does(Seat(4), chat(&"é".repeat(2_000)));
    }
    assert_eq!(table.room.chat().count(), 4, "what is kept has a bound");
    table.chair(Command::PreviousPhase);
    assert_eq!(
        table.tries(Seat(3), chat("in silence")),
        Err(Refusal::ChatOff),
        "this phase has none"
    );
}

#[test]
fn one_screen_and_only_where_it_may_be() {
    let mut table = Table::codev_at("consultation", eight());
    let on = Command::SetScreen { on: true };
    assert_eq!(table.tries(CLIENT, on.clone()), Err(Refusal::NotInThisPhase));
    table.chair(on.clone());
    let shares = |table: &Table| {
        let sharing = table.gate.table.iter().filter(|entry| entry.rights.screen);
        sharing.map(|entry| entry.seat.0).collect::<Vec<_>>()
    };
    assert_eq!((table.room.state().screen, shares(&table)), (Some(CHAIR), vec![0]));
    table.chair(Command::NextPhase);
    assert_eq!(table.tries(CLIENT, on.clone()), Err(Refusal::ScreenTaken));
    table.chair(Command::SetScreen { on: false });
    table.does(CLIENT, on.clone());
    table.chair(Command::NextPhase);
    assert_eq!(table.room.state().screen, None, "the next phase has no screen");

    let mut table = Table::at(Template::builtin("plain-meeting").unwrap(), "reunion", eight());
    table.does(Seat(5), on);
    assert_eq!(shares(&table), [5]);
}

#[test]
fn in_a_plain_meeting_everyone_talks_and_hands_keep_one_order() {
    let mut table = Table::at(Template::builtin("plain-meeting").unwrap(), "reunion", eight());
    for seat in [4, 2, 6] {
        table.does(Seat(seat), Command::RequestFloor);
    }
    assert_eq!((table.hands(), table.holder()), (vec![4, 2, 6], None));
    table.chair(Command::GrantFloor { seat: Seat(2) });
    assert_eq!((table.hands(), table.holder()), (vec![4, 6], Some(Seat(2))));
    assert_eq!(table.turn().clock, None);
    assert_eq!(table.heard(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(table.room.floor().chat_open);
    table.does(Seat(2), Command::ReleaseFloor);
    assert_eq!((table.hands(), table.holder()), (vec![4, 6], None));
}

#[test]
fn there_is_nothing_before_the_first_phase_and_after_the_last() {
    let mut table = Table::new(codev(), eight());
    table.everyone_comes();
    assert_eq!(table.tries(CHAIR, Command::PreviousPhase), Err(Refusal::NotStarted));
    assert_eq!(table.tries(Seat(3), Command::RequestFloor), Err(Refusal::NotStarted));
    table.chair(Command::NextPhase);
    assert_eq!(table.tries(CHAIR, Command::PreviousPhase), Err(Refusal::NoSuchPhase));
    table.chair(Command::EndSession);
    assert_eq!(table.room.phase().stage, Stage::Ended);
    assert_eq!(table.tries(Seat(3), Command::CannotHear), Err(Refusal::Ended));
}

#[test]
fn a_command_needs_somebody_who_is_here() {
    let mut table = Table::new(codev(), eight());
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::NotEligible));
    assert_eq!(table.tries(Seat(8), Command::CannotHear), Err(Refusal::NoSuchSeat));
    table.connect(CHAIR);
    assert_eq!(table.chair(Command::CannotHear), [Effect::CannotHear { seat: CHAIR }]);
    for seat in [CHAIR, Seat(8), Seat(3)] {
        let refused = table.tries(CHAIR, Command::NameClient { seat });
        assert!(matches!(refused, Err(Refusal::NotEligible | Refusal::NoSuchSeat)), "{seat}");
    }
}

#[test]
fn a_room_has_one_facilitator_one_client_at_most_and_nine_who_speak() {
    let room = |people: Vec<PersonConfig>| {
        let config = RoomConfig { template: Arc::new(codev()), language: Language::En, people };
        Room::new(START, config).map(drop)
    };
    let with =
        |more: &[Role]| eight().into_iter().chain(more.iter().map(|role| person(*role))).collect();
    use Role as R;
    assert_eq!(room(with(&[R::Consultant, R::Observer, R::Observer, R::Scribe])), Ok(()));
    assert_eq!(room(with(&[R::Consultant, R::Consultant])), Err(ConfigError::TooManySpeakers));
    assert_eq!(room(with(&[R::Observer; 5])), Err(ConfigError::TooManyPeople));
    assert_eq!(MAX_SEATS, 12);
    assert_eq!(room(with(&[R::Facilitator])), Err(ConfigError::Facilitators(2)));
    assert_eq!(room(with(&[R::Client])), Err(ConfigError::Clients(2)));
    assert_eq!(room(vec![]), Err(ConfigError::Facilitators(0)));
    let expert = PersonConfig { expert: true, ..person(R::Observer) };
    assert_eq!(room(vec![person(R::Facilitator), expert]), Err(ConfigError::ExpertRole));
}
