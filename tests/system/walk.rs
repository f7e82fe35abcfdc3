//! The README's walk, as it is written there: its commands in one shell, its outputs compared.

use crate::system::root;
use crate::up::{Up, folder};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use tokio::process::Command;

/// A block of commands and the output that the README shows for it, where it shows one.
struct Step {
    commands: String,
    shown: Option<String>,
}

fn steps(readme: &str) -> Vec<Step> {
    let walk = readme.split("## The walk").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a walk");
    let mut steps: Vec<Step> = Vec::new();
    let mut fences = walk.split("```");
    fences.next();
    while let Some(block) = fences.next() {
        let (kind, text) = block.split_once('\n').expect("a block");
        match kind {
            "sh" => steps.push(Step { commands: text.to_owned(), shown: None }),
            "text" => steps.last_mut().expect("commands before their output").shown = Some(text.to_owned()),
            other => panic!("a block of kind {other:?} in the walk"),
        }
        fences.next();
    }
    steps
}

/// `...` in what is shown stands for anything within a line.
fn agrees(shown: &str, printed: &str) -> bool {
    let (shown, printed): (Vec<&str>, Vec<&str>) = (shown.trim().lines().collect(), printed.trim().lines().collect());
    shown.len() == printed.len() && shown.iter().zip(printed).all(|(pattern, line)| line_agrees(pattern, line))
}

fn line_agrees(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("...");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || (open && pattern.ends_with("..."))
}

#[tokio::test]
async fn the_readmes_walk_prints_what_the_readme_shows() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let steps = steps(&readme);
    assert!(steps.len() >= 8, "the walk has {} blocks", steps.len());
    let folder = folder();
    let data = folder.path().join("data");
    let up = Up::start(&data, &[]).await;

    // Where the README's reader stands: a checkout with ./dev in it, whose recipes are one program here.
    let checkout = folder.path().join("checkout");
    fs::create_dir(&checkout).expect("a folder");
    symlink(root().join("examples"), checkout.join("examples")).expect("a link");
    let dev = checkout.join("dev");
    let stele = crate::system::STELE;
    fs::write(&dev, format!("#!/bin/sh\n[ \"$1\" = stele ] && shift\nexec {stele} \"$@\"\n")).expect("./dev");
    fs::set_permissions(&dev, fs::Permissions::from_mode(0o755)).expect("executable");

    let mut script = String::from("set -euo pipefail\n");
    for step in &steps {
        script += &step.commands;
        script += "\necho '@@ end of a step'\n";
    }
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(&script).current_dir(&checkout).env("STELE_DATA", &data).kill_on_drop(true);
    let output = shell.stdin(Stdio::null()).output().await.expect("bash");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut outputs = printed.split("@@ end of a step\n");
    for step in &steps {
        let printed = outputs.next().unwrap_or_default();
        if let Some(shown) = &step.shown {
            assert!(
                agrees(shown, printed),
                "README shows\n{shown}\nand the commands\n{}\nprinted\n{printed}\n{}",
                step.commands,
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(output.status.success(), "{}\n{printed}", String::from_utf8_lossy(&output.stderr));
    up.stop().await;
}

#[test]
fn three_dots_stand_for_anything_within_a_line() {
    assert!(agrees("a ... c\nd", "a b b c\nd\n"));
    assert!(agrees("x...", "x"));
    assert!(!agrees("a ... c", "a b d"));
    assert!(!agrees("a", "a\nb"));
    assert!(!agrees("a ... c", "a b c d"));
}
