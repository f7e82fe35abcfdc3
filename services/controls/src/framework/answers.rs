//! Which controls answer a requirement, also by way of other frameworks.

use super::{Mapping, Strength, UploadedFramework};
use catalogue::{annex_a, control, successors};
use std::collections::{BTreeMap, HashMap};

pub const OF_2022: &str = "iso27001_2022";
pub const OF_2013: &str = "iso27001_2013";

/// A framework, and what in it is meant.
type End<'a> = (&'a str, &'a str);

/// What answers each requirement, in all frameworks of a tenant as of one position.
pub struct Answers<'a>(HashMap<End<'a>, Reached>);

/// Controls of Annex A, a bit each by their places. Sets grow together and no way is gone twice, however many lead to one requirement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reached {
    full: u128,
    /// Also those that answer in full.
    at_all: u128,
}

impl<'a> Answers<'a> {
    pub fn of(frameworks: &BTreeMap<&'a str, &'a UploadedFramework>) -> Self {
        let mut leading: HashMap<End<'a>, Vec<(End<'a>, Strength)>> = HashMap::new();
        for (framework, uploaded) in frameworks {
            for Mapping { requirement, framework: of, target, strength } in &uploaded.mappings {
                let answered = (*framework, requirement.as_str());
                leading.entry((of.as_str(), target.as_str())).or_default().push((answered, *strength));
            }
        }
        let built_in = leading.keys().filter_map(|end| Some((*end, Reached::directly(*end)?)));
        let mut reached: HashMap<End<'a>, Reached> = built_in.collect();
        let mut news: Vec<End<'a>> = reached.keys().copied().collect();
        while let Some(end) = news.pop() {
            let answer = reached.get(&end).copied().unwrap_or_default();
            for (answered, strength) in leading.get(&end).into_iter().flatten() {
                let standing = reached.entry(*answered).or_default();
                // A set only grows, and has an end: two frameworks may answer each other.
                let grown = standing.with(answer.as_far_as(*strength));
                if grown != *standing {
                    *standing = grown;
                    news.push(*answered);
                }
            }
        }
        Self(reached)
    }

    /// The controls of Annex A that answer it, each as far as the weakest step on the strongest way to it.
    pub fn to(&self, framework: &str, requirement: &str) -> BTreeMap<String, Strength> {
        let uploaded = || self.0.get(&(framework, requirement)).copied();
        let Reached { full, at_all } =
            Reached::directly((framework, requirement)).or_else(uploaded).unwrap_or_default();
        let answering = annex_a().iter().enumerate().filter_map(|(place, control)| {
            let has = |set: u128| set & bit(place) != 0;
            let strength = if has(full) { Strength::Full } else { Strength::Partial };
            has(at_all).then(|| (control.id.clone(), strength))
        });
        answering.collect()
    }
}

impl Reached {
    /// The controls that one of Annex A is, or became; nothing of what is no part of it.
    fn directly((framework, id): End<'_>) -> Option<Self> {
        let ids: Vec<&str> = match framework {
            OF_2022 => control(id).into_iter().map(|control| control.id.as_str()).collect(),
            OF_2013 => {
                let known = successors().iter().filter(|known| known.id == id);
                known.flat_map(|known| &known.became).map(String::as_str).collect()
            }
            _ => return None,
        };
        let places = annex_a().iter().enumerate().filter(|(_, control)| ids.contains(&control.id.as_str()));
        let set = places.fold(0, |set, (place, _)| set | bit(place));
        Some(Self { full: set, at_all: set })
    }

    fn as_far_as(self, strength: Strength) -> Self {
        match strength {
            Strength::Full => self,
            Strength::Partial => Self { full: 0, ..self },
        }
    }

    fn with(self, other: Self) -> Self {
        Self { full: self.full | other.full, at_all: self.at_all | other.at_all }
    }
}

/// Annex A has 93 controls: there is a bit for each.
fn bit(place: usize) -> u128 {
    u32::try_from(place).ok().and_then(|place| 1_u128.checked_shl(place)).unwrap_or(0)
}
