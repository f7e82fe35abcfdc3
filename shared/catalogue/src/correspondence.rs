//! Which controls of the 2013 edition became which of the 2022 edition.

use std::sync::LazyLock;

use serde::Deserialize;

/// A control of the 2013 edition, and those of 2022 that it became.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Successors {
    /// As the 2013 edition numbers it: `A.5.1.1`.
    #[serde(rename = "from_2013")]
    pub id: String,
    /// One, but for the one that was split.
    #[serde(rename = "to_2022")]
    pub became: Vec<String>,
}

/// All 114 controls of 2013, in order.
pub fn successors() -> &'static [Successors] {
    static SUCCESSORS: LazyLock<Vec<Successors>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct File {
            mappings: Vec<Successors>,
        }
        let File { mut mappings } = serde_json::from_str(include_str!("../data/mapping_2013_2022.json"))
            .expect("the embedded correspondence is valid");
        mappings.sort_by_cached_key(|mapping| numbers(&mapping.id));
        mappings
    });
    &SUCCESSORS
}

fn numbers(id: &str) -> Vec<u8> {
    id.split('.').filter_map(|number| number.parse().ok()).collect()
}

/// What a control of 2022 was in 2013: none if it is new, several if they were merged.
pub fn predecessors(id: &str) -> Vec<&'static Successors> {
    successors().iter().filter(|known| known.became.iter().any(|became| became == id)).collect()
}

#[cfg(test)]
mod tests {
    use super::{predecessors, successors};
    use crate::annex_a;

    #[test]
    fn of_93_controls_11_are_new_24_were_merged_and_one_of_2013_was_split() {
        let counts: Vec<usize> = annex_a().iter().map(|control| predecessors(&control.id).len()).collect();
        assert_eq!(counts.iter().filter(|count| **count == 0).count(), 11);
        assert_eq!(counts.iter().filter(|count| **count > 1).count(), 24);
        let split: Vec<&str> =
            successors().iter().filter(|known| known.became.len() > 1).map(|known| known.id.as_str()).collect();
        assert_eq!((successors().len(), split), (114, vec!["A.18.2.3"]));
    }

    #[test]
    fn both_editions_are_in_their_order() {
        let ids: Vec<&str> = predecessors("A.5.15").iter().map(|known| known.id.as_str()).collect();
        assert_eq!(ids, ["A.9.1.1", "A.9.1.2"]);
        let at = |id| successors().iter().position(|known| known.id == id);
        assert!(at("A.9.4.5") < at("A.10.1.1"));
    }
}
