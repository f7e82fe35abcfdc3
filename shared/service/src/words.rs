//! What the words of a file mean here, as its sender says: `status:on_hold=planned;proba:Probable=4`.

use crate::columns::Columns;
use crate::{FieldError, field_error};
use std::collections::HashMap;

/// The parameter that says it.
pub const PARAMETER: &str = "map";

/// By column and word, in lower case.
#[derive(Debug, Default, PartialEq)]
pub struct Words(HashMap<(&'static str, String), String>);

impl Words {
    pub fn read(written: &str, columns: &Columns) -> Result<Self, Vec<FieldError>> {
        let mut words = HashMap::new();
        let mut errors = Vec::new();
        for entry in written.split([';', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let shown: String = entry.chars().take(60).collect();
            let parts = entry.split_once(':').and_then(|(column, rest)| Some((column, rest.rsplit_once('=')?)));
            let Some((column, (word, ours))) = parts else {
                let detail =
                    format!("`{shown}` is not understood: write column:word=ours, such as status:on_hold=planned");
                errors.push(field_error(PARAMETER, detail));
                continue;
            };
            let named = columns.called(column);
            if named.is_empty() {
                let detail = format!("`{shown}` names no column: write one of {}", columns.names.join(", "));
                errors.push(field_error(PARAMETER, detail));
            }
            let key = folded(word);
            for column in named {
                let meant = words.entry((column, key.clone())).or_insert_with(|| ours.trim().to_owned());
                if meant != ours.trim() {
                    let word = word.trim();
                    let detail = format!("`{word}` is said twice for {column}, as `{meant}` and as `{}`", ours.trim());
                    errors.push(field_error(PARAMETER, detail + ": leave one out"));
                }
            }
        }
        if errors.is_empty() { Ok(Self(words)) } else { Err(errors) }
    }

    /// The cell in our words. A cell that is none of the file's words may be a list of them.
    pub fn ours(&self, column: &'static str, cell: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let meant = |word: &str| self.0.get(&(column, folded(word)));
        if let Some(ours) = meant(cell) {
            return Some(ours.clone());
        }
        let entries: Vec<&str> = crate::entries(cell).collect();
        if entries.iter().all(|entry| meant(entry).is_none()) {
            return None;
        }
        let ours = entries.into_iter().map(|entry| meant(entry).map_or(entry, String::as_str));
        Some(ours.filter(|entry| !entry.is_empty()).collect::<Vec<_>>().join("|"))
    }
}

fn folded(word: &str) -> String {
    word.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::Words;
    use crate::columns::Columns;

    const COLUMNS: Columns = Columns::of(&["ref_id", "name", "status", "controls", "current_proba", "residual_proba"]);

    fn words(written: &str) -> Words {
        Words::read(written, &COLUMNS).expect("words")
    }

    #[test]
    fn a_word_of_the_file_is_ours_in_its_column_alone() {
        let words = words("status:On hold=planned; proba:Probable=4\nstatus:draft=");
        assert_eq!(words.ours("status", " on HOLD "), Some("planned".to_owned()));
        assert_eq!(words.ours("status", "draft"), Some(String::new()));
        assert_eq!(words.ours("residual_proba", "probable"), Some("4".to_owned()));
        assert_eq!((words.ours("name", "probable"), words.ours("status", "active")), (None, None));
    }

    #[test]
    fn the_entries_of_a_list_are_each_ours() {
        let words = words("controls:Backup=A.8.13;controls:Old=");
        assert_eq!(words.ours("controls", "backup, A.5.1\nOld"), Some("A.8.13|A.5.1".to_owned()));
        assert_eq!(words.ours("controls", "A.5.1"), None);
    }

    #[test]
    fn a_word_that_is_two_things_in_one_column_is_told() {
        let errors =
            Words::read("proba:High=4;residual_proba:high=5;status:a=b;status:A=b", &COLUMNS).expect_err("refused");
        let told: Vec<_> = errors.iter().map(|error| error.detail.as_str()).collect();
        assert_eq!(told, ["`high` is said twice for residual_proba, as `4` and as `5`: leave one out"]);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let errors = Words::read("status=planned;colour:red=blue;status:a", &COLUMNS).expect_err("refused");
        let told: Vec<_> = errors.iter().map(|error| error.detail.as_str()).collect();
        assert!(told[0].starts_with("`status=planned` is not understood: write column:word=ours"), "{told:?}");
        assert!(told[1].starts_with("`colour:red=blue` names no column: write one of ref_id, name"), "{told:?}");
        assert_eq!(told.len(), 3);
    }
}
