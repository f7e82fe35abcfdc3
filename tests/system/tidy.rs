//! The rules of the house, each with its remedy.

mod layout;
mod migrations;
mod packages;
mod security;
mod text;

/// Fails with all that was found, so that one run tells everything there is to mend.
fn none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}\n", faults.join("\n  "));
}
