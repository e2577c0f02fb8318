//! A server that throws somebody out whom the script left where they were: the run fails, and says who it was,
//! and when.

mod fake;

use std::sync::Arc;

use palabre_ids::Seat;
use palabre_loadtest::run::{self, Overrides, Private, Scenario, Setting, Summary};
use palabre_wire::{ClosingReason, ServerMessage};
use tokio::sync::watch;

const SCENARIO: &str = r#"
name = "thrown-out"
template = "plain-meeting"
people = 2
seconds = 2
bots = "signaling"

[[at]]
second = 1
seat = 1
do = "set_muted"
muted = true
"#;

/// Has seat 1 say something, to which the server answers with that; and gives what the report says of it.
async fn told(answer: ServerMessage, script: &str) -> Option<(bool, String)> {
    let says = move |seat, _: &_| (seat == Seat(1)).then(|| answer.clone());
    let (_open, end) = watch::channel(None);
    let setting = Setting {
        server: fake::server(says).await,
        private: Private::None,
        own: None,
        process: None,
        progress: Arc::new(|_| {}),
        each_second: Arc::new(|_| {}),
        end,
    };
    let scenario = format!("{SCENARIO}{script}");
    let scenario = Scenario::parse(&scenario, Overrides::default()).expect("a scenario");
    let summary = Summary::of(&run::run(scenario, setting).await.expect("it ran"));
    let stays = |what: &str| what.starts_with("every bot stays");
    let found = summary.assertions.into_iter().find(|one| stays(&one.what))?;
    Some((found.held, found.found))
}

fn closing(reason: ClosingReason) -> ServerMessage {
    ServerMessage::Closing { reason, after: None, media_for: None }
}

#[tokio::test]
async fn who_is_thrown_out_fails_the_run_whether_or_not_they_come_back() {
    for (answer, how, comes_back) in [
        (closing(ClosingReason::TakenOver), "(taken_over)", false),
        (closing(ClosingReason::TooSlow), "(too_slow)", true),
        (ServerMessage::MediaLost, "its media were lost", true),
    ] {
        let (held, found) = told(answer, "").await.expect("it is judged");
        assert!(!held && found.contains("room 0, seat 1") && found.contains(how), "{found}");
        assert!(found.contains("at second 1."), "{found}");
        assert_eq!(found.contains("not in the room in the end"), !comes_back, "{found}");
    }
}

#[tokio::test]
async fn whom_the_script_sends_away_is_not_missed() {
    let away = "\n[[at]]\nsecond = 0.5\nseat = 1\ndo = \"drop\"\nhow = \"everything\"\n";
    let found = told(closing(ClosingReason::TakenOver), away).await;
    assert_eq!(found, Some((true, String::new())));
}
