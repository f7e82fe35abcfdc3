//! How the tenant measures risk. One stream a tenant; an assessment pins the revision that it was made under.

mod adopt;
mod adopted;
mod in_force;
mod rating;

pub use adopt::AdoptMethodology;
pub use adopted::{AdoptedMethodology, CategoryAppetite};
pub use in_force::{InForce, Written, in_force};
pub use rating::{Graded, Level, Rating};

use catalogue::{Scales, ScalesError};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// The one stream's id.
pub const ID: &str = "risk";

#[derive(Default, Serialize, Deserialize)]
pub struct Methodology {
    in_force: Option<InForce>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Adopt(Scales),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Adopted { revision: u32, scales: Scales },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("{0}")]
    UnusableScales(#[from] ScalesError),
}

impl Methodology {
    fn decide(&self, Command::Adopt(scales): Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        scales.validate()?;
        let revision = match &self.in_force {
            Some(standing) if standing.scales == scales => return Ok(vec![]),
            Some(standing) => standing.revision + 1,
            None => 1,
        };
        Ok(vec![Event::Adopted { revision, scales }])
    }

    fn apply(&mut self, event: Event) {
        let Event::Adopted { revision, scales } = event;
        self.in_force = Some(InForce { revision, scales });
    }
}

aggregate!(Methodology, "methodology", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Methodology};
    use crate::fixture::cx;
    use catalogue::{Scales, baseline_scales};

    fn adopt(scales: &Scales) -> Command {
        Command::Adopt(scales.clone())
    }

    #[test]
    fn the_same_scales_again_are_no_new_revision_and_others_are() {
        let mut methodology = Methodology::default();
        let scales = baseline_scales();
        let first = Event::Adopted { revision: 1, scales: scales.clone() };
        assert_eq!(methodology.decide(adopt(scales), &cx()), Ok(vec![first.clone()]));

        methodology.apply(first);
        assert_eq!(methodology.decide(adopt(scales), &cx()), Ok(vec![]));
        let bolder = Scales { acceptance_level: 1, ..scales.clone() };
        let second = Event::Adopted { revision: 2, scales: bolder.clone() };
        assert_eq!(methodology.decide(adopt(&bolder), &cx()), Ok(vec![second]));
    }

    #[test]
    fn scales_that_cannot_be_used_are_not_adopted() {
        let unusable = Scales { acceptance_level: 9, ..baseline_scales().clone() };
        let decided = Methodology::default().decide(adopt(&unusable), &cx());
        assert!(matches!(decided, Err(Broken::UnusableScales(_))), "{decided:?}");
    }
}
