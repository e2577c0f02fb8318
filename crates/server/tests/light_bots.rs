//! The load test's light bots find what its full bots find: the same people, in two rooms of one server
//! at the same time, once by each media stack.

mod common;

use std::sync::Arc;

use palabre_loadtest::bot::Stack;
use palabre_loadtest::link::Server;
use palabre_loadtest::run::{Overrides, Private, Scenario, Setting, Summary, run};

use common::Palabre;

/// Everybody in the lobby, the client alone, and somebody who is killed and comes back.
const SCENARIO: &str = r#"
name = "alike"
template = "codev-1h15"
people = 4
seconds = 17
sampled = 1

[[at]]
second = 4
heard = "allowed"
seen = "allowed"
[[at]]
second = 5
seat = 0
do = "microphone"
when = "off"
[[at]]
second = 5.5
seat = 0
do = "next_phase"
[[at]]
second = 6
seat = 0
do = "next_phase"
[[at]]
second = 6.5
seat = 0
do = "next_phase"
[[at]]
second = 7
seat = 0
do = "grant_floor"
to = 1
[[at]]
second = 8
stage = "expose"
holder = 1
heard = [1]
seen = "allowed"
[[at]]
second = 12
seat = 2
do = "drop"
how = "everything"
[[at]]
second = 12.5
seat = 2
do = "return"
how = "resume"
[[at]]
second = 14.5
holder = 1
heard = [1]
seen = "allowed"

[[expect]]
metric = "leaked_packets"
at_most = 0
"#;

async fn found_by(bots: Stack, server: Server) -> Summary {
    let over = Overrides { bots: Some(bots), ..Overrides::default() };
    let scenario = Scenario::parse(SCENARIO, over).expect("a scenario");
    let setting = Setting {
        server,
        // The other room's packets are in the server's figures, too.
        private: Private::None,
        own: None,
        process: None,
        progress: Arc::new(|_| ()),
        each_second: Arc::new(|_: &_| ()),
        end: tokio::sync::watch::channel(None).1,
    };
    Summary::of(&run(scenario, setting).await.expect("run"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn light_bots_find_what_full_bots_find() {
    let data = tempfile::tempdir().expect("a directory");
    let palabre = Palabre::start(data.path(), &["--no-demo"]);
    let url = format!("http://127.0.0.1:{}", palabre.port);
    let server = || Server::parse(&url).expect("an address");
    let (full, light) =
        tokio::join!(found_by(Stack::Full, server()), found_by(Stack::LIGHT, server()));
    for (name, summary) in [("full", &full), ("light", &light)] {
        assert!(summary.held, "{name} bots:\n{}", summary.table());
        assert_eq!(summary.packets_lost, 0, "{name} bots");
        assert_eq!(summary.packets_received, summary.packets_expected, "{name} bots");
        // Each that decodes knows every voice; how long it took is a benchmark's to say.
        let speech = &summary.speech;
        assert!(speech.windows > 0 && speech.recognised_share >= 0.9, "{name} bots: {speech:?}");
        assert!(summary.audio_latency_ms.count > 0 && summary.video_latency_ms.count > 0);
    }
    let counts = |summary: &Summary| {
        let returns = summary.reconnect_seconds.iter();
        let returns: Vec<_> = returns.map(|(rung, times)| (rung.clone(), times.count)).collect();
        let rights = (summary.floor_grant_ms.count, summary.floor_revoke_ms.count);
        (summary.join_seconds.count, rights, returns, summary.leaks.clone())
    };
    assert_eq!(counts(&full), counts(&light));
}
