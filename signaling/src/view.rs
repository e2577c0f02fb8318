//! What a page is shown of a room: its views as they are, and the template's texts in the person's
//! language and for their role.

use palabre_facilitation as facilitation;
use palabre_ids::{Language, Role};
use palabre_room::{Part, Room};
use palabre_wire as wire;

/// The whole room, for a person of `role` who reads `language`.
#[must_use]
pub(crate) fn room(room: &Room, role: Role, language: Language) -> wire::RoomView {
    let template = room.template();
    wire::RoomView {
        template: wire::TemplateInfo {
            id: template.id.clone(),
            title: template.title.get(language).to_owned(),
            purpose: template.purpose.get(language).to_owned(),
            target: template.target(),
        },
        phases: template.phases.iter().map(|phase| phase_info(phase, role, language)).collect(),
        phase: room.phase(),
        floor: room.floor(),
        people: room.people(),
        state: room.state(),
        votes: room.votes(),
        entries: room.entries().cloned().collect(),
        chat: room.chat().cloned().collect(),
    }
}

/// The event that tells of a part's new value; `None` for a seat that is not there.
#[must_use]
pub(crate) fn part(room: &Room, part: Part) -> Option<wire::RoomEvent> {
    Some(match part {
        Part::Person(seat) => wire::RoomEvent::Person(Box::new(room.person(seat)?)),
        Part::Phase => wire::RoomEvent::Phase(room.phase()),
        Part::Floor => wire::RoomEvent::Floor(room.floor()),
        Part::State => wire::RoomEvent::State(room.state()),
        Part::Votes => wire::RoomEvent::Votes(room.votes()),
        Part::Entry(id) => match room.entry(id) {
            Some(entry) => wire::RoomEvent::Entry(entry.clone()),
            None => wire::RoomEvent::EntryRemoved { id },
        },
    })
}

fn phase_info(phase: &facilitation::Phase, role: Role, language: Language) -> wire::PhaseInfo {
    wire::PhaseInfo {
        id: phase.id.clone(),
        title: phase.title.get(language).to_owned(),
        purpose: phase.purpose.get(language).to_owned(),
        prompt: phase.prompts.for_role(role).get(language).to_owned(),
        meanwhile: phase.meanwhile.get(language).to_owned(),
        target: phase.target,
        min: phase.min,
        max: phase.max,
        warnings: phase.warnings.clone(),
        floor: phase.first_floor().kind(),
        writes: phase
            .writes
            .iter()
            .filter(|(_, by)| by.contains(role))
            .map(|(kind, _)| *kind)
            .collect(),
        takes_contract: phase.takes_contract,
        out_of_contract: phase.out_of_contract,
        vote: phase.vote.as_ref().and_then(|vote| vote_info(&vote.about, language)),
    }
}

/// The words of a vote of the phase's own; those of the others are the page's.
fn vote_info(about: &facilitation::VoteRuleAbout, language: Language) -> Option<wire::VoteInfo> {
    match about {
        facilitation::VoteRuleAbout::Question { question, answers } => Some(wire::VoteInfo {
            question: question.get(language).to_owned(),
            answers: answers.iter().map(|answer| answer.get(language).to_owned()).collect(),
        }),
        facilitation::VoteRuleAbout::Client | facilitation::VoteRuleAbout::Continue { .. } => None,
    }
}
