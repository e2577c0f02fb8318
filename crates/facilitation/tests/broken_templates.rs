//! A template that is wrong is refused, with the line and the reason.

use palabre_facilitation::Template;

const SOUND: &str = r#"id = "sound"
title = { fr = "Titre", en = "Title" }
purpose = { fr = "But", en = "Purpose" }
people = 8
[drops]
quorum = 3
[[phase]]
id = "one"
title = { fr = "Un", en = "One" }
purpose = { fr = "But", en = "Purpose" }
target = "10 min"
min = "8 min"
max = "15 min"
warning = "60 s"
firmness = "enforce"
overtime = "soft"
transition = "manual"
needs = ["client"]
screen = ["client"]
artefacts = ["contract"]
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
client = { fr = "Client", en = "Client" }
[[phase.floor]]
policy = "pair"
ask = ["consultant"]
ask_turn = "20 s"
answer = "client"
answer_turn = "60 s"
by = "round"
last = ["consultant"]
[[phase]]
id = "two"
title = { fr = "Deux", en = "Two" }
purpose = { fr = "But", en = "Purpose" }
target = "20 min"
needs = ["contract"]
out_of_contract = true
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
[[phase.floor]]
policy = "silence"
lasts = "2 min"
[[phase.floor]]
policy = "round_robin"
who = ["client", "consultant"]
turn = "60 s"
expert_turn = "30 s"
warning = "15 s"
grace = "10 s"
order = "seats"
experts = "last"
last = ["client"]
[[phase.floor]]
policy = "holder"
who = "client"
"#;

/// The text to replace, what by, the line that must be named, and a part of the reason.
const BROKEN: &[(&str, &str, usize, &str)] = &[
    // The file.
    ("people = 8", "people = ", 4, "expected literal string"),
    ("people = 8", "people = 8\ncolour = \"red\"", 5, "unknown field `colour`"),
    ("people = 8", "people = 8\npeople = 9", 5, "duplicate key"),
    ("people = 8", "people = \"eight\"", 4, "invalid type"),
    ("people = 8", "people = 1", 4, "must be 2 to 9"),
    ("people = 8", "people = 300", 4, "must be 2 to 9"),
    ("quorum = 3", "quorum = 7", 6, "must be 0 to 6"),
    ("quorum = 3", "speaker = \"soon\"", 6, "not a length of time"),
    ("id = \"sound\"\n", "", 1, "missing field `id`"),
    ("id = \"sound\"", "id = \"Sound!\"", 1, "is no id"),
    // Words.
    ("fr = \"Titre\", ", "", 2, "missing field `fr`"),
    (", en = \"Purpose\" }\npeople", " }\npeople", 3, "missing field `en`"),
    ("\"Title\"", "\" \"", 2, "empty"),
    ("\"Title\"", "\"a\\u0007b\"", 2, "control character"),
    ("\"Title\"", "\"Title\", de = \"Titel\"", 2, "unknown field `de`"),
    // Phases.
    ("id = \"two\"", "id = \"one\"", 33, "a phase `one` already"),
    ("target = \"10 min\"", "target = \"10\"", 11, "not a length of time"),
    ("target = \"10 min\"", "target = \"0 s\"", 11, "at least `1 s`"),
    ("target = \"10 min\"", "target = \"9 h\"", 11, "at most `8 h`"),
    ("target = \"10 min\"\n", "", 7, "missing field `target`"),
    ("min = \"8 min\"", "min = \"11 min\"", 12, "`min` is longer than `target`"),
    ("max = \"15 min\"", "max = \"9 min\"", 13, "`max` is shorter than `target`"),
    ("warning = \"60 s\"", "warning = \"10 min\"", 14, "not shorter than `target`"),
    ("\"enforce\"", "\"strict\"", 15, "unknown firmness `strict` (one of: advise, chime, enforce)"),
    ("\"soft\"", "\"free\"", 16, "unknown overtime"),
    ("\"manual\"", "\"later\"", 17, "unknown transition"),
    ("needs = [\"client\"]", "needs = [\"coffee\"]", 18, "unknown need"),
    ("needs = [\"client\"]", "needs = [\"client\", \"client\"]", 18, "named twice"),
    ("needs = [\"client\"]", "needs = [\"contract\"]", 18, "this client has no contract"),
    ("needs = [\"client\"]\n", "", 23, "no phase so far has `needs = [\"client\"]`"),
    ("screen = [\"client\"]", "screen = [\"observer\"]", 19, "sends no media"),
    ("screen = [\"client\"]", "screen = [\"boss\"]", 19, "unknown role `boss`"),
    ("artefacts = [\"contract\"]\n", "", 36, "this client has no contract"),
    ("everyone = { fr = \"Vous\", en = \"You\" }\nclient", "client", 21, "has no `everyone`"),
    ("client = { fr", "boss = { fr", 23, "unknown role `boss`"),
    (
        "target = \"10 min\"\nmin = \"8 min\"\nmax = \"15 min\"",
        "target = \"5 min\"",
        11,
        "one full round of 8 people",
    ),
    // Floors.
    ("policy = \"pair\"", "policy = \"duel\"", 25, "unknown policy `duel`"),
    ("ask = [\"consultant\"]", "ask = []", 26, "nobody is named"),
    (
        "ask = [\"consultant\"]",
        "ask = [\"client\", \"consultant\"]",
        28,
        "cannot be among those who ask",
    ),
    ("ask = [\"consultant\"]", "ask = [\"consultant\", \"consultant\"]", 26, "named twice"),
    ("ask_turn = \"20 s\"\n", "", 24, "policy `pair` has no `ask_turn`"),
    ("answer = \"client\"", "answer = \"consultant\"", 28, "may be several people"),
    ("by = \"round\"", "by = \"luck\"", 30, "unknown by `luck`"),
    ("by = \"round\"", "by = \"queue\"", 31, "`last` means nothing to policy `pair`"),
    ("last = [\"consultant\"]", "last = [\"client\"]", 31, "`client` is `last` but has no turn"),
    ("lasts = \"2 min\"\n", "", 41, "never ends"),
    (
        "lasts = \"2 min\"",
        "lasts = \"2 min\"\nturn = \"1 s\"",
        44,
        "`turn` means nothing to policy `silence`",
    ),
    ("who = [\"client\", \"consultant\"]", "who = [\"scribe\"]", 46, "has no turn"),
    (
        "turn = \"60 s\"\nexpert",
        "lasts = \"60 s\"\nturn = \"60 s\"\nexpert",
        47,
        "only `open`, `silence` and `breakout`",
    ),
    ("expert_turn = \"30 s\"", "expert_turn = \"90 s\"", 48, "longer than `turn`"),
    ("warning = \"15 s\"", "warning = \"60 s\"", 49, "not shorter than the turn"),
    ("order = \"seats\"", "order = \"age\"", 51, "unknown order"),
    ("experts = \"last\"", "experts = \"never\"", 52, "unknown experts"),
    (
        "policy = \"holder\"\nwho = \"client\"",
        "policy = \"holder\"\nwho = [\"client\"]",
        56,
        "not a list",
    ),
    (
        "policy = \"holder\"\nwho = \"client\"",
        "policy = \"holder\"\nwho = \"consultant\"",
        56,
        "several people",
    ),
    ("policy = \"holder\"\nwho = \"client\"", "policy = \"holder\"", 54, "has no `who`"),
    (
        "[[phase.floor]]\npolicy = \"holder\"",
        "[[phase.floors]]\npolicy = \"holder\"",
        54,
        "unknown field `floors`",
    ),
];

#[test]
fn the_template_they_are_broken_from_is_sound() {
    assert_eq!(Template::parse(SOUND).unwrap().phases.len(), 2);
}

#[test]
fn each_is_refused_with_its_line_and_reason() {
    assert!(BROKEN.len() >= 25);
    let mut wrong = Vec::new();
    for (from, to, line, reason) in BROKEN {
        assert!(SOUND.contains(from), "`{from}` is in the template");
        match Template::parse(&SOUND.replacen(from, to, 1)) {
            Err(error) if error.line == *line && error.reason.contains(reason) => {
                assert!(error.to_string().starts_with(&format!("line {line}: ")));
            }
            other => wrong.push(format!("{from} -> {to}: {:?}", other.map(|template| template.id))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_too_large_or_too_small_is_refused() {
    let no_phase = SOUND.split("[[phase]]").next().unwrap();
    assert!(Template::parse(no_phase).unwrap_err().reason.contains("at least one [[phase]]"));
    let no_floor = &SOUND[..SOUND.find("[[phase.floor]]").unwrap()];
    let error = Template::parse(no_floor).unwrap_err();
    assert_eq!((error.line, error.reason.as_str()), (7, "phase `one` has no [[phase.floor]]"));
    let long = SOUND.replacen("Titre", &"x".repeat(81), 1);
    assert!(Template::parse(&long).unwrap_err().reason.contains("81 characters, 80 at most"));
    let huge = format!("{SOUND}#{}", "x".repeat(64 * 1024));
    assert!(Template::parse(&huge).unwrap_err().reason.contains("65536 at most"));
    let start = SOUND.find("[[phase]]\nid = \"two\"").unwrap();
    let phases: String = (0..33)
        .map(|index| SOUND[start..].replacen("\"two\"", &format!("\"n{index}\""), 1))
        .collect();
    let error = Template::parse(&format!("{}{phases}", &SOUND[..start])).unwrap_err();
    assert!(error.reason.contains("at most 32 phases"), "{error}");
}
