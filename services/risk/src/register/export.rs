//! The whole register as a file: to be uploaded again, to be worked with, to be handed to somebody.

use super::heat::HeatMap;
use super::trend::Trend;
use super::{Assessed, Judged, RegisteredRisk, State};
use crate::methodology::{self, AdoptedMethodology, Graded};
use crate::risk::Stage;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use paper::Kind::{Day, Level, List, Number, Text, Word};
use paper::Print::{Share, Under};
use paper::{Column, Fact, Figure, Paper, Table};
use serde::Serialize;
use service::{Call, Content, Item, Problem, csv, every, json};
use utoipa::ToSchema;
use views::{Row, get};

/// The import's names, so that what was exported can be uploaded again; it ignores the columns that are ours alone.
const COLUMNS: [Column; 29] = [
    Column::new("ref_id", "Ref", Text, 10).printed(Share(7)),
    Column::new("name", "Risk", Text, 36).printed(Share(25)),
    Column::new("description", "Description", Text, 48).printed(Under),
    Column::new("owner", "Owner", Text, 14).printed(Share(9)),
    Column::new("state", "State", Word, 16).printed(Under),
    Column::new("inherent_proba", "Inherent likelihood", Text, 16),
    Column::new("inherent_impact", "Inherent impact", Text, 16),
    Column::new("inherent_score", "Inherent score", Number, 9),
    Column::new("inherent_level", "Inherent level", Level, 11),
    Column::new("existing_controls", "Existing controls", List, 20),
    Column::new("current_proba", "Likelihood", Text, 16).printed(Share(8)),
    Column::new("current_impact", "Impact", Text, 16).printed(Share(8)),
    Column::new("current_score", "Score", Number, 9),
    Column::new("current_level", "Level", Level, 11).printed(Share(8)),
    Column::new("additional_controls", "Controls of the treatment", List, 20),
    Column::new("residual_proba", "Residual likelihood", Text, 16),
    Column::new("residual_impact", "Residual impact", Text, 16),
    Column::new("residual_score", "Residual score", Number, 9),
    Column::new("residual_level", "Residual level", Level, 11).printed(Share(8)),
    Column::new("treatment", "Treatment", Word, 12).printed(Share(20)),
    Column::new("treatment_reason", "Why it is treated so", Text, 36).printed(Under),
    Column::new("assets", "Assets", List, 16),
    Column::new("category", "Category", Text, 14),
    Column::new("threat", "Threat", Text, 20),
    Column::new("vulnerability", "Vulnerability", Text, 20),
    Column::new("review_due", "Review due", Day, 12).printed(Share(8)),
    Column::new("acceptance", "Acceptance", Word, 12).printed(Share(9)),
    Column::new("accepted_until", "Accepted until", Day, 12).printed(Under),
    Column::new("revision", "Revision", Number, 9),
];

/// What the paper's file is called.
const STEM: &str = "risk-register";

/// The whole register, in the order of refs.
#[derive(Serialize, ToSchema)]
pub struct WholeRegister {
    /// The position of the tenant's log that this shows.
    position: i64,
    /// The instant at which dated things are judged.
    as_of: DateTime<Utc>,
    tenant: String,
    organisation: String,
    /// SHA-256 of the register as `risks.csv`, in hexadecimal.
    digest: String,
    items: Vec<Item<RegisteredRisk>>,
}

/// The register as of a position, and as it is written in CSV.
struct Register {
    content: Content,
    /// As they stand at the instant.
    rows: Vec<Row<RegisteredRisk>>,
    cells: Vec<Vec<String>>,
    bytes: Vec<u8>,
}

/// `GET /risks.csv`
pub async fn as_csv(call: Call) -> Result<Response, Problem> {
    let Register { content, bytes, .. } = Register::read(&call).await?;
    Ok(content.file("text/csv; charset=utf-8", "risks.csv", bytes))
}

/// `GET /risks.json`
pub async fn as_json(call: Call) -> Result<Response, Problem> {
    let Register { content, rows, .. } = Register::read(&call).await?;
    let stamp = call.stamp(&content, "risks.csv").await?;
    let whole = WholeRegister {
        position: content.position,
        as_of: stamp.as_of,
        tenant: stamp.tenant,
        organisation: stamp.organisation,
        digest: stamp.digest,
        items: rows.into_iter().map(Item::from).collect(),
    };
    Ok(content.marked(json(StatusCode::OK, content.position, &whole)))
}

/// `GET /risks.xlsx`
pub async fn as_workbook(call: Call) -> Result<Response, Problem> {
    let (content, paper) = Register::read(&call).await?.paper(&call, false).await?;
    call.workbook(&content, STEM, paper).await
}

/// `GET /risks.pdf`
pub async fn as_pdf(call: Call) -> Result<Response, Problem> {
    let (content, paper) = Register::read(&call).await?.paper(&call, true).await?;
    call.print(&content, STEM, paper).await
}

impl Register {
    async fn read(call: &Call) -> Result<Self, Problem> {
        let mut session = call.session().await?;
        let position = call.position::<RegisteredRisk>(&mut session).await?;
        let rows = every::<RegisteredRisk>(&mut session, position, Vec::new()).await?;
        let judged = Judged::at(call, &mut session, position).await?;
        let shown = |Row { key, from, version, at, data }| Row { key, from, version, at, data: judged.of(data) };
        let rows: Vec<_> = rows.into_iter().map(shown).collect();
        let cells: Vec<_> = rows.iter().map(cells).collect();
        let bytes = csv(&COLUMNS, &cells)?;
        Ok(Self { content: Content::of(position, &bytes), rows, cells, bytes })
    }

    async fn paper(self, call: &Call, with_figures: bool) -> Result<(Content, Paper), Problem> {
        let Self { content, rows, cells, .. } = self;
        let stamp = call.stamp(&content, "risks.csv").await?;
        let mut session = call.session().await?;
        let methodology = get::<AdoptedMethodology>(&mut session, methodology::ID, content.position).await?;
        let methodology = methodology.map(|row| row.data);
        let mut figures = Vec::new();
        if let (true, Some(methodology)) = (with_figures, &methodology) {
            figures.extend(maps(&rows, methodology));
            figures.push(Trend::at(&mut session, content.position, stamp.as_of).await?.figure());
        }
        let levels = methodology.map(|methodology| methodology.levels).unwrap_or_default();
        let facts = facts(&rows, &levels);
        let tables = vec![Table { title: "Risks".to_owned(), columns: &COLUMNS, rows: cells, levels }];
        Ok((content, Paper { title: "Risk register".to_owned(), stamp, facts, figures, tables }))
    }
}

/// As things are, and where anything is known of it, as they will be after treatment.
fn maps(rows: &[Row<RegisteredRisk>], methodology: &AdoptedMethodology) -> Vec<Figure> {
    let map = |stage| HeatMap::of(rows, methodology.clone(), stage).figure();
    let residual = rows.iter().any(|row| row.data.residual.is_some());
    std::iter::once(map(Stage::Current)).chain(residual.then(|| map(Stage::Residual))).collect()
}

fn facts(rows: &[Row<RegisteredRisk>], levels: &[String]) -> Vec<Fact> {
    let open = || rows.iter().map(|row| &row.data).filter(|risk| risk.state != State::Closed);
    let at = |rank: usize| open().filter(|risk| risk.level.map(usize::from) == Some(rank)).count();
    let named = [
        ("Risks", rows.len()),
        ("Of these open", open().count()),
        ("Open, not assessed", open().filter(|risk| risk.level.is_none()).count()),
        ("Open, treatment undecided", open().filter(|risk| risk.treatment.is_none()).count()),
    ];
    let of_levels = levels.iter().enumerate().map(|(rank, level)| (format!("Open at level {level}"), at(rank)));
    let all = named.into_iter().map(|(label, count)| (label.to_owned(), count)).chain(of_levels);
    all.map(|(label, count)| Fact::new(&label, count.to_string())).collect()
}

fn cells(Row { key, data: risk, .. }: &Row<RegisteredRisk>) -> Vec<String> {
    let [inherent, current, residual] =
        [&risk.inherent, &risk.current, &risk.residual].map(|assessed| stage(assessed.as_ref()));
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (option, planned, reason) = match &risk.treatment {
        Some(decided) => (<&str>::from(decided.option), decided.controls.join("|"), text(&decided.reason)),
        None => ("open", String::new(), String::new()),
    };
    let state = <&str>::from(risk.state).to_owned();
    let mut cells = vec![key.clone(), risk.name.clone(), risk.description.clone(), text(&risk.owner), state];
    cells.extend(inherent);
    cells.push(risk.existing_controls.join("|"));
    cells.extend(current);
    cells.push(planned);
    cells.extend(residual);
    cells.extend([option.to_owned(), reason, risk.assets.join("|")]);
    cells.extend([&risk.category, &risk.threat, &risk.vulnerability].map(text));
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let acceptance = risk.acceptance.as_ref();
    let state = acceptance.map(|last| <&str>::from(last.state).to_owned()).unwrap_or_default();
    cells.extend([
        day(risk.review_due),
        state,
        day(acceptance.map(|last| last.acceptance.until)),
        risk.revision.to_string(),
    ]);
    cells
}

/// Likelihood, impact, score, level.
fn stage(assessed: Option<&Assessed>) -> [String; 4] {
    let both = |Graded { score, label }: &Graded| format!("{score} - {label}");
    assessed.map_or_else(Default::default, |Assessed { rating, score, .. }| {
        [both(&rating.likelihood), both(&rating.impact), score.to_string(), rating.level.label.clone()]
    })
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, cells};
    use crate::fixture::cx;
    use crate::register::tests::folded;
    use crate::risk::tests::{assessment, decided, profile};
    use crate::risk::{Event, Stage, TreatmentOption};
    use views::Row;

    #[test]
    fn a_row_says_scores_with_labels_and_lists_with_bars() {
        let data = folded(&[
            Event::Identified(profile("Leak")),
            Event::Assessed(assessment(Stage::Current, "3", "4")),
            decided(TreatmentOption::Mitigate, &["A.5.2", "A.8.13"], &[]),
        ]);
        let row = cells(&Row { key: "R-7".to_owned(), from: 1, version: 3, at: cx().now, data });
        assert_eq!(row.len(), COLUMNS.len());
        assert_eq!(
            row.join(","),
            "R-7,Leak,What may happen,,treatment_decided,,,,,,3 - Possible,4 - Major,12,high,A.5.2|A.8.13,,,,,\
             mitigate,because,A-1,,,,,,,3"
        );
    }
}
