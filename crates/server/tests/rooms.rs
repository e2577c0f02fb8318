//! What a facilitator brings stays with the room, and what a client erases is nowhere any more.

mod common;

use std::path::{Path, PathBuf};

use common::{Page, Palabre, token};
use serde_json::{Value, json};

const MINE: &str = r#"id = "mine"
title = { fr = "À moi", en = "Mine" }
purpose = { fr = "Essayer.", en = "To try." }
people = 4

[[phase]]
id = "parole"
title = { fr = "Une seule question", en = "One question" }
purpose = { fr = "Choisir.", en = "To choose." }
target = "10 min"
artefacts = ["contract", "suggestions", "notes"]
writers = { suggestions = ["client", "consultant"] }

[phase.prompts]
everyone = { fr = "Choisissez.", en = "Choose." }
client = { fr = "Écoutez.", en = "Listen." }

[phase.vote]
about = "question"
question = { fr = "On continue ?", en = "Shall we go on?" }
answers = [{ fr = "Oui", en = "Yes" }, { fr = "Non", en = "No" }]
lasts = "45 s"

[[phase.floor]]
policy = "open"
"#;

fn room(template: &str) -> Value {
    json!({"template_text": template, "language": "fr", "people": [
        {"name": "Camille", "role": "facilitator"},
        {"name": "CANARYname", "role": "client"},
        {"name": "Amadou", "role": "consultant", "expert": true}]})
}

fn links(made: &Value) -> Vec<String> {
    let links = made["links"].as_array().expect("links");
    links.iter().map(|link| token(link["url"].as_str().expect("a link")).to_owned()).collect()
}

#[tokio::test]
async fn a_template_that_is_brought_stays_with_its_room() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo"]);
    let broken = MINE.replace("target = \"10 min\"", "target = \"ten\"");
    let (status, problem) = server.post_room("", &room(&broken));
    assert_eq!((status, &problem["line"]), (400, &json!(10)), "{problem}");
    assert!(problem["error"].as_str().is_some_and(|why| why.contains("template_text: ")));
    let mut wrong = room(MINE);
    wrong["people"][1]["expert"] = json!(true);
    let (status, problem) = server.post_room("", &wrong);
    let why = problem["error"].as_str().expect("a reason").to_owned();
    assert!(status == 400 && why.starts_with("people[1].expert: "), "{why}");

    let (status, made) = server.post_room("", &room(MINE));
    assert_eq!(status, 201, "{made}");
    let tokens = links(&made);
    server.kill();

    let server = Palabre::start(data.path(), &["--no-demo"]);
    let mut page = server.page(&tokens[1]).await;
    let room = page.until("welcome").await["room"].clone();
    assert_eq!(room["template"]["title"], "À moi");
    let phase = &room["phases"][0];
    assert_eq!((&phase["prompt"], &phase["purpose"]), (&json!("Écoutez."), &json!("Choisir.")));
    assert_eq!(phase["vote"], json!({"question": "On continue ?", "answers": ["Oui", "Non"]}));
    assert_eq!(room["people"][2]["expert"], true);
    assert!(phase["writes"].as_array().is_some_and(|kinds| kinds.contains(&json!("suggestion"))));
    // Another role writes other things.
    let mut chair = server.page(&tokens[0]).await;
    let welcome = chair.until("welcome").await;
    let writes = welcome["room"]["phases"][0]["writes"].as_array().cloned().expect("a list");
    assert!(!writes.contains(&json!("suggestion")), "{writes:?}");
}

#[tokio::test]
async fn pages_are_given_a_name_for_the_turn_server_and_not_its_secret() {
    let data = tempfile::tempdir().expect("dir");
    let secret = data.path().join("turn-secret");
    std::fs::write(&secret, "CANARY of some length").expect("written");
    let secret = secret.to_str().expect("a path");
    let urls = "turn:turn.example:3478,turns:turn.example?transport=tcp";
    let rooms = data.path().join("rooms");
    let settings = ["--no-demo", "--turn-url", urls, "--turn-secret-file", secret];
    let server = Palabre::start(&rooms, &settings);
    let (_, made) = server.post_room("", &room(MINE));
    let mut names = Vec::new();
    for token in &links(&made)[..2] {
        let welcome = server.page(token).await.until("welcome").await;
        assert!(!welcome.to_string().contains("CANARY of"));
        let turn = &welcome["media"]["ice_servers"][0];
        assert_eq!(
            turn["urls"],
            json!(["turn:turn.example:3478", "turns:turn.example?transport=tcp"])
        );
        assert_eq!(turn["credential"].as_str().map(str::len), Some(28), "{turn}");
        let name = turn["username"].as_str().expect("a name").to_owned();
        assert!(name.split_once(':').is_some_and(|(end, _)| end.parse::<u64>().is_ok()), "{name}");
        names.push(name);
    }
    assert_ne!(names[0], names[1]);
    assert!(!server.kill().contains("CANARY of"));
}

fn files(of: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(of).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

const CANARIES: [&str; 7] = [
    "CANARYname",
    "CANARYtitle",
    "CANARYchat",
    "CANARYhelp",
    "CANARYnotes",
    "CANARYentry",
    "CANARYcontract",
];

/// Which canaries are in the data directory, in any file, at any place.
fn on_disk(data: &Path) -> Vec<&'static str> {
    let mut found = Vec::new();
    files(data, &mut found);
    assert!(!found.is_empty());
    let bytes: Vec<Vec<u8>> = found.iter().map(|file| std::fs::read(file).expect("read")).collect();
    let holds = |canary: &&str| {
        bytes.iter().any(|file| file.windows(canary.len()).any(|at| at == canary.as_bytes()))
    };
    CANARIES.into_iter().filter(holds).collect()
}

async fn done(page: &mut Page, id: u64, command: Value) {
    assert_eq!(page.command(id, command.clone()).await["result"], "done", "{command}");
}

#[tokio::test]
async fn what_is_erased_is_in_no_file_of_the_server() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo"]);
    let (_, made) = server.post_room("", &room(&MINE.replace("À moi", "CANARYtitle")));
    let tokens = links(&made);
    let (mut chair, mut client) = (server.page(&tokens[0]).await, server.page(&tokens[1]).await);
    done(&mut client, 1, json!({"do": "chat", "text": "CANARYchat"})).await;
    done(&mut client, 2, json!({"do": "help", "text": "CANARYhelp"})).await;
    done(&mut client, 3, json!({"do": "set_notes", "text": "CANARYnotes"})).await;
    done(&mut chair, 1, json!({"do": "go_on"})).await;
    let entry = json!({"kind": "suggestion", "text": "CANARYentry"});
    done(&mut client, 4, json!({"do": "add_entry", "entry": entry})).await;
    done(&mut client, 5, json!({"do": "propose_contract", "text": "CANARYcontract"})).await;
    assert_eq!(on_disk(data.path()), CANARIES, "the search finds what is there");

    done(&mut chair, 2, json!({"do": "end_session"})).await;
    let left = on_disk(data.path());
    assert!(!left.contains(&"CANARYchat") && !left.contains(&"CANARYhelp"), "{left:?}");
    assert!(left.contains(&"CANARYentry"), "the record is kept for the client: {left:?}");

    let erase = json!({"type": "command", "id": 6, "command": {"do": "decide_record", "fate": {"fate": "erase"}}});
    client.say(&erase).await;
    assert_eq!(client.until("closing").await["reason"], "session_ended");
    assert_eq!(on_disk(data.path()), [""; 0], "while the server runs");
    let mut late = server.page(&tokens[2]).await;
    assert_eq!(late.until("closing").await["reason"], "room_gone");
    let (well, log) = tokio::task::spawn_blocking(move || server.terminate()).await.expect("ended");
    assert!(well && !log.contains("CANARY"));
    assert_eq!(on_disk(data.path()), [""; 0], "once it has stopped");

    let server = Palabre::start(data.path(), &["--no-demo"]);
    let mut late = server.page(&tokens[1]).await;
    assert_eq!(late.until("closing").await["reason"], "room_gone");
    assert_eq!(on_disk(data.path()), [""; 0], "and after a restart");
}
