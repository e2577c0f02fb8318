//! Seeded sessions of every template that ships, with everything that happens to people.

use std::sync::Arc;

use palabre_facilitation::Template;
use palabre_sim::{Fault, Plan, Played, look, play};

/// How many sessions of each template; `PALABRE_SESSIONS` says otherwise.
const SESSIONS: u64 = 10;

fn sessions() -> u64 {
    let asked = std::env::var("PALABRE_SESSIONS").ok();
    asked.map_or(SESSIONS, |text| text.parse().expect("a number of sessions"))
}

#[test]
fn no_template_that_ships_has_a_fault_to_be_seen() {
    for template in Template::all_builtin() {
        assert_eq!(look(&template, template.people), [], "{}", template.id);
    }
}

#[test]
fn every_session_of_every_template_comes_to_its_end() {
    let mut wrong = Vec::new();
    for template in Template::all_builtin() {
        let template = Arc::new(template);
        for seed in 0..sessions() {
            // Smaller groups than the template is sized for come as well.
            let fewer = u8::try_from(seed % 3).unwrap_or(0);
            let people = template.people.saturating_sub(fewer).max(4);
            let played = play(&template, Plan { people, seed, mishaps: true });
            for fault in played.faults {
                wrong.push(format!("{} with {people} people, seed {seed}: {fault}", template.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn without_mishaps_a_session_takes_about_its_time() {
    for template in Template::all_builtin() {
        let target = template.target().0;
        let template = Arc::new(template);
        for seed in 0..3 {
            let plan = Plan { people: template.people, seed, mishaps: false };
            let Played { faults, lasted, phases, .. } = play(&template, plan);
            assert_eq!(faults, [], "{}, seed {seed}", template.id);
            // Half of the time at the least, and no more than the longest it can last.
            let most: u64 = template.phases.iter().map(|phase| phase.max.0 + 120_000).sum();
            assert!(
                lasted.0 * 3 > target && lasted.0 < most + 180_000,
                "{}, seed {seed}: {} s of {} s: {phases:?}",
                template.id,
                lasted.0 / 1_000,
                target / 1_000
            );
        }
    }
}

#[test]
fn the_same_seed_plays_the_same_session() {
    let template = Arc::new(Template::builtin("codev-1h15").expect("ships"));
    let plan = Plan { people: 9, seed: 7, mishaps: true };
    assert_eq!(play(&template, plan), play(&template, plan));
    assert_ne!(
        play(&template, plan).lines,
        play(&template, Plan { seed: 8, ..plan }).lines,
        "another seed is another session"
    );
}

const BAD: &str = r#"id = "bad"
title = { fr = "Mauvais", en = "Bad" }
purpose = { fr = "But", en = "Purpose" }
people = 3
[[phase]]
id = "round"
title = { fr = "Tour", en = "Round" }
purpose = { fr = "But", en = "Purpose" }
target = "2 min"
transition = "timer"
prompts = { everyone = { fr = "Vous", en = "You" } }
[[phase.floor]]
policy = "round_robin"
who = ["consultant"]
turn = "40 s"
[[phase]]
id = "nobody"
title = { fr = "Personne", en = "Nobody" }
purpose = { fr = "But", en = "Purpose" }
target = "3 min"
prompts = { everyone = { fr = "Vous", en = "You" } }
[[phase.floor]]
policy = "queue"
who = ["co_facilitator"]
turn = "30 s"
"#;

#[test]
fn what_is_wrong_is_found_and_named() {
    let bad = Template::parse(BAD).expect("it is well written");
    let faults = look(&bad, 8);
    assert!(
        faults.iter().any(|f| matches!(f, Fault::DoesNotFit { phase, .. } if phase == "round")),
        "{faults:?}"
    );
    let faults = look(&bad, 3);
    assert_eq!(faults, [Fault::NobodySpeaks { phase: "nobody".into(), floor: 1 }]);
    // Played, both are felt: turns are cut, and nobody can speak.
    let bad = Arc::new(bad);
    let played: Vec<Fault> = (0..8)
        .flat_map(|seed| play(&bad, Plan { people: 8, seed, mishaps: false }).faults)
        .collect();
    assert!(
        played.iter().any(|f| matches!(f, Fault::TurnCut { phase, .. } if phase == "round")),
        "{played:?}"
    );
    assert!(
        played.iter().any(|f| matches!(f, Fault::NobodySpeaks { phase, .. } if phase == "nobody")),
        "{played:?}"
    );
}
