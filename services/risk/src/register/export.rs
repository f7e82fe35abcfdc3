use super::{Assessed, Judged, RegisteredRisk};
use crate::every::every;
use crate::methodology::Graded;
use axum::response::Response;
use chrono::NaiveDate;
use service::{Call, Problem, csv};
use views::Row;

/// The import's names, so that what was exported can be uploaded again; it ignores the columns that are ours alone.
pub const HEADING: [&str; 29] = [
    "ref_id",
    "name",
    "description",
    "owner",
    "state",
    "inherent_proba",
    "inherent_impact",
    "inherent_score",
    "inherent_level",
    "existing_controls",
    "current_proba",
    "current_impact",
    "current_score",
    "current_level",
    "additional_controls",
    "residual_proba",
    "residual_impact",
    "residual_score",
    "residual_level",
    "treatment",
    "treatment_reason",
    "assets",
    "category",
    "threat",
    "vulnerability",
    "review_due",
    "acceptance",
    "accepted_until",
    "revision",
];

/// Answers with the whole register as a table for a spreadsheet.
pub async fn register_as_csv(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<RegisteredRisk>(&mut session).await?;
    let rows = every::<RegisteredRisk>(&mut session, position, Vec::new()).await?;
    let judged = Judged::at(&call, &mut session, position).await?;
    let shown = |Row { key, from, version, at, data }| cells(Row { key, from, version, at, data: judged.of(data) });
    csv(position, "risks.csv", &HEADING, rows.into_iter().map(shown).collect())
}

fn cells(Row { key, data: risk, .. }: Row<RegisteredRisk>) -> Vec<String> {
    let [inherent, current, residual] = [risk.inherent, risk.current, risk.residual].map(stage);
    let (option, planned, reason) = match risk.treatment {
        Some(decided) => {
            (<&str>::from(decided.option).to_owned(), decided.controls, decided.reason.unwrap_or_default())
        }
        None => ("open".to_owned(), vec![], String::new()),
    };
    let state = <&str>::from(risk.state).to_owned();
    let mut cells = vec![key, risk.name, risk.description, risk.owner.unwrap_or_default(), state];
    cells.extend(inherent);
    cells.push(risk.existing_controls.join("|"));
    cells.extend(current);
    cells.push(planned.join("|"));
    cells.extend(residual);
    cells.extend([option, reason, risk.assets.join("|")]);
    cells.extend([risk.category, risk.threat, risk.vulnerability].map(Option::unwrap_or_default));
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
fn stage(assessed: Option<Assessed>) -> [String; 4] {
    let both = |Graded { score, label }| format!("{score} - {label}");
    assessed.map_or_else(Default::default, |Assessed { rating, score, .. }| {
        [both(rating.likelihood), both(rating.impact), score.to_string(), rating.level.label]
    })
}

#[cfg(test)]
mod tests {
    use super::{HEADING, cells};
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
        let row = cells(Row { key: "R-7".to_owned(), from: 1, version: 3, at: cx().now, data });
        assert_eq!(row.len(), HEADING.len());
        assert_eq!(
            row.join(","),
            "R-7,Leak,What may happen,,treatment_decided,,,,,,3 - Possible,4 - Major,12,high,A.5.2|A.8.13,,,,,\
             mitigate,because,A-1,,,,,,,3"
        );
    }
}
