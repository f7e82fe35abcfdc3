//! The Statement of Applicability as a file, as it stands and as it was issued.

use super::{FRAMEWORK, Soa, SoaCounts, SoaRow, read, risks, word};
use crate::issued::IssuedSoa;
use crate::issuing::issued_as_it_was;
use axum::response::Response;
use paper::Kind::{Flag, Number, Text, Word};
use paper::Print::{Share, Under};
use paper::{Column, Fact, Paper, Table};
use service::{Call, Content, Problem, csv};

pub const COLUMNS: [Column; 13] = [
    Column::new("id", "Control", Text, 10).printed(Share(7)),
    Column::new("title", "Title", Text, 40).printed(Share(22)),
    Column::new("theme", "Theme", Word, 15),
    Column::new("applicable", "Applicable", Flag, 11).printed(Share(9)),
    Column::new("decided", "Decided", Flag, 9),
    Column::new("basis", "Basis", Word, 16).printed(Share(11)),
    Column::new("justification", "Justification", Text, 52).printed(Share(26)),
    Column::new("required_by", "Required by", Text, 20).printed(Share(11)),
    Column::new("conflict", "Conflict", Flag, 9),
    Column::new("state", "Implementation", Word, 16).printed(Share(20)),
    Column::new("how", "How", Text, 44).printed(Under),
    Column::new("owner", "Owner", Text, 14).printed(Share(9)),
    Column::new("evidence", "Evidence", Number, 10).printed(Share(8)),
];

const TITLE: &str = "Statement of Applicability";

/// What the paper's file is called.
const STEM: &str = "statement-of-applicability";

/// `GET /soa.csv`
pub async fn as_csv(call: Call) -> Result<Response, Problem> {
    let soa = read(&call).await?;
    let (content, cells) = (soa.content(), cells(&soa.rows));
    Ok(content.file("text/csv; charset=utf-8", "soa.csv", csv(&COLUMNS, &cells)?))
}

/// `GET /soa.xlsx`
pub async fn as_workbook(call: Call) -> Result<Response, Problem> {
    let (content, paper) = standing(&call).await?;
    call.workbook(&content, STEM, paper).await
}

/// `GET /soa.pdf`
pub async fn as_pdf(call: Call) -> Result<Response, Problem> {
    let (content, paper) = standing(&call).await?;
    call.print(&content, STEM, paper).await
}

/// `GET /soa/issues/{id}/document.csv`
pub async fn issued_as_csv(call: Call) -> Result<Response, Problem> {
    let (position, issued, rows) = issued_as_it_was(&call).await?;
    let name = format!("soa-issue-{}.csv", issued.number);
    let content = Content { position, digest: issued.digest };
    Ok(content.file("text/csv; charset=utf-8", &name, csv(&COLUMNS, &cells(&rows))?))
}

/// `GET /soa/issues/{id}/document.xlsx`
pub async fn issued_as_workbook(call: Call) -> Result<Response, Problem> {
    let (content, stem, paper) = issued(&call).await?;
    call.workbook(&content, &stem, paper).await
}

/// `GET /soa/issues/{id}/document.pdf`
pub async fn issued_as_pdf(call: Call) -> Result<Response, Problem> {
    let (content, stem, paper) = issued(&call).await?;
    call.print(&content, &stem, paper).await
}

/// The statement as of the call's position, which is approved or issued or neither.
async fn standing(call: &Call) -> Result<(Content, Paper), Problem> {
    let soa = read(call).await?;
    let content = soa.content();
    let stamp = call.stamp(&content, "soa/document").await?;
    let approved = soa.approval.as_ref().map_or_else(
        || "Never".to_owned(),
        |approval| {
            let stale = if approval.stale { ", and it was changed since" } else { "" };
            let (by, at) = (&approval.approval.approved_by, approval.approval.approved_at.format("%Y-%m-%d"));
            format!("By {by} on {at}{stale}")
        },
    );
    let issue = soa.issue.map_or_else(|| "Never".to_owned(), |number| format!("Last as number {number}"));
    let said = [
        Fact::new("State", Column::new("", "", Word, 0).shown(&word(&soa.state))),
        Fact::new("Approved", approved),
        Fact::new("Issued", issue),
    ];
    let facts = said.into_iter().chain(facts(&soa.counts)).collect();
    Ok((content, paper(TITLE.to_owned(), stamp, facts, &soa.rows)))
}

/// The statement that was issued under the call's number, as it was.
async fn issued(call: &Call) -> Result<(Content, String, Paper), Problem> {
    let (position, issued, rows) = issued_as_it_was(call).await?;
    let IssuedSoa { number, digest, issued_position, issued_at, issued_by, .. } = issued;
    // What was issued is of the position that it was issued at, whatever came later.
    let of_then = Content { position: issued_position.into(), digest: digest.clone() };
    let stamp = call.stamp_of(&of_then, issued_at, format!("soa/issues/{number}/document")).await?;
    let content = Content { position, digest };
    let said = [
        Fact::new("Issue", number.to_string()),
        Fact::new("Issued", format!("By {issued_by} on {}", issued_at.format("%Y-%m-%d"))),
    ];
    let facts = said.into_iter().chain(facts(&SoaCounts::of(&rows))).collect();
    let paper = paper(format!("{TITLE}, issue {number}"), stamp, facts, &rows);
    Ok((content, format!("{STEM}-issue-{number}"), paper))
}

fn paper(title: String, stamp: paper::Stamp, facts: Vec<Fact>, rows: &[SoaRow]) -> Paper {
    let table = Table { title: "Controls".to_owned(), columns: &COLUMNS, rows: cells(rows), levels: vec![] };
    Paper { title, stamp, facts, figures: vec![], tables: vec![table] }
}

fn facts(counts: &SoaCounts) -> Vec<Fact> {
    let SoaCounts { included, excluded, undecided, conflicts, .. } = counts;
    let SoaCounts { not_started, planned, partial, implemented, operating, .. } = counts;
    let counted = [
        ("Controls that apply", included),
        ("Controls that do not apply", excluded),
        ("Not decided yet", undecided),
        ("Excluded although a treatment relies on them", conflicts),
        ("Not started", not_started),
        ("Planned", planned),
        ("Partially implemented", partial),
        ("Implemented", implemented),
        ("Operating", operating),
    ];
    let framework = Fact::new("Framework", FRAMEWORK);
    std::iter::once(framework).chain(counted.map(|(label, count)| Fact::new(label, count.to_string()))).collect()
}

fn cells(rows: &[SoaRow]) -> Vec<Vec<String>> {
    rows.iter().map(SoaRow::cells).collect()
}

impl Soa {
    pub fn content(&self) -> Content {
        Content { position: self.position, digest: self.digest.clone() }
    }
}

impl SoaRow {
    /// In the order of the columns; what is not there is empty.
    pub(super) fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.id.clone(),
            self.title.clone(),
            word(&self.theme),
            self.applicable.map(|applicable| applicable.to_string()).unwrap_or_default(),
            self.decided.to_string(),
            word(&self.basis),
            self.justification.clone(),
            risks(&self.required_by),
            self.conflict.to_string(),
            word(&self.state),
            text(&self.how),
            text(&self.owner),
            self.evidence.to_string(),
        ]
    }
}
