//! Lengths of time as people write them: `45 s`, `2 min`, `1 min 30 s`, `1 h`.

use palabre_ids::Millis;

/// The longest length a template may name: past it a figure is a mistake.
pub(super) const LONGEST: Millis = Millis::from_secs(8 * 3_600);

/// Parses a length of 1 s at least and [`LONGEST`] at most.
pub(super) fn parse(text: &str) -> Result<Millis, String> {
    match parse_or_none(text)? {
        Millis::ZERO => Err(format!("`{text}` must be at least `1 s`")),
        length => Ok(length),
    }
}

/// Parses a length of [`LONGEST`] at most, or no time at all: `0 s`.
pub(super) fn parse_or_none(text: &str) -> Result<Millis, String> {
    let wrong =
        || format!("`{text}` is not a length of time (such as `45 s`, `2 min` or `1 min 30 s`)");
    let mut rest = text.trim_start();
    let mut seconds: u64 = 0;
    let mut above = u64::MAX;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "h" => 3_600,
            "min" => 60,
            "s" => 1,
            _ => return Err(wrong()),
        };
        if unit >= above {
            return Err(wrong());
        }
        above = unit;
        seconds = seconds.saturating_add(number.saturating_mul(unit));
        rest = rest[letters..].trim_start();
    }
    match seconds {
        seconds if Millis::from_secs(seconds) > LONGEST => {
            Err(format!("`{text}` must be at most `8 h`"))
        }
        seconds => Ok(Millis::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_as_people_write_them() {
        for (text, seconds) in [("45 s", 45), ("2min", 120), ("1 min 30 s", 90), ("1 h", 3_600)] {
            assert_eq!(parse(text), Ok(Millis::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "min",
            "-1 s",
            "0 s",
            "9 h",
            "1.5 min",
            "30 s 1 min",
            "1 s 1 s",
            "99999999999999999999 s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
