use super::{Assessed, RegisteredRisk};
use crate::methodology::Graded;
use axum::response::Response;
use eventstore::Session;
use service::{Call, Problem, csv};
use views::{Listing, Row, View, list};

const PAGE: i64 = 1000;

/// The import's names, so that what was exported can be uploaded again; it ignores the columns that are ours alone.
pub const HEADING: [&str; 22] = [
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
];

/// Answers with the whole register as a table for a spreadsheet.
pub async fn register_as_csv(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<RegisteredRisk>(&mut session).await?;
    let rows = whole_register(&mut session, position).await?;
    csv(position, "risks.csv", &HEADING, rows)
}

/// The cells of every risk as of a position, in the order of refs.
pub async fn whole_register(session: &mut Session, position: i64) -> Result<Vec<Vec<String>>, Problem> {
    let mut listing =
        Listing { filters: vec![], sort: RegisteredRisk::ORDER, descending: false, after: None, limit: PAGE };
    let mut rows = Vec::new();
    loop {
        let page = list::<RegisteredRisk>(session, position, &listing).await?;
        rows.extend(page.rows.into_iter().map(cells));
        match page.next {
            Some(next) => listing.after = Some(next),
            None => return Ok(rows),
        }
    }
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
             mitigate,because,A-1"
        );
    }
}
