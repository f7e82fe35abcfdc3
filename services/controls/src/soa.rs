mod export;
mod oscal;
#[cfg(test)]
mod tests;

pub use export::{as_csv, as_pdf, as_workbook, issued_as_csv, issued_as_pdf, issued_as_workbook};
pub use oscal::{Oscal, as_oscal};

use crate::control::{Basis, ImplementationState};
use crate::evidence::sha256;
use crate::issued::{Approval, IssuedSoa, LastEditions};
use crate::requirement::Requirement;
use crate::stated::{self, Stated, joined};
use crate::statement::Statement;
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::Theme;
use eventstore::{Session, StoreError};
use serde::Serialize;
use service::{Call, Item, Problem, json};
use utoipa::ToSchema;
use views::{Listing, View, get, list};

/// The framework, as its stream of editions is called.
pub const ID: &str = "iso27001_2022";

const FRAMEWORK: &str = "ISO/IEC 27001:2022 Annex A";

/// Annex A has 93 controls; no page is needed.
pub const MOST_CONTROLS: i64 = 1000;

/// The Statement of Applicability as of a position: every control, whether it applies and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Soa {
    pub position: i64,
    pub framework: &'static str,
    pub state: SoaState,
    /// SHA-256 of what it says, in hexadecimal: it changes with every change of a row, and with nothing else.
    pub digest: String,
    /// The last one, where there is one.
    pub approval: Option<SoaApproval>,
    /// The number of the last one that was issued.
    pub issue: Option<u32>,
    pub counts: SoaCounts,
    /// In the standard's order; none where the tenant's controls were not there yet.
    pub rows: Vec<SoaRow>,
}

/// How far the statement is, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SoaState {
    /// It was changed since it was approved or issued, or never was.
    Draft,
    Approved,
    Issued,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SoaApproval {
    #[serde(flatten)]
    approval: Approval,
    /// The statement was changed since: it counts no more.
    stale: bool,
}

/// What is issued, and what its digest is taken of. Nothing is ever added to it or taken away: what was issued is read anew
/// from the log, and must be the same.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SoaDocument)]
pub struct Document<'a> {
    framework: &'static str,
    rows: &'a [SoaRow],
}

impl<'a> Document<'a> {
    pub fn of(rows: &'a [SoaRow]) -> Self {
        Self { framework: FRAMEWORK, rows }
    }

    pub fn bytes(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|error| {
            tracing::error!(%error, "a statement could not be written");
            Problem::internal()
        })
    }
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SoaCounts {
    pub included: usize,
    pub excluded: usize,
    pub undecided: usize,
    /// Excluded, and treatments rely on them.
    pub conflicts: usize,
    // From here on, of the controls that are not excluded.
    pub not_started: usize,
    pub planned: usize,
    pub partial: usize,
    pub implemented: usize,
    pub operating: usize,
}

/// What the Statement of Applicability says of one control.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct SoaRow {
    pub id: String,
    pub title: String,
    #[schema(value_type = String, example = "technological")]
    pub theme: Theme,
    /// As decided; where nobody decided, true if a treatment relies on it.
    pub applicable: Option<bool>,
    /// Whether `applicable`, `basis` and `justification` are somebody's decision; if not, they are derived.
    pub decided: bool,
    pub basis: Option<Basis>,
    pub justification: String,
    pub required_by: Vec<Requirement>,
    /// It is excluded, and treatments rely on it: one of the two has to change.
    pub conflict: bool,
    pub state: ImplementationState,
    pub how: Option<String>,
    pub owner: Option<String>,
    /// How many pieces of evidence support it.
    pub evidence: usize,
}

/// `GET /soa`
pub async fn as_json(call: Call) -> Result<Response, Problem> {
    let soa = read(&call).await?;
    Ok(soa.content().marked(json(StatusCode::OK, soa.position, &soa)))
}

/// `GET /soa/document`: the bytes of its digest.
pub async fn document(call: Call) -> Result<Response, Problem> {
    let soa = read(&call).await?;
    Ok(soa.content().shown("application/json", Document::of(&soa.rows).bytes()?))
}

async fn read(call: &Call) -> Result<Soa, Problem> {
    let mut session = call.session().await?;
    let position = position(call, &mut session).await?;
    let rows = rows(&mut session, position).await?;
    let digest = sha256(Document::of(&rows).bytes()?);
    let last = get::<LastEditions>(&mut session, ID, position).await?.map(|row| row.data).unwrap_or_default();
    let LastEditions { approval, issue } = last;
    let approval = approval.map(|approval| SoaApproval { stale: approval.digest != digest, approval });
    let state = if issue.as_ref().is_some_and(|issue| issue.digest == digest) {
        SoaState::Issued
    } else if approval.as_ref().is_some_and(|approval| !approval.stale) {
        SoaState::Approved
    } else {
        SoaState::Draft
    };
    let issue = issue.map(|issue| issue.number);
    Ok(Soa { position, framework: FRAMEWORK, state, digest, approval, issue, counts: SoaCounts::of(&rows), rows })
}

/// The position that all views of a statement have reached, or that the request asks for.
pub async fn position(call: &Call, session: &mut Session) -> Result<i64, Problem> {
    let controls = stated::position(call, session).await?;
    let editions = call.position::<LastEditions>(session).await?;
    Ok(call.position::<IssuedSoa>(session).await?.min(editions).min(controls))
}

/// All rows as of a position.
pub async fn rows(session: &mut Session, position: i64) -> Result<Vec<SoaRow>, StoreError> {
    let all =
        Listing { filters: Vec::new(), sort: Statement::ORDER, descending: false, after: None, limit: MOST_CONTROLS };
    let page = list::<Statement>(session, position, &all).await?;
    let items = joined(session, page.rows.into_iter().map(Item::from).collect(), position).await?;
    Ok(items.into_iter().map(|item| SoaRow::of(item.id, item.data)).collect())
}

impl SoaCounts {
    pub fn of(rows: &[SoaRow]) -> Self {
        let mut counts = Self::default();
        for row in rows {
            counts.conflicts += usize::from(row.conflict);
            match row.applicable {
                Some(true) => counts.included += 1,
                Some(false) => {
                    counts.excluded += 1;
                    continue;
                }
                None => counts.undecided += 1,
            }
            match row.state {
                ImplementationState::NotStarted => counts.not_started += 1,
                ImplementationState::Planned => counts.planned += 1,
                ImplementationState::Partial => counts.partial += 1,
                ImplementationState::Implemented => counts.implemented += 1,
                ImplementationState::Operating => counts.operating += 1,
            }
        }
        counts
    }
}

impl SoaRow {
    fn of(id: String, stated: Stated) -> Self {
        let Stated { statement, required_by, conflict } = stated;
        let treats = risks(&required_by);
        let (applicable, basis, justification) = match (statement.applicable, statement.justification) {
            (Some(applicable), Some(justification)) => (Some(applicable), statement.basis, justification),
            _ if treats.is_empty() => (None, None, "Not decided yet".to_owned()),
            _ => (Some(true), Some(Basis::RiskTreatment), format!("Treats {treats}")),
        };
        Self {
            id,
            title: statement.title,
            theme: statement.theme,
            applicable,
            decided: statement.applicable.is_some(),
            basis,
            justification,
            required_by,
            conflict,
            state: statement.state,
            how: statement.how,
            owner: statement.owner,
            evidence: statement.evidence.len(),
        }
    }
}

fn risks(required_by: &[Requirement]) -> String {
    required_by.iter().map(|requirement| requirement.risk.as_str()).collect::<Vec<_>>().join(", ")
}

/// How an enum is written in JSON.
pub fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
