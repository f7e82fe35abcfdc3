use super::{AssessmentRound, Included};
use crate::methodology::Rating;
use crate::register::RegisteredRisk;
use axum::response::Response;
use serde::Serialize;
use service::{Call, Item, Object, Problem, object_answer};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use views::{get, get_many};

/// A round, and what its risks came to: as things are while it runs, and as they were when it was completed from then on.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoundInFull {
    #[serde(flatten)]
    round: AssessmentRound,
    /// How many of its risks are assessed since it began.
    assessed: usize,
    /// Whether it runs although its last day has passed.
    overdue: bool,
    result: Vec<ResultOfRound>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct ResultOfRound {
    risk: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Since the round began.
    assessed: bool,
    /// As it is assessed, with the controls that exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<Rating>,
}

/// `GET /assessment-rounds/{id}`
pub async fn round_in_full(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let reached = call.position::<RegisteredRisk>(&mut session).await?;
    let position = call.position::<AssessmentRound>(&mut session).await?.min(reached);
    let row = get::<AssessmentRound>(&mut session, call.id(), position).await?;
    let row = row.ok_or_else(|| Problem::not_found(format!("round {}", call.id())))?;
    let frozen = row.data.completed.as_ref().map_or(position, |completed| completed.position);
    let refs: Vec<String> = row.data.risks.iter().map(|included| included.risk.clone()).collect();
    let risks = get_many::<RegisteredRisk>(&mut session, &refs, frozen).await?;
    let risks = risks.into_iter().map(|row| (row.key, row.data)).collect();
    let clock = call.clock(&mut session, position).await?;
    let item = Item::from(row).map(|round| {
        let result = result(&round.risks, risks);
        let overdue = round.completed.is_none() && round.due < clock.date_naive();
        RoundInFull { assessed: result.iter().filter(|one| one.assessed).count(), overdue, result, round }
    });
    Ok(object_answer(&Object { position, item }))
}

fn result(included: &[Included], mut risks: BTreeMap<String, RegisteredRisk>) -> Vec<ResultOfRound> {
    let of = |Included { risk, assessments }: &Included| {
        let known = risks.remove(risk)?;
        let rating = known.standing().map(|assessed| assessed.rating.clone());
        let assessed = known.assessments > *assessments;
        Some(ResultOfRound { risk: risk.clone(), name: known.name, owner: known.owner, assessed, rating })
    };
    included.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::result;
    use crate::register::tests::folded;
    use crate::risk::tests::{assessment, profile};
    use crate::risk::{Event, Stage};
    use crate::round::tests::plan;

    #[test]
    fn a_risk_is_done_when_it_is_assessed_more_often_than_when_the_round_began() {
        let assessed = |stage| Event::Assessed(assessment(stage, "3", "4"));
        let risk = folded(&[Event::Identified(profile("Leak")), assessed(Stage::Current), assessed(Stage::Residual)]);
        let done = |before| result(&plan(&[("R-7", before)]).risks, [("R-7".to_owned(), risk.clone())].into());
        assert!(done(0)[0].assessed && done(0)[0].rating.is_some());
        assert!(!done(1)[0].assessed, "what will remain is no look at what is");
    }
}
