//! Where a report goes: standard output, and files, which are tried before the run begins.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use palabre_loadtest::run::{RawRun, Summary, page};

/// Where a report goes besides standard output.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Files {
    /// Where to write the numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where to write the report as a page for people, which needs no other file.
    #[arg(long)]
    html: Option<PathBuf>,
    /// Where to write, one SVG each, plots of what more rooms cost.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// The same, open.
#[derive(Debug)]
pub(crate) struct Outputs {
    raw: Option<Output>,
    json: Option<Output>,
    html: Option<Output>,
    svg: Option<PathBuf>,
}

/// A file that can be written. What it holds is kept until then.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    fn open(path: &PathBuf) -> Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self { path: path.clone(), file })
    }

    fn write(mut self, content: &[u8]) -> Result<()> {
        let mut write = || {
            // A pipe has no end to set.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.file.write_all(content)
        };
        write().with_context(|| format!("writing {}", self.path.display()))
    }
}

impl Files {
    /// Opens them, and `raw`, where everything measured goes.
    ///
    /// # Errors
    /// Names the one that cannot be written.
    pub(crate) fn open(&self, raw: Option<&PathBuf>) -> Result<Outputs> {
        let open = |path: Option<&PathBuf>| path.map(Output::open).transpose();
        if let Some(folder) = &self.svg {
            try_folder(folder)
                .with_context(|| format!("the folder {} cannot be written to", folder.display()))?;
        }
        Ok(Outputs {
            raw: open(raw)?,
            json: open(self.json.as_ref())?,
            html: open(self.html.as_ref())?,
            svg: self.svg.clone(),
        })
    }
}

fn try_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    tempfile::tempfile_in(folder)?;
    Ok(())
}

impl Outputs {
    /// Judges a run, prints the table and writes what was asked for; false when an assertion did not
    /// hold.
    ///
    /// # Errors
    /// When something could not be written. The rest is.
    pub(crate) fn report(self, run: &RawRun) -> Result<bool> {
        let summary = Summary::of(run);
        let table = std::io::stdout().write_all(summary.table().as_bytes());
        let mut outcomes = vec![table.context("writing to standard output")];
        if let Some(raw) = self.raw {
            outcomes.push(to_json(&run, serde_json::to_vec).and_then(|json| raw.write(&json)));
        }
        if let Some(file) = self.json {
            let json = to_json(&summary, serde_json::to_vec_pretty);
            outcomes.push(json.and_then(|json| file.write(&json)));
        }
        if let Some(file) = self.html {
            outcomes.push(file.write(page::html(run, &summary).as_bytes()));
        }
        if let Some(folder) = self.svg {
            for (name, svg) in page::growth_files(run) {
                let file = Output::open(&folder.join(name));
                outcomes.push(file.and_then(|file| file.write(svg.as_bytes())));
            }
        }
        let failed = outcomes.into_iter().filter_map(Result::err);
        let failed: Vec<String> = failed.map(|error| format!("{error:#}")).collect();
        ensure!(failed.is_empty(), "{}", failed.join("; "));
        Ok(summary.held)
    }
}

fn to_json<T>(value: &T, how: fn(&T) -> serde_json::Result<Vec<u8>>) -> Result<Vec<u8>> {
    how(value).context("writing JSON")
}

#[cfg(test)]
mod tests {
    use palabre_loadtest::run::raw::Tested;

    use super::*;

    fn run() -> RawRun {
        RawRun::new(Tested { scenario: "x".to_owned(), ..Tested::default() }, 0)
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named_before_anything_is_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        let wrong = file.join("x");
        for files in [
            Files { json: Some(wrong.clone()), ..Files::default() },
            Files { html: Some(wrong.clone()), ..Files::default() },
            Files { svg: Some(wrong.clone()), ..Files::default() },
        ] {
            let error = files.open(None).expect_err("not a folder");
            assert!(format!("{error:#}").contains(&wrong.display().to_string()), "{error:#}");
        }
        assert!(Files::default().open(Some(&wrong)).is_err());
        let svg = Some(folder.path().join("new/plots"));
        Files { svg, ..Files::default() }.open(None).expect("it is made");
    }

    #[test]
    fn what_fails_takes_nothing_else_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (json, html) = (folder.path().join("json"), folder.path().join("html"));
        std::fs::write(&html, "x".repeat(1 << 20)).expect("an older and longer report");
        // It opens, and takes nothing.
        let raw = PathBuf::from("/dev/full");
        let files = Files { json: Some(json.clone()), html: Some(html.clone()), svg: None };
        let outputs = files.open(Some(&raw)).expect("all can be opened");
        let error = outputs.report(&run()).expect_err("the raw one is lost");
        assert!(format!("{error:#}").contains("/dev/full"), "{error:#}");
        let text = std::fs::read_to_string(json).expect("written");
        let json: serde_json::Value = serde_json::from_str(&text).expect("whole");
        assert_eq!(json["scenario"], "x");
        assert!(std::fs::read_to_string(html).expect("written").ends_with("</html>"));
    }
}
