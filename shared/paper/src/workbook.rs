use crate::{Column, Kind, Paper, Stamp, Table, shade};
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

/// More characters than a cell can hold, less the word that says so.
const MOST_IN_A_CELL: usize = 32_700;

/// Of a name in the line at the head of a page, which is short.
const MOST_IN_A_LINE: usize = 80;

/// A4.
const PAPER: u8 = 9;

const INK: Color = Color::RGB(0x001F_3044);
const FAINT: Color = Color::RGB(0x0063_7381);
const LINE: Color = Color::RGB(0x00D5_DCE3);

/// A workbook cannot be made of it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unwritable(#[from] XlsxError);

/// A workbook: a sheet that says what it is, and one for each table. A text is a text, whatever it begins with.
pub fn workbook(paper: &Paper) -> Result<Vec<u8>, Unwritable> {
    let mut book = Workbook::new();
    let stamp = &paper.stamp;
    let made = ExcelDateTime::from_timestamp(stamp.as_of.timestamp())?;
    let comment = format!("Position {}, SHA-256 {}", stamp.position, stamp.digest);
    let properties = DocProperties::new().set_title(&paper.title).set_company(&stamp.organisation).set_author("Stele");
    book.set_properties(&properties.set_comment(comment).set_creation_datetime(&made));
    cover(book.add_worksheet(), paper)?;
    for table in &paper.tables {
        sheet(book.add_worksheet(), paper, table)?;
    }
    Ok(book.save_to_buffer()?)
}

fn cover(sheet: &mut Worksheet, paper: &Paper) -> Result<(), XlsxError> {
    let title = Format::new().set_bold().set_font_size(20).set_font_color(INK);
    let label = Format::new().set_font_color(FAINT).set_align(FormatAlign::Top);
    let value =
        Format::new().set_font_color(INK).set_text_wrap().set_align(FormatAlign::Top).set_align(FormatAlign::Left);
    sheet.set_name("About")?.set_screen_gridlines(false);
    sheet.set_column_width(0, 22)?.set_column_width(1, 90)?;
    sheet.write_string_with_format(0, 0, &paper.title, &title)?;
    let Stamp { tenant, organisation, position, digest, digested, asked_by, .. } = &paper.stamp;
    let stamp = [
        ("Tenant", tenant.clone()),
        ("Organisation", organisation.clone()),
        ("As of", paper.stamp.instant()),
        ("Position of the log", position.to_string()),
        ("SHA-256", digest.clone()),
        ("of the file", digested.clone()),
        ("Asked for by", asked_by.clone()),
    ];
    let facts = paper.facts.iter().map(|fact| (fact.label.as_str(), fact.value.clone()));
    let said = stamp.into_iter().chain([("", String::new())]).chain(facts);
    for (row, (name, said)) in (2..).zip(said) {
        sheet.write_string_with_format(row, 0, name, &label)?;
        match said.parse::<u32>() {
            // A count can be worked with.
            Ok(number) if number.to_string() == said => sheet.write_number_with_format(row, 1, number, &value)?,
            _ => sheet.write_string_with_format(row, 1, said, &value)?,
        };
    }
    page(sheet, paper);
    Ok(())
}

fn sheet(sheet: &mut Worksheet, paper: &Paper, table: &Table) -> Result<(), XlsxError> {
    let heading = Format::new()
        .set_bold()
        .set_font_color(Color::White)
        .set_background_color(INK)
        .set_text_wrap()
        .set_align(FormatAlign::VerticalCenter);
    let cell = Format::new()
        .set_text_wrap()
        .set_align(FormatAlign::Top)
        .set_border_bottom(FormatBorder::Thin)
        .set_border_bottom_color(LINE);
    let day = cell.clone().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left);
    let levels: Vec<Format> = (0..table.levels.len()).map(|rank| shaded(&cell, rank, table.levels.len())).collect();
    sheet.set_name(&table.title)?;
    for (at, column) in (0..).zip(table.columns) {
        sheet.set_column_width(at, column.width)?;
        sheet.write_string_with_format(0, at, column.label, &heading)?;
    }
    for (number, row) in (1..).zip(&table.rows) {
        for ((at, column), text) in (0..).zip(table.columns).zip(row) {
            let rank = table.levels.iter().position(|level| column.kind == Kind::Level && level == text);
            let plain = if column.kind == Kind::Day { &day } else { &cell };
            let format = rank.and_then(|rank| levels.get(rank)).unwrap_or(plain);
            write(sheet, (number, at), column, text, format)?;
        }
    }
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(0);
    let rows = u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
    sheet.set_row_height(0, 30)?.set_freeze_panes(1, 1)?.autofilter(0, 0, rows, last)?.set_repeat_rows(0, 0)?;
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    page(sheet, paper);
    Ok(())
}

/// Numbers can be added up and days be counted; everything else is a text, never a formula.
fn write(
    sheet: &mut Worksheet,
    (row, at): (u32, u16),
    column: &Column,
    text: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    let written = match column.kind {
        Kind::Number => {
            text.parse::<f64>().ok().map(|number| sheet.write_number_with_format(row, at, number, format).map(drop))
        }
        Kind::Day => ExcelDateTime::parse_from_str(text)
            .ok()
            .map(|day| sheet.write_datetime_with_format(row, at, &day, format).map(drop)),
        Kind::Text | Kind::Word | Kind::Flag | Kind::List | Kind::Level => None,
    };
    written.unwrap_or_else(|| sheet.write_string_with_format(row, at, cut(&column.shown(text)), format).map(drop))
}

fn shaded(cell: &Format, rank: usize, levels: usize) -> Format {
    let shade = shade(rank, levels);
    let format = cell.clone().set_background_color(Color::RGB(shade.colour));
    if shade.dark { format.set_font_color(Color::White) } else { format }
}

/// The stamp at the head and foot of each page that is printed.
fn page(sheet: &mut Worksheet, paper: &Paper) {
    let stamp = &paper.stamp;
    let text = |text: &str| text.chars().take(MOST_IN_A_LINE).collect::<String>().replace('&', "&&");
    sheet.set_paper_size(PAPER).set_header(format!("&L{}&R{}", text(&stamp.tenant), text(&paper.title)));
    let (instant, position, digest) = (stamp.instant(), stamp.position, stamp.short_digest());
    sheet.set_footer(format!("&L{instant}, position {position}&CSHA-256 {digest}&RPage &P of &N"));
}

fn cut(text: &str) -> String {
    if text.len() <= MOST_IN_A_CELL {
        return text.to_owned();
    }
    let short: String = text.chars().take(MOST_IN_A_CELL / 4).collect();
    format!("{short} [cut here: the CSV has it whole]")
}

#[cfg(test)]
mod tests {
    use super::workbook;
    use crate::{Column, Fact, Kind, Paper, Stamp, Table};
    use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
    use std::io::Cursor;

    const COLUMNS: [Column; 4] = [
        Column::new("ref", "Ref", Kind::Text, 10),
        Column::new("score", "Score", Kind::Number, 8),
        Column::new("level", "Level", Kind::Level, 8),
        Column::new("due", "Due", Kind::Day, 12),
    ];

    fn paper() -> Paper {
        let row = |cells: [&str; 4]| cells.map(ToOwned::to_owned).to_vec();
        Paper {
            title: "Risk register".to_owned(),
            stamp: Stamp {
                tenant: "Larkspur & Co".to_owned(),
                organisation: "Nordlicht".to_owned(),
                logo: None,
                as_of: "2026-03-01T09:30:00Z".parse().expect("an instant"),
                position: 42,
                digest: "ab".repeat(32),
                digested: "risks.csv?as_of=42".to_owned(),
                asked_by: "mara".to_owned(),
            },
            facts: vec![Fact::new("Risks", "2")],
            figures: vec![],
            tables: vec![Table {
                title: "Risks".to_owned(),
                columns: &COLUMNS,
                rows: vec![row(["=1+1", "12", "high", "2026-03-01"]), row(["R-2", "", "low", ""])],
                levels: ["low", "high"].map(ToOwned::to_owned).to_vec(),
            }],
        }
    }

    #[test]
    fn a_workbook_says_what_it_is_and_a_text_is_never_a_formula() {
        let bytes = workbook(&paper()).expect("written");
        assert_eq!(bytes, workbook(&paper()).expect("written"), "the same paper is the same bytes");
        let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).expect("read");
        let about = book.worksheet_range("About").expect("the first sheet");
        let cells: Vec<&str> = about.cells().filter_map(|(_, _, cell)| calamine::DataType::get_string(cell)).collect();
        for said in
            ["Risk register", "Larkspur & Co", "Nordlicht", "2026-03-01 09:30:00 UTC", "mara", "risks.csv?as_of=42"]
        {
            assert!(cells.contains(&said), "{said}: {cells:?}");
        }
        assert!(about.cells().any(|(_, _, cell)| *cell == Data::Float(42.0)), "the position is a number");
        let risks = book.worksheet_range("Risks").expect("the table");
        assert_eq!(risks.get((1, 0)), Some(&Data::String("=1+1".to_owned())));
        assert_eq!(risks.get((1, 1)), Some(&Data::Float(12.0)));
        assert_eq!(risks.get((2, 2)), Some(&Data::String("low".to_owned())));
        assert_eq!(risks.get((1, 3)).and_then(calamine::DataType::get_datetime).map(|day| day.as_f64()), Some(46082.0));
        assert!(book.worksheet_formula("Risks").expect("read").is_empty());
    }
}
