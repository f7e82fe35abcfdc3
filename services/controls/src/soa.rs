use crate::control::{Basis, ImplementationState};
use crate::requirement::Requirement;
use crate::stated::{Stated, joined, position};
use crate::statement::Statement;
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::Theme;
use serde::Serialize;
use service::{Call, Item, Problem, csv, json};
use utoipa::ToSchema;
use views::{Listing, View, list};

const FRAMEWORK: &str = "ISO/IEC 27001:2022 Annex A";

/// Annex A has 93 controls; no page is needed.
const MOST_CONTROLS: i64 = 1000;

const HEADING: [&str; 13] = [
    "id",
    "title",
    "theme",
    "applicable",
    "decided",
    "basis",
    "justification",
    "required_by",
    "conflict",
    "state",
    "how",
    "owner",
    "evidence",
];

/// The Statement of Applicability as of a position: every control, whether it applies and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Soa {
    pub position: i64,
    pub framework: &'static str,
    pub counts: SoaCounts,
    /// In the standard's order; none where the tenant's controls were not there yet.
    pub rows: Vec<SoaRow>,
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
    Ok(json(StatusCode::OK, soa.position, &soa))
}

/// `GET /soa.csv`
pub async fn as_csv(call: Call) -> Result<Response, Problem> {
    let soa = read(&call).await?;
    csv(soa.position, "soa.csv", &HEADING, soa.rows.into_iter().map(SoaRow::cells).collect())
}

async fn read(call: &Call) -> Result<Soa, Problem> {
    let mut session = call.session().await?;
    let position = position(call, &mut session).await?;
    let all =
        Listing { filters: Vec::new(), sort: Statement::ORDER, descending: false, after: None, limit: MOST_CONTROLS };
    let page = list::<Statement>(&mut session, position, &all).await?;
    let items = joined(&mut session, page.rows.into_iter().map(Item::from).collect(), position).await?;
    let rows: Vec<SoaRow> = items.into_iter().map(|item| SoaRow::of(item.id, item.data)).collect();
    Ok(Soa { position, framework: FRAMEWORK, counts: SoaCounts::of(&rows), rows })
}

impl SoaCounts {
    fn of(rows: &[SoaRow]) -> Self {
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

    /// In the order of the heading; what is not there is empty.
    fn cells(self) -> Vec<String> {
        vec![
            self.id,
            self.title,
            word(&self.theme),
            self.applicable.map(|applicable| applicable.to_string()).unwrap_or_default(),
            self.decided.to_string(),
            word(&self.basis),
            self.justification,
            risks(&self.required_by),
            self.conflict.to_string(),
            word(&self.state),
            self.how.unwrap_or_default(),
            self.owner.unwrap_or_default(),
            self.evidence.to_string(),
        ]
    }
}

fn risks(required_by: &[Requirement]) -> String {
    required_by.iter().map(|requirement| requirement.risk.as_str()).collect::<Vec<_>>().join(", ")
}

/// How an enum is written in JSON.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{HEADING, SoaCounts, SoaRow};
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
        let rows = [
            row(vec![], &[]),
            row(vec![partial.clone()], &["R-1"]),
            row(vec![partial, excluded("no premises")], &["R-1"]),
        ];
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
        let table: Vec<_> = HEADING.into_iter().zip(cells.iter().map(String::as_str)).collect();
        assert_eq!(cells.len(), HEADING.len());
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
}
