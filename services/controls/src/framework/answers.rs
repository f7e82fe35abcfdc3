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
        let mut found = BTreeMap::new();
        self.follow(framework, requirement, Strength::Full, &mut Vec::new(), &mut found);
        found
    }

    fn follow<'b>(
        &'b self,
        framework: &'b str,
        requirement: &'b str,
        so_far: Strength,
        way: &mut Vec<(&'b str, &'b str)>,
        found: &mut BTreeMap<String, Strength>,
    ) {
        // Two frameworks may answer each other: nobody goes in a circle.
        if way.contains(&(framework, requirement)) {
            return;
        }
        let mut reach = |id: &str| {
            let strength = found.entry(id.to_owned()).or_insert(so_far);
            *strength = (*strength).max(so_far);
        };
        match framework {
            OF_2022 => control(requirement).into_iter().for_each(|control| reach(&control.id)),
            OF_2013 => {
                let known = successors().iter().filter(|known| known.id == requirement);
                known.flat_map(|known| &known.became).for_each(|id| reach(id));
            }
            _ => {
                way.push((framework, requirement));
                let uploaded = self.0.get(framework).map(|uploaded| uploaded.mappings.as_slice()).unwrap_or_default();
                for Mapping { framework, target, strength, .. } in
                    uploaded.iter().filter(|mapping| mapping.requirement == requirement)
                {
                    self.follow(framework, target, so_far.min(*strength), way, found);
                }
                way.pop();
            }
        }
    }
}
