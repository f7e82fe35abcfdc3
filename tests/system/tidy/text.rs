//! What stands in the source text.

use super::none;
use crate::house::{Source, rust_code, sources, without_tests, words};

const MOST_LINES: usize = 500;

/// Crates that an aggregate's file has no use for: it decides and folds.
const IO: &[&str] = &["async_nats", "axum", "lettre", "reqwest", "sqlx", "tokio"];

/// Where connections come from, so that no other code can forget the tenant; and other event stores, which know no tenant.
const MAY_POOL: &[&str] = &["shared/eventstore/", "shared/views/", "tests/bench/peers/"];

/// Its one test is run by other tests, in a process that they kill: nothing runs it by itself.
const RUN_BY_OTHERS: &str = "shared/embedded/tests/it/helper.rs";

fn rust() -> Vec<Source> {
    let files = sources(&["services", "shared", "tests"], "rs");
    assert!(files.len() > 100, "{} Rust files: the house has more", files.len());
    files
}

/// One line for each place where `unwanted` says why the line of code is.
fn lines(files: &[Source], unwanted: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (number, line) in (1..).zip(rust_code(&file.text).lines()) {
            if let Some(why) = unwanted(line) {
                faults.push(format!("{}:{number}: {why}", file.path));
            }
        }
    }
    faults
}

fn left_over(line: &str) -> Option<&'static str> {
    let line: String = line.split_whitespace().collect();
    [
        ("todo!(", "write it or leave it out"),
        ("unimplemented!(", "write it or leave it out"),
        ("#[ignore", "mend the test or delete it"),
        ("#[allow(", "mend what the lint says, or #[expect(.., reason = \"..\")]"),
        ("#![allow(", "mend what the lint says, or #[expect(.., reason = \"..\")]"),
    ]
    .into_iter()
    .find(|(mark, _)| line.contains(mark))
    .map(|(_, why)| why)
}

fn io_of_an_aggregate(text: &str) -> Option<String> {
    let code = without_tests(&rust_code(text));
    let is_aggregate = code.contains("aggregate!(");
    let found: Vec<&str> = words(&code).filter(|word| is_aggregate && IO.contains(word)).collect();
    (!found.is_empty()).then(|| found.join(", "))
}

#[test]
fn files_are_short() {
    let faults: Vec<String> = rust()
        .iter()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, count)| *count > MOST_LINES)
        .map(|(file, count)| format!("{} has {count} lines", file.path))
        .collect();
    none(
        &format!(
            "A file of code has at most {MOST_LINES} lines. Lift a part that has a name of its own into a file of that name"
        ),
        &faults,
    );
}

#[test]
fn nothing_is_left_for_later() {
    let files: Vec<Source> = rust().into_iter().filter(|file| file.path != RUN_BY_OTHERS).collect();
    none("Nothing is left for later", &lines(&files, left_over));
}

#[test]
fn aggregates_do_no_io() {
    let files = rust();
    let faults: Vec<String> = files
        .iter()
        .filter(|file| !file.path.contains("/tests/"))
        .filter_map(|file| io_of_an_aggregate(&file.text).map(|found| format!("{} names {found}", file.path)))
        .collect();
    none(
        "A file with `aggregate!` decides and folds, with no I/O. Look the facts up in a command's `prepare` through `Work` \
         and move the rest (routes, queries, deliveries) into a file of its own",
        &faults,
    );
}

#[test]
fn pools_stay_in_the_store() {
    let files: Vec<Source> =
        rust().into_iter().filter(|file| !MAY_POOL.iter().any(|folder| file.path.starts_with(folder))).collect();
    let is_pool = |line: &str| words(line).any(|word| matches!(word, "PgPool" | "PgPoolOptions"));
    none(
        "Only eventstore and views hold a pool: a bare pool read skips the tenant. Take a Session of the EventStore",
        &lines(&files, |line| is_pool(line).then_some("PgPool")),
    );
}

#[test]
fn leftovers_and_io_are_found() {
    for line in
        ["    todo!()", "x => unimplemented!(\"x\"),", "#[ignore = \"slow\"]", "#[allow(dead_code)]", "#![ allow(x)]"]
    {
        assert!(left_over(line).is_some(), "{line}");
    }
    assert_eq!(left_over("#[expect(dead_code, reason = \"why\")]"), None);

    let aggregate = "use sqlx::query;\naggregate!(A, \"a\", C, E, B);\n#[cfg(test)]\nmod tests { use tokio::x; }";
    assert_eq!(io_of_an_aggregate(aggregate), Some("sqlx".to_owned()));
    assert_eq!(io_of_an_aggregate("use sqlx::query; // aggregate!("), None);
    assert_eq!(io_of_an_aggregate("aggregate!(A, \"axum\", C, E, B); // tokio"), None);
}
