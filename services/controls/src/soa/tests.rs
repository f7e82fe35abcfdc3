use super::export::COLUMNS;
use super::{Document, SoaCounts, SoaRow};
use crate::control::{Basis, Event, ImplementationState, TreatmentOption};
use crate::requirement::Requirement;
use crate::stated::Stated;
use crate::statement::tests::{excluded, given};

fn row(events: Vec<Event>, risks: &[&str]) -> SoaRow {
    let required = |risk: &&str| Requirement { risk: (*risk).to_owned(), option: TreatmentOption::Mitigate };
    SoaRow::of("A.8.13".to_owned(), Stated::new(given(events), risks.iter().map(required).collect()))
}

fn said(row: &SoaRow) -> (Option<bool>, bool, Option<Basis>, &str) {
    (row.applicable, row.decided, row.basis, &row.justification)
}

fn included(why: &str) -> Event {
    Event::Included { basis: Basis::Law, justification: why.to_owned() }
}

#[test]
fn every_row_is_justified() {
    assert_eq!(said(&row(vec![], &[])), (None, false, None, "Not decided yet"));
    let treats = row(vec![], &["R-1", "R-7"]);
    assert_eq!(said(&treats), (Some(true), false, Some(Basis::RiskTreatment), "Treats R-1, R-7"));
    let decided = row(vec![included("GDPR")], &["R-7"]);
    assert_eq!(said(&decided), (Some(true), true, Some(Basis::Law), "GDPR"));
    let conflict = row(vec![excluded("no premises")], &["R-7"]);
    assert_eq!(said(&conflict), (Some(false), true, None, "no premises"));
    assert!(conflict.conflict && !row(vec![excluded("no premises")], &[]).conflict && !decided.conflict);
}

#[test]
fn an_excluded_control_counts_as_excluded_only() {
    let partial = Event::ImplementationSet { state: ImplementationState::Partial, how: None };
    let rows =
        [row(vec![], &[]), row(vec![partial.clone()], &["R-1"]), row(vec![partial, excluded("no premises")], &["R-1"])];
    let expected = SoaCounts {
        included: 1,
        excluded: 1,
        undecided: 1,
        conflicts: 1,
        not_started: 1,
        partial: 1,
        ..SoaCounts::default()
    };
    assert_eq!(SoaCounts::of(&rows), expected);
}

#[test]
fn a_table_row_has_a_cell_for_each_heading() {
    let cells = row(vec![], &["R-1", "R-2"]).cells();
    let table: Vec<_> = COLUMNS.iter().map(|column| column.key).zip(cells.iter().map(String::as_str)).collect();
    assert_eq!(cells.len(), COLUMNS.len());
    for expected in [
        ("theme", "technological"),
        ("applicable", "true"),
        ("decided", "false"),
        ("basis", "risk_treatment"),
        ("required_by", "R-1, R-2"),
        ("state", "not_started"),
        ("owner", ""),
        ("evidence", "0"),
    ] {
        assert!(table.contains(&expected), "{expected:?} in {table:?}");
    }
}

/// Were it to fail, nobody could read any more what was issued.
#[test]
fn a_document_is_written_as_ever() {
    let rows = [row(vec![included("GDPR")], &["R-7"])];
    let text = String::from_utf8(Document::of(&rows).bytes().expect("written")).expect("text");
    let expected = r#"{"framework":"ISO/IEC 27001:2022 Annex A","rows":[{"id":"A.8.13","title":"Information backup","theme":"technological","applicable":true,"decided":true,"basis":"law","justification":"GDPR","required_by":[{"risk":"R-7","option":"mitigate"}],"conflict":false,"state":"not_started","how":null,"owner":null,"evidence":0}]}"#;
    assert_eq!(text, expected);
}
