use super::Event;
use super::model::{LossModel, Simulated};
use crate::risk::Stage;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// What a risk may cost in a year, by stage. A list sorts by `expected_loss` and `var_95`, in whole units; otherwise it is in the
/// order of refs. What is in different currencies is not converted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuantifiedRisk {
    /// ISO 4217.
    pub currency: String,
    /// As things are: of the current stage, or of the inherent one where there is no current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_loss: Option<f64>,
    /// Of the same stage: in 19 of 20 years no more than this is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub var_95: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherent: Option<QuantifiedStage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<QuantifiedStage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<QuantifiedStage>,
}

/// The last quantification of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuantifiedStage {
    #[serde(flatten)]
    pub model: LossModel,
    #[serde(flatten)]
    pub simulated: Simulated,
    /// When it was quantified.
    pub at: DateTime<Utc>,
}

impl View for QuantifiedRisk {
    const NAME: &'static str = "quantification";
    const COLUMNS: &'static [Column] = &[Column::int("expected_loss"), Column::int("var_95")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(Event::Quantified { stage, currency, model, simulated }) = event.decode()? else { return Ok(current) };
        let mut risk = current.unwrap_or_default();
        risk.currency = currency;
        let quantified = Some(QuantifiedStage { model, simulated, at: event.occurred_at });
        match stage {
            Stage::Inherent => {
                risk.inherent = quantified;
                // It was against another one.
                risk.current.iter_mut().chain(&mut risk.residual).for_each(|stage| stage.simulated.saved = None);
            }
            Stage::Current => risk.current = quantified,
            Stage::Residual => risk.residual = quantified,
        }
        let as_things_are = risk.current.as_ref().or(risk.inherent.as_ref()).map(|stage| &stage.simulated);
        (risk.expected_loss, risk.var_95) =
            (as_things_are.map(|simulated| simulated.expected_loss), as_things_are.map(|simulated| simulated.var_95));
        Ok(Some(risk))
    }
}

#[cfg(test)]
mod tests {
    use super::QuantifiedRisk;
    use crate::fixture::recorded;
    use eventstore::Recorded;
    use serde_json::json;
    use views::View;

    fn quantified(stage: &str, expected_loss: f64, saved: bool) -> Recorded {
        let mut data = json!({"stage": stage, "currency": "EUR", "frequency": 1.0,
            "loss": {"distribution": "lognormal", "low": 1.0, "high": 2.0}, "seed": 1, "formula": 1, "draws": 100,
            "expected_loss": expected_loss, "standard_deviation": 1.0, "var_95": 2.0, "var_99": 3.0, "exceedance": []});
        if saved {
            data["saved"] = json!({"expected": 1.0, "standard_error": 0.1, "probability": 0.5});
        }
        recorded("quantification-R-1", "quantification.quantified", data)
    }

    fn fold(events: &[Recorded]) -> QuantifiedRisk {
        let fold = |row, event| QuantifiedRisk::apply(row, "R-1", event).expect("folded");
        events.iter().fold(None, fold).expect("a row")
    }

    #[test]
    fn the_loss_as_things_are_is_the_current_ones_or_else_the_inherent_ones() {
        let inherent = fold(&[quantified("inherent", 9.0, false), quantified("residual", 1.0, true)]);
        assert_eq!(inherent.expected_loss, Some(9.0));
        assert!(inherent.residual.is_some_and(|stage| stage.simulated.saved.is_some()));
        let current = fold(&[quantified("inherent", 9.0, false), quantified("current", 4.0, true)]);
        assert_eq!((current.expected_loss, current.var_95), (Some(4.0), Some(2.0)));
    }

    #[test]
    fn what_was_saved_against_an_earlier_inherent_risk_is_told_no_more() {
        let again =
            [quantified("inherent", 9.0, false), quantified("residual", 1.0, true), quantified("inherent", 8.0, false)];
        let row = fold(&again);
        assert_eq!(row.residual.expect("quantified").simulated.saved, None);
    }
}
