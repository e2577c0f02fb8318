//! The templates that ship are what the domain's table says.

use palabre_facilitation::Template;
use palabre_ids::{Language, Millis, Role};
use palabre_vocabulary::FloorKind;

#[test]
fn codev_lasts_an_hour_and_a_quarter() {
    let codev = Template::builtin("codev-1h15").expect("ships");
    let minutes: Vec<u64> = codev.phases.iter().map(|phase| phase.target.0 / 60_000).collect();
    assert_eq!(minutes, [5, 5, 7, 14, 5, 2, 20, 8, 8, 1]);
    assert_eq!(codev.target(), Millis::from_secs(75 * 60));
    let floors: Vec<Vec<FloorKind>> = codev
        .phases
        .iter()
        .map(|phase| phase.steps.iter().map(|step| step.floor.kind()).collect())
        .collect();
    use FloorKind as F;
    assert_eq!(
        floors,
        [
            vec![F::RoundRobin],
            vec![F::RoundRobin, F::Queue],
            vec![F::Holder],
            vec![F::Pair, F::Pair],
            vec![F::Holder],
            vec![F::Silence],
            vec![F::RoundRobin, F::Queue],
            vec![F::Silence, F::Holder],
            vec![F::RoundRobin, F::Queue],
            vec![F::Open],
        ]
    );
}

#[test]
fn minimum_and_maximum_by_default() {
    let codev = Template::builtin("codev-1h15").expect("ships");
    let clarification = &codev.phases[3];
    // 60 % of 14 min is 504 s; six pairs of 20 s + 60 s are 480 s.
    assert_eq!(clarification.min, Millis::from_secs(504));
    assert_eq!(clarification.max, Millis::from_secs(1_092));
    // 60 % of 5 min is 180 s; seven pitches of 45 s are 315 s, more than the target.
    assert_eq!(codev.phases[1].min, codev.phases[1].target);
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
    let codev = Template::builtin("codev-1h15").expect("ships");
    assert_eq!(
        codev.phases[2].prompts.for_role(Role::Client).get(Language::En),
        "Context, difficulty, hope"
    );
    assert_eq!(
        codev.phases[2].prompts.for_role(Role::Consultant).get(Language::Fr),
        "Écoutez sans interrompre"
    );
    assert!(Template::builtin("no-such").is_none());
}

#[test]
fn a_rehearsal_divides_every_duration() {
    let codev = Template::builtin("codev-1h15").expect("ships");
    let fast = codev.sped_up(60);
    assert_eq!(fast.target(), Millis::from_secs(75));
    assert_eq!(fast.drops.client, Millis::from_secs(2));
    assert_eq!(fast.drops.debounce, codev.drops.debounce);
    assert_eq!(codev.sped_up(1), codev);
}
