//! How a text goes into a cell of a spreadsheet and comes back as it was.

/// What a spreadsheet takes for the beginning of a formula, or would drop on its way to one.
const RUN: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The text as a cell that no spreadsheet runs: an apostrophe makes it a text. One that looks like that already gets
/// one more, so that [`as_written`] gives every text back.
pub fn harmless(text: &str) -> String {
    if text.trim_start_matches('\'').starts_with(RUN) { format!("'{text}") } else { text.to_owned() }
}

/// What the cell said before [`harmless`].
pub fn as_written(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if text.trim_start_matches('\'').starts_with(RUN) => text,
        Some(_) | None => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::{as_written, harmless};

    #[test]
    fn a_text_comes_back_as_it_was_and_no_cell_is_run() {
        for text in
            ["", "'", "''", "a", "=1", "+1", "- one\n- two", "@x", "\tx", "\rx", "'=1", "''-", "'a", "'tis", " =1"]
        {
            let cell = harmless(text);
            assert_eq!(as_written(&cell), text);
            assert!(!cell.starts_with(super::RUN), "{cell}");
        }
        assert_eq!(["=1", "'=1", "'a", "a"].map(harmless), ["'=1", "''=1", "'a", "a"]);
    }

    #[test]
    fn a_cell_that_was_not_exported_is_what_it_says() {
        assert_eq!(["- one", "=1", "'a", "'"].map(as_written), ["- one", "=1", "'a", "'"]);
    }
}
