//! Whether a room is the same after a fault as before it: the wire's JSON, compared part by part. What
//! is not named here must be equal, so that a part of the wire that is yet to come is compared, too.

use std::time::Duration;

use serde_json::Value;

/// What a moment or a length may be off by, in milliseconds.
const TOLERANCE: f64 = 1_000.0;

/// What a fault itself changes: who is connected, and the chair's list of drops; and what is measured of
/// speech, which the server tells now and then as time goes by.
const PASSED_OVER: [&str; 4] = ["presence", "drops", "talk", "balance"];

/// Moments to come. They stay, or move by as long as the clocks stood.
const MOMENTS: [&str; 6] =
    ["deadline", "session_ends_at", "closes_at", "until", "held_until", "back_at"];

/// What differs, each as `path: before, after`. `fault` is how long the fault lasted, in which clocks may
/// have stood, or gone on.
pub(super) fn differences(before: &Value, after: &Value, fault: Duration) -> Vec<String> {
    let mut found = Vec::new();
    let fault = fault.as_secs_f64() * 1_000.0;
    compare("", "", (before, after), fault, &mut found);
    found
}

fn compare(
    path: &str,
    key: &str,
    (before, after): (&Value, &Value),
    fault: f64,
    found: &mut Vec<String>,
) {
    if PASSED_OVER.contains(&key) {
        return;
    }
    let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let of = |map: &serde_json::Map<_, _>| map.get(key).cloned().unwrap_or_default();
                compare(&inside(key), key, (&of(old), &of(new)), fault, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, pair) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{index}]"), "", pair, fault, found);
            }
        }
        (Value::Number(old), Value::Number(new)) => {
            let moved = new.as_f64().unwrap_or(f64::NAN) - old.as_f64().unwrap_or(f64::NAN);
            // A phase that ends by itself says when in `advance.at`; any other `at` is in the past.
            let moment = MOMENTS.contains(&key) || path.ends_with("advance.at");
            let allowed = if moment {
                -TOLERANCE..=fault + TOLERANCE
            } else if key == "remaining" {
                // What a clock that stands has left.
                -TOLERANCE..=TOLERANCE
            } else {
                0.0..=0.0
            };
            if !allowed.contains(&moved) {
                found.push(format!("{path}: {old}, then {new}"));
            }
        }
        _ if before == after => {}
        _ => found.push(format!("{path}: {before}, then {after}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(before: &Value, after: &Value) -> Vec<String> {
        differences(before, after, Duration::from_millis(500))
    }

    #[test]
    fn the_same_room_is_the_same_though_people_went_and_clocks_stood() {
        let room = |deadline: u64, presence: &str, drops: Value| {
            json!({
                "room": {"phase": {"clock": {"clock": "running", "deadline": deadline}},
                    "people": [{"seat": 0, "presence": {"presence": presence}, "muted": true}]},
                "personal": {"chair": {"drops": drops, "help": []}},
            })
        };
        let before = room(600_000, "here", json!([]));
        for after in [600_000, 599_000, 601_500] {
            assert_eq!(found(&before, &room(after, "away", json!([{"seat": 3}]))), [""; 0]);
        }
        let early = found(&before, &room(598_999, "here", json!([])));
        assert_eq!(early, ["room.phase.clock.deadline: 600000, then 598999"]);
        assert_eq!(found(&before, &room(601_501, "here", json!([]))).len(), 1);
    }

    #[test]
    fn anything_else_that_differs_is_named_by_its_path() {
        for (before, after, says) in [
            (json!({"muted": true}), json!({"muted": false}), "muted: true, then false"),
            (json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [1]}}), "a.b: [1,2], then [1]"),
            (json!({"hands": [{"seat": 1}]}), json!({"hands": [{"seat": 2}]}), "hands[0].seat: 1"),
            (json!({"turn": {"seat": 1}}), json!({}), "turn: {\"seat\":1}, then null"),
            (json!({}), json!({"backup": 4}), "backup: null, then 4"),
            // A clock that was left standing, and the moment at which something was written.
            (
                json!({"clock": "running", "deadline": 5}),
                json!({"clock": "paused", "remaining": 3}),
                "clock: \"running\"",
            ),
            (json!({"entries": [{"at": 7}]}), json!({"entries": [{"at": 8}]}), "entries[0].at: 7"),
            // What no version of the wire has said so far.
            (json!({"new": {"part": 0}}), json!({"new": {"part": 1}}), "new.part: 0, then 1"),
        ] {
            let found = found(&before, &after);
            assert!(found.iter().any(|line| line.starts_with(says)), "{says}: {found:?}");
        }
        let advance = |at: u64| json!({"advance": {"at": at}});
        assert_eq!(found(&advance(10_000), &advance(10_400)), [""; 0]);
        assert_eq!(found(&advance(10_000), &advance(12_000)).len(), 1);
    }

    #[test]
    fn what_a_clock_that_stands_has_left_stays() {
        let clock = |ms: u64| json!({"clock": {"clock": "paused", "remaining": ms}});
        assert_eq!(found(&clock(10_000), &clock(9_000)), [""; 0]);
        assert_eq!(found(&clock(10_000), &clock(8_999)).len(), 1);
    }
}
