use super::model::{Loss, LossModel, Simulated};
use super::simulation::simulated;
use super::{Command, Event, Quantification};
use crate::checks::Faults;
use crate::risk::{Risk, Stage};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Called, FieldError, Problem, checked_ref, field_error};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// What happens more often is no risk but a running cost, and takes long to simulate.
const MOST_OFTEN: f64 = 100.0;

/// No organisation has more to lose, and it leaves room for cents.
const DEAREST: f64 = 1e12;

/// How many simulations run at once: each holds a core.
static TURNS: Semaphore = Semaphore::const_new(1);

/// Says in money what a risk may cost, at a stage: 100,000 years are simulated.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuantifyRisk)]
pub struct Quantify {
    /// The risk's ref.
    #[schema(example = "R-7")]
    risk: String,
    stage: Stage,
    /// ISO 4217. All stages of a risk have the same.
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    currency: String,
    /// How many times a year it happens on average: more than 0 and 100 at most.
    #[schema(example = 0.2, minimum = 0, maximum = 100)]
    frequency: f64,
    loss: Loss,
    /// For another run with other random numbers. Where it is left out it follows from the risk's ref, so that the stages of a
    /// risk, and runs of the same, can be compared.
    #[serde(default)]
    seed: Option<u32>,
}

impl service::Command for Quantify {
    type Of = Quantification;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str =
        "Quantify a risk in money: before controls, with those that exist, or after treatment";
    const BEGINS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(checked_ref("risk", &self.risk)?))
    }

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        let (model, currency) = (self.model()?, self.currency);
        if !work.load::<Risk>(id).await?.0.is_there() {
            return Err(Problem::field("risk", format!("{id} is not in the risk register: identify it first")));
        }
        let known = work.load::<Quantification>(id).await?.0;
        let inherent = known.model(Stage::Inherent).filter(|_| self.stage != Stage::Inherent).cloned();
        let seed = self.seed.unwrap_or_else(|| seed_of(id));
        let simulated = in_turn(model.clone(), inherent, seed).await?;
        Ok(Command(Event::Quantified { stage: self.stage, currency, model, simulated }))
    }
}

impl Quantify {
    fn model(&self) -> Result<LossModel, Problem> {
        let mut faults = Faults::default();
        if self.currency.len() != 3 || !self.currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            faults.wrong("currency", "write the three letters of ISO 4217, such as EUR");
        }
        if !(self.frequency > 0.0 && self.frequency <= MOST_OFTEN) {
            faults.wrong(
                "frequency",
                "say how many times a year, more than 0 and 100 at most: 0.2 is once in five years",
            );
        }
        faults.add_all(wrong_in(&self.loss));
        faults.settle(Some(LossModel { frequency: self.frequency, loss: self.loss.clone() }))
    }
}

fn wrong_in(loss: &Loss) -> Vec<FieldError> {
    let is_amount = |amount: f64| (0.0..=DEAREST).contains(&amount);
    match *loss {
        Loss::Pert { least, likely, most } => {
            let in_order = least <= likely && likely <= most && least < most;
            let right = in_order && [least, likely, most].into_iter().all(is_amount);
            let detail = "it takes 0 <= least <= likely <= most <= 10^12, and least below most";
            if right { vec![] } else { vec![field_error("loss", detail)] }
        }
        Loss::Lognormal { low, high } => {
            let right = low >= 0.01 && low < high && is_amount(high);
            let detail = "it takes 0.01 <= low < high <= 10^12: the losses that one of twenty is below, and above";
            if right { vec![] } else { vec![field_error("loss", detail)] }
        }
    }
}

/// The same for all stages of a risk.
fn seed_of(risk: &str) -> u32 {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(risk).into();
    u32::from_be_bytes([a, b, c, d])
}

async fn in_turn(model: LossModel, inherent: Option<LossModel>, seed: u32) -> Result<Simulated, Problem> {
    let turn = TURNS.acquire().await.map_err(|_| Problem::internal())?;
    let simulating = tokio::task::spawn_blocking(move || {
        // Who hangs up ends the request, and not the work: the turn is the work's.
        let _held = turn;
        simulated(&model, inherent.as_ref(), seed)
    });
    let simulated = simulating.await.map_err(anyhow::Error::new).and_then(|done| Ok(done?));
    simulated.map_err(|error| {
        tracing::error!(%error, "a model that was checked cannot be simulated");
        Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::{Quantify, seed_of};
    use serde_json::{Value, json};

    fn refused(mut change: Value) -> Vec<String> {
        let mut body = json!({"risk": "R-1", "stage": "current", "currency": "EUR", "frequency": 0.2,
            "loss": {"distribution": "pert", "least": 1, "likely": 2, "most": 3}});
        body.as_object_mut().expect("an object").append(change.as_object_mut().expect("an object"));
        let quantify: Quantify = serde_json::from_value(body).expect("read");
        let problem = quantify.model().err().map(|problem| serde_json::to_value(&problem).expect("json"));
        let errors = problem.map(|problem| problem["errors"].as_array().cloned().unwrap_or_default());
        errors.unwrap_or_default().iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect()
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert!(refused(json!({})).is_empty());
        let wrong =
            json!({"currency": "euro", "frequency": 0, "loss": {"distribution": "lognormal", "low": 0, "high": 1}});
        assert_eq!(refused(wrong), ["currency", "frequency", "loss"]);
        for loss in [
            json!({"distribution": "pert", "least": 3, "likely": 2, "most": 4}),
            json!({"distribution": "pert", "least": 2, "likely": 2, "most": 2}),
            json!({"distribution": "pert", "least": -1, "likely": 2, "most": 2}),
            json!({"distribution": "pert", "least": 1, "likely": 2, "most": 1e13}),
            json!({"distribution": "lognormal", "low": 5, "high": 5}),
        ] {
            assert_eq!(refused(json!({ "loss": loss })), ["loss"]);
        }
        assert_eq!(refused(json!({"frequency": 101})), ["frequency"]);
    }

    #[test]
    fn a_risk_has_a_seed_of_its_own() {
        assert_eq!(seed_of("R-1"), seed_of("R-1"));
        assert_ne!(seed_of("R-1"), seed_of("R-2"));
    }
}
