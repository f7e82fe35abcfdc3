//! The cells of a workbook (.xlsx) as people see them.

use crate::table::{MOST_COLUMNS, MOST_ROWS, Record, too_many_rows};
use crate::{FieldError, field_error};
use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// What a workbook has at most when it is unpacked: it may be packed a thousand times smaller.
const MOST_UNPACKED: u64 = 128 * 1024 * 1024;

/// A workbook of the largest register has a dozen.
const MOST_PARTS: usize = 2_000;

type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

/// Whether it begins as one.
pub fn is_one(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04")
}

/// The rows of a sheet that are not empty, each with its number: of the first that is not hidden, unless one is named.
pub fn records(file: &[u8], sheet: Option<&str>) -> Result<Vec<(u64, Record)>, FieldError> {
    refuse_bombs(file)?;
    let mut workbook = Workbook::new(Cursor::new(file)).map_err(|error| unreadable(&error))?;
    let name = chosen(&workbook, sheet)?;
    let records = read(&mut workbook, &name)?;
    let widest = records.values().map(Vec::len).max().unwrap_or_default();
    let whole = |(row, mut record): (u64, Record)| {
        record.resize(widest, String::new());
        (row, record)
    };
    Ok(records.into_iter().map(whole).collect())
}

/// Unpacks all of it once, and keeps nothing: sizes that a file tells of itself may be lies.
fn refuse_bombs(file: &[u8]) -> Result<(), FieldError> {
    let broken = |error: &dyn std::fmt::Display| field_error("body", format!("it is no workbook (.xlsx): {error}"));
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| broken(&error))?;
    if archive.len() > MOST_PARTS {
        return Err(field_error("body", format!("it has {} parts, and {MOST_PARTS} are the most", archive.len())));
    }
    let mut left = MOST_UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(&error))?;
        let is_xml = part.name().map_err(|error| broken(&error))?.to_lowercase().ends_with(".xml");
        let mut unpacked = Vec::new();
        let size = part.take(left + 1).read_to_end(&mut unpacked).map_err(|error| broken(&error))?;
        left = less(left, size)?;
        // XML has neither; with them a text could be written so that it is not found here and understood later.
        if is_xml && unpacked.iter().any(|byte| [0, 0x1b].contains(byte)) {
            return Err(field_error("body", "it is not written in UTF-8: save it again as .xlsx, or send CSV"));
        }
        if announced(&unpacked).any(|strings| strings > unpacked.len()) {
            return Err(field_error("body", "it announces more texts than it has: save it again, or send CSV"));
        }
    }
    Ok(())
}

/// What is left of it without so many bytes.
fn less(left: u64, size: usize) -> Result<u64, FieldError> {
    let most = MOST_UNPACKED / 1024 / 1024;
    let detail = format!("unpacked it has more than {most} MB, which is the most: split it, or send CSV");
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    left.checked_sub(size).ok_or_else(|| field_error("body", detail))
}

/// How many texts a part says that it holds; the reader makes room for as many before it has seen one.
fn announced(part: &[u8]) -> impl Iterator<Item = usize> {
    const NAME: &[u8] = b"uniqueCount";
    let places = part.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    places.map(|(place, _)| {
        let rest = part.get(place + NAME.len()..).unwrap_or_default();
        let value = rest.iter().skip_while(|byte| byte.is_ascii_whitespace() || b"='\"".contains(byte));
        value
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0, |number: usize, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
    })
}

fn chosen(workbook: &Workbook<'_>, sheet: Option<&str>) -> Result<String, FieldError> {
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let sheets: Vec<_> = sheets.collect();
    let found = match sheet {
        Some(name) => sheets.iter().find(|sheet| sheet.name.to_lowercase() == name.trim().to_lowercase()),
        None => sheets.iter().find(|sheet| sheet.visible == SheetVisible::Visible),
    };
    found.map(|sheet| sheet.name.clone()).ok_or_else(|| {
        let names: Vec<&str> = sheets.iter().map(|sheet| sheet.name.as_str()).collect();
        field_error("sheet", format!("there is no such sheet: name one of {}", names.join(", ")))
    })
}

/// Cell by cell: a table made of the corners would be as large as a file likes to say that they lie apart.
fn read(workbook: &mut Workbook<'_>, name: &str) -> Result<BTreeMap<u64, Record>, FieldError> {
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| unreadable(&error))?;
    let mut records: BTreeMap<u64, Record> = BTreeMap::new();
    // A text may be long, stand in the file once and in every cell.
    let mut left = MOST_UNPACKED;
    while let Some(cell) = cells.next_cell().map_err(|error| unreadable(&error))? {
        let text = shown(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        left = less(left, text.len())?;
        let (row, column) = cell.get_position();
        let (row, column) = (u64::from(row) + 1, usize::try_from(column).unwrap_or(usize::MAX));
        if column >= MOST_COLUMNS {
            let detail = format!("it has a cell in column {}, and {MOST_COLUMNS} columns are the most", column + 1);
            return Err(FieldError { row: Some(row), ..field_error("body", detail) });
        }
        let record = records.entry(row).or_default();
        if record.len() <= column {
            record.resize(column + 1, String::new());
        }
        if let Some(place) = record.get_mut(column) {
            *place = text;
        }
        // The heading is one more.
        if records.len() > MOST_ROWS + 1 {
            return Err(too_many_rows());
        }
    }
    Ok(records)
}

fn unreadable(error: &XlsxError) -> FieldError {
    let why: String = error.to_string().chars().take(200).collect();
    field_error("body", format!("it cannot be read as a workbook (.xlsx): {why}"))
}

fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => in_figures(*number),
        DataRef::String(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(instant) => day(instant),
        DataRef::DateTimeIso(text) => text.strip_suffix("T00:00:00").unwrap_or(text).to_owned(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// As a spreadsheet shows it: 3 and not 3.0, with 15 figures at most.
fn in_figures(number: f64) -> String {
    format!("{number:.14e}").parse::<f64>().unwrap_or(number).to_string()
}

fn day(instant: &ExcelDateTime) -> String {
    if instant.is_duration() {
        return in_figures(instant.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = instant.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) { day } else { format!("{day}T{hour:02}:{minute:02}:{second:02}") }
}

#[cfg(test)]
mod tests;
