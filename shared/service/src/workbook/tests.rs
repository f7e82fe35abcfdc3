use super::{MOST_UNPACKED, records};
use crate::Progress;
use crate::columns::Columns;
use crate::table::{MOST_COLUMNS, MOST_ROWS, Table};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const COLUMNS: Columns = Columns::of(&["ref_id", "name", "description"]);

const STYLES: &str = r#"<styleSheet><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

/// A workbook of these parts.
fn packed(parts: &[(&str, String)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a part");
        writer.write_all(content.as_bytes()).expect("written");
    }
    writer.finish().expect("packed").into_inner()
}

/// Each sheet with its state and the XML of its rows.
fn parts(sheets: &[(&str, &str, &str)]) -> Vec<(&'static str, String)> {
    const NAMES: [&str; 2] = ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"];
    let numbered = || (1..).zip(sheets);
    let listed: Vec<String> = numbered()
        .map(|(number, (name, state, _))| {
            format!(r#"<sheet name="{name}" sheetId="{number}" state="{state}" r:id="rId{number}"/>"#)
        })
        .collect();
    let related: Vec<String> = numbered()
        .map(|(number, _)| {
            format!(r#"<Relationship Id="rId{number}" Type="x/relationships/worksheet" Target="worksheets/sheet{number}.xml"/>"#)
        })
        .collect();
    let (listed, related) = (listed.concat(), related.concat());
    let office = r#"<Relationship Id="rId1" Type="x/relationships/officeDocument" Target="xl/workbook.xml"/>"#;
    let mut parts = vec![
        ("_rels/.rels", format!("<Relationships>{office}</Relationships>")),
        ("xl/workbook.xml", format!(r#"<workbook xmlns:r="r"><sheets>{listed}</sheets></workbook>"#)),
        ("xl/_rels/workbook.xml.rels", format!("<Relationships>{related}</Relationships>")),
        ("xl/styles.xml", STYLES.to_owned()),
    ];
    let written = sheets.iter().map(|(_, _, rows)| format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"));
    parts.extend(NAMES.into_iter().zip(written));
    parts
}

fn text(place: &str, text: &str) -> String {
    format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

fn heading() -> String {
    format!(r#"<row r="1">{}{}{}</row>"#, text("A1", "Ref_ID"), text("B1", "name"), text("C1", "description"))
}

fn table(rows: &str) -> Table {
    let file = packed(&parts(&[("Register", "visible", rows)]));
    Table::read(&file, None, &COLUMNS).expect("a table")
}

fn refused(file: &[u8], sheet: Option<&str>) -> String {
    let errors = Table::read(file, sheet, &COLUMNS).expect_err("refused");
    let [error] = errors.as_slice() else { panic!("one mistake: {errors:?}") };
    format!("{} {:?}: {}", error.field, error.row, error.detail)
}

#[test]
fn cells_say_what_people_see_and_rows_are_numbered_as_there() {
    let numbers = r#"<c r="B3"><v>3</v></c><c r="C3"><v>0.30000000000000004</v></c>"#;
    let days = r#"<c r="B7" s="1"><v>46082</v></c><c r="C7" s="1"><v>46082.5</v></c>"#;
    let rest = r#"<c r="B8" t="b"><v>1</v></c>"#;
    let broken = r#"<row r="9"><c r="A9"/><c r="C9" t="e"><v>#REF!</v></c></row>"#;
    let [a3, a7, a8] = [("A3", "R-1"), ("A7", "R-2"), ("A8", "R-3")].map(|(place, name)| text(place, name));
    let rows = format!(
        r#"{}<row r="3">{a3}{numbers}</row><row r="5"><c r="A5"><v/></c></row><row r="7">{a7}{days}</row><row r="8">{a8}{rest}</row>{broken}"#,
        heading()
    );
    let table = table(&rows);
    assert_eq!((table.errors[0].row, table.errors[0].field.as_str()), (Some(9), "description"), "{:?}", table.errors);
    assert_eq!((table.errors.len(), table.ignored_columns.len()), (1, 0));
    let (said, _) = table.each(&Progress::default(), |row, _| {
        Ok(format!("{} {} {} {}", row.number, row.cell("ref_id"), row.cell("name"), row.cell("description")))
    });
    assert_eq!(said, ["3 R-1 3 0.3", "7 R-2 2026-03-01 2026-03-01T12:00:00", "8 R-3 true "]);
}

#[test]
fn the_first_sheet_that_is_shown_counts_unless_one_is_named() {
    let rows = |name: &str| format!(r#"{}<row r="2">{}{}</row>"#, heading(), text("A2", name), text("B2", "x"));
    let (hidden, shown) = (rows("R-hidden"), rows("R-shown"));
    let file = packed(&parts(&[("Notes", "hidden", &hidden), ("Risks", "visible", &shown)]));
    let first = |sheet| records(&file, sheet).map(|records| records[1].1[0].clone());
    assert_eq!(first(None), Ok("R-shown".to_owned()));
    assert_eq!(first(Some("notes")), Ok("R-hidden".to_owned()));
    assert_eq!(refused(&file, Some("Data")), "sheet None: there is no such sheet: name one of Notes, Risks");
    assert!(refused(b"ref_id,name\nR-1,x\n", Some("Risks")).starts_with("sheet None: only a workbook has sheets"));
}

#[test]
fn a_workbook_of_a_spreadsheet_is_read_as_its_csv() {
    let columns =
        Columns::of(&["ref_id", "name", "current_impact", "residual_proba", "treatment", "additional_controls"]);
    let read = |file: &[u8]| Table::read(file, None, &columns).expect("a table");
    let (book, csv) =
        (include_bytes!("../../../../examples/risks.xlsx"), include_bytes!("../../../../examples/risks.csv"));
    assert_eq!(read(book), read(csv));
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let far = format!(r#"{}<row r="9">{}</row>"#, heading(), text("XFD9", "x"));
    let told = refused(&packed(&parts(&[("R", "visible", &far)])), None);
    assert_eq!(told, format!("body Some(9): it has a cell in column 16384, and {MOST_COLUMNS} columns are the most"));

    let row = |row| format!(r#"<row r="{row}">{}</row>"#, text(&format!("A{row}"), "x"));
    let many = (2..=MOST_ROWS + 2).map(row).collect::<Vec<_>>().concat();
    let told = refused(&packed(&parts(&[("R", "visible", &(heading() + &many))])), None);
    assert!(told.starts_with("body None: it has more than 20000 rows"), "{told}");

    let mut bomb = parts(&[("R", "visible", &heading())]);
    let size = usize::try_from(MOST_UNPACKED).expect("a size");
    bomb.push(("xl/media/image1.png", " ".repeat(size)));
    let file = packed(&bomb);
    assert!(file.len() < size / 500, "it is packed small: {}", file.len());
    let told = refused(&file, None);
    assert!(told.starts_with("body None: unpacked it has more than 128 MB"), "{told}");

    let mut repeated =
        parts(&[("R", "visible", &format!(r#"<row r="1">{}</row>"#, r#"<c t="s"><v>0</v></c>"#.repeat(200)))]);
    let text = "x".repeat(size / 199);
    repeated.push(("xl/sharedStrings.xml", format!(r#"<sst uniqueCount="1"><si><t>{text}</t></si></sst>"#)));
    let shared =
        r#"<Relationship Id="rId9" Type="x/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
    let related = repeated.iter_mut().find(|(name, _)| *name == "xl/_rels/workbook.xml.rels").expect("relations");
    related.1 = related.1.replace("</Relationships>", shared);
    let told = refused(&packed(&repeated), None);
    assert!(told.starts_with("body None: unpacked it has more than 128 MB"), "{told}");

    for announced in [r#"uniqueCount="99999999999""#, "uniqueCount = '99999999999999999999999'"] {
        let mut boaster = parts(&[("R", "visible", &heading())]);
        boaster.push(("xl/sharedStrings.xml", format!("<sst {announced}><si><t>x</t></si></sst>")));
        let told = refused(&packed(&boaster), None);
        assert!(told.starts_with("body None: it announces more texts than it has"), "{told}");
    }
    let mut hiding = parts(&[("R", "visible", &heading())]);
    hiding.push(("xl/SharedStrings.xml", "<\0s\0s\0t".to_owned()));
    assert!(refused(&packed(&hiding), None).starts_with("body None: it is not written in UTF-8"));
}

#[test]
fn what_is_no_workbook_is_told() {
    let whole = packed(&parts(&[("R", "visible", &heading())]));
    let told = refused(&whole[..whole.len() / 2], None);
    assert!(told.starts_with("body None: it is no workbook (.xlsx)"), "{told}");
    let other = packed(&[("content.xml", "<office/>".to_owned())]);
    let told = refused(&other, None);
    assert!(told.starts_with("body None: it cannot be read as a workbook (.xlsx)"), "{told}");
    assert!(refused(&packed(&parts(&[("R", "visible", "")])), None).starts_with("body None: the file is empty"));
}

/// Whatever is changed in a file, it is read or refused.
#[test]
fn a_damaged_workbook_is_no_panic() {
    let whole = include_bytes!("../../../../examples/risks.xlsx");
    for place in (0..whole.len()).step_by(37) {
        let mut damaged = whole.to_vec();
        damaged[place] ^= 0x55;
        let _ = Table::read(&damaged, None, &COLUMNS);
    }
}
