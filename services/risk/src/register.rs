//! The risk register: one row a risk.

mod detail;
mod export;

pub use detail::{RiskWithControls, risk_with_controls};
pub use export::register_as_csv;

use crate::methodology::Rating;
use crate::risk::{Assessment, Event, Profile, Stage, TreatmentOption};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A risk of the register. A list filters and sorts by `owner` (empty: nobody), `state`, `treatment` (the option; empty:
/// undecided), `level`, `score` and `residual_level` (-1: not assessed); otherwise it is in the order of refs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Risk)]
pub struct RegisteredRisk {
    pub name: String,
    pub description: String,
    /// Refs of the assets that it threatens.
    pub assets: Vec<String>,
    /// A person's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    pub state: State,
    /// Rank of the level as things are: of the current assessment, or of the inherent one where there is no current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Likelihood times impact, of the same assessment as `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u16>,
    /// Rank of the level that is left after treatment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual_level: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherent: Option<Assessed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Assessed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Assessed>,
    /// Ids of the controls that are in place against it.
    pub existing_controls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treatment: Option<Decided>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = RiskState)]
pub enum State {
    Identified,
    Assessed,
    TreatmentDecided,
}

/// The last assessment of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RiskAssessment)]
pub struct Assessed {
    #[serde(flatten)]
    pub rating: Rating,
    /// Likelihood times impact.
    pub score: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// When it was assessed.
    pub at: DateTime<Utc>,
}

/// The treatment that was decided last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RiskTreatment)]
#[expect(clippy::struct_field_names, reason = "`decided_at` says of which instant it is the time")]
pub struct Decided {
    pub option: TreatmentOption,
    /// Ids of the controls that it relies on.
    pub controls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub decided_at: DateTime<Utc>,
}

impl View for RegisteredRisk {
    const NAME: &'static str = "risk";
    const COLUMNS: &'static [Column] = &[
        Column::text("owner"),
        Column::text("state"),
        Column::text("treatment"),
        Column::int("level"),
        Column::int("score"),
        Column::int("residual_level"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match (current, event.decode()?) {
            (current, None) => current,
            (None, Some(Event::Identified(profile))) => Some(Self::identified(profile)),
            (None, Some(_)) => return Err(serde::de::Error::custom("a risk's first event identifies it")),
            (Some(mut risk), Some(happened)) => {
                risk.take(happened, event);
                Some(risk)
            }
        })
    }
}

impl RegisteredRisk {
    fn identified(Profile { name, description, assets }: Profile) -> Self {
        Self {
            name,
            description,
            assets,
            owner: None,
            state: State::Identified,
            level: None,
            score: None,
            residual_level: None,
            inherent: None,
            current: None,
            residual: None,
            existing_controls: vec![],
            treatment: None,
        }
    }

    fn take(&mut self, happened: Event, event: &Recorded) {
        match happened {
            Event::Identified(Profile { name, description, assets })
            | Event::Described(Profile { name, description, assets }) => {
                (self.name, self.description, self.assets) = (name, description, assets);
            }
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::ExistingControlsNoted { controls } => self.existing_controls = controls,
            Event::Assessed(assessment) => self.assess(assessment, event.occurred_at),
            Event::TreatmentDecided { option, controls, .. } => {
                let reason = event.metadata.reason.clone();
                self.treatment = Some(Decided { option, controls, reason, decided_at: event.occurred_at });
            }
        }
        self.state = match (&self.treatment, self.standing()) {
            (Some(_), _) => State::TreatmentDecided,
            (None, Some(_)) => State::Assessed,
            (None, None) => State::Identified,
        };
    }

    fn assess(&mut self, Assessment { stage, rating, rationale }: Assessment, at: DateTime<Utc>) {
        let score = rating.score();
        let assessed = Some(Assessed { rating, score, rationale, at });
        match stage {
            Stage::Inherent => self.inherent = assessed,
            Stage::Current => self.current = assessed,
            Stage::Residual => self.residual = assessed,
        }
        self.level = self.standing().map(|assessed| assessed.rating.level.rank);
        self.score = self.standing().map(|assessed| assessed.score);
        self.residual_level = self.residual.as_ref().map(|assessed| assessed.rating.level.rank);
    }

    /// The assessment of things as they are.
    fn standing(&self) -> Option<&Assessed> {
        self.current.as_ref().or(self.inherent.as_ref())
    }
}

#[cfg(test)]
pub mod tests {
    use super::{RegisteredRisk, State};
    use crate::fixture::{recorded, stored};
    use crate::risk::tests::{assessment, decided, owned, profile};
    use crate::risk::{Event, Stage, TreatmentOption};
    use serde_json::json;
    use views::View;

    pub fn folded(events: &[Event]) -> RegisteredRisk {
        let fold = |row, event| RegisteredRisk::apply(row, "R-7", &stored("risk-R-7", event)).expect("folded");
        events.iter().fold(None, fold).expect("a row")
    }

    #[test]
    fn the_level_is_that_of_things_as_they_are() {
        let identified = Event::Identified(profile("Leak"));
        let inherent = Event::Assessed(assessment(Stage::Inherent, "5", "5"));
        let current = Event::Assessed(assessment(Stage::Current, "3", "4"));
        let residual = Event::Assessed(assessment(Stage::Residual, "1", "1"));
        let shown = |events: &[Event]| {
            let risk = folded(events);
            (risk.state, risk.level, risk.score, risk.residual_level)
        };
        assert_eq!(shown(std::slice::from_ref(&identified)), (State::Identified, None, None, None));
        assert_eq!(shown(&[identified.clone(), residual.clone()]), (State::Identified, None, None, Some(0)));
        assert_eq!(shown(&[identified.clone(), inherent.clone()]), (State::Assessed, Some(3), Some(25), None));
        let all = [identified, current, inherent, residual];
        assert_eq!(shown(&all), (State::Assessed, Some(2), Some(12), Some(0)));
    }

    #[test]
    fn the_row_says_who_why_and_what_is_done() {
        let risk = folded(&[
            Event::Identified(profile("Leak")),
            owned("mara", None),
            Event::ExistingControlsNoted { controls: vec!["A.8.3".to_owned()] },
            Event::Assessed(assessment(Stage::Current, "3", "4")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
            Event::Described(profile("Spill")),
        ]);
        assert_eq!(
            serde_json::to_value(risk).expect("json"),
            json!({
                "name": "Spill", "description": "What may happen", "assets": ["A-1"], "owner": "mara",
                "state": "treatment_decided", "level": 2, "score": 12,
                "current": {
                    "likelihood": {"score": 3, "label": "Possible"}, "impact": {"score": 4, "label": "Major"},
                    "score": 12, "level": {"rank": 2, "label": "high"}, "acceptable": false,
                    "methodology_revision": 1, "at": "2026-03-01T09:30:00Z"
                },
                "existing_controls": ["A.8.3"],
                "treatment": {
                    "option": "mitigate", "controls": ["A.8.13"], "reason": "because",
                    "decided_at": "2026-03-01T09:30:00Z"
                }
            })
        );
    }

    #[test]
    fn events_of_other_streams_touch_no_row() {
        let other = recorded("control-A.8.13", "control.noted", json!({"state": "planned", "evidence": 0}));
        assert!(RegisteredRisk::keys(&other).expect("keys").is_empty());
        assert_eq!(RegisteredRisk::apply(None, "R-7", &other).expect("folded"), None);
    }
}
