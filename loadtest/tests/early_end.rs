//! A run that is told to end judges what its rooms did until then, and says that it is partial.

mod fake;

use std::sync::Arc;

use palabre_loadtest::run::{self, Overrides, Private, Scenario, Setting, Summary};
use palabre_wire::Command;
use tokio::sync::watch;

/// Its second step is what ends it; its third is an hour away.
const SCENARIO: &str = r#"
name = "early"
template = "plain-meeting"
people = 2
seconds = 7200
bots = "signaling"

[[at]]
second = 0
holder = 1

[[at]]
second = 0
seat = 1
do = "set_muted"
muted = true

[[at]]
second = 3600
holder = 0
"#;

#[tokio::test]
async fn what_was_done_until_then_is_judged() {
    let (told, end) = watch::channel(None);
    // It ends the run at a mute.
    let server = fake::server(move |_, command| {
        if let Command::SetMuted { .. } = command {
            told.send_replace(Some("SIGTERM"));
        }
        None
    });
    let setting = Setting {
        server: server.await,
        private: Private::None,
        own: None,
        process: None,
        progress: Arc::new(|_| {}),
        each_second: Arc::new(|_| {}),
        end,
    };
    let scenario = Scenario::parse(SCENARIO, Overrides::default()).expect("a scenario");
    let run = run::run(scenario, setting).await.expect("it ran");
    assert!(run.partial);
    assert_eq!((run.rooms, run.totals.bots, run.totals.let_in), (1, 2, 2));

    let summary = Summary::of(&run);
    let verdict = |what: &str| {
        let found = summary.assertions.iter().find(|one| one.what.contains(what));
        found.map(|one| (one.held, one.found.as_str()))
    };
    assert_eq!(verdict("every bot got in"), Some((true, "")));
    assert_eq!(verdict("holder: 1"), Some((true, "")));
    assert_eq!(verdict("holder: 0"), None, "it never came to that");
    let (held, found) = verdict("the run lasts to its end").expect("it is said");
    assert!(!held && found.contains("SIGTERM"), "{found}");
    assert!(!summary.held);
    assert!(summary.table().contains("partial"), "{}", summary.table());
}
