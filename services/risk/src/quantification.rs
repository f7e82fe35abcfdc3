//! What a risk may cost in a year, in money: simulated from how often it happens and how much it costs each time.

mod losses;
mod model;
mod quantified;
mod quantify;
mod simulation;

pub use quantified::QuantifiedRisk;
pub use quantify::Quantify;

use crate::risk::Stage;
use eventstore::{Cx, aggregate};
use model::{LossModel, Simulated};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What decisions read: how each stage was last thought of. Its id is the risk's ref.
#[derive(Default, Serialize, Deserialize)]
pub struct Quantification {
    currency: Option<String>,
    models: BTreeMap<Stage, LossModel>,
}

/// The model of a stage, and what its simulation gave.
#[derive(Clone, Debug)]
pub struct Command(Event);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Quantified {
        stage: Stage,
        /// ISO 4217; all stages of a risk have the same.
        currency: String,
        #[serde(flatten)]
        model: LossModel,
        #[serde(flatten)]
        simulated: Simulated,
    },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("currency: this risk's other stages are in {0}, and only what is in one currency can be compared")]
    AnotherCurrency(String),
}

impl Quantification {
    /// The same once more is a new run: its seed may be another, and the program a later one.
    fn decide(&self, Command(event): Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Event::Quantified { stage, currency, .. } = &event;
        let is_compared = self.models.keys().any(|other| other != stage);
        match &self.currency {
            Some(standing) if is_compared && standing != currency => Err(Broken::AnotherCurrency(standing.clone())),
            Some(_) | None => Ok(vec![event]),
        }
    }

    fn apply(&mut self, event: Event) {
        let Event::Quantified { stage, currency, model, .. } = event;
        self.currency = Some(currency);
        self.models.insert(stage, model);
    }

    fn model(&self, stage: Stage) -> Option<&LossModel> {
        self.models.get(&stage)
    }
}

aggregate!(Quantification, "quantification", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::model::{Loss, LossModel};
    use super::simulation::simulated;
    use super::{Broken, Command, Event, Quantification};
    use crate::fixture::cx;
    use crate::risk::Stage;

    fn quantify(stage: Stage, currency: &str) -> Command {
        let model = LossModel { frequency: 0.5, loss: Loss::Pert { least: 1.0, likely: 2.0, most: 9.0 } };
        let simulated = simulated(&model, None, 7).expect("simulated");
        Command(Event::Quantified { stage, currency: currency.to_owned(), model, simulated })
    }

    #[test]
    fn the_stages_of_a_risk_are_in_one_currency() {
        let mut risk = Quantification::default();
        let Ok(events) = risk.decide(quantify(Stage::Inherent, "EUR"), &cx()) else { panic!("refused") };
        for event in events {
            risk.apply(event);
        }
        assert!(risk.decide(quantify(Stage::Residual, "EUR"), &cx()).is_ok());
        let refused = risk.decide(quantify(Stage::Residual, "USD"), &cx());
        assert_eq!(refused, Err(Broken::AnotherCurrency("EUR".to_owned())));
        // Alone, it may be told anew in another.
        assert!(risk.decide(quantify(Stage::Inherent, "USD"), &cx()).is_ok());
    }
}
