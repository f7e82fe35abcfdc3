//! Uploaded tables, as spreadsheets write them.

use crate::columns::Columns;
use crate::words::Words;
use crate::{FieldError, Progress, as_written, field_error, workbook};
use csv::{ReaderBuilder, StringRecord};
use std::collections::{BTreeMap, HashMap};

/// More rows than this are no register of one organisation.
pub const MOST_ROWS: usize = 20_000;

/// Nor has one as many columns.
pub const MOST_COLUMNS: usize = 200;

/// The cells of a row, each in its place.
pub type Record = Vec<String>;

/// The rows of the refs that were read so far.
pub type Seen = HashMap<String, u64>;

/// The delimiters that spreadsheets write.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// How other programs write that nobody has said anything.
const UNSAID: &str = "--";

/// What a spreadsheet shows where a formula has no value.
const BROKEN: [&str; 7] = ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"];

/// How an .xls begins, and an .xlsx with a password.
const OLD_WORKBOOK: [u8; 4] = [0xd0, 0xcf, 0x11, 0xe0];

/// An uploaded table: its rows by the names of the columns that we know.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub rows: Vec<Row>,
    pub ignored_columns: Vec<String>,
    /// Rows that could not be read as rows.
    pub errors: Vec<FieldError>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As a spreadsheet numbers it; a cell with several lines is in one row.
    pub number: u64,
    cells: BTreeMap<&'static str, String>,
}

impl Row {
    /// The cell without the space around it; empty where the file has no such column.
    pub fn cell(&self, column: &'static str) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }

    /// Puts into a cell what it did not say.
    pub(crate) fn say(&mut self, column: &'static str, text: String) {
        self.cells.insert(column, text);
    }
}

impl Table {
    /// Reads a workbook, or UTF-8 with or without a byte order mark, of which the heading says which delimiter is used. The
    /// columns are in any order.
    pub fn read(file: &[u8], sheet: Option<&str>, columns: &Columns) -> Result<Self, Vec<FieldError>> {
        let records = if workbook::is_one(file) {
            workbook::records(file, sheet)
        } else if sheet.is_some() {
            Err(field_error("sheet", "only a workbook has sheets: leave it out, or send an .xlsx file"))
        } else {
            text(file).and_then(|text| records(&text))
        };
        Self::of(records.map_err(|error| vec![error])?, columns)
    }

    fn of(records: Vec<(u64, Record)>, columns: &Columns) -> Result<Self, Vec<FieldError>> {
        let mut records = records.into_iter();
        let Some((heading_row, heading)) = records.next() else {
            let detail = format!("the file is empty: its first row is the heading {}", columns.names.join(","));
            return Err(vec![field_error("body", detail)]);
        };
        let heading = Heading::read(heading_row, &heading, columns)?;
        let mut table = Self { rows: Vec::new(), ignored_columns: heading.ignored.clone(), errors: Vec::new() };
        for (number, record) in records {
            match heading.row(number, record) {
                Ok(row) => table.rows.push(row),
                Err(error) => table.errors.push(error),
            }
        }
        Ok(table)
    }

    /// The same table in our words.
    #[must_use]
    pub fn in_our_words(mut self, words: &Words) -> Self {
        for (column, cell) in self.rows.iter_mut().flat_map(|row| &mut row.cells) {
            if let Some(ours) = words.ours(column, cell) {
                *cell = ours;
            }
        }
        self
    }

    /// What `read` makes of each row that is right, and every mistake of the others.
    pub fn each<T>(
        &self,
        progress: &Progress,
        mut read: impl FnMut(&Row, &mut Seen) -> Result<T, Vec<FieldError>>,
    ) -> (Vec<T>, Vec<FieldError>) {
        let (mut seen, mut made, mut errors) = (Seen::new(), Vec::new(), self.errors.clone());
        for (index, row) in self.rows.iter().enumerate() {
            progress.at("reading", index, self.rows.len());
            match read(row, &mut seen) {
                Ok(one) => made.push(one),
                Err(wrong) => errors.extend(wrong),
            }
        }
        (made, errors)
    }
}

fn text(file: &[u8]) -> Result<String, FieldError> {
    if file.starts_with(&OLD_WORKBOOK) {
        let detail = "it is a workbook of another kind, or one with a password: save it as .xlsx without one";
        return Err(field_error("body", detail));
    }
    let text = std::str::from_utf8(file).map_err(|error| {
        let before = file.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
        let detail = format!("it is not UTF-8 from line {} on: save it as \"CSV UTF-8\"", before + 1);
        field_error("body", detail)
    })?;
    if text.matches('"').count() % 2 == 1 {
        // A reader would take what follows as one cell, to the end of the file: a file that was cut off reads like that.
        let detail =
            "it has an odd number of quotation marks: close the cell that is open, and write two for one inside a cell";
        return Err(field_error("body", detail));
    }
    if let Some(line) = behind_quotes(text) {
        // A reader would take what stands between two such places as one cell, with all the rows in it.
        let detail = format!(
            "on line {line} a cell goes on behind its closing quotation mark: close the cell that was opened before it, and \
             write two for one inside a cell"
        );
        return Err(field_error("body", detail));
    }
    // One kind of line end, so that a file that went through another system says the same.
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n"))
}

/// The first line on which something else than a delimiter or the end of the line follows a closing quotation mark.
fn behind_quotes(text: &str) -> Option<usize> {
    let (delimiter, _) = delimiter(text.trim_start_matches('\u{feff}'));
    let is_end = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    let (mut line, mut begins, mut is_quoted) = (1, true, false);
    let mut bytes = text.trim_start_matches('\u{feff}').bytes().peekable();
    while let Some(byte) = bytes.next() {
        line += usize::from(byte == b'\n');
        match byte {
            b'"' if is_quoted && bytes.peek() == Some(&b'"') => {
                bytes.next();
            }
            b'"' if is_quoted => {
                is_quoted = false;
                if bytes.peek().is_some_and(|next| !is_end(*next)) {
                    return Some(line);
                }
            }
            b'"' if begins => is_quoted = true,
            _ => {}
        }
        begins = !is_quoted && is_end(byte);
    }
    None
}

/// The delimiter that stands most often in the heading, or the one that the first line says in its place, as spreadsheets of
/// many languages want it: `sep=;`. And how many lines say no more than that.
fn delimiter(text: &str) -> (u8, u64) {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if let Some(said) = text.lines().next().and_then(|line| line.strip_prefix("sep="))
        && let Some(known) =
            DELIMITERS.into_iter().find(|delimiter| said.trim_end_matches(' ') == delimiter.to_string())
    {
        return (u8::try_from(known).unwrap_or(b','), 1);
    }
    let count = |delimiter: char| heading.matches(delimiter).count();
    let most = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter));
    (most.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(b','), 0)
}

pub fn too_many_rows() -> FieldError {
    field_error("body", format!("it has more than {MOST_ROWS} rows, which are the most at once: split it"))
}

/// The records that are not empty, each with its row. It is read no further than it may reach.
fn records(text: &str) -> Result<Vec<(u64, Record)>, FieldError> {
    let (delimiter, said) = delimiter(text);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut row = 0;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).unwrap_or(false) {
        row += 1 + empty_rows_before(text, &record);
        if record.iter().skip(MOST_COLUMNS).any(|cell| !cell.trim().is_empty()) {
            let detail = format!("it has {} cells, and {MOST_COLUMNS} columns are the most", record.len());
            return Err(FieldError { row: Some(row - said), ..field_error("body", detail) });
        }
        if row > said && record.iter().any(|cell| !cell.trim().is_empty()) {
            records.push((row - said, record.iter().take(MOST_COLUMNS).map(ToOwned::to_owned).collect()));
        }
        // The heading is one more.
        if records.len() > MOST_ROWS + 1 {
            return Err(too_many_rows());
        }
    }
    Ok(records)
}

/// The reader steps over empty lines, and a spreadsheet counts them.
fn empty_rows_before(text: &str, record: &StringRecord) -> u64 {
    let start = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
    let empty = text.get(start..).unwrap_or_default().bytes().take_while(|byte| *byte == b'\n').count();
    u64::try_from(empty).unwrap_or_default()
}

/// Which known column each cell of a record belongs to.
struct Heading {
    places: Vec<Option<&'static str>>,
    ignored: Vec<String>,
    /// Whether it names the column in this place, known or not.
    says: Vec<bool>,
}

impl Heading {
    fn read(row: u64, names: &Record, columns: &Columns) -> Result<Self, Vec<FieldError>> {
        let says = names.iter().map(|name| !name.trim().is_empty()).collect();
        let mut heading = Self { places: Vec::new(), ignored: Vec::new(), says };
        let mut errors = Vec::new();
        let mut wrong = |field: &str, detail: String| {
            errors.push(FieldError { row: Some(row), ..field_error(field, detail) });
        };
        for (name, known) in names.iter().map(|name| name.trim()).zip(columns.read(names)) {
            match known {
                Some(column) if heading.places.contains(&known) => {
                    wrong(column, "the heading names this column twice: remove one".to_owned());
                }
                Some(_) => {}
                None if name.is_empty() => {}
                None => heading.ignored.push(name.chars().take(100).collect()),
            }
            heading.places.push(known);
        }
        for required in columns.required() {
            if !heading.places.contains(&Some(required)) {
                let empty = if required == "ref_id" && columns.letters().is_some() {
                    " (its cells may be empty: such rows are told by their names)"
                } else {
                    ""
                };
                wrong(required, format!("this column is missing{empty}: the heading is {}", columns.names.join(",")));
            }
        }
        if errors.is_empty() { Ok(heading) } else { Err(errors) }
    }

    fn row(&self, number: u64, record: Record) -> Result<Row, FieldError> {
        let wrong = |detail| Err(FieldError { row: Some(number), ..field_error("body", detail) });
        if record.len() < self.places.len() {
            let (cells, columns) = (record.len(), self.places.len());
            return wrong(format!(
                "this row has {cells} cells and the heading has {columns}: put a cell that contains the delimiter or a quote \
                 into quotes"
            ));
        }
        let is_named = |column: usize| self.says.get(column).copied().unwrap_or_default();
        let mut strays =
            record.iter().enumerate().filter(|(column, cell)| !is_named(*column) && !cell.trim().is_empty());
        if let Some((column, cell)) = strays.next() {
            let (column, cell) = (column + 1, cell.trim().chars().take(60).collect::<String>());
            return wrong(format!(
                "cell {column} says `{cell}`, and the heading names no column {column}: name it there or empty the cell; one \
                 that contains the delimiter or a quote stands in quotes"
            ));
        }
        let mut known = self.places.iter().zip(&record).filter_map(|(place, cell)| Some(((*place)?, cell.trim())));
        if let Some((column, cell)) = known.find(|(_, cell)| BROKEN.contains(cell)) {
            let detail = format!("it says {cell}: mend the formula, or empty the cell");
            return Err(FieldError { row: Some(number), ..field_error(column, detail) });
        }
        let cells = self.places.iter().zip(record);
        let said = |cell: String| if cell.trim() == UNSAID { String::new() } else { as_written(&cell).to_owned() };
        let cells = cells.filter_map(|(place, cell)| place.map(|place| (place, said(cell))));
        Ok(Row { number, cells: cells.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_COLUMNS, MOST_ROWS, Table};
    use crate::columns::Columns;

    const COLUMNS: Columns = Columns::of(&["ref_id", "name", "description"]);

    fn read(file: &str) -> Table {
        Table::read(file.as_bytes(), None, &COLUMNS).expect("a table")
    }

    fn refused(file: &[u8]) -> Vec<String> {
        let errors = Table::read(file, None, &COLUMNS).expect_err("refused");
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.detail)).collect()
    }

    fn rows(table: &Table) -> Vec<(u64, &str, &str)> {
        table.rows.iter().map(|row| (row.number, row.cell("ref_id"), row.cell("description"))).collect()
    }

    #[test]
    fn a_byte_order_mark_and_the_delimiter_of_another_country_are_understood() {
        for file in [
            "ref_id,name,description\nR-1,a,\"x, y\"\n",
            "\u{feff}ref_id;name;description\r\nR-1;a;\"x, y\"\r\n",
            "Description\tREF_ID\tname\nx, y\tR-1\ta",
        ] {
            assert_eq!(rows(&read(file)), [(2, "R-1", "x, y")], "{file}");
        }
    }

    #[test]
    fn a_first_line_that_says_the_delimiter_is_no_heading() {
        // A spreadsheet shows no row of it.
        let table = read("sep=;\nref_id;name;description\nR-1;a, b;x\n");
        assert_eq!(rows(&table), [(2, "R-1", "x")]);
        assert_eq!(rows(&read("sep=\t\n\nref_id\tname\nR-1\ta\n")), [(3, "R-1", "")]);
    }

    #[test]
    fn a_quotation_mark_that_was_never_closed_swallows_no_row() {
        let file = "ref_id;name;description\nN-1;one;\"Stone Ltd;1\nN-2;two;b\nN-3;three;\"Sand Ltd;1\n";
        assert!(
            refused(file.as_bytes())[0].starts_with("body: on line 4 a cell goes on behind"),
            "{:?}",
            refused(file.as_bytes())
        );
        assert!(refused(b"ref_id,name\nR-1,\"a\"b\"\"\"\"\n")[0].contains("on line 2"));
        let closed =
            "\u{feff}ref_id,name,description\r\nR-1,\"a \"\"b\"\"\",\"x\r\ny\"\r\nR-2,5\" wide and 6\",\"\"\r\n";
        assert_eq!(rows(&read(closed)), [(2, "R-1", "x\ny"), (3, "R-2", "")]);
    }

    #[test]
    fn two_dashes_say_nothing_and_are_a_text_where_they_were_exported() {
        let table = read("ref_id,name,description\nR-1,a,--\nR-2,a,'--\nR-3,a,-- x\n");
        assert_eq!(rows(&table), [(2, "R-1", ""), (3, "R-2", "--"), (4, "R-3", "-- x")]);
    }

    #[test]
    fn no_cell_is_dropped_for_which_the_heading_has_no_name() {
        let table = read("ref_id,name,,description,\nR-1,a,b,c,\nR-2,a,,c,d\nR-3,a,,c,\n");
        assert_eq!(rows(&table), [(4, "R-3", "c")]);
        let told: Vec<&str> = table.errors.iter().map(|error| error.detail.as_str()).collect();
        assert!(told[0].starts_with("cell 3 says `b`, and the heading names no column 3: name it"), "{told:?}");
        assert!(told[1].starts_with("cell 5 says `d`"), "{told:?}");
    }

    #[test]
    fn the_apostrophe_of_an_exported_cell_is_taken_away() {
        let table = read("ref_id,name,description\nR-1,a,'- x\nR-2,a,''=1\nR-3,a,'tis\n");
        assert_eq!(rows(&table), [(2, "R-1", "- x"), (3, "R-2", "'=1"), (4, "R-3", "'tis")]);
    }

    #[test]
    fn rows_are_numbered_as_a_spreadsheet_does() {
        let table = read("ref_id,name,description\r\n\r\nR-1,a,\"one\r\n\r\ntwo\"\r\n,,\r\n\r\n\r\nR-2,b,x\r\n");
        assert_eq!(rows(&table), [(3, "R-1", "one\n\ntwo"), (7, "R-2", "x")]);
    }

    #[test]
    fn what_is_not_known_is_ignored_and_told() {
        let table = read("name,colour,ref_id,\na,blue,R-1,\n");
        assert_eq!(table.ignored_columns, ["colour"]);
        assert_eq!(rows(&table), [(2, "R-1", "")]);
    }

    #[test]
    fn a_row_of_another_length_is_told_and_the_rest_is_read() {
        let table = read("ref_id,name,description\nR-1,a,x,y\nR-2,b\nR-3,c,z\nR-4,d,z,,\n");
        assert_eq!(table.errors.iter().map(|error| error.row).collect::<Vec<_>>(), [Some(2), Some(3)]);
        assert_eq!(rows(&table), [(4, "R-3", "z"), (5, "R-4", "z")]);
    }

    #[test]
    fn what_cannot_be_a_table_is_refused_with_the_remedy() {
        let heading = "the heading is ref_id,name,description";
        let missing = |column: &str| format!("{column}: this column is missing: {heading}");
        assert_eq!(refused(b"description,id\nx,y\n"), [missing("ref_id"), missing("name")]);
        assert_eq!(refused(b"ref_id,name,Name\n"), ["name: the heading names this column twice: remove one"]);
        assert!(refused(b"  \n\n")[0].starts_with("body: the file is empty"));
        assert!(refused(b"ref_id,name\nR-1,caf\xe9\n")[0].starts_with("body: it is not UTF-8 from line 2 on"));
        assert!(refused(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1])[0].contains("save it as .xlsx"));
        let endless = format!("ref_id,name\n{}", "R-1,a\n".repeat(MOST_ROWS + 1));
        assert!(refused(endless.as_bytes())[0].contains("split it"));
        let empty = ",".repeat(MOST_COLUMNS);
        let wide = format!("ref_id,name{empty}\nR-1,a{empty}");
        assert_eq!(rows(&read(&wide)), [(2, "R-1", "")], "columns without anything are none");
        assert!(refused(format!("{wide}x").as_bytes())[0].starts_with("body: it has 202 cells, and 200 columns"));
    }
}
