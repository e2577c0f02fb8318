//! What is shipped around the binary, against the binary.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn file(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The container holds exactly the libraries that the linker asks for.
#[test]
fn the_container_has_every_library_and_no_other() {
    let out = Command::new("ldd").arg(env!("CARGO_BIN_EXE_palabre")).output().expect("ldd");
    let text = String::from_utf8(out.stdout).expect("text");
    // `name => /path (address)` or `/path (address)`; the kernel's own has no path.
    let linked: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .collect();
    assert!(linked.len() >= 3, "{text}");
    let containerfile = std::fs::read_to_string(file("packaging/container/Containerfile"))
        .expect("the Containerfile");
    let (_, last_stage) = containerfile.split_once("FROM scratch\n").expect("from nothing");
    let copied: BTreeSet<&str> = last_stage
        .lines()
        .filter(|line| line.contains(".so"))
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    if cfg!(target_arch = "x86_64") {
        assert_eq!(linked, copied);
    }
}

/// What the Debian package is made of is there, but for the program, which is built.
#[test]
fn the_package_has_its_files_and_scripts() {
    let manifest = std::fs::read_to_string(file("crates/server/Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let word = |value: &toml::Value| value.as_str().expect("text").to_owned();
    let here = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let assets = deb["assets"].as_array().expect("a list");
    let mut installed = BTreeSet::new();
    for asset in assets {
        let source = word(&asset[0]);
        assert!(source == "target/release/palabre" || here(&source).is_file(), "{source}");
        installed.insert(format!("/{}", word(&asset[1])));
    }
    let settings = deb["conf-files"].as_array().expect("a list");
    assert!(settings.iter().all(|kept| installed.contains(&word(kept))), "{installed:?}");
    let unit = here(&word(&deb["systemd-units"]["unit-scripts"])).join("palabre.service");
    let unit = std::fs::read_to_string(unit).expect("the unit");
    for path in ["/etc/palabre/palabre.toml", "/usr/share/doc/palabre/OPERATIONS.md"] {
        assert!(unit.contains(path) && installed.contains(path), "{path}");
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
        // Said, not passed over: a machine without systemd cannot check a unit.
        eprintln!("not checked: systemd-analyze is not installed");
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
