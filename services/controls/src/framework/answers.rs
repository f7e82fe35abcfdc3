//! Which controls answer a requirement, also by way of other frameworks.

use super::{Mapping, Strength, UploadedFramework};
use catalogue::{control, successors};
use std::collections::BTreeMap;

pub const OF_2022: &str = "iso27001_2022";
pub const OF_2013: &str = "iso27001_2013";

/// All frameworks of a tenant as of one position.
pub struct Answers<'a>(pub BTreeMap<&'a str, &'a UploadedFramework>);

impl Answers<'_> {
    /// The controls of Annex A that answer it, each as far as the weakest step on the strongest way to it.
    pub fn to(&self, framework: &str, requirement: &str) -> BTreeMap<String, Strength> {
        let (mut found, mut seen) = (BTreeMap::new(), BTreeMap::new());
        let mut ahead = vec![(framework, requirement, Strength::Full)];
        while let Some((framework, requirement, so_far)) = ahead.pop() {
            // Two frameworks may answer each other, and many ways lead to one requirement: only a stronger one is gone again.
            if seen.get(&(framework, requirement)).is_some_and(|before| *before >= so_far) {
                continue;
            }
            seen.insert((framework, requirement), so_far);
            let mut reach = |id: &str| {
                let strength = found.entry(id.to_owned()).or_insert(so_far);
                *strength = so_far.max(*strength);
            };
            match framework {
                OF_2022 => control(requirement).into_iter().for_each(|control| reach(&control.id)),
                OF_2013 => {
                    let known = successors().iter().filter(|known| known.id == requirement);
                    known.flat_map(|known| &known.became).for_each(|id| reach(id));
                }
                _ => {
                    let uploaded = self.0.get(framework).map(|uploaded| uploaded.mappings.as_slice());
                    let answering = uploaded.unwrap_or_default().iter().filter(|one| one.requirement == requirement);
                    ahead.extend(answering.map(|Mapping { framework, target, strength, .. }| {
                        (framework.as_str(), target.as_str(), so_far.min(*strength))
                    }));
                }
            }
        }
        found
    }
}
