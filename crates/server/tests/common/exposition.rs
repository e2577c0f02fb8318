//! Reads what a server exports, strictly.

use std::collections::{BTreeMap, BTreeSet};

/// Everything in one answer of `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Kind by family name.
    pub(crate) families: BTreeMap<String, String>,
    /// Value by name and labels, as written.
    samples: BTreeMap<String, f64>,
    /// Label names by sample name.
    pub(crate) labels: BTreeMap<String, BTreeSet<String>>,
}

impl Exposition {
    /// Panics where the text is none of the OpenMetrics format.
    pub(crate) fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let body = text.strip_suffix("# EOF\n").expect("the text is whole");
        for line in body.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a name and a kind");
                let before = found.families.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} twice");
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert_eq!(found.samples.insert(series.to_owned(), value), None, "{series} twice");
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let labels = labels.strip_suffix('}').expect("the labels end").split(',');
                let names = labels.filter_map(|label| label.split_once('=')).map(|(name, _)| name);
                found.labels.entry(name.to_owned()).or_default().extend(names.map(str::to_owned));
            }
        }
        found
    }

    /// The value of a series as it is written; 0 for one that never was.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or(0.0)
    }

    /// Every name that a query may use.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let of = |(name, kind): (&String, &String)| -> Vec<String> {
            let with = |ends: &[&str]| ends.iter().map(|end| format!("{name}{end}")).collect();
            match kind.as_str() {
                "counter" => with(&["_total"]),
                "histogram" => with(&["_bucket", "_sum", "_count"]),
                "info" => with(&["_info"]),
                "gauge" => with(&[""]),
                other => panic!("{name} is a {other}"),
            }
        };
        self.families.iter().flat_map(of).collect()
    }
}
