//! How far the tenant is with a framework: what answers each requirement, and what nothing answers.

use super::answers::Answers;
use super::list::{built_in, uploaded};
use super::{Asked, Contents, Strength, UploadedFramework};
use crate::control::{Effectiveness, ImplementationState};
use crate::soa::MOST_CONTROLS;
use crate::statement::Statement;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use service::{Call, Problem, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use views::{Listing, View, list};

#[derive(Serialize, ToSchema)]
pub struct Coverage {
    position: i64,
    id: String,
    title: String,
    version: Option<String>,
    counts: CoverageCounts,
    /// In the framework's order.
    items: Vec<Covered>,
}

/// Of the requirements that are not mere headings.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CoverageCounts {
    requirements: usize,
    full: usize,
    partial: usize,
    none: usize,
    /// Answered in full by controls that are all implemented or operating.
    implemented: usize,
}

/// Whether a requirement is answered by controls that apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    Full,
    Partial,
    None,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CoveredRequirement)]
pub struct Covered {
    #[serde(flatten)]
    asked: Asked,
    /// It has parts, and nothing is said to answer itself.
    heading: bool,
    answered: Answered,
    /// How far the least of the controls is that answer it and apply.
    state: Option<ImplementationState>,
    /// The least that their last tests showed; nothing where one was never tested.
    effectiveness: Option<Effectiveness>,
    /// Also those that are excluded.
    controls: Vec<Answering>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AnsweringControl)]
pub struct Answering {
    id: String,
    title: String,
    strength: Strength,
    applicable: Option<bool>,
    state: ImplementationState,
    effectiveness: Option<Effectiveness>,
    owner: Option<String>,
    /// How many pieces of evidence support it.
    evidence: usize,
}

/// `GET /frameworks/{id}/coverage`
pub async fn coverage(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let reached = call.position::<Statement>(&mut session).await?;
    let position = call.position::<UploadedFramework>(&mut session).await?.min(reached);
    let all: BTreeMap<String, UploadedFramework> =
        uploaded(&mut session, position).await?.into_iter().map(|item| (item.id, item.data)).collect();
    let contents = built_in(call.id()).or_else(|| all.get(call.id()).map(|uploaded| uploaded.contents.clone()));
    let contents = contents.ok_or_else(|| Problem::not_found(format!("framework {}", call.id())))?;
    let listing =
        Listing { filters: Vec::new(), sort: Statement::ORDER, descending: false, after: None, limit: MOST_CONTROLS };
    let controls = list::<Statement>(&mut session, position, &listing).await?.rows;
    let controls: BTreeMap<String, Statement> = controls.into_iter().map(|row| (row.key, row.data)).collect();
    let answers = Answers::of(&all.iter().map(|(id, uploaded)| (id.as_str(), uploaded)).collect());
    let items = covered(call.id(), &contents, &answers, &controls);
    let (counts, id) = (CoverageCounts::of(&items), call.id().to_owned());
    let Contents { title, version, .. } = contents;
    Ok(json(StatusCode::OK, position, &Coverage { position, id, title, version, counts, items }))
}

/// Each requirement with what answers it.
pub fn covered(
    framework: &str,
    contents: &Contents,
    answers: &Answers,
    controls: &BTreeMap<String, Statement>,
) -> Vec<Covered> {
    let parents: BTreeSet<&str> = contents.requirements.iter().filter_map(|asked| asked.parent.as_deref()).collect();
    let requirements = contents.requirements.iter().map(|asked| {
        let found = answers.to(framework, &asked.id);
        // A tenant of the first minute has no controls yet.
        let controls =
            found.into_iter().filter_map(|(id, strength)| Some(Answering::of(controls.get(&id)?, id, strength)));
        let heading = parents.contains(asked.id.as_str());
        Covered::of(asked.clone(), heading, controls.collect())
    });
    requirements.collect()
}

impl Answering {
    fn of(control: &Statement, id: String, strength: Strength) -> Self {
        Self {
            id,
            title: control.title.clone(),
            strength,
            applicable: control.applicable,
            state: control.state,
            effectiveness: control.last_test.as_ref().map(|test| test.result),
            owner: control.owner.clone(),
            evidence: control.evidence.len(),
        }
    }
}

/// The greater, the worse.
fn lack(effectiveness: Effectiveness) -> u8 {
    match effectiveness {
        Effectiveness::Effective => 0,
        Effectiveness::PartlyEffective => 1,
        Effectiveness::Ineffective => 2,
    }
}

impl Covered {
    fn of(asked: Asked, has_parts: bool, controls: Vec<Answering>) -> Self {
        let apply = || controls.iter().filter(|control| control.applicable != Some(false));
        let answered = match apply().map(|control| control.strength).max() {
            Some(Strength::Full) => Answered::Full,
            Some(Strength::Partial) => Answered::Partial,
            None => Answered::None,
        };
        let state = apply().map(|control| control.state).min();
        let tested: Option<Vec<Effectiveness>> = apply().map(|control| control.effectiveness).collect();
        let effectiveness = tested.and_then(|all| all.into_iter().max_by_key(|result| lack(*result)));
        let heading = has_parts && controls.is_empty();
        Self { asked, heading, answered, state, effectiveness, controls }
    }
}

impl CoverageCounts {
    fn of(items: &[Covered]) -> Self {
        let mut counts = Self::default();
        for item in items.iter().filter(|item| !item.heading) {
            counts.requirements += 1;
            match item.answered {
                Answered::Full => counts.full += 1,
                Answered::Partial => counts.partial += 1,
                Answered::None => counts.none += 1,
            }
            let is_done = item.state.is_some_and(|state| state >= ImplementationState::Implemented);
            counts.implemented += usize::from(item.answered == Answered::Full && is_done);
        }
        counts
    }
}
