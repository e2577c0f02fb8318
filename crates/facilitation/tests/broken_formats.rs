//! The same as `broken_templates`, for what the other formats brought: votes, artefacts, automatic
//! ends, circles, breakouts, named answers, rounds until silence.

use palabre_facilitation::Template;

/// Each line is numbered from 1 in the refusals.
const SOUND: &str = r#"id = "formats"
title = { fr = "Titre", en = "Title" }
purpose = { fr = "But", en = "Purpose" }
people = 8
[[phase]]
id = "choice"
title = { fr = "Choix", en = "Choice" }
purpose = { fr = "But", en = "Purpose" }
target = "8 min"
min = "5 min"
warning = ["2 min", "30 s"]
transition = "vote"
linger = "10 s"
client = "keep"
artefacts = ["subjects", "notes"]
writers = { subjects = ["client", "scribe"] }
meanwhile = { fr = "Attendez", en = "Wait" }
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
[phase.vote]
about = "client"
lasts = "45 s"
[[phase.floor]]
policy = "round_robin"
who = ["client", "consultant"]
turn = "45 s"
rounds = "once"
volunteers = 3
[[phase]]
id = "contract"
title = { fr = "Contrat", en = "Contract" }
purpose = { fr = "But", en = "Purpose" }
target = "5 min"
needs = ["client"]
transition = "artefact"
artefacts = ["contract"]
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
[[phase.floor]]
policy = "pair"
ask = ["consultant"]
ask_turn = "20 s"
answer = ["client", "consultant"]
answer_turn = "60 s"
by = "queue"
[[phase]]
id = "groups"
title = { fr = "Groupes", en = "Groups" }
purpose = { fr = "But", en = "Purpose" }
target = "10 min"
needs = ["contract"]
transition = "timer"
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
[[phase.floor]]
policy = "breakout"
size = 2
lasts = "3 min"
[[phase.floor]]
policy = "breakout"
size = 4
mix = "join"
lasts = "4 min"
[[phase.floor]]
policy = "open"
seats = 4
who = ["consultant"]
[[phase]]
id = "talk"
title = { fr = "Discussion", en = "Talk" }
purpose = { fr = "But", en = "Purpose" }
target = "8 min"
max = "16 min"
transition = "vote"
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
[phase.vote]
about = "continue"
extends = "4 min"
[[phase.floor]]
policy = "quiet_first"
who = ["client", "consultant"]
turn = "60 s"
[[phase]]
id = "end"
title = { fr = "Fin", en = "End" }
purpose = { fr = "But", en = "Purpose" }
target = "12 min"
transition = "manual"
artefacts = ["actions"]
[phase.prompts]
everyone = { fr = "Vous", en = "You" }
[phase.vote]
about = "question"
question = { fr = "Oui ?", en = "Yes?" }
answers = [{ fr = "Oui", en = "Yes" }, { fr = "Non", en = "No" }]
[[phase.floor]]
policy = "chair_queue"
who = ["consultant"]
turn = "60 s"
"#;

/// The text to replace, what by, the line that must be named, and a part of the reason.
const BROKEN: &[(&str, &str, usize, &str)] = &[
    // Warnings.
    ("warning = [\"2 min\", \"30 s\"]", "warning = []", 11, "1 to 4 warnings"),
    (
        "[\"2 min\", \"30 s\"]",
        "[\"5 s\", \"10 s\", \"15 s\", \"20 s\", \"25 s\"]",
        11,
        "1 to 4 warnings",
    ),
    ("[\"2 min\", \"30 s\"]", "[\"2 min\", \"120 s\"]", 11, "`120 s` is named twice"),
    ("[\"2 min\", \"30 s\"]", "[\"2 min\", \"8 min\"]", 11, "not shorter than `target`"),
    ("[\"2 min\", \"30 s\"]", "[\"2 min\", \"soon\"]", 11, "not a length of time"),
    ("[\"2 min\", \"30 s\"]", "30", 11, "expected one text or a list of texts"),
    // Lengths.
    ("min = \"5 min\"", "min = \"2 min\"", 10, "one full round, which takes 180 s"),
    ("target = \"8 min\"\nmin = \"5 min\"", "target = \"2 min\"", 9, "and the vote take 180 s"),
    // Ends.
    ("transition = \"timer\"", "transition = \"all_spoken\"", 52, "`all_spoken` goes with a round"),
    (
        "[phase.vote]\nabout = \"client\"\nlasts = \"45 s\"\n",
        "",
        12,
        "the phase has no [phase.vote]",
    ),
    ("artefacts = [\"contract\"]\n", "", 35, "no `contract` among its `artefacts`"),
    ("transition = \"vote\"", "transition = \"all_spoken\"", 20, "before its vote"),
    ("linger = \"10 s\"", "linger = \"61 s\"", 13, "60 s at most"),
    ("linger = \"10 s\"", "linger = \"a bit\"", 13, "not a length of time"),
    (
        "transition = \"manual\"",
        "transition = \"manual\"\nlinger = \"5 s\"",
        90,
        "means nothing where the facilitator ends",
    ),
    ("transition = \"timer\"", "transition = \"clock\"", 52, "artefact"),
    // The client.
    ("client = \"keep\"", "client = \"anyone\"", 14, "unknown client `anyone`"),
    ("client = \"keep\"", "client = \"next\"", 14, "names the next one too"),
    (
        "needs = [\"contract\"]\n",
        "client = \"next\"\nneeds = [\"contract\"]\n",
        52,
        "this client has no contract",
    ),
    // What is written.
    ("[\"subjects\", \"notes\"]", "[\"subjects\", \"poems\"]", 15, "unknown artefact `poems`"),
    ("[\"subjects\", \"notes\"]", "[\"subjects\", \"subjects\"]", 15, "`subjects` is named twice"),
    ("artefacts = [\"contract\"]", "artefacts = [\"contract\", \"contract\"]", 36, "named twice"),
    (
        "subjects = [\"client\", \"scribe\"]",
        "subjects = [\"observer\"]",
        16,
        "`observer` only listens",
    ),
    ("subjects = [\"client\", \"scribe\"]", "subjects = []", 16, "nobody is named"),
    (
        "subjects = [\"client\", \"scribe\"]",
        "subjects = [\"client\", \"client\"]",
        16,
        "`client` is named twice",
    ),
    (
        "subjects = [\"client\", \"scribe\"]",
        "learnings = [\"client\"]",
        16,
        "not among the `artefacts`",
    ),
    (
        "artefacts = [\"subjects\", \"notes\"]",
        "artefacts = [\"subjects\", \"actions\"]",
        15,
        "only the client writes `actions`",
    ),
    ("meanwhile = { fr = \"Attendez\", ", "meanwhile = { ", 17, "missing field `fr`"),
    // Votes.
    ("about = \"client\"", "about = \"lunch\"", 21, "unknown vote `lunch`"),
    ("about = \"question\"", "about = \"question\"\nlasts = \"11 min\"", 95, "10 min at most"),
    ("lasts = \"45 s\"", "lasts = \"45 s\"\nextends = \"1 min\"", 23, "`extends` means nothing"),
    ("lasts = \"45 s\"", "ends = \"45 s\"", 22, "unknown field `ends`"),
    (
        "policy = \"round_robin\"\nwho = [\"client\", \"consultant\"]\nturn = \"45 s\"\nrounds = \"once\"\nvolunteers = 3",
        "policy = \"open\"\nhands = true",
        21,
        "nobody can be chosen",
    ),
    ("extends = \"4 min\"\n", "", 77, "has no `extends`"),
    ("extends = \"4 min\"", "extends = \"9 min\"", 79, "together are longer"),
    (
        "max = \"16 min\"\ntransition = \"vote\"",
        "max = \"16 min\"\ntransition = \"timer\"",
        78,
        "it goes with `transition = \"vote\"`",
    ),
    ("max = \"16 min\"", "max = \"16 min\"\novertime = \"hard\"", 79, "its `overtime` is `hard`"),
    ("question = { fr = \"Oui ?\", en = \"Yes?\" }\n", "", 93, "has no `question`"),
    (
        "answers = [{ fr = \"Oui\", en = \"Yes\" }, { fr = \"Non\", en = \"No\" }]\n",
        "",
        93,
        "has no `answers`",
    ),
    (", { fr = \"Non\", en = \"No\" }]", "]", 96, "there are 1 answers: 2 to 6"),
    ("{ fr = \"Non\", en = \"No\" }", "{ fr = \"Non\" }", 96, "missing field `en`"),
    // Rounds.
    ("rounds = \"once\"", "rounds = \"twice\"", 27, "unknown rounds `twice`"),
    (
        "rounds = \"once\"",
        "rounds = \"until_silent\"",
        28,
        "means nothing to a round until silence",
    ),
    ("volunteers = 3", "volunteers = 0", 28, "must be 1 to 8"),
    // Pairs.
    ("answer = [\"client\", \"consultant\"]", "answer = []", 43, "nobody is named"),
    ("answer = [\"client\", \"consultant\"]", "answer = [\"scribe\"]", 43, "has no turn"),
    (
        "ask = [\"consultant\"]\nask_turn = \"20 s\"\nanswer = [\"client\", \"consultant\"]",
        "ask = [\"client\"]\nask_turn = \"20 s\"\nanswer = [\"client\"]",
        43,
        "nobody is left to answer",
    ),
    // Breakouts.
    ("size = 2\nlasts", "size = 5\nlasts", 57, "must be 2 to 4"),
    ("size = 2\n", "", 55, "policy `breakout` has no `size`"),
    ("lasts = \"3 min\"\n", "", 55, "policy `breakout` has no `lasts`"),
    ("mix = \"join\"", "mix = \"shake\"", 62, "unknown mix `shake`"),
    ("size = 2\nlasts", "size = 2\nmix = \"join\"\nlasts", 55, "no groups yet"),
    ("size = 2\nlasts", "size = 2\nmix = \"rotate\"\nlasts", 55, "no groups yet"),
    ("size = 4\nmix", "size = 2\nmix", 59, "groups of 2 do not join to groups of 2"),
    ("mix = \"join\"", "mix = \"keep\"", 59, "groups of 2 are not kept as groups of 4"),
    ("size = 2\nlasts", "size = 2\nturn = \"1 min\"\nlasts", 58, "`turn` means nothing"),
    // Circles.
    ("seats = 4", "seats = 1", 66, "must be 2 to 8"),
    ("seats = 4", "seats = 4\nhands = false", 67, "`hands` cannot be false"),
    ("seats = 4\nwho = [\"consultant\"]", "seats = 4\nwho = []", 67, "nobody is named"),
    (
        "who = [\"consultant\"]\n[[phase]]\nid = \"talk\"",
        "mix = \"keep\"\n[[phase]]\nid = \"talk\"",
        67,
        "`mix` means nothing to policy `open`",
    ),
    // Queues.
    (
        "who = [\"client\", \"consultant\"]\nturn = \"60 s\"\n",
        "who = [\"client\", \"consultant\"]\n",
        80,
        "policy `quiet_first` has no `turn`",
    ),
    (
        "policy = \"chair_queue\"\nwho = [\"consultant\"]",
        "policy = \"chair_queue\"",
        97,
        "has no `who`",
    ),
    (
        "turn = \"60 s\"\n[[phase]]\nid = \"end\"",
        "turn = \"60 s\"\nseats = 3\n[[phase]]\nid = \"end\"",
        84,
        "`seats` means nothing to policy `quiet_first`",
    ),
    (
        "turn = \"60 s\"\n[[phase]]\nid = \"end\"",
        "turn = \"60 s\"\nlasts = \"3 min\"\n[[phase]]\nid = \"end\"",
        84,
        "it would cut somebody's turn",
    ),
];

/// A set of nobody but the client, before there is one.
const CLIENT_ALONE: &[(&str, &str)] = &[
    ("round_robin", "turn = \"30 s\""),
    ("queue", "turn = \"30 s\""),
    ("quiet_first", "turn = \"30 s\""),
    ("chair_queue", "turn = \"30 s\""),
    ("open", ""),
];

#[test]
fn the_template_they_are_broken_from_is_sound() {
    let template = Template::parse(SOUND).unwrap();
    assert_eq!(template.phases.len(), 5);
    assert_eq!(template.phases[0].warnings.len(), 2);
}

#[test]
fn each_is_refused_with_its_line_and_reason() {
    assert!(BROKEN.len() >= 40);
    let mut wrong = Vec::new();
    for (from, to, line, reason) in BROKEN {
        assert!(SOUND.contains(from), "`{from}` is in the template");
        match Template::parse(&SOUND.replacen(from, to, 1)) {
            Err(error) if error.line == *line && error.reason.contains(reason) => {}
            other => wrong.push(format!("{from} -> {to}: {:?}", other.map(|template| template.id))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_floor_of_the_client_alone_needs_a_client() {
    for (policy, keys) in CLIENT_ALONE {
        let floor = format!(
            "[[phase.floor]]\npolicy = \"{policy}\"\nwho = [\"client\"]\n{keys}\n[[phase]]\nid = \"contract\""
        );
        let start = SOUND.find("[[phase.floor]]").unwrap();
        let end = SOUND.find("id = \"contract\"").unwrap() + "id = \"contract\"".len();
        let text = format!("{}{floor}{}", &SOUND[..start], &SOUND[end..]);
        let without_vote = text
            .replacen("[phase.vote]\nabout = \"client\"\nlasts = \"45 s\"\n", "", 1)
            .replacen("transition = \"vote\"\nlinger = \"10 s\"\n", "", 1);
        let error = Template::parse(&without_vote).unwrap_err();
        assert!(error.reason.contains("no phase so far has `needs"), "{policy}: {error}");
    }
}
