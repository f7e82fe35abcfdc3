//! What the cells of an uploaded row say.

use crate::table::{Row, Seen};
use crate::{Faults, FieldError, checked_day, checked_person, checked_ref, checked_text, field_error, tidy};
use chrono::{Datelike, NaiveDate};

/// As in every register.
const LONGEST_NAME: usize = 200;

/// What separates the entries of a list. No ref and no control id contains any of them.
const SEPARATORS: [char; 4] = ['|', ',', ';', '\n'];

/// The entries of a cell that holds a list.
pub fn entries(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(SEPARATORS).map(str::trim).filter(|entry| !entry.is_empty())
}

/// A day of a cell, also as a spreadsheet writes it whose language puts the day first: 31.03.2027.
pub fn day_of_cell(column: &str, written: &str) -> Result<NaiveDate, FieldError> {
    let dotted = NaiveDate::parse_from_str(written.trim(), "%d.%m.%Y").ok().filter(|day| day.year() >= 1900);
    checked_day(column, &dotted.map_or_else(|| written.to_owned(), |day| day.to_string()))
}

/// One row being read: what its cells say, and what is wrong with them.
pub struct Cells<'a> {
    row: &'a Row,
    pub faults: Faults,
}

impl<'a> Cells<'a> {
    pub fn of(row: &'a Row) -> Self {
        Self { row, faults: Faults::in_row(row.number) }
    }

    /// What the cell says; nothing where it is empty.
    pub fn given(&self, column: &'static str) -> Option<&'a str> {
        Some(self.row.cell(column)).filter(|cell| !cell.is_empty())
    }

    /// The row's ref, which no row before it has.
    pub fn reference(&mut self, seen: &mut Seen) -> Option<String> {
        self.named("ref_id", seen)
    }

    /// The same, by another column.
    pub fn named(&mut self, column: &'static str, seen: &mut Seen) -> Option<String> {
        let id = self.faults.keep(checked_ref(column, self.row.cell(column)))?;
        if let Some(before) = seen.get(&id) {
            self.faults.wrong(column, format!("{id} is in row {before} already: each row is another object"));
            return None;
        }
        seen.insert(id.clone(), self.row.number);
        Some(id)
    }

    pub fn name(&mut self) -> Option<String> {
        if self.given("name").is_none() {
            self.faults.wrong("name", "it is empty");
        }
        self.text("name", LONGEST_NAME)
    }

    pub fn text(&mut self, column: &'static str, most: usize) -> Option<String> {
        let cell = self.given(column)?;
        self.faults.keep(checked_text(column, cell, most))
    }

    /// Who is named by their handle. Other programs know people by other names.
    pub fn person(&mut self, column: &'static str) -> Option<String> {
        let cell = self.given(column)?;
        let checked = checked_person(column, cell).map_err(|error| {
            let cell: String = cell.chars().take(60).collect();
            let detail = format!("{}; or say whose it is, as in map={column}:{cell}=mara", error.detail);
            FieldError { detail, ..error }
        });
        self.faults.keep(checked)
    }

    pub fn day(&mut self, column: &'static str) -> Option<NaiveDate> {
        let cell = self.given(column)?;
        self.faults.keep(day_of_cell(column, cell))
    }

    /// A cell that says one of a few words.
    pub fn word<T>(&mut self, column: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let cell = self.given(column)?;
        self.faults.keep(read(&cell.to_lowercase()).map_err(|detail| field_error(column, detail)))
    }

    /// A list as a set in order; each entry that is wrong is told.
    pub fn list(
        &mut self,
        column: &'static str,
        check: impl Fn(&str) -> Result<String, FieldError>,
    ) -> Option<Vec<String>> {
        let cell = self.given(column)?;
        Some(tidy(entries(cell).filter_map(|entry| self.faults.keep(check(entry))).collect::<Vec<_>>()))
    }

    /// `made`, unless a cell is wrong.
    pub fn settle<T>(self, made: Option<T>) -> Result<T, Vec<FieldError>> {
        let errors = self.faults.into_errors();
        match made {
            Some(made) if errors.is_empty() => Ok(made),
            Some(_) | None => Err(errors),
        }
    }
}
