/// A column of a table, as it is written everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What it is called in CSV.
    pub key: &'static str,
    /// What it is called for people.
    pub label: &'static str,
    pub kind: Kind,
    /// How wide it is in a workbook, in characters.
    pub width: u16,
    pub print: Print,
}

/// What its cells say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    /// A day, such as `2026-03-01`.
    Day,
    /// One of a few words, such as `treatment_decided`.
    Word,
    /// `true` or `false`.
    Flag,
    /// Several texts, with bars between them.
    List,
    /// What a level is called.
    Level,
}

/// Whether a column is on the printed page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    No,
    /// It has this share of the page's width.
    Share(u16),
    /// It stands below the one before, smaller.
    Under,
    /// As `Share`, and empty where the row before is of the same object.
    Once(u16),
    /// As `Under`, in a column that is written once.
    OnceUnder,
}

impl Column {
    pub const fn new(key: &'static str, label: &'static str, kind: Kind, width: u16) -> Self {
        Self { key, label, kind, width, print: Print::No }
    }

    #[must_use]
    pub const fn printed(self, print: Print) -> Self {
        Self { print, ..self }
    }

    /// A cell as people read it.
    pub fn shown(&self, cell: &str) -> String {
        match self.kind {
            Kind::Text | Kind::Number | Kind::Day | Kind::Level => cell.to_owned(),
            Kind::Word => worded(cell),
            Kind::Flag => match cell {
                "true" => "Yes".to_owned(),
                "false" => "No".to_owned(),
                other => other.to_owned(),
            },
            Kind::List => cell.split('|').collect::<Vec<_>>().join(", "),
        }
    }
}

/// `treatment_decided` is read as "Treatment decided".
fn worded(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::{Column, Kind};

    #[test]
    fn a_cell_is_shown_as_people_read_it() {
        let shown = |kind, cell| Column::new("key", "Label", kind, 10).shown(cell);
        assert_eq!(shown(Kind::Word, "treatment_decided"), "Treatment decided");
        assert_eq!(shown(Kind::Word, ""), "");
        assert_eq!(shown(Kind::List, "A.5.2|A.8.13"), "A.5.2, A.8.13");
        assert_eq!((shown(Kind::Flag, "true"), shown(Kind::Flag, "")), ("Yes".to_owned(), String::new()));
        assert_eq!(shown(Kind::Text, "true"), "true");
    }
}
