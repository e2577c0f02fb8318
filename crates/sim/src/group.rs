//! Who takes part.

use palabre_facilitation::{ClientOf, Need, Template, VoteRuleAbout};
use palabre_ids::{DisplayName, Role};
use palabre_room::{MAX_SPEAKERS, PersonConfig};

use crate::dice::Dice;

const NAMES: [&str; 12] = [
    "Agathe", "Bruno", "Chloé", "Driss", "Elsa", "Farid", "Gaëlle", "Hugo", "Inès", "Jonas",
    "Katia", "Léon",
];

/// A group of `people` who speak: a facilitator, a client where the template finds none by itself (or
/// by chance), a co-facilitator and an expert by chance; and at times somebody who only watches.
pub(crate) fn gather(template: &Template, people: u8, dice: &mut Dice) -> Vec<PersonConfig> {
    let people = usize::from(people).clamp(2, MAX_SPEAKERS);
    let client = !finds_a_client(template) || dice.chance(300);
    let second = people > 5 && dice.chance(400);
    let expert = dice.chance(400);
    let watches = dice.chance(200);
    let mut group: Vec<PersonConfig> = (0..people)
        .map(|seat| PersonConfig {
            name: name(seat),
            role: match seat {
                0 => Role::Facilitator,
                1 if client => Role::Client,
                _ if second && seat + 1 == people => Role::CoFacilitator,
                _ => Role::Consultant,
            },
            expert: expert && people > 4 && seat == 3,
        })
        .collect();
    if watches {
        group.push(PersonConfig { name: name(people), role: Role::Observer, expert: false });
    }
    group
}

/// Whether the template names a client before the first phase that needs one.
fn finds_a_client(template: &Template) -> bool {
    for phase in &template.phases {
        if phase.client == ClientOf::Next {
            return true;
        }
        if phase.needs.contains(&Need::Client) {
            return false;
        }
        if phase.vote.as_ref().is_some_and(|rule| rule.about == VoteRuleAbout::Client) {
            return true;
        }
    }
    true
}

pub(crate) fn name(seat: usize) -> DisplayName {
    let name = NAMES.get(seat % NAMES.len()).copied().unwrap_or("Marie");
    DisplayName::parse(name).expect("these are names")
}
