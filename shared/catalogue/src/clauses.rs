//! Clauses 4 to 10 of ISO/IEC 27001:2022 by their numbers and headings.

use crate::control_meant;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Clause {
    /// As the standard numbers it: `9.2.1`.
    pub id: String,
    pub heading: String,
}

/// All of them, in the standard's order.
pub fn clauses() -> &'static [Clause] {
    static CLAUSES: LazyLock<Vec<Clause>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct File {
            clauses: Vec<Clause>,
        }
        let file: File =
            serde_json::from_str(include_str!("../data/clauses_2022.json")).expect("the embedded clauses are valid");
        file.clauses
    });
    &CLAUSES
}

/// The id of the clause or the control of Annex A that somebody means: `9.2`, `Clause 9.2`, `A.8.13`, `8.13`. Where both have
/// the number, such as 5.1, the clause is meant: the control has an A before it.
pub fn requirement_meant(written: &str) -> Option<&'static str> {
    let written = written.trim();
    let number = written.strip_prefix("Clause ").or_else(|| written.strip_prefix("clause ")).unwrap_or(written);
    let clause = clauses().iter().find(|clause| clause.id == number);
    clause.map(|clause| clause.id.as_str()).or_else(|| control_meant(written).map(|control| control.id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{clauses, requirement_meant};

    #[test]
    fn a_requirement_is_named_as_people_write_it() {
        assert_eq!(clauses().first().map(|clause| clause.id.as_str()), Some("4"));
        for (written, meant) in [
            (" 9.2 ", Some("9.2")),
            ("Clause 6.1.3", Some("6.1.3")),
            ("5.1", Some("5.1")),
            ("A.5.1", Some("A.5.1")),
            ("a.8.13", Some("A.8.13")),
            ("8.13", Some("A.8.13")),
            ("11.1", None),
            ("", None),
        ] {
            assert_eq!(requirement_meant(written), meant, "{written}");
        }
    }
}
