//! The result for people: as plain text of 140 columns, and as Markdown.

use crate::row::Row;
use std::fmt::Write;

/// Of the parts of a line; what is longer is cut, so that a line has 140 characters at most.
const WIDTHS: [usize; 6] = [42, 17, 7, 43, 20, 4];

pub fn plain(rows: &[Row]) -> String {
    let mut text = String::new();
    for group in groups(rows) {
        let first = group[0];
        let _ = writeln!(text, "\n{} (floor: {})", first.row.to_uppercase(), first.floor);
        line(&mut text, ["", "ours", "x floor", "x peers", "aim", "met"]);
        for row in &group {
            let value = format!("{} {}", figure(row.value), row.unit);
            let aim = row.aim.clone().unwrap_or_default();
            line(&mut text, [&row.shape, &value, &ratio(row.floor_ratio), &peers(row), &aim, met(row)]);
        }
        for missing in missing(&group) {
            let _ = writeln!(text, "  not there: {missing}");
        }
    }
    text
}

/// A long part goes on in the next line.
fn line(text: &mut String, parts: [&str; 6]) {
    let mut rest = parts.map(ToOwned::to_owned);
    while rest.iter().any(|part| !part.is_empty()) {
        let mut line = String::from(" ");
        for (part, width) in rest.iter_mut().zip(WIDTHS) {
            let now = take(part, width);
            let _ = write!(line, " {now:<width$}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Removes what fits into `width` from the beginning: up to a comma, else up to a blank, else all that fits.
fn take(part: &mut String, width: usize) -> String {
    let fits = part.char_indices().nth(width).map_or(part.len(), |(at, _)| at);
    let whole = fits == part.len();
    let end = |mark: &str| part[..fits].rfind(mark).map(|at| at + mark.len());
    let cut = if whole { fits } else { end(", ").or_else(|| end(" ")).unwrap_or(fits) };
    let rest = part.split_off(cut);
    let now = std::mem::replace(part, rest);
    now.trim_end().to_owned()
}

pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    for group in groups(rows) {
        let first = group[0];
        let _ = write!(text, "\n**{}** (floor: {})\n\n", capital(&first.row), first.floor);
        text.push_str("| | ours | x floor | x peers | aim | met |\n|---|---:|---:|---|---|---|\n");
        for row in &group {
            let Row { shape, unit, aim, .. } = row;
            let (value, aim) = (figure(row.value), aim.clone().unwrap_or_default());
            let (floor, peers, met) = (ratio(row.floor_ratio), peers(row), met(row));
            let _ = writeln!(text, "| {shape} | {value} {unit} | {floor} | {peers} | {aim} | {met} |");
        }
        for missing in missing(&group) {
            let _ = write!(text, "\nNot there: {missing}\n");
        }
    }
    text
}

/// Rows of the same name, in the order in which the names come first.
fn groups(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| group[0].row == row.row) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

fn peers(row: &Row) -> String {
    row.peers.iter().map(|(name, ratio)| format!("{name} {ratio:.2}")).collect::<Vec<_>>().join(", ")
}

fn missing<'a>(group: &[&'a Row]) -> Vec<&'a str> {
    let mut all: Vec<&str> = group.iter().flat_map(|row| &row.missing).map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

fn met(row: &Row) -> &'static str {
    match (&row.aim, row.met) {
        (None, _) => "",
        (Some(_), Some(true)) => "yes",
        (Some(_), Some(false)) => "NO",
        (Some(_), None) => "?",
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Three digits at least, and commas between thousands.
pub fn figure(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut told = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && !told.ends_with('-') {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{figure, markdown, plain};
    use crate::row::{Aim, Row};

    fn rows() -> Vec<Row> {
        let mut first = Row::new("append", "64 clients", 12_345.6, "events/s").against("a bare insert", Some(1.234));
        first.peers.insert("message-db".to_owned(), 3.0);
        first.peers.insert("postgres-es".to_owned(), 4.5);
        first.peers.insert("one with a long name".to_owned(), 4.5);
        first.missing.push("another: it is not installed".to_owned());
        let second = Row::new("load", &"word ".repeat(20), 0.5, "ms").aims(&[Aim::Below(0.1)]);
        let third = Row::new("append", "1 client", 1.0, "events/s");
        vec![first.aims(&[Aim::Floor(1.6)]), second, third]
    }

    #[test]
    fn a_line_has_140_characters_at_most_and_says_all() {
        let text = plain(&rows());
        assert!(text.lines().all(|line| line.chars().count() <= 140), "{text}");
        for part in
            ["APPEND (floor: a bare insert)", "12,346 events/s", "1.23", "postgres-es 4.50", ">= 1.6x floor", "NO"]
        {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert_eq!(text.matches("word").count(), 20);
        assert!(text.contains("not there: another"));
    }

    #[test]
    fn rows_of_a_name_stand_together() {
        let text = plain(&rows());
        assert_eq!(text.matches("APPEND").count(), 1);
        assert!(text.find("1 client").expect("there") < text.find("LOAD").expect("there"), "{text}");
    }

    #[test]
    fn markdown_has_a_table_a_group() {
        let text = markdown(&rows());
        assert_eq!(text.matches("| | ours |").count(), 2);
        assert!(text.contains("| 64 clients | 12,346 events/s | 1.23 |"), "{text}");
    }

    #[test]
    fn figures_are_read_easily() {
        let told: Vec<String> = [0.0, 1.234, 56.78, 999.6, 1_234_567.0, -1000.0].map(figure).to_vec();
        assert_eq!(told, ["0.00", "1.23", "56.8", "1,000", "1,234,567", "-1,000"]);
    }
}
