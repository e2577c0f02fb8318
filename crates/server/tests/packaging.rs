//! What is shipped around the binary, against the binary.

#[path = "common/tools.rs"]
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn file(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder, by their path from there on.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(folder).expect("it lies below");
                found.insert(format!("/{}", below.display()));
            }
        }
    }
    found
}

/// The container holds exactly the libraries that the linker asks for, and the program runs with them.
#[test]
fn the_container_has_every_library_and_no_other() {
    let program = env!("CARGO_BIN_EXE_palabre");
    let out = Command::new("ldd").arg(program).output().expect("ldd");
    let text = String::from_utf8(out.stdout).expect("text");
    // `name => /path (address)` or `/path (address)`; the kernel's own has no path.
    let linked = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(str::to_owned);
    let expected: BTreeSet<String> = linked.chain(["/usr/bin/palabre".to_owned()]).collect();
    assert!(expected.len() >= 4, "{text}");

    let gather = file("packaging/container/gather.sh");
    let image = tempfile::tempdir().expect("dir");
    let gathered = Command::new("sh").arg(gather).arg(program).arg(image.path()).status();
    assert!(gathered.expect("sh").success());
    assert_eq!(files(image.path()), expected);
    if rustix::process::geteuid().is_root() {
        let out = Command::new("chroot")
            .arg(image.path())
            .args(["/usr/bin/palabre", "config", "--data", "/data"])
            .output()
            .expect("chroot");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let containerfile = std::fs::read_to_string(file("packaging/container/Containerfile"))
        .expect("the Containerfile");
    let (build, last_stage) = containerfile.split_once("FROM scratch\n").expect("from nothing");
    assert!(build.contains("sh packaging/container/gather.sh target/release/palabre /out"));
    assert!(last_stage.starts_with("COPY --from=build /out /\n"), "{last_stage}");
}

/// What a package's manifest says of the Debian package, and where its files come from and go to.
fn debian(package: &str) -> (toml::Value, BTreeMap<String, String>) {
    let manifest = std::fs::read_to_string(file(package) + "/Cargo.toml").expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let deb = manifest["package"]["metadata"]["deb"].clone();
    let mut installed = BTreeMap::new();
    for asset in deb["assets"].as_array().expect("a list") {
        let (source, mut to) = (word(&asset[0]), format!("/{}", word(&asset[1])));
        if to.ends_with('/') {
            to.push_str(source.rsplit('/').next().expect("a name"));
        }
        assert!(source.starts_with("target/release/") || is_there(package, &source), "{source}");
        installed.insert(to, source);
    }
    (deb, installed)
}

fn word(value: &toml::Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Whether a package's folder has the file, or files with that ending.
fn is_there(package: &str, source: &str) -> bool {
    let path = Path::new(&file(package)).join(source);
    match source.rsplit_once('*') {
        None => path.is_file(),
        Some((_, ending)) => {
            files(path.parent().expect("a folder")).iter().any(|name| name.ends_with(ending))
        }
    }
}

/// The load test comes with its scenarios, and with the voice of its bots.
#[test]
fn the_load_test_has_a_package_of_its_own() {
    let (deb, installed) = debian("loadtest");
    let there: Vec<&str> = installed.keys().map(String::as_str).collect();
    let expected = [
        "/usr/bin/palabre-loadtest",
        "/usr/share/doc/palabre-loadtest/README.md",
        "/usr/share/palabre-loadtest/scenarios/*.toml",
    ];
    assert_eq!(there, expected);
    assert_eq!(word(&deb["depends"]), "$auto, espeak-ng");
    // Where it looks for the server of a scenario that breaks one: beside itself.
    assert_eq!(word(&deb["suggests"]), "palabre");
    assert!(debian("crates/server").1.contains_key("/usr/bin/palabre"));
}

/// What the Debian package is made of is there, but for the program, which is built.
#[test]
fn the_package_has_its_files_and_scripts() {
    let (deb, installed) = debian("crates/server");
    let here = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let settings = deb["conf-files"].as_array().expect("a list");
    assert!(settings.iter().all(|kept| installed.contains_key(&word(kept))), "{installed:?}");
    let unit = here(&word(&deb["systemd-units"]["unit-scripts"])).join("palabre.service");
    let unit = std::fs::read_to_string(unit).expect("the unit");
    for path in ["/etc/palabre/palabre.toml", "/usr/share/doc/palabre/OPERATIONS.md"] {
        assert!(unit.contains(path) && installed.contains_key(path), "{path}");
    }
    for script in ["postinst", "postrm"] {
        let path = here(&word(&deb["maintainer-scripts"])).join(script);
        let text = std::fs::read_to_string(&path).expect("the script");
        // Where those of the unit go in.
        assert!(text.contains("\n#DEBHELPER#\n"), "{script}");
        let checked = Command::new("sh").arg("-n").arg(&path).status().expect("sh");
        assert!(checked.success(), "{script}");
    }
}

#[test]
fn the_settings_that_ship_are_valid_with_every_line_of_them_in_use() {
    let dir = tempfile::tempdir().expect("dir");
    let shipped = std::fs::read_to_string(file("packaging/palabre.toml")).expect("the settings");
    // What is commented out is an example, and valid too: TLS by files and by an authority in turn.
    let examples = |without: &str| {
        let lines = shipped.lines().filter(|line| !line.contains(without));
        lines
            .map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line))
            .fold(
                String::new(),
                |all, line| if line.starts_with('#') { all } else { all + line + "\n" },
            )
    };
    for text in [shipped.clone(), examples("acme-"), examples("tls-")] {
        // The key's file is on the machine that it is made for.
        let text = text.replace("operator-key-file", "#operator-key-file");
        let path = dir.path().join("palabre.toml");
        std::fs::write(&path, &text).expect("written");
        let out = Command::new(env!("CARGO_BIN_EXE_palabre"))
            .arg("config")
            .args([Path::new("--config"), &path, Path::new("--data"), dir.path()])
            .output()
            .expect("ran");
        assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit =
        std::fs::read_to_string(file("packaging/systemd/palabre.service")).expect("the unit");
    for line in [
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        // Whatever it fails of, and however often.
        "Restart=always",
        "StartLimitIntervalSec=0",
        // The server tells both when it serves and who does after a take-over.
        "Type=notify",
        "NotifyAccess=main",
    ] {
        assert!(unit.lines().any(|there| there == line), "{line}");
    }
    let Ok(verify) = Command::new("systemd-analyze").arg("--version").output() else {
        tools::missing("systemd-analyze", "systemd");
        return;
    };
    assert!(verify.status.success());
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("palabre.service");
    std::fs::write(&path, unit.replace("/usr/bin/palabre", env!("CARGO_BIN_EXE_palabre")))
        .expect("written");
    let out = Command::new("systemd-analyze").arg("verify").arg(&path).output().expect("ran");
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    let of_ours: Vec<&str> =
        words.lines().filter(|line| line.contains("palabre.service")).collect();
    assert!(of_ours.is_empty(), "{words}");
    let out = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&path)
        .output()
        .expect("ran");
    let words = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "exposed by more than 2.0: {words}");
}
