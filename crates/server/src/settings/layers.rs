//! Where settings come from, and which goes before which.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};

use super::file::{self, NoToml};
use super::{Given, Place, SETTINGS, Setting, Without};

/// What stood behind `palabre serve`.
#[derive(Debug, Default)]
pub(crate) struct Flags(Vec<(&'static str, String)>);

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let flags = SETTINGS.iter().filter(|setting| setting.place != Place::Secret);
        command.args(flags.map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &Setting) -> Arg {
    let default = match setting.default {
        Without::Value("false") => String::new(),
        Without::Value(value) => format!(" [default: {value}]"),
        Without::Words(words) => format!(" [default: {}]", words.replace('`', "")),
    };
    let arg = Arg::new(setting.key)
        .long(setting.key)
        .help(format!("{}{default}", setting.what.trim().replace(['`', '*'], "")));
    if setting.is_switch() {
        let arg = arg.num_args(0..=1).require_equals(true);
        arg.default_missing_value("true").value_name("true|false")
    } else {
        arg.value_name(setting.form).allow_hyphen_values(true)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &Setting| {
            let value = matches.try_get_one::<String>(setting.key).ok().flatten()?;
            Some((setting.key, value.clone()))
        };
        Ok(Self(SETTINGS.iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf, usize),
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(key) => write!(f, "--{key}"),
        }
    }
}

/// Everything that is wrong, each with its place, key and reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// A problem of several settings together.
    pub(crate) fn of(reason: impl Into<String>) -> Self {
        Self(vec![reason.into()])
    }
}

/// The settings that hold, and where each comes from.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) given: Given,
    values: BTreeMap<&'static str, (String, Source)>,
    /// Variables that look like settings and are none.
    pub(crate) unknown_variables: Vec<String>,
}

impl Chosen {
    /// Puts defaults, file, environment and flags on top of each other.
    pub(crate) fn load(
        flags: Flags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let mut chosen = Self::default();
        let mut problems = Problems::default();
        let (variables, unknown) = variables(environment, &mut problems);
        chosen.unknown_variables = unknown;
        let config = flags.0.iter().find(|(key, _)| *key == "config").map(|(_, path)| path);
        let config = config.or_else(|| {
            let given = variables.iter().find(|(setting, _)| setting.key == "config");
            given.map(|(_, path)| path)
        });
        for setting in SETTINGS {
            if let Without::Value(value) = setting.default {
                chosen.take(setting, value.to_owned(), Source::Default, &mut problems);
            }
        }
        if let Some(path) = config {
            chosen.take_file(Path::new(path), &mut problems);
        }
        for (setting, value) in variables {
            let source = Source::Environment(setting.variable());
            chosen.take(setting, value, source, &mut problems);
        }
        for (key, value) in flags.0 {
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) {
                chosen.take(setting, value, Source::Flag(key), &mut problems);
            }
        }
        chosen.take_secrets(&mut problems);
        if problems.0.is_empty() { Ok(chosen) } else { Err(problems) }
    }

    fn take(&mut self, setting: &Setting, value: String, source: Source, problems: &mut Problems) {
        match (setting.take)(&mut self.given, &value) {
            Ok(()) => drop(self.values.insert(setting.key, (value, source))),
            Err(reason) => problems.0.push(match source {
                Source::File(..) => format!("{source}: {}: {reason}", setting.key),
                _ => format!("{source}: {reason}"),
            }),
        }
    }

    fn take_file(&mut self, path: &Path, problems: &mut Problems) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                return problems.0.push(format!("{}: cannot be read: {error}", path.display()));
            }
        };
        let lines = match file::read(&text) {
            Ok(lines) => lines,
            Err(NoToml(line, reason)) => {
                return problems.0.push(format!("{}:{line}: {reason}", path.display()));
            }
        };
        for line in lines {
            let source = Source::File(path.to_owned(), line.number);
            let mut refuse =
                |reason: &str| problems.0.push(format!("{source}: {}: {reason}", line.key));
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key == line.key) else {
                refuse(&format!("there is no such setting{}", nearest(&line.key)));
                continue;
            };
            match (setting.place, line.value) {
                (Place::Anywhere, Ok(value)) => self.take(setting, value, source, problems),
                (Place::Anywhere, Err(reason)) => refuse(&reason),
                (Place::ThisRun | Place::Flag, _) => refuse("is about one run: give it as a flag"),
                (Place::Secret, _) => refuse(&format!(
                    "is a secret: put it in a file of its own and name that as `{}-file`",
                    setting.key
                )),
            }
        }
    }

    /// Secrets stand in files that settings name; a variable goes before.
    fn take_secrets(&mut self, problems: &mut Problems) {
        for setting in SETTINGS.iter().filter(|setting| setting.place == Place::Secret) {
            if self.values.contains_key(setting.key) {
                continue;
            }
            let file = format!("{}-file", setting.key);
            let Some((path, source)) = self.values.get(file.as_str()).cloned() else { continue };
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let source = Source::File(path.into(), 1);
                    self.take(setting, text.trim_end().to_owned(), source, problems);
                }
                Err(error) => {
                    problems.0.push(format!("{source}: {file}: cannot read {path}: {error}"));
                }
            }
        }
    }

    /// Every setting with its value and where that comes from. Secrets are not shown.
    pub(crate) fn show(&self) -> String {
        let mut text = String::new();
        for setting in SETTINGS {
            let (key, none) = (setting.key, ("(by itself)".to_owned(), Source::Default));
            let (value, source) = self.values.get(key).unwrap_or(&none);
            let value = match (setting.place, setting.default) {
                _ if *source == Source::Default && !self.values.contains_key(key) => {
                    match setting.default {
                        Without::Words(words) => words.replace('`', ""),
                        Without::Value(value) => value.to_owned(),
                    }
                }
                (Place::Secret, _) => "(set, not shown)".to_owned(),
                _ => format!("{value:?}"),
            };
            text.push_str(&format!("{key} = {value}  # {source}\n"));
        }
        text
    }
}

type Variables = Vec<(&'static Setting, String)>;

/// The settings among the variables. An empty one counts as not given, as composed containers have
/// them. One that is none of ours is only told: orchestrators make up variables by a service's name.
fn variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
    problems: &mut Problems,
) -> (Variables, Vec<String>) {
    let (mut known, mut unknown) = (Variables::new(), Vec::new());
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with("PALABRE_")) else {
            continue;
        };
        let ours = |setting: &&Setting| setting.place != Place::Flag && setting.variable() == name;
        let Some(setting) = SETTINGS.iter().find(ours) else {
            unknown.push(name.to_owned());
            continue;
        };
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
            Ok(value) => known.push((setting, value)),
            Err(_) => problems.0.push(format!("{name}: is no text")),
        }
    }
    unknown.sort();
    (known, unknown)
}

/// The setting that a mistyped one may have meant: one letter too many, too few or wrong, or two
/// exchanged, or `_` for `-`.
fn nearest(key: &str) -> String {
    let key = key.replace('_', "-");
    let mut letters: Vec<char> = key.chars().collect();
    letters.sort_unstable();
    let near = |other: &&Setting| {
        let mut others: Vec<char> = other.key.chars().collect();
        others.sort_unstable();
        other.key == key || letters == others || one_apart(other.key.as_bytes(), key.as_bytes())
    };
    SETTINGS
        .iter()
        .find(near)
        .map_or(String::new(), |setting| format!(" (is `{}` meant?)", setting.key))
}

fn one_apart(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Equal => a.get(1..) == b.get(1..),
        std::cmp::Ordering::Less => b.get(1..) == Some(a),
        std::cmp::Ordering::Greater => a.get(1..) == Some(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        flags: &[(&'static str, &str)],
        env: &[(&str, &str)],
        file: &str,
    ) -> Result<Chosen, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("palabre.toml");
        std::fs::write(&path, file).expect("written");
        let mut all = vec![("config", path.display().to_string())];
        all.extend(flags.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Chosen::load(Flags(all), env)
            .map_err(|problems| problems.to_string().replace(&dir.path().display().to_string(), ""))
    }

    #[test]
    fn a_flag_goes_before_a_variable_and_that_before_the_file() {
        let file = "shards = 1\nmax-rooms = 1\nlog = 'warn'\n";
        let env = [("PALABRE_SHARDS", "2"), ("PALABRE_MAX_ROOMS", "2"), ("PALABRE_LOG", "")];
        let chosen = load(&[("shards", "3")], &env, file).expect("valid");
        let given = &chosen.given;
        assert_eq!(given.shards.map(|count| count.0), Some(3));
        assert_eq!(given.max_rooms.map(|count| count.0), Some(2));
        assert_eq!(given.log.as_ref().map(|log| log.0.as_str()), Some("warn"));
        let shown = chosen.show();
        assert!(shown.contains("shards = \"3\"  # --shards\n"), "{shown}");
        assert!(shown.contains("max-rooms = \"2\"  # PALABRE_MAX_ROOMS\n"), "{shown}");
        assert!(shown.contains("palabre.toml:3\n"), "{shown}");
    }

    #[test]
    fn every_refusal_has_file_line_key_and_reason() {
        for (file, refusal) in [
            ("\nshards = 0", "/palabre.toml:2: shards: must be a number from 1 to 64, not `0`"),
            (
                "htpp = '127.0.0.1:1'",
                "/palabre.toml:1: htpp: there is no such setting (is `http` meant?)",
            ),
            (
                "max_rooms = 1",
                "/palabre.toml:1: max_rooms: there is no such setting (is `max-rooms` meant?)",
            ),
            ("colour = 'red'", "/palabre.toml:1: colour: there is no such setting"),
            ("exit-after = 3", "/palabre.toml:1: exit-after: is about one run: give it as a flag"),
            (
                "http = true",
                "/palabre.toml:1: http: must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080, not `true`",
            ),
        ] {
            assert_eq!(load(&[], &[], file).err().as_deref(), Some(refusal));
        }
        let two = load(&[("shards", "x")], &[("PALABRE_MEDIA", "y")], "log-format = 'z'").err();
        let two = two.expect("refused");
        let starts: Vec<&str> =
            two.lines().filter_map(|line| line.split(": must").next()).collect();
        assert_eq!(starts, ["/palabre.toml:1: log-format", "PALABRE_MEDIA", "--shards"]);
    }

    #[test]
    fn secrets_come_by_variable_or_file_and_are_never_shown() {
        let refused = load(&[], &[], "operator-key = 'sixteen-letters!'").err().expect("refused");
        assert!(
            refused.contains("`operator-key-file`") && !refused.contains("sixteen"),
            "{refused}"
        );

        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        std::fs::write(&path, "sixteen-letters!\n").expect("written");
        let file = format!("operator-key-file = '{}'", path.display());
        let chosen = load(&[], &[], &file).expect("valid");
        let key = |chosen: &Chosen| chosen.given.operator_key.clone().map(|key| key.0);
        assert_eq!(key(&chosen).as_deref(), Some("sixteen-letters!"));
        assert!(!chosen.show().contains("sixteen"), "{}", chosen.show());
        let env = [("PALABRE_OPERATOR_KEY", "another-key-of-24-letters")];
        let chosen = load(&[], &env, &file).expect("valid");
        assert_eq!(key(&chosen).as_deref(), Some("another-key-of-24-letters"));

        std::fs::write(&path, "short\n").expect("written");
        let refused = load(&[], &[], &file).err().expect("too short");
        assert!(refused.contains("16 characters") && !refused.contains("short"), "{refused}");
        let refused =
            load(&[], &[], "operator-key-file = '/nowhere/key'").err().expect("not there");
        assert!(refused.contains("palabre.toml:1: operator-key-file: cannot read"), "{refused}");
    }

    #[test]
    fn variables_of_others_are_told_and_not_refused() {
        let env = [
            ("PALABRE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("HOME", "/root"),
            ("PALABRE_FRESH", "true"),
        ];
        let chosen = load(&[], &env, "").expect("valid");
        assert_eq!(chosen.unknown_variables, ["PALABRE_FRESH", "PALABRE_PORT_8080_TCP"]);
        assert_eq!(chosen.given.fresh, Some(false), "a flag alone sets a journal aside");
    }
}
