use super::suggested::{SuggestedResidual, suggested};
use super::{Judged, RegisteredRisk};
use crate::control_state::{ControlState, Effectiveness, State};
use crate::methodology::{self, AdoptedMethodology};
use axum::response::Response;
use serde::Serialize;
use service::{Call, Item, Object, Problem, object_answer};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use views::{Listing, get, list};

/// Annex A has 93 controls, and a tenant has no others.
const MORE_THAN_ALL_CONTROLS: i64 = 1000;

/// A risk, and how the controls stand that it relies on.
#[derive(Debug, Serialize, ToSchema)]
pub struct RiskWithControls {
    #[serde(flatten)]
    risk: RegisteredRisk,
    /// Those that exist, then those of the treatment.
    controls: Vec<LinkedControl>,
    /// What may be left, by how these controls are known to work today: an aid for whoever assesses it, and never an assessment.
    /// Absent where it was not assessed, or is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggested_residual: Option<SuggestedResidual>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ControlOfRisk)]
pub(super) struct LinkedControl {
    #[schema(example = "A.8.13")]
    pub(super) id: String,
    title: String,
    pub(super) role: Role,
    pub(super) state: State,
    /// Absent while nobody has decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) applicable: Option<bool>,
    /// How many pieces of evidence are attached.
    evidence: u32,
    /// What its last test showed; absent while nobody has tested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effectiveness: Option<Effectiveness>,
}

/// What a control is to a risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RoleOfControl)]
pub(super) enum Role {
    Existing,
    Treatment,
}

/// Answers with a risk and its controls, all of them as of one position.
pub async fn risk_with_controls(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let reached = call.position::<RegisteredRisk>(&mut session).await?;
    let position = call.position::<ControlState>(&mut session).await?.min(reached);
    let row = get::<RegisteredRisk>(&mut session, call.id(), position).await?;
    let row = row.ok_or_else(|| Problem::not_found(format!("risk {}", call.id())))?;
    let all = Listing { filters: vec![], sort: None, descending: false, after: None, limit: MORE_THAN_ALL_CONTROLS };
    let states = list::<ControlState>(&mut session, position, &all).await?.rows;
    let states = states.into_iter().map(|row| (row.key, row.data)).collect();
    let judged = Judged::at(&call, &mut session, position).await?;
    let methodology = get::<AdoptedMethodology>(&mut session, methodology::ID, position).await?;
    let item = Item::from(row).map(|risk| {
        let risk = judged.of(risk);
        let controls = linked(&risk, &states);
        let suggested_residual = methodology.and_then(|row| suggested(&risk, &controls, &row.data));
        RiskWithControls { risk, controls, suggested_residual }
    });
    Ok(object_answer(&Object { position, item }))
}

pub(super) fn linked(risk: &RegisteredRisk, states: &BTreeMap<String, ControlState>) -> Vec<LinkedControl> {
    let existing = risk.existing_controls.iter().map(|id| (id, Role::Existing));
    let treating = risk.treatment.iter().flat_map(|treatment| &treatment.controls).map(|id| (id, Role::Treatment));
    existing
        .chain(treating)
        .map(|(id, role)| {
            let ControlState { state, applicable, evidence, effectiveness } =
                states.get(id).cloned().unwrap_or_default();
            let title = catalogue::control(id).map(|control| control.title.clone()).unwrap_or_default();
            LinkedControl { id: id.clone(), title, role, state, applicable, evidence, effectiveness }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Role, linked};
    use crate::control_state::{ControlState, State};
    use crate::register::tests::folded;
    use crate::risk::tests::{decided, profile, texts};
    use crate::risk::{Event, TreatmentOption};

    #[test]
    fn each_control_is_told_with_its_part_and_state() {
        let risk = folded(&[
            Event::Identified(profile("Leak")),
            Event::ExistingControlsNoted { controls: texts(&["A.8.3"]) },
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
        ]);
        let operating =
            ControlState { state: State::Operating, applicable: Some(true), evidence: 2, effectiveness: None };
        let controls = linked(&risk, &[("A.8.13".to_owned(), operating)].into());
        let told = controls.iter().map(|c| (c.id.as_str(), c.role, c.state, c.evidence)).collect::<Vec<_>>();
        assert_eq!(
            told,
            [("A.8.3", Role::Existing, State::NotStarted, 0), ("A.8.13", Role::Treatment, State::Operating, 2)]
        );
        assert!(controls.iter().all(|control| !control.title.is_empty()));
    }
}
