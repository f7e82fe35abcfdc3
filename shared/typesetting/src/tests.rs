use super::{MOST_ROWS, NoFont, Typst, World, pages};
use paper::{Column, Fact, Figure, Kind, Logo, Paper, Print, Printer, Stamp, Table, Unprintable};
use std::sync::LazyLock;
use typst::layout::{Frame, FrameItem};
use typst_layout::PagedDocument;

const COLUMNS: [Column; 5] = [
    Column::new("ref", "Ref", Kind::Text, 10).printed(Print::Once(8)),
    Column::new("name", "Risk", Kind::Text, 30).printed(Print::Once(40)),
    Column::new("what", "Description", Kind::Text, 30).printed(Print::OnceUnder),
    Column::new("level", "Level", Kind::Level, 8).printed(Print::Share(10)),
    Column::new("secret", "Not on paper", Kind::Text, 8),
];

const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#bf5252"/><text x="4" y="14" font-family="Libertinus Serif" font-size="10">7</text></svg>"##;

static PRINTER: LazyLock<Typst> = LazyLock::new(Typst::default);

fn row(cells: [&str; 5]) -> Vec<String> {
    cells.map(ToOwned::to_owned).to_vec()
}

fn paper(rows: Vec<Vec<String>>) -> Paper {
    Paper {
        title: "Risk register".to_owned(),
        stamp: Stamp {
            tenant: "Larkspur *bold* #panic()".to_owned(),
            organisation: "Nordlicht".to_owned(),
            logo: Some(Logo::Svg(SVG.as_bytes().to_vec())),
            as_of: "2026-03-01T09:30:00Z".parse().expect("an instant"),
            position: 4217,
            digest: "0123456789abcdef".repeat(4),
            digested: "risks.csv?as_of=42".to_owned(),
            asked_by: "mara".to_owned(),
        },
        facts: vec![Fact::new("Risks", "2")],
        figures: vec![Figure { title: "Where they lie".to_owned(), svg: SVG.to_owned() }],
        tables: vec![Table {
            title: "Risks".to_owned(),
            columns: &COLUMNS,
            rows,
            levels: ["low", "high"].map(ToOwned::to_owned).to_vec(),
        }],
    }
}

/// The text of each page.
fn read(paper: &Paper) -> Vec<String> {
    laid_out(&PRINTER, paper).pages().iter().map(|page| text(&page.frame)).collect()
}

fn laid_out(printer: &Typst, paper: &Paper) -> PagedDocument {
    let world = World::of(printer.typesetter(), paper).expect("a world");
    typst::compile::<PagedDocument>(&world).output.expect("typeset")
}

fn text(frame: &Frame) -> String {
    let item = |item: &FrameItem| match item {
        FrameItem::Group(group) => text(&group.frame),
        FrameItem::Text(text) => text.text.to_string(),
        FrameItem::Shape(..) | FrameItem::Image(..) | FrameItem::Link(..) | FrameItem::Tag(_) => String::new(),
    };
    frame.items().map(|(_, one)| item(one)).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_page_says_of_whom_of_when_and_with_which_digest() {
    let rows: Vec<_> = (1..=80).map(|at| row([&format!("R-{at}"), "Fire", "It burns", "high", "hidden"])).collect();
    let pages = read(&paper(rows));
    assert!(pages.len() > 3, "{} pages", pages.len());
    for (at, page) in (1..).zip(&pages) {
        let of = format!("{at} of {}", pages.len());
        for said in ["Larkspur", "2026-03-01 09:30:00 UTC", "position 4217", "0123456789abcdef", of.as_str()] {
            assert!(page.contains(said), "page {at} does not say {said}: {page}");
        }
        assert!(!page.contains("hidden"), "{page}");
    }
    assert!(
        pages[0].contains("Nordlicht") && pages[0].contains("risks.csv") && pages[0].contains("mara"),
        "{}",
        pages[0]
    );
    assert!(pages.iter().any(|page| page.contains("R-80")), "the last row");
}

#[test]
fn what_somebody_wrote_is_never_markup() {
    let wild = "#panic(\"x\") *bold* _thin_ $x^2$ `raw` <label> @ref // no comment \\ [x] #read(\"/etc/passwd\")";
    let pages = read(&paper(vec![row(["#let x = 1", wild, "= No heading", "low", ""])])).join(" ");
    for said in ["*bold* #panic()", "#let x = 1", "#panic(\"x\") *bold* _thin_", "// no comment", "= No heading"] {
        let plain = pages.replace('\u{200b}', "");
        assert!(plain.contains(said), "{said}: {plain}");
    }
}

#[test]
fn an_object_is_written_once_for_all_its_rows() {
    let rows = vec![row(["R-1", "Fire", "It burns", "high", ""]), row(["R-1", "Fire", "It burns", "low", ""])];
    let written = pages::data(&paper(rows));
    let rows = &written["tables"][0]["rows"];
    assert_eq!(rows[0]["cells"][1]["text"], "Fire");
    assert_eq!(rows[1]["cells"][0]["text"], "R-1", "of which it is each row says");
    assert!(rows[1]["cells"][1].get("text").is_none(), "{rows}");
    assert_eq!(rows[1]["cells"][2]["fill"], "#e4f2e8");
}

#[test]
fn a_text_that_is_longer_than_a_page_goes_on_on_the_next() {
    let words = |from: usize| (from..from + 3_000).map(|at| format!("word{at}")).collect::<Vec<_>>().join(" ");
    let pages = read(&paper(vec![row(["R-1", &words(0), &words(5_000), "high", ""])]));
    let all = pages.join(" ");
    assert!(
        pages.len() > 4 && all.contains("word0") && all.contains("word2999") && all.contains("word7999"),
        "{}",
        pages.len()
    );
}

#[test]
fn the_same_paper_is_the_same_bytes_and_one_that_is_too_long_is_refused() {
    let one = paper(vec![row(["R-1", "Fire", "It burns", "high", ""])]);
    let printed = PRINTER.print(&one).expect("printed");
    assert!(printed.starts_with(b"%PDF-") && printed.len() < 200_000, "{} bytes", printed.len());
    assert_eq!(printed, Typst::default().print(&one).expect("printed"));
    let long = paper(vec![row(["R-1", "", "", "", ""]); MOST_ROWS + 1]);
    assert!(matches!(PRINTER.print(&long), Err(Unprintable::TooLong(..))));
}

#[test]
fn a_long_register_is_a_small_file() {
    let text = "Somebody who left still has access to what they should not see, and nobody has looked since";
    let of = |at: usize| row([&format!("R-{at}"), "Leaver keeps access to the ledger", text, "high", ""]);
    let printed = PRINTER.print(&paper((0..1_000).map(of).collect())).expect("printed");
    assert!(printed.len() < 1_500_000, "{} bytes", printed.len());
}

#[test]
fn a_logo_that_cannot_be_drawn_keeps_no_paper_back() {
    let mut one = paper(vec![row(["R-1", "Fire", "It burns", "high", ""])]);
    one.stamp.logo = Some(Logo::Png(b"no picture".to_vec()));
    assert!(PRINTER.print(&one).is_ok_and(|printed| printed.starts_with(b"%PDF-")));
}

/// How many characters are drawn as an empty box, since no font has them.
fn boxes(frame: &Frame) -> usize {
    let item = |item: &FrameItem| match item {
        FrameItem::Group(group) => boxes(&group.frame),
        FrameItem::Text(text) => text.glyphs.iter().filter(|glyph| glyph.id == 0).count(),
        FrameItem::Shape(..) | FrameItem::Image(..) | FrameItem::Link(..) | FrameItem::Tag(_) => 0,
    };
    frame.items().map(|(_, one)| item(one)).sum()
}

#[test]
fn what_the_fonts_lack_is_set_in_those_that_are_given() {
    // It has this one character and was drawn for this test.
    let font = include_bytes!("one_character.ttf").to_vec();
    let given = Typst::with_fonts([("sun.ttf".to_owned(), font)]).expect("a font");
    let paper = paper(vec![row(["R-1", "\u{65e5}", "", "high", ""])]);
    let lacking =
        |printer: &Typst| laid_out(printer, &paper).pages().iter().map(|page| boxes(&page.frame)).sum::<usize>();
    assert_eq!((lacking(&PRINTER), lacking(&given)), (1, 0));
    let refused = Typst::with_fonts([("notes.txt".to_owned(), b"no font".to_vec())]).err();
    assert_eq!(refused, Some(NoFont("notes.txt".to_owned())));
}
