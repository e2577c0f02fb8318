//! The templates that ship are what the domain's table says, in two languages, and fit their time.

use palabre_facilitation::{FloorPolicy, Phase, RoleSet, Template, Transition, VoteRuleAbout};
use palabre_ids::{Language, Millis, Role};
use palabre_vocabulary::{EntryKind, FloorKind, VoteAbout};

const MINUTE: u64 = 60_000;

fn builtin(id: &str) -> Template {
    Template::builtin(id).unwrap_or_else(|| panic!("`{id}` ships"))
}

/// The minutes of every template, phase by phase, and how many people it is sized for.
const TABLE: &[(&str, u8, &[u64])] = &[
    ("codev-1h15", 9, &[5, 5, 7, 14, 5, 2, 20, 8, 8, 1]),
    ("codev-1h30", 9, &[6, 3, 6, 8, 18, 5, 2, 23, 9, 9, 1]),
    ("codev-2h", 9, &[8, 7, 10, 10, 25, 8, 3, 28, 11, 9, 1]),
    ("codev-flash-30", 7, &[1, 4, 7, 2, 1, 9, 3, 3]),
    ("intervision", 8, &[5, 10, 5, 15, 10, 10, 10]),
    ("action-learning", 8, &[4, 4, 20, 4, 2, 15, 5, 6]),
    ("troika", 4, &[2, 2, 5, 1, 2, 2, 5, 1, 2, 2, 5, 1, 2]),
    ("one-two-four-all", 9, &[1, 2, 4, 5]),
    ("council", 9, &[5, 40, 5]),
    ("fishbowl", 9, &[5, 30, 10]),
    ("lean-coffee", 8, &[3, 4, 8, 2, 8, 2, 8, 5]),
    ("oxford-debate", 9, &[4, 14, 10, 5, 2, 3]),
    ("plain-meeting", 8, &[60]),
];

#[test]
fn every_template_has_the_lengths_of_its_method() {
    let shipped: Vec<String> =
        Template::all_builtin().into_iter().map(|template| template.id).collect();
    let listed: Vec<&str> = TABLE.iter().map(|(id, ..)| *id).collect();
    assert_eq!(shipped, listed);
    for (id, people, minutes) in TABLE {
        let template = builtin(id);
        let targets: Vec<u64> = template.phases.iter().map(|phase| phase.target.0).collect();
        let expected: Vec<u64> = minutes.iter().map(|minutes| minutes * MINUTE).collect();
        assert_eq!(targets, expected, "{id}");
        assert_eq!(template.people, *people, "{id}");
    }
    for (id, total) in
        [("codev-2h", 120), ("codev-1h30", 90), ("codev-1h15", 75), ("codev-flash-30", 30)]
    {
        assert_eq!(builtin(id).target(), Millis(total * MINUTE), "{id}");
    }
}

#[test]
fn codev_has_the_floors_of_the_method() {
    use FloorKind as F;
    let floors = |template: &Template| -> Vec<Vec<FloorKind>> {
        let kinds =
            |phase: &Phase| phase.steps.iter().map(|step| step.floor.kind()).collect::<Vec<_>>();
        template.phases.iter().map(kinds).collect()
    };
    let core = [
        vec![F::Holder],
        vec![F::Pair, F::Pair],
        vec![F::Holder],
        vec![F::Silence],
        vec![F::RoundRobin, F::Queue],
        vec![F::Silence, F::Holder],
        vec![F::RoundRobin],
    ];
    let short = floors(&builtin("codev-1h15"));
    assert_eq!(short[..2], [vec![F::RoundRobin], vec![F::RoundRobin]]);
    assert_eq!(short[2..9], core);
    assert_eq!(short[9], [F::Open]);
    for id in ["codev-1h30", "codev-2h"] {
        let long = floors(&builtin(id));
        assert_eq!(long[1], [F::Queue], "{id}: the previous client");
        assert_eq!(long[3..10], core, "{id}");
    }
    assert_eq!(floors(&builtin("codev-flash-30"))[1..], core);
}

/// The one turn of a phase's first floor.
fn turn(template: &Template, phase: &str) -> u64 {
    let phase = template.phases.iter().find(|other| other.id == phase).expect("there");
    match phase.first_floor() {
        FloorPolicy::RoundRobin { turn, .. } => turn.length.0 / 1_000,
        other => panic!("{other:?}"),
    }
}

#[test]
fn codev_has_the_turns_of_the_method() {
    for (id, welcome, idea, learning) in [
        ("codev-2h", 20, 150, 45),
        ("codev-1h30", 20, 120, 45),
        ("codev-1h15", 20, 120, 45),
        ("codev-flash-30", 8, 75, 20),
    ] {
        let template = builtin(id);
        assert_eq!(turn(&template, "accueil"), welcome, "{id}");
        assert_eq!(turn(&template, "consultation"), idea, "{id}");
        assert_eq!(turn(&template, "apprentissages"), learning, "{id}");
        let (question, answer) = if id == "codev-flash-30" { (15, 45) } else { (20, 60) };
        let clarification =
            template.phases.iter().find(|phase| phase.id == "clarification").expect("there");
        for step in &clarification.steps {
            let FloorPolicy::Pair { ask_turn, answer_turn, .. } = &step.floor else {
                panic!("{id}: a pair");
            };
            assert_eq!(ask_turn.length, Millis::from_secs(question), "{id}");
            assert_eq!(answer_turn.length, Millis::from_secs(answer), "{id}");
        }
    }
}

/// One key runs a session: what the method lets end by itself does.
#[test]
fn codev_ends_its_phases_by_itself_where_the_method_says_when() {
    let ends: Vec<Transition> =
        builtin("codev-1h15").phases.iter().map(|phase| phase.transition).collect();
    use Transition as T;
    assert_eq!(
        ends,
        [
            T::AllSpoken,
            T::Vote,
            T::AllSpoken,
            T::Manual,
            T::Artefact,
            T::Timer,
            T::Manual,
            T::AllSpoken,
            T::AllSpoken,
            T::Manual,
        ]
    );
}

#[test]
fn the_other_formats_use_what_they_are_made_of() {
    let policies = |id: &str| -> Vec<FloorKind> {
        let template = builtin(id);
        template
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .map(|step| step.floor.kind())
            .collect()
    };
    assert!(policies("intervision").contains(&FloorKind::QuietFirst));
    assert!(policies("lean-coffee").contains(&FloorKind::QuietFirst));
    assert_eq!(
        policies("one-two-four-all"),
        [FloorKind::Silence, FloorKind::Breakout, FloorKind::Breakout, FloorKind::Queue]
    );
    let circle = builtin("fishbowl").phases[1].first_floor().circle();
    assert_eq!(circle, Some(4));

    // In Action Learning everybody may be asked, and nobody speaks but to ask or to answer.
    let learning = builtin("action-learning");
    for phase in ["questions", "pistes"] {
        let phase = learning.phases.iter().find(|other| other.id == phase).expect("there");
        let FloorPolicy::Pair { ask, answer, .. } = phase.first_floor() else { panic!("a pair") };
        for role in [Role::Client, Role::Consultant] {
            assert!(ask.contains(role) && answer.may_be(role));
        }
    }

    // In Troika the client hears with their back turned: no floor, and no camera.
    let troika = builtin("troika");
    let turned = troika.phases.iter().filter(|phase| phase.id.starts_with("dos-tourne"));
    assert_eq!(turned.clone().count(), 3);
    for phase in turned {
        let consultants: RoleSet = [Role::Consultant].into_iter().collect();
        assert_eq!(phase.video, consultants);
        assert!(
            matches!(phase.first_floor(), FloorPolicy::Open { who, .. } if *who == consultants)
        );
    }

    // Oxford: three minutes, a signal 30 s before the end, the cut 15 s after it; a vote before
    // and one after.
    let debate = builtin("oxford-debate");
    let FloorPolicy::RoundRobin { turn, .. } = debate.phases[1].first_floor() else {
        panic!("a round")
    };
    assert_eq!(
        (turn.length, turn.warning, turn.grace),
        (Millis::from_secs(180), Millis::from_secs(30), Millis::from_secs(15))
    );
    let votes = |id: &str| -> Vec<VoteAbout> {
        let votes = builtin(id).phases.into_iter().filter_map(|phase| phase.vote);
        votes.map(|vote| vote.about.kind()).collect()
    };
    assert_eq!(votes("oxford-debate"), [VoteAbout::Question, VoteAbout::Question]);

    // Lean Coffee: eight minutes, then four by vote.
    for phase in builtin("lean-coffee").phases {
        if let Some(VoteRuleAbout::Continue { extends }) = phase.vote.map(|vote| vote.about) {
            assert_eq!((phase.target, extends), (Millis(8 * MINUTE), Millis(4 * MINUTE)));
        }
    }
    assert_eq!(votes("lean-coffee").len(), 6);
}

/// What a phase takes at the least, worked out anew: everyone's turn, and the steps with a time.
fn one_full_round(phase: &Phase, people: u8) -> u64 {
    let heads = |who: RoleSet| {
        who.iter()
            .map(|role| match role {
                Role::Facilitator | Role::Client => 1,
                Role::Consultant => u64::from(people) - 2,
                _ => 0,
            })
            .sum::<u64>()
    };
    let steps = phase.steps.iter().map(|step| {
        let round = match &step.floor {
            FloorPolicy::RoundRobin { volunteers: Some(count), turn, .. } => {
                u64::from(*count) * turn.length.0
            }
            FloorPolicy::RoundRobin { who, turn, .. } => heads(*who) * turn.length.0,
            FloorPolicy::Pair { ask, ask_turn, answer_turn, .. } => match step.floor.round() {
                Some(_) => heads(*ask) * (ask_turn.length.0 + answer_turn.length.0),
                None => 0,
            },
            _ => 0,
        };
        round + step.lasts.map_or(0, |lasts| lasts.0)
    });
    steps.sum()
}

#[test]
fn no_phase_shrinks_below_one_full_round() {
    for template in Template::all_builtin() {
        for phase in &template.phases {
            let round = one_full_round(phase, template.people);
            assert!(
                phase.min.0 >= round,
                "{}/{}: {} s for a round of {} s",
                template.id,
                phase.id,
                phase.min.0 / 1_000,
                round / 1_000
            );
            assert!(phase.min <= phase.target && phase.target <= phase.max);
        }
    }
}

#[test]
fn minimum_and_maximum_by_default() {
    let codev = builtin("codev-1h15");
    let clarification = &codev.phases[3];
    // 60 % of 14 min is 504 s; seven pairs of 20 s + 60 s are 560 s.
    assert_eq!(clarification.min, Millis::from_secs(560));
    assert_eq!(clarification.max, Millis::from_secs(1_092));
    // Three pitches of 45 s and the vote of 45 s are 180 s: 60 % of 5 min.
    assert_eq!(codev.phases[1].min, Millis::from_secs(180));
}

#[test]
fn a_borrowing_phase_has_somebody_to_borrow_from() {
    for template in Template::all_builtin() {
        for (index, phase) in template.phases.iter().enumerate() {
            if phase.overtime == palabre_facilitation::Overtime::Borrow {
                let spare: u64 = template.phases[index + 1..]
                    .iter()
                    .map(|later| later.target.0 - later.min.0)
                    .sum();
                assert!(spare >= MINUTE, "{}/{}: {spare} ms to borrow", template.id, phase.id);
            }
        }
    }
}

#[test]
fn every_role_has_its_words_in_every_language() {
    for template in Template::all_builtin() {
        assert_eq!(Template::builtin(&template.id).as_ref(), Some(&template));
        for phase in &template.phases {
            for role in Role::ALL {
                for language in [Language::Fr, Language::En] {
                    assert!(!phase.prompts.for_role(role).get(language).is_empty());
                }
            }
        }
    }
    let codev = builtin("codev-1h15");
    let says =
        |phase: usize, role, language| codev.phases[phase].prompts.for_role(role).get(language);
    assert_eq!(says(2, Role::Client, Language::En), "Context, difficulty, hope");
    assert_eq!(says(2, Role::Consultant, Language::Fr), "Écoutez sans interrompre");
    assert_eq!(says(6, Role::Client, Language::Fr), "Notez, ne répondez pas");
    assert!(Template::builtin("no-such").is_none());
}

#[test]
fn what_is_written_belongs_to_somebody() {
    let codev = builtin("codev-1h15");
    let phase = |id: &str| codev.phases.iter().find(|phase| phase.id == id).expect("there");
    assert!(phase("contrat").takes_contract);
    assert!(phase("consultation").may_write(Role::Consultant, EntryKind::Suggestion));
    assert!(!phase("consultation").may_write(Role::Client, EntryKind::Suggestion));
    assert!(phase("synthese").may_write(Role::Client, EntryKind::Action));
    assert!(!phase("synthese").may_write(Role::Consultant, EntryKind::Action));
    for template in Template::all_builtin() {
        for phase in &template.phases {
            for (kind, by) in &phase.writes {
                assert!(!by.is_empty() && !by.contains(Role::Observer), "{}: {kind:?}", phase.id);
            }
        }
    }
}

/// Every text of a template, with where it stands.
fn texts(language: Language) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for template in Template::all_builtin() {
        let mut add = |place: &str, text: &palabre_facilitation::Text| {
            texts.push((format!("{}/{place}", template.id), text.get(language).to_owned()));
        };
        add("title", &template.title);
        add("purpose", &template.purpose);
        for phase in &template.phases {
            add(&phase.id, &phase.title);
            add(&phase.id, &phase.purpose);
            add(&phase.id, &phase.meanwhile);
            for role in Role::ALL {
                add(&phase.id, phase.prompts.for_role(role));
            }
            if let Some(VoteRuleAbout::Question { question, answers }) =
                phase.vote.as_ref().map(|vote| &vote.about)
            {
                add(&phase.id, question);
                answers.iter().for_each(|answer| add(&phase.id, answer));
            }
        }
    }
    texts
}

/// French puts a space that does not break before its tall signs and inside its quotation marks.
#[test]
fn french_is_set_as_french_is() {
    for (place, text) in texts(Language::Fr) {
        let letters: Vec<char> = text.chars().collect();
        for (index, letter) in letters.iter().enumerate() {
            let spaced = |index: Option<usize>| {
                index
                    .and_then(|index| letters.get(index))
                    .is_some_and(|c| matches!(c, '\u{a0}' | '\u{202f}'))
            };
            match letter {
                ';' | ':' | '!' | '?' | '»' => {
                    assert!(spaced(index.checked_sub(1)), "{place}: {text}");
                }
                '«' => assert!(spaced(Some(index + 1)), "{place}: {text}"),
                '"' => panic!("{place}: {text}"),
                _ => {}
            }
        }
    }
    for (place, text) in texts(Language::En) {
        let french = |c: char| matches!(c, '\u{a0}' | '\u{202f}' | '«' | '»');
        assert!(!text.contains(french), "{place}: {text}");
    }
}

#[test]
fn every_template_has_its_page() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/templates");
    for template in Template::all_builtin() {
        let path = folder.join(format!("{}.md", template.id));
        let page = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
        assert!(page.contains(&format!("`{}`", template.id)), "{}", path.display());
        for phase in &template.phases {
            let named = phase.title.get(Language::En);
            assert!(page.contains(named), "{}: no word of {named}", path.display());
        }
    }
}

#[test]
fn a_rehearsal_divides_every_duration() {
    let codev = builtin("codev-1h15");
    let fast = codev.sped_up(60);
    assert_eq!(fast.target(), Millis::from_secs(75));
    assert_eq!(fast.drops.client, Millis::from_secs(2));
    assert_eq!(fast.drops.debounce, codev.drops.debounce);
    assert_eq!(fast.phases[1].vote.as_ref().map(|vote| vote.lasts), Some(Millis(750)));
    assert_eq!(fast.phases[2].linger, Millis(166));
    let coffee = builtin("lean-coffee").sped_up(60);
    let longer = coffee.phases[2].vote.as_ref().map(|vote| vote.about.clone());
    assert_eq!(longer, Some(VoteRuleAbout::Continue { extends: Millis::from_secs(4) }));
    assert_eq!(codev.sped_up(1), codev);
}
