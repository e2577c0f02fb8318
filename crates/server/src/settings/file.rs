//! The settings file: TOML, one key a setting, with the line of each for refusals.

use toml::de::{DeTable, DeValue};

/// A setting as the file has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) key: String,
    /// The value as text, or why it is none.
    pub(super) value: Result<String, String>,
}

/// Why a file is none: the line and the reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoToml(pub(super) usize, pub(super) String);

/// The settings of a file, in its order.
pub(super) fn read(text: &str) -> Result<Vec<Line>, NoToml> {
    let line = |at: usize| text.get(..at).map_or(1, |before| 1 + before.matches('\n').count());
    let table = DeTable::parse(text).map_err(|error| {
        // Only the reason: an excerpt of the file could show a secret.
        NoToml(line(error.span().map_or(0, |span| span.start)), error.message().to_owned())
    })?;
    let mut lines: Vec<Line> = table
        .get_ref()
        .iter()
        .map(|(key, value)| Line {
            number: line(key.span().start),
            key: key.get_ref().to_string(),
            value: as_text(value.get_ref()),
        })
        .collect();
    lines.sort_by_key(|line| line.number);
    Ok(lines)
}

fn as_text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(on) => Ok(on.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "is a number too large".to_owned()),
        DeValue::Array(values) => {
            let texts: Result<Vec<_>, _> =
                values.iter().map(|value| as_text(value.get_ref())).collect();
            Ok(texts?.join(","))
        }
        DeValue::Float(_) => Err("must be a whole number".to_owned()),
        DeValue::Datetime(_) => Err("must not be a date".to_owned()),
        DeValue::Table(_) => {
            Err("must not be a table: settings stand beside each other".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text_and_lines_are_known() {
        let lines =
            read("# mine\nshards = 0x2\nadvertise = [\n '192.0.2.1',\n '::1' ]\nno-demo = true\n")
                .expect("TOML");
        let found: Vec<_> = lines
            .iter()
            .map(|line| (line.number, line.key.as_str(), line.value.as_deref().expect("a value")))
            .collect();
        assert_eq!(
            found,
            [(2, "shards", "2"), (3, "advertise", "192.0.2.1,::1"), (6, "no-demo", "true")]
        );
    }

    #[test]
    fn what_is_no_toml_is_refused_by_its_line_and_without_its_text() {
        let NoToml(line, why) = read("shards = 1\noperator-key = hunter2\n").expect_err("no TOML");
        assert_eq!(line, 2);
        assert!(!why.contains("hunter2"), "{why}");
        let NoToml(line, _) = read("a = 1\n\na = 2").expect_err("twice");
        assert_eq!(line, 3);
    }

    #[test]
    fn what_is_no_value_says_so() {
        let why = |text: &str| read(text).expect("TOML")[0].value.clone().expect_err("no value");
        assert!(why("shards = 1.5").contains("whole number"));
        assert!(why("[http]\naddress = 1").contains("table"));
        assert!(why("data = 1979-05-27").contains("date"));
    }
}
