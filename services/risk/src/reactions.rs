use crate::control::{Control, Heard};
use crate::methodology::{self, Methodology};
use catalogue::baseline_scales;
use eventstore::Recorded;
use messaging::Reaction;
use serde_json::Value;

/// Every tenant begins with the methodology of its baseline.
pub fn when_tenant_created_then_adopt_methodology() -> Reaction {
    Reaction::to(&["tenant.created"], |work, event| {
        Box::pin(async move {
            let baseline = event.data.get("baseline").and_then(Value::as_str).unwrap_or_default();
            anyhow::ensure!(baseline == "iso27001_2022", "no methodology belongs to the baseline {baseline:?}");
            let adopt = methodology::Command::Adopt(baseline_scales().clone());
            work.execute::<Methodology>(methodology::ID, None, adopt).await?;
            Ok(())
        })
    })
}

/// Keeps a risk's picture of its controls true without asking another service.
pub fn when_a_control_changes_then_note_it() -> Reaction {
    Reaction::to(&["control."], |work, event| {
        Box::pin(async move {
            if let Some(heard) = heard(event)? {
                work.execute::<Control>(event.stream.id(), None, heard).await?;
            }
            Ok(())
        })
    })
}

/// Nothing where the event says nothing that is kept here.
fn heard(event: &Recorded) -> serde_json::Result<Option<Heard>> {
    Ok(match event.event_type.as_str() {
        "control.included" => Some(Heard::Included),
        "control.excluded" => Some(Heard::Excluded),
        "control.implementation_set" => {
            let state = event.data.get("state").cloned().unwrap_or(Value::Null);
            Some(Heard::ImplementationSet(serde_json::from_value(state)?))
        }
        "control.evidence_attached" => Some(Heard::EvidenceAttached),
        "control.evidence_detached" => Some(Heard::EvidenceDetached),
        "control.tested" => {
            let result = event.data.get("result").cloned().unwrap_or(Value::Null);
            Some(Heard::Tested(serde_json::from_value(result)?))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use crate::control::Heard;
    use crate::control_state::{Effectiveness, State};
    use crate::fixture::recorded;
    use serde_json::json;

    #[test]
    fn events_of_the_controls_service_are_understood_by_their_names() {
        let heard = |kind: &str, data| super::heard(&recorded("control-A.8.13", kind, data));
        let set = json!({"state": "implemented", "how": "nightly"});
        let understood = heard("control.implementation_set", set).expect("understood");
        assert_eq!(understood, Some(Heard::ImplementationSet(State::Implemented)));
        let tested = json!({"tested_on": "2026-03-01", "method": "inspection", "sample": "3 of 9", "result": "partly_effective"});
        let understood = heard("control.tested", tested).expect("understood");
        assert_eq!(understood, Some(Heard::Tested(Effectiveness::PartlyEffective)));
        let detached = heard("control.evidence_detached", json!({"evidence": "1", "replaced_by": "2"}));
        assert_eq!(detached.expect("understood"), Some(Heard::EvidenceDetached));
        assert_eq!(heard("control.required", json!({"risk": "R-1"})).expect("understood"), None);
        assert!(heard("control.implementation_set", json!({"state": "done"})).is_err());
    }
}
