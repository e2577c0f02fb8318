//! The binary itself: started, asked, killed and started again.

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::{Palabre, room, token};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_killed_server_comes_back_with_the_same_links_and_state() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &[]);
    let links = server.links();
    assert_eq!(links.len(), 8, "{:?}", server.said);
    let mut camille = server.page(token(&links[0])).await;
    let welcome = camille.until("welcome").await;
    assert_eq!(welcome["room"]["template"]["id"], "codev-1h15");
    assert_eq!(camille.command(1, json!({"do": "next_phase"})).await["result"], "done");
    assert_eq!(
        camille.command(2, json!({"do": "set_muted", "muted": true})).await["result"],
        "done"
    );
    server.kill();

    let server = Palabre::start(data.path(), &[]);
    let tokens = |links: &[String]| links.iter().map(|l| token(l).to_owned()).collect::<Vec<_>>();
    assert_eq!(tokens(&server.links()), tokens(&links), "the same links");
    let mut camille = server.page(token(&links[0])).await;
    let welcome = camille.until("welcome").await;
    assert_eq!(welcome["room"]["phase"]["stage"], json!({"stage": "running", "index": 0}));
    assert_eq!(welcome["room"]["people"][0]["muted"], true);
    assert_eq!(welcome["last_command"], 2);
    let (closing, (well, _)) = tokio::join!(camille.until("closing"), async {
        tokio::task::spawn_blocking(move || server.terminate()).await.expect("ended")
    });
    assert_eq!(closing["reason"], "restarting");
    assert!(well, "SIGTERM ends it well");
}

#[tokio::test]
async fn rooms_are_made_by_http_and_logs_hold_nothing_of_them() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &[]);
    let (status, made) = server.post_room("", &room());
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["links"][1]["seat"], 1);
    let url = made["links"][1]["url"].as_str().expect("a link").to_owned();
    let room_id = made["room"].as_str().expect("an id").to_owned();
    assert!(url.starts_with(&format!("http://localhost:{}/r/{room_id}#", server.port)), "{url}");

    let mut page = server.page(token(&url)).await;
    let resume = page.until("welcome").await["resume_token"].as_str().expect("a token").to_owned();
    let chat = json!({"do": "chat", "text": "un secret bien gardé"});
    assert_eq!(page.command(1, chat).await["result"], "done");
    let offer = json!({"type": "media_offer", "generation": 1, "sdp": "v=0\r\nno offer at all"});
    page.0.send(Message::text(offer.to_string())).await.expect("sent");
    page.until("media_refused").await;
    page.0.send(Message::text("un charabia secret")).await.expect("sent");
    page.until("not_understood").await;

    let metrics = server.metrics();
    assert_eq!(metrics.value("palabre_rooms"), 2.0);
    assert_eq!(metrics.value("palabre_commands_done_total"), 1.0);
    assert_eq!(metrics.value("palabre_media_packets_forwarded_total"), 0.0);

    let log = server.terminate().1;
    assert!(log.contains("serving"), "the log is there: {log}");
    let demo_names = ["Camille", "Amadou"];
    let secrets = ["Gwenaëlle", "Théophile", "secret", &resume, token(&url), &room_id];
    for secret in secrets.iter().chain(&demo_names) {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
    let port_of_a_peer = |line: &&str| line.contains("127.0.0.1:") && !line.contains("serving");
    assert_eq!(log.lines().filter(port_of_a_peer).count(), 0, "the log holds an address");
}

#[test]
fn pages_calls_and_headers() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &[]);
    for path in ["/", "/r/abcd-efgh-ijkl"] {
        let (_, head, body) = server.get(path);
        assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("referrer-policy: no-referrer"), "{head}");
        assert!(body.contains("<title>Palabre</title>"), "{body}");
    }
    assert_eq!(server.get("/assets/none.js").0, 404);
    assert_eq!(server.get("/../../etc/passwd").0, 404);
    assert_eq!(server.get("/livez").0, 200);
    assert_eq!(server.get("/readyz").0, 200);
    assert_eq!(server.get("/metrics").0, 404, "metrics are on their own listener");
    let demo: Value = serde_json::from_str(&server.get("/api/demo").2).expect("JSON");
    assert_eq!(demo["links"].as_array().map(Vec::len), Some(8));
    let templates: Value = serde_json::from_str(&server.get("/api/templates").2).expect("JSON");
    assert_eq!(templates[0]["id"], "codev-1h15");
    assert_eq!((&templates[0]["minutes"], &templates[0]["people"]), (&json!(75), &json!(9)));
    for card in templates.as_array().expect("a list") {
        for text in ["title", "purpose"] {
            for language in ["fr", "en"] {
                assert!(card[text][language].as_str().is_some_and(|t| !t.is_empty()), "{card}");
            }
        }
    }

    // A page of another site that took our address cannot ask.
    assert_eq!(server.ask("GET", "/api/demo", "Host: evil.example\r\n", "").0, 421);
    // Nor can its form make rooms.
    let text = "Content-Type: text/plain\r\n";
    assert_eq!(server.ask("POST", "/api/rooms", text, &room().to_string()).0, 415);
    let mut alone = room();
    alone["people"] = json!([{"name": "Laura", "role": "client"}]);
    let (status, problem) = server.post_room("", &alone);
    assert_eq!(
        (status, problem["error"].as_str()),
        (400, Some("people: a room has exactly one facilitator, here are 0"))
    );
    let large = json!({"template": "x".repeat(200_000)});
    let headers = "Content-Type: application/json\r\n";
    assert_eq!(server.ask("POST", "/api/rooms", headers, &large.to_string()).0, 413);
    let mut fast = room();
    fast["speed"] = json!(60);
    assert_eq!(server.post_room("", &fast).0, 201, "rehearsals are open on one's own machine");
    assert!(server.terminate().0);
}

#[test]
fn what_the_calls_are_said_to_answer_is_what_they_answer() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &[]);
    let described = server.get("/api/openapi.json").2;
    let (status, _, docs) = server.get("/api/docs/");
    assert!(status == 200 && docs.contains("swagger-ui"), "{docs}");
    // The page shows ours, and is whole: nothing of it comes from elsewhere.
    assert!(server.get("/api/docs/swagger-initializer.js").2.contains("/api/openapi.json"));
    assert!(!docs.contains("https://"), "{docs}");
    let calls: Value = serde_json::from_str(&described).expect("JSON");
    let mut described = 0;
    for (path, methods) in calls["paths"].as_object().expect("paths") {
        for (method, call) in methods.as_object().expect("methods") {
            let json = "Content-Type: application/json\r\n";
            let public = call["tags"].as_array().expect("tags").contains(&json!("public listener"));
            let (status, _, body) = match (public, method.as_str()) {
                (true, "post") => server.ask("POST", path, json, &room().to_string()),
                (true, _) => server.get(path),
                // An order that is none: a good one would end the server.
                (false, "post") => server.post_private(path, "no order"),
                (false, _) => server.ask_private(path, ""),
            };
            let success = &call["responses"][status.to_string()];
            assert!(success.is_object(), "{method} {path}: {status}");
            let Some(content) = success["content"].get("application/json") else { continue };
            // Its fields are those of the schema, no more and no fewer.
            described += 1;
            let schema = &content["schema"];
            let named = schema.get("items").unwrap_or(schema)["$ref"].as_str();
            let schema = calls.pointer(&named.expect("a named schema")[1..]).expect("described");
            let keys = |of: &Value| -> BTreeSet<String> {
                of.as_object().expect("an object").keys().cloned().collect()
            };
            let answer: Value = serde_json::from_str(&body).expect("JSON");
            let answer = answer.get(0).unwrap_or(&answer);
            assert_eq!(keys(answer), keys(&schema["properties"]), "{path}");
        }
    }
    assert_eq!(described, 3, "a room made, the demo room and the templates");
}

#[test]
fn an_operators_key_is_asked_for() {
    let data = tempfile::tempdir().expect("dir");
    let key = [("PALABRE_OPERATOR_KEY", "open-sesame-open-sesame")];
    let server = Palabre::start_with(data.path(), &["--no-demo"], &key);
    assert_eq!(server.get("/api/demo").0, 404);
    assert_eq!(server.post_room("", &room()).0, 401);
    assert_eq!(server.post_room("Authorization: Bearer open-sesame\r\n", &room()).0, 401);
    let key = "Authorization: Bearer open-sesame-open-sesame\r\n";
    assert_eq!(server.post_room(key, &room()).0, 201);
    assert!(!server.terminate().1.contains("sesame"));
}

#[test]
fn a_damaged_journal_is_refused_by_name() {
    let data = tempfile::tempdir().expect("dir");
    std::fs::create_dir(data.path().join("journal")).expect("made");
    std::fs::write(data.path().join("journal/link-key.value"), "no key").expect("written");
    let run = |fresh: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_palabre"))
            .args(["serve", "--http", "127.0.0.1:0", "--media", "127.0.0.1:0", "--exit-after", "0"])
            .arg("--data")
            .arg(data.path())
            .args(fresh)
            .output()
            .expect("ran")
    };
    let refused = run(&[]);
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("link-key.value is damaged") && words.contains("--fresh"), "{words}");
    assert!(run(&["--fresh"]).status.success());
    assert!(data.path().join("journal.aside-1").exists());
}

#[test]
fn a_template_is_checked() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("mine.toml");
    std::fs::write(&file, "id = 'mine'\nnonsense = 1\n").expect("written");
    let out = Command::new(env!("CARGO_BIN_EXE_palabre"))
        .args(["template", "check"])
        .arg(&file)
        .output()
        .expect("ran");
    assert!(!out.status.success());
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(words.contains("mine.toml:"), "{words}");
}
