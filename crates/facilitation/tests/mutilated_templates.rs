//! Whatever is done to a template's text, it is refused with a line that exists, or parsed into a
//! template that holds what its types promise.

use palabre_facilitation::{FloorPolicy, Template, speaks};
use palabre_ids::Millis;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof, proptest};
use proptest::test_runner::Config;

const CODEV: &str = include_str!("../templates/codev-1h15.toml");

#[derive(Debug, Clone)]
enum Damage {
    /// A line is lost.
    Drop,
    /// A line comes twice.
    Double,
    /// A line changes places with another.
    Swap(usize),
    /// A line's value is another one.
    Value(&'static str),
    /// A character of a line is lost.
    Letter(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let values =
        ["\"0 s\"", "\"2 h\"", "[]", "[\"client\"]", "\"client\"", "true", "-1", "\"pair\"", "{}"];
    prop_oneof![
        Just(Damage::Drop),
        Just(Damage::Double),
        any::<usize>().prop_map(Damage::Swap),
        prop::sample::select(values.to_vec()).prop_map(Damage::Value),
        any::<usize>().prop_map(Damage::Letter),
    ]
}

fn mutilate(lines: &mut Vec<String>, at: usize, damage: Damage) {
    let index = at % lines.len();
    match damage {
        Damage::Drop => drop(lines.remove(index)),
        Damage::Double => lines.insert(index, lines[index].clone()),
        Damage::Swap(other) => {
            let other = other % lines.len();
            lines.swap(index, other);
        }
        Damage::Value(value) => {
            if let Some((key, _)) = lines[index].clone().split_once('=') {
                lines[index] = format!("{key}= {value}");
            }
        }
        Damage::Letter(letter) => {
            let letters: Vec<char> = lines[index].chars().collect();
            let lost = letter % letters.len().max(1);
            lines[index] =
                letters.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, c)| c).collect();
        }
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]
    #[test]
    fn a_mutilated_template_is_refused_or_sound(
        damages in prop::collection::vec((any::<usize>(), damage()), 1..4)
    ) {
        let mut lines: Vec<String> = CODEV.lines().map(str::to_owned).collect();
        for (at, damage) in damages {
            mutilate(&mut lines, at, damage);
        }
        match Template::parse(&lines.join("\n")) {
            Err(error) => {
                prop_assert!((1..=lines.len()).contains(&error.line), "{error}");
                prop_assert!(!error.reason.is_empty());
            }
            Ok(template) => {
                prop_assert!(!template.phases.is_empty());
                for phase in &template.phases {
                    prop_assert!(Millis::ZERO < phase.min && phase.min <= phase.target);
                    prop_assert!(phase.target <= phase.max && phase.warnings.iter().all(|warning| *warning < phase.target));
                    prop_assert!(!phase.steps.is_empty());
                    for step in &phase.steps {
                        if let FloorPolicy::Queue { who, turn } | FloorPolicy::RoundRobin { who, turn, .. } = &step.floor {
                            prop_assert!(!who.is_empty() && who.iter().all(speaks));
                            prop_assert!(Millis::ZERO < turn.expert && turn.expert <= turn.length);
                            prop_assert!(turn.warning < turn.length);
                        }
                    }
                }
            }
        }
    }
}
