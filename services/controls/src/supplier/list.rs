use super::{Agreement, Assessment, Criticality, Event, Profile};
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::{Dated, Sheet, cell};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// A supplier. A list filters and sorts by `name`, `criticality`, `owner` (empty: nobody), `state` and `assessed_again_by`; otherwise
/// it is in the order in which people count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredSupplier {
    pub name: String,
    pub criticality: Criticality,
    pub services: Vec<String>,
    pub information: Option<String>,
    pub owner: Option<String>,
    pub state: SupplierState,
    /// In the order in which they were made.
    pub agreements: Vec<Agreement>,
    /// The one that was recorded last; those before are in the history.
    pub last_assessment: Option<Assessment>,
    pub exit_plan: Option<String>,
    pub ended_on: Option<NaiveDate>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SupplierState {
    Active,
    Ended,
}

/// A supplier as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownSupplier {
    #[serde(flatten)]
    supplier: RegisteredSupplier,
    /// What there is to do about it.
    lacks: Vec<Lack>,
}

/// What an active supplier lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// It was never assessed, or is to be assessed again.
    Assessment,
    /// No agreement holds.
    Agreement,
    /// It is of high criticality or critical, and nobody said how to do without it.
    ExitPlan,
}

impl RegisteredSupplier {
    fn registered(profile: Profile) -> Self {
        let Profile { name, criticality, services, information, owner } = profile;
        Self {
            name,
            criticality,
            services,
            information,
            owner,
            state: SupplierState::Active,
            agreements: Vec::new(),
            last_assessment: None,
            exit_plan: None,
            ended_on: None,
        }
    }

    /// None where it is no supplier any more.
    fn follow(self, event: Event) -> Option<Self> {
        Some(match event {
            Event::Registered(profile) | Event::Described(profile) => {
                let Profile { name, criticality, services, information, owner } = profile;
                Self { name, criticality, services, information, owner, ..self }
            }
            Event::Assessed(assessment) => Self { last_assessment: Some(assessment), ..self },
            Event::Agreed(agreement) => {
                let others = self.agreements.into_iter().filter(|other| other.title != agreement.title);
                Self { agreements: others.chain([agreement.clone()]).collect(), ..self }
            }
            Event::ExitPlanned { plan } => Self { exit_plan: Some(plan), ..self },
            Event::Ended { ended_on } => Self { ended_on: Some(ended_on), state: SupplierState::Ended, ..self },
            Event::Removed {} => return None,
        })
    }

    fn lacks(&self, today: NaiveDate) -> Vec<Lack> {
        let assessed = self.last_assessment.as_ref().is_some_and(|last| last.assessed_again_by >= today);
        let agreed = self.agreements.iter().any(|agreement| agreement.ends_on.is_none_or(|day| day >= today));
        let replaceable = self.criticality < Criticality::High || self.exit_plan.is_some();
        let lacks = [(assessed, Lack::Assessment), (agreed, Lack::Agreement), (replaceable, Lack::ExitPlan)];
        let is_active = self.state == SupplierState::Active;
        lacks.into_iter().filter(|(is_there, _)| is_active && !is_there).map(|(_, lack)| lack).collect()
    }
}

impl View for RegisteredSupplier {
    const NAME: &'static str = "supplier";
    const COLUMNS: &'static [Column] = &[
        Column::text("name"),
        Column::word("criticality", Criticality::VARIANTS),
        Column::text("owner"),
        Column::word("state", SupplierState::VARIANTS),
        Column::day("assessed_again_by"),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match (current, event.decode::<Event>()?) {
            (current, None) => current,
            (None, Some(Event::Registered(profile))) => Some(Self::registered(profile)),
            (current, Some(event)) => current.and_then(|supplier| supplier.follow(event)),
        })
    }
}

impl Sheet for RegisteredSupplier {
    const HEADING: &'static [&'static str] =
        &["ref_id", "name", "criticality", "services", "information", "owner", "state", "assessed_again_by"];

    fn cells(self, key: &str) -> Vec<String> {
        vec![
            key.to_owned(),
            self.name,
            <&str>::from(self.criticality).to_owned(),
            self.services.join("|"),
            cell(self.information),
            cell(self.owner),
            <&str>::from(self.state).to_owned(),
            cell(self.last_assessment.map(|last| last.assessed_again_by)),
        ]
    }
}

impl Dated for RegisteredSupplier {
    type Shown = ShownSupplier;

    fn on(self, today: NaiveDate) -> ShownSupplier {
        ShownSupplier { lacks: self.lacks(today), supplier: self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lack, RegisteredSupplier};
    use crate::supplier::tests::{agreed, assessed, profile};
    use crate::supplier::{Criticality, Event};

    fn lacks(events: Vec<Event>, today: &str) -> Vec<Lack> {
        let supplier = RegisteredSupplier::registered(profile(Criticality::High));
        let supplier = events.into_iter().try_fold(supplier, RegisteredSupplier::follow).expect("a supplier");
        supplier.lacks(today.parse().expect("a day"))
    }

    #[test]
    fn what_a_supplier_lacks_is_told_by_the_day() {
        let all = [Lack::Assessment, Lack::Agreement, Lack::ExitPlan];
        assert_eq!(lacks(vec![], "2026-06-01"), all);
        let planned = Event::ExitPlanned { plan: "Move".to_owned() };
        let cared_for = || vec![assessed("2026-06-30"), agreed("NDA", Some("2026-07-31")), planned.clone()];
        assert_eq!(lacks(cared_for(), "2026-06-30"), []);
        assert_eq!(lacks(cared_for(), "2026-07-01"), [Lack::Assessment]);
        assert_eq!(lacks(cared_for(), "2026-08-01"), [Lack::Assessment, Lack::Agreement]);
        let prolonged = [cared_for(), vec![agreed("NDA", None), assessed("2027-06-30")]].concat();
        assert_eq!(lacks(prolonged, "2026-08-01"), []);
        let ended = Event::Ended { ended_on: "2026-01-01".parse().expect("a day") };
        assert_eq!(lacks(vec![ended], "2026-06-01"), []);
    }
}
