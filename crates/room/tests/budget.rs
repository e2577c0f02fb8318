//! The time of the session: what an extension costs is what was said before.

mod common;

use common::{CHAIR, Table, eight};
use palabre_facilitation::{Overtime, Template};
use palabre_ids::Millis;
use palabre_room::Command;
use palabre_vocabulary::ExtensionQuote;

fn codev(overtime: Overtime) -> Table {
    let mut template = Template::builtin("codev-1h15").expect("the test's own figures are sound");
    for phase in &mut template.phases {
        phase.overtime = overtime;
    }
    Table::at(template, "clarification", eight())
}

fn quotes(table: &Table) -> Vec<ExtensionQuote> {
    table
        .room
        .personal(CHAIR)
        .expect("the test's own figures are sound")
        .chair
        .expect("the test's own figures are sound")
        .extensions
}

#[test]
fn every_extension_does_what_was_quoted() {
    for overtime in [Overtime::Soft, Overtime::Borrow, Overtime::Hard] {
        for index in 0..3 {
            for before in [0, 60, 200] {
                let mut table = codev(overtime);
                table.wait_s(7);
                let _most = table
                    .tries(CHAIR, Command::ExtendPhase { by: Millis::from_secs(before.max(1)) });
                let quote = quotes(&table)[index].clone();
                assert_eq!(quote.by, Millis::from_secs([60, 120, 300][index]));
                let was = table.room.phase();
                let done = table.tries(CHAIR, Command::ExtendPhase { by: quote.by });
                assert_eq!(done.is_ok(), quote.gets > Millis::ZERO);
                let is = table.room.phase();
                assert_eq!(is.total, was.total + quote.gets);
                assert_eq!(is.session_ends_at, quote.session_ends_at);
                let costs: Vec<(u16, Millis)> = (0_u16..)
                    .zip(was.planned.iter().zip(&is.planned))
                    .map(|(phase, (was, is))| (phase, was.saturating_sub(*is)))
                    .filter(|(_, cost)| *cost > Millis::ZERO)
                    .collect();
                assert_eq!(costs, quote.costs);
            }
        }
    }
}

#[test]
fn borrowing_costs_later_phases_and_the_end_stays() {
    let table = codev(Overtime::Borrow);
    let quote = &quotes(&table)[0];
    assert_eq!(quote.gets, Millis::from_secs(60));
    assert_eq!(quote.session_ends_at, table.room.phase().session_ends_at);
    let cost: u64 = quote.costs.iter().map(|(_, cost)| cost.0).sum();
    assert_eq!(cost, 60_000);
    let quote = &quotes(&codev(Overtime::Soft))[0];
    assert!(quote.costs.is_empty());
}

#[test]
fn the_end_stays_on_the_screen_while_clocks_stand() {
    let mut table = codev(Overtime::Soft);
    table.wait_s(30);
    let ends = table.room.phase().session_ends_at;
    table.chair(Command::PausePhase);
    table.wait_s(60);
    assert_eq!(table.room.phase().session_ends_at, ends, "as of the moment when they stopped");
    table.chair(Command::ResumePhase);
    assert_eq!(table.room.phase().session_ends_at, ends.map(|at| at + Millis::from_secs(60)));
}

#[test]
fn nothing_is_offered_outside_the_phases() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    table.everyone_comes();
    assert_eq!(quotes(&table), []);
    assert_eq!(table.room.phase().session_ends_at, None);
    assert_eq!(table.room.phase().planned.len(), 10, "the plan is there from the first");
}
