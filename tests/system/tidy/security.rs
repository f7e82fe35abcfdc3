//! docs/security.md names tests that show what it says: each of them is there.

use super::none;
use crate::house::{Source, root, sources};
use std::collections::BTreeSet;

const DOCUMENT: &str = "docs/security.md";

/// What stands between backticks and has `::` in it: a test, as `file::name`.
fn named(document: &str) -> BTreeSet<String> {
    let quoted = document.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter(|quoted| quoted.contains("::")).map(ToOwned::to_owned).collect()
}

/// The tests of a file, as `file::name`.
fn tests(file: &Source) -> Vec<String> {
    let stem = file.path.trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in file.text.lines().map(str::trim) {
        is_test = is_test || matches!(line, "#[test]" | "#[tokio::test]");
        let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("//")) else { continue };
        tests.push(format!("{stem}::{}", rest.split('(').next().unwrap_or_default()));
        is_test = false;
    }
    tests
}

fn missing(document: &str, files: &[Source]) -> Vec<String> {
    let there: BTreeSet<String> = files.iter().flat_map(tests).collect();
    named(document).difference(&there).cloned().collect()
}

#[test]
fn tests_that_the_security_page_names_are_there() {
    let document = std::fs::read_to_string(root().join(DOCUMENT)).expect("the page");
    let named = named(&document).len();
    assert!(named > 40, "{DOCUMENT} names only {named} tests");
    none(
        &format!(
            "{DOCUMENT} names a test as `file::name`. Name the one that shows it, or say that it is not done and why"
        ),
        &missing(&document, &sources(&["services", "shared", "tests"], "rs")),
    );
}

#[test]
fn a_test_that_is_not_there_is_found() {
    let text = "#[test]\nfn one() {}\nfn helper() {}\n#[tokio::test]\nasync fn two() {}\n".to_owned();
    let files = [Source { path: "tests/system/walk.rs".to_owned(), text }];
    let document = "| `walk::one` | `walk::two` `walk::helper` |\n`plain` `limits::one`\n";
    assert_eq!(missing(document, &files), ["limits::one", "walk::helper"]);
}
