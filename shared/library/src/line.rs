use crate::item::Item;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// All lines of a proposal, by the keys of their items.
pub type Lines = BTreeMap<String, Line>;

/// One item of the library as it is proposed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What the client accepted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Item>,
    /// What the library says, where that was not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Item>,
    pub decision: Decision,
    /// What was accepted is no longer in the library.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProposalDecision)]
pub enum Decision {
    /// Nobody has decided.
    Open,
    Accepted,
    /// It is not proposed again until the library says something else.
    Declined,
}

impl Line {
    /// What the library says now.
    pub fn says(&self) -> Option<&Item> {
        if self.removed { None } else { self.proposed.as_ref().or(self.accepted.as_ref()) }
    }
}

/// What a version says otherwise than the lines do: items that are new or changed, and the keys of those that are gone.
pub fn news(lines: &Lines, items: Vec<Item>) -> (Vec<Item>, Vec<String>) {
    let said: BTreeMap<String, Item> = items.into_iter().map(|item| (item.key(), item)).collect();
    let removed = lines.iter().filter(|(key, line)| !line.removed && !said.contains_key(*key));
    let removed = removed.map(|(key, _)| key.clone()).collect();
    let is_news = |(key, item): &(String, Item)| lines.get(key).and_then(Line::says) != Some(item);
    (said.into_iter().filter(is_news).map(|(_, item)| item).collect(), removed)
}

/// The lines after a version that says this.
pub fn receive(lines: &mut Lines, items: Vec<Item>, removed: &[String]) {
    for item in items {
        let accepted = lines.remove(&item.key()).and_then(|line| line.accepted);
        let key = item.key();
        let line = if accepted.as_ref() == Some(&item) {
            Line { accepted, proposed: None, decision: Decision::Accepted, removed: false }
        } else {
            Line { accepted, proposed: Some(item), decision: Decision::Open, removed: false }
        };
        lines.insert(key, line);
    }
    for key in removed {
        // What was never accepted is no more to be decided.
        let accepted = lines.remove(key).and_then(|line| line.accepted);
        if accepted.is_some() {
            let line = Line { accepted, proposed: None, decision: Decision::Open, removed: true };
            lines.insert(key.clone(), line);
        }
    }
}

/// The lines after these were accepted and those declined.
pub fn decide(lines: &mut Lines, accepted: &[String], declined: &[String]) {
    for key in accepted {
        let Some(mut line) = lines.remove(key) else { continue };
        // What the library has no more is the client's own from then on.
        if !line.removed {
            line.accepted = line.proposed.take().or(line.accepted);
            line.decision = Decision::Accepted;
            lines.insert(key.clone(), line);
        }
    }
    for key in declined {
        if let Some(line) = lines.get_mut(key) {
            line.decision = Decision::Declined;
        }
    }
}
