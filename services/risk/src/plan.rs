//! The risk treatment plan: how each risk is treated, by whom and until when, what is left, and whether its owner approved
//! that and accepted what is left. It is the register as of a position, looked at from that side.

mod approve;

pub use approve::{Answered, ApprovePlan, approve};

use crate::methodology::{self, AdoptedMethodology};
use crate::register::{AcceptanceState, Accepted, Judged, PlannedAction, RegisteredRisk, State};
use crate::risk::TreatmentOption;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use paper::Kind::{Day, Level, List, Number, Text, Word};
use paper::Print::{Once, OnceUnder, Share};
use paper::{Column, Fact, Paper, Table};
use serde::Serialize;
use service::{Call, Content, Problem, csv, every, json};
use utoipa::ToSchema;
use views::{Filter, Row, get};

const COLUMNS: [Column; 18] = [
    Column::new("risk", "Risk", Text, 10).printed(Once(6)),
    Column::new("name", "Name", Text, 36).printed(Once(16)),
    Column::new("owner", "Owner", Text, 14).printed(Once(8)),
    Column::new("current_level", "Level", Level, 11).printed(Once(7)),
    Column::new("option", "Treatment", Word, 12).printed(Once(15)),
    Column::new("reason", "Why", Text, 36).printed(OnceUnder),
    Column::new("controls", "Controls", List, 20).printed(Once(9)),
    Column::new("action", "Action", Text, 10).printed(Share(6)),
    Column::new("what", "What", Text, 36).printed(Share(15)),
    Column::new("who", "Who", Text, 14).printed(Share(8)),
    Column::new("due", "Due", Day, 12).printed(Share(8)),
    Column::new("done", "Done", Day, 12).printed(Share(8)),
    Column::new("residual_level", "Residual level", Level, 11).printed(Once(7)),
    Column::new("revision", "Revision", Number, 9),
    Column::new("approval", "Approval", Word, 12).printed(Once(8)),
    Column::new("approved_by", "Approved by", Text, 14).printed(OnceUnder),
    Column::new("acceptance", "Acceptance", Word, 12).printed(Once(8)),
    Column::new("accepted_until", "Accepted until", Day, 12).printed(OnceUnder),
];

/// What the paper's file is called.
const STEM: &str = "treatment-plan";

#[derive(Debug, Serialize, ToSchema)]
pub struct TreatmentPlan {
    /// The position of the tenant's log that this shows.
    position: i64,
    /// The day on which deadlines are judged, in UTC.
    on: NaiveDate,
    counts: PlanCounts,
    /// In the order of refs.
    rows: Vec<PlanRow>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanCounts {
    pub risks: usize,
    /// Whose owner approved how they are treated now.
    pub approved: usize,
    /// Of which what is left is accepted now.
    pub accepted: usize,
    /// Actions that are not done.
    pub open_actions: usize,
    /// Of these, those whose last day has passed.
    pub overdue_actions: usize,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct PlanRow {
    pub risk: String,
    /// The risk's revision that this shows.
    pub revision: u32,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The level as things are, as its assessment labelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_level: Option<String>,
    pub option: TreatmentOption,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Ids of the controls that it relies on.
    pub controls: Vec<String>,
    pub actions: Vec<PlannedAction>,
    /// The level that is left after treatment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual_level: Option<String>,
    pub approval: Approval,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// How the acceptance of what is left stands; absent where nobody gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<AcceptanceState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_until: Option<NaiveDate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = ApprovalState)]
pub enum Approval {
    Missing,
    Approved,
    /// The risk changed since it was approved.
    Stale,
}

/// `GET /treatment-plan`
pub async fn as_json(call: Call) -> Result<Response, Problem> {
    let plan = read(&call).await?;
    Ok(Written::of(&plan)?.content.marked(json(StatusCode::OK, plan.position, &plan)))
}

/// `GET /treatment-plan.csv`: a row an action, and one for each risk without any.
pub async fn as_csv(call: Call) -> Result<Response, Problem> {
    let Written { content, bytes, .. } = Written::of(&read(&call).await?)?;
    Ok(content.file("text/csv; charset=utf-8", "treatment-plan.csv", bytes))
}

/// `GET /treatment-plan.xlsx`
pub async fn as_workbook(call: Call) -> Result<Response, Problem> {
    let (content, paper) = paper(&call).await?;
    call.workbook(&content, STEM, paper).await
}

/// `GET /treatment-plan.pdf`
pub async fn as_pdf(call: Call) -> Result<Response, Problem> {
    let (content, paper) = paper(&call).await?;
    call.print(&content, STEM, paper).await
}

/// The plan as it is written in CSV, whose digest is the plan's.
struct Written {
    content: Content,
    cells: Vec<Vec<String>>,
    bytes: Vec<u8>,
}

impl Written {
    fn of(plan: &TreatmentPlan) -> Result<Self, Problem> {
        let cells: Vec<_> = plan.rows.iter().flat_map(PlanRow::cells).collect();
        let bytes = csv(&COLUMNS, &cells)?;
        Ok(Self { content: Content::of(plan.position, &bytes), cells, bytes })
    }
}

async fn paper(call: &Call) -> Result<(Content, Paper), Problem> {
    let plan = read(call).await?;
    let Written { content, cells: rows, .. } = Written::of(&plan)?;
    let stamp = call.stamp(&content, "treatment-plan.csv").await?;
    let methodology = get::<AdoptedMethodology>(&mut call.session().await?, methodology::ID, plan.position).await?;
    let levels = methodology.map(|row| row.data.levels).unwrap_or_default();
    let PlanCounts { risks, approved, accepted, open_actions, overdue_actions } = plan.counts;
    let counts = [
        ("Risks whose treatment is decided", risks),
        ("Of these approved by their owner", approved),
        ("Of these with what is left accepted", accepted),
        ("Actions that are not done", open_actions),
        ("Of these overdue", overdue_actions),
    ];
    let of_owner = call.query.get("owner").map(|owner| Fact::new("Only the risks of", owner));
    let counts = counts.into_iter().map(|(label, count)| Fact::new(label, count.to_string()));
    let facts = of_owner.into_iter().chain(counts).collect();
    let tables = vec![Table { title: "Treatment".to_owned(), columns: &COLUMNS, rows, levels }];
    Ok((content, Paper { title: "Risk treatment plan".to_owned(), stamp, facts, figures: vec![], tables }))
}

async fn read(call: &Call) -> Result<TreatmentPlan, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<RegisteredRisk>(&mut session).await?;
    let judged = Judged::at(call, &mut session, position).await?;
    let of_owner = call.query.get("owner").map(|owner| Filter::Is(views::Column::text("owner"), owner.to_owned()));
    let filters = of_owner.into_iter().chain([treated()]).collect();
    let risks = every::<RegisteredRisk>(&mut session, position, filters).await?;
    let rows: Vec<PlanRow> = risks.into_iter().filter_map(|row| PlanRow::of(row, judged)).collect();
    let on = judged.clock.date_naive();
    Ok(TreatmentPlan { position, on, counts: PlanCounts::of(&rows, on), rows })
}

/// Keeps the risks whose treatment is decided.
fn treated() -> Filter {
    Filter::From(views::Column::text("treatment"), String::new())
}

impl PlanCounts {
    fn of(rows: &[PlanRow], today: NaiveDate) -> Self {
        let open = || rows.iter().flat_map(|row| &row.actions).filter(|action| action.done.is_none());
        Self {
            risks: rows.len(),
            approved: rows.iter().filter(|row| row.approval == Approval::Approved).count(),
            accepted: rows.iter().filter(|row| row.acceptance == Some(AcceptanceState::Accepted)).count(),
            open_actions: open().count(),
            overdue_actions: open().filter(|action| action.due < today).count(),
        }
    }
}

impl PlanRow {
    /// Nothing of a risk that is closed, or whose treatment nobody decided.
    fn of(Row { key: risk, data, .. }: Row<RegisteredRisk>, judged: Judged) -> Option<Self> {
        let current_level = data.standing().map(|assessed| assessed.rating.level.label.clone());
        let shown = judged.of(data);
        let treatment = shown.treatment.filter(|_| shown.state != State::Closed)?;
        let approval = match &shown.plan_approval {
            None => Approval::Missing,
            Some(last) if last.revision == shown.revision => Approval::Approved,
            Some(_) => Approval::Stale,
        };
        let (approved_by, approved_at) = shown.plan_approval.map(|last| (last.by, last.at)).unzip();
        let acceptance = shown.acceptance.map(|Accepted { state, acceptance, .. }| (state, acceptance.until));
        let (acceptance, accepted_until) = acceptance.unzip();
        Some(Self {
            risk,
            revision: shown.revision,
            name: shown.name,
            owner: shown.owner,
            current_level,
            option: treatment.option,
            reason: treatment.reason,
            controls: treatment.controls,
            actions: shown.actions,
            residual_level: shown.residual.map(|residual| residual.rating.level.label),
            approval,
            approved_by,
            approved_at,
            acceptance,
            accepted_until,
        })
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let before = [
            self.risk.clone(),
            self.name.clone(),
            text(&self.owner),
            text(&self.current_level),
            <&str>::from(self.option).to_owned(),
            text(&self.reason),
            self.controls.join("|"),
        ];
        let after = [
            text(&self.residual_level),
            self.revision.to_string(),
            <&str>::from(self.approval).to_owned(),
            text(&self.approved_by),
            self.acceptance.map(<&str>::from).unwrap_or_default().to_owned(),
            day(self.accepted_until),
        ];
        let row = |action: [String; 5]| before.iter().cloned().chain(action).chain(after.iter().cloned()).collect();
        if self.actions.is_empty() {
            return vec![row(Default::default())];
        }
        let said = |action: &PlannedAction| {
            let PlannedAction { reference, what, who, due, done } = action;
            row([reference.clone(), what.clone(), who.clone(), due.to_string(), day(*done)])
        };
        self.actions.iter().map(said).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Approval, COLUMNS, PlanCounts, PlanRow};
    use crate::fixture::cx;
    use crate::register::tests::folded;
    use crate::register::{AcceptanceState, Judged};
    use crate::risk::tests::{accepted, assessment, decided, owned, planned, profile};
    use crate::risk::{Event, Stage, TreatmentOption};
    use chrono::{DateTime, Utc};
    use views::Row;

    fn row(events: &[Event], clock: DateTime<Utc>) -> Option<PlanRow> {
        let data = folded(events);
        PlanRow::of(
            Row { key: "R-7".to_owned(), from: 1, version: 3, at: cx().now, data },
            Judged { clock, in_force: 1 },
        )
    }

    fn treated() -> Vec<Event> {
        vec![
            Event::Identified(profile("Leak")),
            owned("mara", None),
            Event::Assessed(assessment(Stage::Current, "3", "4")),
            Event::Assessed(assessment(Stage::Residual, "1", "4")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
            planned("T-1", "2026-03-31"),
        ]
    }

    #[test]
    fn an_approval_is_stale_after_a_change_and_a_deadline_passes_by_itself() {
        let mut events = treated();
        let now = cx().now;
        assert_eq!(row(&events[..4], now), None, "nothing is decided");
        assert_eq!(row(&events, now).expect("a row").approval, Approval::Missing);
        let revision = folded(&events).revision;
        events.extend([Event::PlanApproved { revision }, Event::Accepted(accepted(revision))]);
        let approved = row(&events, now).expect("a row");
        assert_eq!((approved.approval, approved.acceptance), (Approval::Approved, Some(AcceptanceState::Accepted)));
        let counts = |row: PlanRow, clock: DateTime<Utc>| PlanCounts::of(&[row], clock.date_naive());
        let expected = PlanCounts { risks: 1, approved: 1, accepted: 1, open_actions: 1, overdue_actions: 0 };
        assert_eq!(counts(approved, now), expected);

        let later = "2027-01-01T00:00:00Z".parse().expect("an instant");
        let expired = row(&events, later).expect("a row");
        assert_eq!((expired.approval, expired.acceptance), (Approval::Approved, Some(AcceptanceState::Expired)));
        assert_eq!(counts(expired, later), PlanCounts { accepted: 0, overdue_actions: 1, ..expected });

        events.push(planned("T-2", "2026-04-30"));
        assert_eq!(row(&events, now).expect("a row").approval, Approval::Stale);
        events.push(Event::Closed { released_controls: vec![] });
        assert_eq!(row(&events, now), None, "it is closed");
    }

    #[test]
    fn a_table_has_a_row_an_action() {
        let mut events = treated();
        events.push(planned("T-2", "2026-04-30"));
        let cells = row(&events, cx().now).expect("a row").cells();
        assert!(cells.iter().all(|cells| cells.len() == COLUMNS.len()));
        assert_eq!(
            cells.iter().map(|cells| cells.join(",")).collect::<Vec<_>>(),
            [
                "R-7,Leak,mara,high,mitigate,because,A.8.13,T-1,Restore it,jo,2026-03-31,,low,7,missing,,,",
                "R-7,Leak,mara,high,mitigate,because,A.8.13,T-2,Restore it,jo,2026-04-30,,low,7,missing,,,",
            ]
        );
        assert_eq!(row(&events[..5], cx().now).expect("a row").cells().len(), 1, "without an action there is one too");
    }
}
