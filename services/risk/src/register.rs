//! The risk register: one row a risk.

mod action;
mod decided;
mod detail;
mod drawing;
mod export;
mod heat;
mod judged;
mod suggested;
mod trend;

pub use action::RegisteredAction;
pub use decided::{AcceptanceState, Accepted, Approved, Decided, PlannedAction};
pub use detail::{RiskWithControls, risk_with_controls};
pub use export::{WholeRegister, as_csv, as_json, as_pdf, as_workbook};
pub use heat::heat_map;
pub use judged::{Judged, reassessments, registered_risks};
pub use trend::trend;

use crate::methodology::Rating;
use crate::risk::{Assessment, Event, Profile, Stage, TreatmentOption};
use chrono::{DateTime, Days, NaiveDate, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A risk of the register. A list filters and sorts by `name`, `owner` (empty: nobody), `category`, `state`, `treatment` (the option; empty:
/// undecided), `level`, `score`, `residual_level` and `methodology_revision` (-1: not assessed), `review_due` (empty: not laid down),
/// `acceptance` (`asked`, `accepted`, `lapsed`, `withdrawn` as it was recorded; empty: none) and `accepted_until` (empty where
/// nothing is accepted, a day that has passed where the acceptance has expired); otherwise it is in the order of refs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Risk)]
pub struct RegisteredRisk {
    pub name: String,
    pub description: String,
    /// Refs of the assets that it threatens.
    pub assets: Vec<String>,
    /// By which the methodology may accept more or less of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What may bring it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
    /// What lets that happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
    /// A person's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    pub state: State,
    /// Counts the changes that decisions on it rest on: another one makes an acceptance and an approval stale.
    #[serde(default)]
    pub revision: u32,
    /// Rank of the level as things are: of the current assessment, or of the inherent one where there is no current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Likelihood times impact, of the same assessment as `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u16>,
    /// The revision of the methodology that the same assessment was made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methodology_revision: Option<u32>,
    /// The day by which that assessment is to be looked at again, where the methodology says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<NaiveDate>,
    /// How often it was assessed as it is.
    #[serde(default)]
    pub assessments: u32,
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
    /// What is done so that it is treated so, in the order of refs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PlannedAction>,
    /// The last acceptance of what is left, or what its owner asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Accepted>,
    /// The owner's last approval of how it is treated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_approval: Option<Approved>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = RiskState)]
pub enum State {
    Identified,
    Assessed,
    TreatmentDecided,
    /// Actions are planned, and not all are done.
    InTreatment,
    /// What was planned is done, or what is left is accepted.
    Monitored,
    Closed,
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

impl Assessed {
    fn review_due(&self) -> Option<NaiveDate> {
        let days = self.rating.review_days?;
        self.at.date_naive().checked_add_days(Days::new(days.into()))
    }
}

impl View for RegisteredRisk {
    const NAME: &'static str = "risk";
    const COLUMNS: &'static [Column] = &[
        Column::text("name"),
        Column::text("owner"),
        Column::word("state", State::VARIANTS),
        Column::word("treatment", TreatmentOption::VARIANTS).or_none(),
        Column::int("level"),
        Column::int("score"),
        Column::int("residual_level"),
        Column::text("category"),
        Column::int("methodology_revision").ranged(),
        Column::day("review_due"),
        // As it was recorded: that one has expired since is asked for by its day.
        Column::word("acceptance", &["asked", "accepted", "lapsed", "withdrawn"]).or_none(),
        Column::day("accepted_until"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match (current, event.decode()?) {
            (current, None) => current,
            (None, Some(Event::Identified(profile))) => Some(Self::identified(profile)),
            (_, Some(Event::Removed { .. })) => None,
            (None, Some(_)) => return Err(serde::de::Error::custom("a risk's first event identifies it")),
            (Some(mut risk), Some(happened)) => {
                risk.take(happened, event);
                Some(risk)
            }
        })
    }
}

impl RegisteredRisk {
    fn identified(profile: Profile) -> Self {
        let Profile { name, description, assets, category, threat, vulnerability } = profile;
        Self {
            name,
            description,
            assets,
            category,
            threat,
            vulnerability,
            owner: None,
            state: State::Identified,
            revision: 1,
            level: None,
            score: None,
            methodology_revision: None,
            review_due: None,
            assessments: 0,
            residual_level: None,
            inherent: None,
            current: None,
            residual: None,
            existing_controls: vec![],
            treatment: None,
            actions: vec![],
            acceptance: None,
            plan_approval: None,
            closed_at: None,
        }
    }

    fn take(&mut self, happened: Event, event: &Recorded) {
        self.revision += u32::from(happened.because(|stage| self.rating(stage)).is_some());
        match happened {
            Event::Identified(profile) | Event::Described(profile) => self.describe(profile),
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::ExistingControlsNoted { controls } => self.existing_controls = controls,
            Event::Assessed(Assessment { stage, rating, rationale }) => {
                self.assessments += u32::from(stage != Stage::Residual);
                let (score, at) = (rating.score(), event.occurred_at);
                self.assess(stage, Some(Assessed { rating, score, rationale, at }));
            }
            Event::TreatmentDecided { option, controls, .. } => {
                let reason = event.metadata.reason.clone();
                self.treatment = Some(Decided { option, controls, reason, decided_at: event.occurred_at });
            }
            Event::ActionPlanned { .. } | Event::ActionDone { .. } | Event::ActionDropped { .. } => {
                decided::follow(&mut self.actions, happened);
            }
            Event::AcceptanceAsked(_)
            | Event::Accepted(_)
            | Event::AcceptanceWithdrawn {}
            | Event::AcceptanceLapsed { .. } => {
                self.acceptance = Accepted::after(self.acceptance.take(), happened, event);
            }
            Event::PlanApproved { revision } => {
                self.plan_approval = self.owner.clone().map(|by| Approved { by, revision, at: event.occurred_at });
            }
            Event::Closed { .. } => self.closed_at = Some(event.occurred_at),
            Event::Reopened { .. } => self.closed_at = None,
            // The row ends with it.
            Event::Removed { .. } => {}
            Event::OwnerTakenBack { .. } => self.owner = None,
            Event::AssessmentTakenBack { stage, .. } => {
                self.assessments = self.assessments.saturating_sub(u32::from(stage != Stage::Residual));
                self.assess(stage, None);
            }
            Event::TreatmentTakenBack { .. } => self.treatment = None,
        }
        self.state = self.reached();
    }

    fn reached(&self) -> State {
        let accepted = || self.acceptance.as_ref().is_some_and(|last| last.state == AcceptanceState::Accepted);
        match (&self.treatment, self.standing()) {
            _ if self.closed_at.is_some() => State::Closed,
            (None, None) => State::Identified,
            (None, Some(_)) => State::Assessed,
            (Some(_), _) if self.actions.iter().any(|action| action.done.is_none()) => State::InTreatment,
            (Some(_), _) if !self.actions.is_empty() || accepted() => State::Monitored,
            (Some(_), _) => State::TreatmentDecided,
        }
    }

    fn describe(&mut self, profile: Profile) {
        let Profile { name, description, assets, category, threat, vulnerability } = profile;
        (self.name, self.description, self.assets) = (name, description, assets);
        (self.category, self.threat, self.vulnerability) = (category, threat, vulnerability);
    }

    fn rating(&self, stage: Stage) -> Option<&Rating> {
        let assessed = match stage {
            Stage::Inherent => &self.inherent,
            Stage::Current => &self.current,
            Stage::Residual => &self.residual,
        };
        assessed.as_ref().map(|assessed| &assessed.rating)
    }

    fn assess(&mut self, stage: Stage, assessed: Option<Assessed>) {
        match stage {
            Stage::Inherent => self.inherent = assessed,
            Stage::Current => self.current = assessed,
            Stage::Residual => self.residual = assessed,
        }
        self.level = self.standing().map(|assessed| assessed.rating.level.rank);
        self.score = self.standing().map(|assessed| assessed.score);
        self.methodology_revision = self.standing().map(|assessed| assessed.rating.methodology_revision);
        self.review_due = self.standing().and_then(Assessed::review_due);
        self.residual_level = self.residual.as_ref().map(|assessed| assessed.rating.level.rank);
    }

    /// The assessment of things as they are.
    pub fn standing(&self) -> Option<&Assessed> {
        self.current.as_ref().or(self.inherent.as_ref())
    }
}

#[cfg(test)]
pub mod tests {
    use super::{AcceptanceState, RegisteredRisk, State};
    use crate::fixture::{recorded, stored};
    use crate::risk::tests::{accepted, assessment, day, decided, owned, planned, profile, texts};
    use crate::risk::{Acceptance, Because, Event, Stage, TreatmentOption};
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
                "state": "treatment_decided", "revision": 6, "level": 2, "score": 12, "methodology_revision": 1, "assessments": 1,
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
    fn what_is_taken_back_leaves_the_row_as_it_was_in_a_later_revision() {
        let identified = Event::Identified(profile("Leak"));
        let inherent = Event::Assessed(assessment(Stage::Inherent, "5", "5"));
        let got = [
            owned("mara", None),
            Event::Assessed(assessment(Stage::Current, "3", "4")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
        ];
        let back = [
            Event::OwnerTakenBack { former_owner: "mara".to_owned() },
            Event::TreatmentTakenBack { released_controls: texts(&["A.8.13"]) },
            Event::AssessmentTakenBack { stage: Stage::Current, level: None, acceptable: None },
        ];
        let before = folded(&[identified.clone(), inherent.clone()]);
        let after = folded(&[vec![identified, inherent], got.to_vec(), back.to_vec()].concat());
        assert_eq!(after, RegisteredRisk { revision: 8, ..before });
    }

    #[test]
    fn the_state_follows_what_is_planned_done_and_accepted() {
        let state = |events: &[Event]| folded(events).state;
        let mut events = vec![
            Event::Identified(profile("Leak")),
            owned("mara", None),
            Event::Assessed(assessment(Stage::Current, "3", "4")),
            Event::Assessed(assessment(Stage::Residual, "1", "4")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
        ];
        let accepting = [events.clone(), vec![Event::Accepted(accepted(5))]].concat();
        assert_eq!(state(&accepting), State::Monitored);
        assert_eq!(state(&[accepting, vec![Event::AcceptanceWithdrawn {}]].concat()), State::TreatmentDecided);
        events.push(planned("T-1", "2026-03-31"));
        assert_eq!(state(&events), State::InTreatment);
        events.push(Event::ActionDone { action: "T-1".to_owned(), on: day("2026-03-02") });
        assert_eq!((state(&events), folded(&events).actions[0].done), (State::Monitored, Some(day("2026-03-02"))));
        events.push(Event::Closed { released_controls: texts(&["A.8.13"]) });
        assert_eq!(state(&events), State::Closed);
        events.push(Event::Reopened { option: None, controls: vec![] });
        assert_eq!(state(&events), State::Monitored);
    }

    #[test]
    fn an_acceptance_says_how_it_stands_at_an_instant() {
        let asked = Event::AcceptanceAsked(accepted(1));
        let confirmed = Event::Accepted(Acceptance { confirmed_by: Some("jo".to_owned()), ..accepted(1) });
        let lapsed = Event::AcceptanceLapsed { because: Because::Owner };
        let identified = || Event::Identified(profile("Leak"));
        let at = |events: &[Event], clock: &str, in_force| {
            let last = folded(&[&[identified()], events].concat()).acceptance.expect("an acceptance");
            last.at(clock.parse().expect("an instant"), in_force).state
        };
        let (last_day, after) = ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z");
        assert_eq!(at(std::slice::from_ref(&asked), last_day, 1), AcceptanceState::Asked);
        let both = [asked, confirmed];
        assert_eq!(at(&both, last_day, 1), AcceptanceState::Accepted);
        assert_eq!(at(&both, after, 1), AcceptanceState::Expired);
        assert_eq!(at(&both, last_day, 2), AcceptanceState::Outdated);
        let all = [&both[..], &[lapsed]].concat();
        assert_eq!(at(&all, after, 2), AcceptanceState::Lapsed);
        let row = folded(&[&[identified()], &all[..]].concat()).acceptance.expect("an acceptance");
        assert_eq!((row.because, row.acceptance.confirmed_by.as_deref()), (Some(Because::Owner), Some("jo")));
    }

    #[test]
    fn events_of_other_streams_touch_no_row() {
        let other = recorded("control-A.8.13", "control.noted", json!({"state": "planned", "evidence": 0}));
        assert!(RegisteredRisk::keys(&other).expect("keys").is_empty());
        assert_eq!(RegisteredRisk::apply(None, "R-7", &other).expect("folded"), None);
    }
}
