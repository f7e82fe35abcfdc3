//! A paper as its template reads it: words where there were codes, and what is printed alone.

use chrono::{Datelike, Timelike};
use paper::{Column, Kind, Logo, Paper, Print, Stamp, Table, shade};
use serde_json::{Value, json};

/// A word that is longer may be broken anywhere: it would run into the next column.
const LONGEST_WORD: usize = 18;

/// A row of which no cell has as many bytes stays on one page; a longer one may not fit on any.
const SHORT: usize = 600;

/// Where it may be broken. Nobody sees it.
const BREAK: char = '\u{200b}';

/// Year, month, day, hour, minute, second, in UTC.
pub fn instant(stamp: &Stamp) -> [i32; 6] {
    let at = stamp.as_of;
    let small = |part: u32| i32::try_from(part).unwrap_or(0);
    [at.year(), small(at.month()), small(at.day()), small(at.hour()), small(at.minute()), small(at.second())]
}

/// The figures by the names of their files.
pub fn pictures(paper: &Paper) -> impl Iterator<Item = (String, &str)> {
    paper.figures.iter().enumerate().map(|(at, figure)| (format!("figure-{at}.svg"), figure.svg.as_str()))
}

pub fn data(paper: &Paper) -> Value {
    let stamp = &paper.stamp;
    let logo = stamp.logo.as_ref().map(|logo| match logo {
        Logo::Png(_) => "logo.png",
        Logo::Svg(_) => "logo.svg",
    });
    let figures = pictures(paper).zip(&paper.figures).map(|((file, _), figure)| json!([file, figure.title]));
    json!({
        "title": paper.title,
        "tenant": stamp.tenant,
        "organisation": stamp.organisation,
        "logo": logo,
        "instant": stamp.instant(),
        "made": instant(stamp),
        "position": stamp.position.to_string(),
        "digest": stamp.digest,
        "short": stamp.short_digest(),
        "digested": stamp.digested,
        "asked_by": stamp.asked_by,
        "facts": paper.facts.iter().map(|fact| json!([fact.label, fact.value])).collect::<Vec<_>>(),
        "figures": figures.collect::<Vec<_>>(),
        "tables": paper.tables.iter().map(table).collect::<Vec<_>>(),
    })
}

/// A column of the page: what stands in it, and what below that.
struct Printed {
    column: usize,
    share: u16,
    once: bool,
    under: Vec<usize>,
}

fn printed(columns: &[Column]) -> Vec<Printed> {
    let mut page: Vec<Printed> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        match (column.print, page.last_mut()) {
            (Print::Share(share), _) => page.push(Printed { column: at, share, once: false, under: vec![] }),
            (Print::Once(share), _) => page.push(Printed { column: at, share, once: true, under: vec![] }),
            (Print::Under | Print::OnceUnder, Some(above)) => above.under.push(at),
            (Print::No | Print::Under | Print::OnceUnder, _) => {}
        }
    }
    page
}

fn table(table: &Table) -> Value {
    let page = printed(table.columns);
    let label = |at: usize| table.columns.get(at).map(|column| column.label).unwrap_or_default();
    let columns = page.iter().map(|one| {
        let under: Vec<&str> = one.under.iter().map(|at| label(*at)).collect();
        json!({"label": label(one.column), "under": under.join(", "), "share": one.share})
    });
    let columns: Vec<Value> = columns.collect();
    let mut before: Option<&String> = None;
    let mut rows = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let again = before.is_some() && before == row.first();
        let cells = page.iter().enumerate().map(|(place, one)| match (again && one.once, place) {
            // Of which object a row is, each says.
            (true, 0) | (false, _) => cell(table, one, row, again && place == 0),
            (true, _) => json!({}),
        });
        let cells: Vec<Value> = cells.collect();
        let whole = row.iter().all(|cell| cell.len() < SHORT);
        rows.push(json!({"cells": cells, "whole": whole}));
        before = row.first();
    }
    json!({"title": table.title, "columns": columns, "rows": rows})
}

/// Only what there is to say: the page is read faster than an empty text is typeset.
fn cell(table: &Table, printed: &Printed, row: &[String], faint: bool) -> Value {
    let shown = |at: usize| {
        let text = row.get(at).map(String::as_str).unwrap_or_default();
        table.columns.get(at).map(|column| breakable(&column.shown(text))).unwrap_or_default()
    };
    let text = shown(printed.column);
    let mut cell = serde_json::Map::new();
    let rank = table.levels.iter().position(|level| row.get(printed.column) == Some(level));
    let is_level = table.columns.get(printed.column).is_some_and(|column| column.kind == Kind::Level);
    if let (true, Some(rank)) = (is_level, rank) {
        let shade = shade(rank, table.levels.len());
        cell.insert("fill".to_owned(), json!(shade.hex()));
        cell.insert("ink".to_owned(), json!(shade.ink()));
    }
    if !text.is_empty() {
        cell.insert("text".to_owned(), json!(text));
    }
    let under: Vec<String> = printed.under.iter().map(|at| shown(*at)).filter(|text| !text.is_empty()).collect();
    if !under.is_empty() {
        cell.insert("under".to_owned(), json!(under));
    }
    if faint {
        cell.insert("faint".to_owned(), json!(true));
    }
    Value::Object(cell)
}

/// The same text, whose longest words may be broken. What is no character of a page is a blank.
fn breakable(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut run = 0;
    for char in text.chars() {
        run = if char.is_whitespace() { 0 } else { run + 1 };
        if run > LONGEST_WORD {
            written.push(BREAK);
            run = 1;
        }
        written.push(if char.is_control() && char != '\n' { ' ' } else { char });
    }
    written
}

#[cfg(test)]
mod tests {
    use super::breakable;

    #[test]
    fn a_long_word_may_be_broken_and_a_short_one_may_not() {
        assert_eq!(breakable("a few short words\tand\nmore"), "a few short words and\nmore");
        assert_eq!(breakable(&"x".repeat(20)), format!("{}\u{200b}xx", "x".repeat(18)));
    }
}
