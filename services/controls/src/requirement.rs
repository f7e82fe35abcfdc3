use crate::control::{Event, TreatmentOption};
use eventstore::{Recorded, Session, StoreError};
use serde::{Deserialize, Serialize};
use service::{Change, Changes};
use sqlx::types::Json;
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;
use views::{Folded, View};

/// A risk whose treatment relies on a control. A row of its own, so that the row of a control which thousands of risks rely on
/// stays as small as any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Requirement {
    pub risk: String,
    pub option: TreatmentOption,
}

impl View for Requirement {
    const NAME: &'static str = "requirement";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        let risk = event.decode::<Event>()?.and_then(requiring);
        // No ref of a control or a risk has a slash.
        Ok(risk.map(|(risk, _)| format!("{}/{risk}", event.stream.id())).into_iter().collect())
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()?.and_then(requiring) {
            Some((risk, option)) => option.map(|option| Self { risk, option }),
            None => current,
        })
    }
}

/// The risk that relies on the control from now on, in which way, or no longer.
fn requiring(event: Event) -> Option<(String, Option<TreatmentOption>)> {
    match event {
        Event::Required { risk, option } => Some((risk, Some(option))),
        Event::Released { risk } => Some((risk, None)),
        Event::Added { .. }
        | Event::Included { .. }
        | Event::Excluded { .. }
        | Event::ImplementationSet { .. }
        | Event::OwnerAssigned { .. }
        | Event::OwnerTakenBack { .. }
        | Event::EvidenceAttached { .. }
        | Event::EvidenceDetached { .. }
        | Event::ReviewPlanned { .. }
        | Event::MaturityAssessed { .. }
        | Event::Tested(_) => None,
    }
}

/// What is required of each of `controls` as of `position`, in the order in which people count risks.
pub async fn requirements(
    session: &mut Session,
    controls: &[&str],
    position: i64,
) -> Result<HashMap<String, Vec<Requirement>>, StoreError> {
    let tenant = session.tenant();
    let rows: Vec<(String, Json<Requirement>)> = sqlx::query_as(
        "select control, data from view_requirement
         where tenant_id = $1 and control = any($2) and valid_to > $3 and valid_from <= $3 order by place, key",
    )
    .bind(tenant)
    .bind(controls)
    .bind(position)
    .fetch_all(session.connection())
    .await?;
    let mut requirements: HashMap<String, Vec<Requirement>> = HashMap::new();
    for (control, Json(requirement)) in rows {
        requirements.entry(control).or_default().push(requirement);
    }
    Ok(requirements)
}

/// What the events at `positions` changed in what is required of a control, for its history.
pub fn changes<'a>(session: &'a mut Session, control: &'a str, positions: &'a [i64]) -> Changes<'a> {
    Box::pin(async move {
        let tenant = session.tenant();
        let rows: Vec<(i64, i64, Json<Requirement>)> = sqlx::query_as(
            "select valid_from, valid_to, data from view_requirement
             where tenant_id = $1 and control = $2 and (valid_from = any($3) or valid_to = any($3))",
        )
        .bind(tenant)
        .bind(control)
        .bind(positions)
        .fetch_all(session.connection())
        .await
        .map_err(StoreError::from)?;
        // An event is about one risk: what ends at its position and what begins there are the same requirement.
        let mut changes: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
        for (begun, ended, Json(requirement)) in rows {
            let value = serde_json::to_value(&requirement).ok();
            for (position, begins) in [(begun, true), (ended, false)] {
                if !positions.contains(&position) {
                    continue;
                }
                let field = format!("required_by.{}", requirement.risk);
                let change = changes.entry(position).or_insert_with(|| vec![Change { field, from: None, to: None }]);
                for change in change {
                    (if begins { &mut change.to } else { &mut change.from }).clone_from(&value);
                }
            }
        }
        Ok(changes)
    })
}

#[cfg(test)]
mod tests {
    use super::Requirement;
    use crate::control::{Event, TreatmentOption};
    use eventstore::Recorded;
    use testkit::recorded;
    use views::View;

    fn happened(event: &Event) -> Recorded {
        recorded("A.8.13", 1, event)
    }

    #[test]
    fn a_row_begins_changes_and_ends_with_what_its_risk_says() {
        let required = |option| happened(&Event::Required { risk: "R-1".to_owned(), option });
        let released = happened(&Event::Released { risk: "R-1".to_owned() });
        let apply = |row, event: &Recorded| Requirement::apply(row, "A.8.13/R-1", event).expect("folded");
        let (mitigate, avoid) = (required(TreatmentOption::Mitigate), required(TreatmentOption::Avoid));
        assert_eq!(Requirement::keys(&mitigate).expect("keys"), ["A.8.13/R-1"]);
        assert_eq!(Requirement::keys(&released).expect("keys"), ["A.8.13/R-1"]);
        let row = apply(apply(None, &mitigate), &avoid);
        assert_eq!(row, Some(Requirement { risk: "R-1".to_owned(), option: TreatmentOption::Avoid }));
        assert_eq!(apply(row, &released), None);
        assert_eq!(apply(None, &released), None);
    }

    #[test]
    fn what_else_happens_to_a_control_touches_no_row() {
        let excluded = happened(&Event::Excluded { justification: "no premises".to_owned() });
        assert!(Requirement::keys(&excluded).expect("keys").is_empty());
    }
}
