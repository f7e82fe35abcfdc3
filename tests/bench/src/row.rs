use crate::drive::Measured;
use crate::rounds::Compared;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the result: one figure, and what it is held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "`row` is what the result calls it")]
pub struct Row {
    /// What was measured.
    pub row: String,
    /// With how many clients, tenants, events.
    pub shape: String,
    pub value: f64,
    pub unit: String,
    /// Ours to the floor's: above 1 is faster where the unit is a rate, and slower where it is a time.
    pub floor_ratio: Option<f64>,
    /// What the floor is.
    pub floor: String,
    /// Ours to theirs.
    pub peers: BTreeMap<String, f64>,
    pub aim: Option<String>,
    /// Whether the aim is met; nothing where there is none, or where a peer that it names is not there.
    pub met: Option<bool>,
    /// Peers that are not there or failed, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// So many times the floor at least.
    Floor(f64),
    /// So many times a peer at least.
    Peer(&'static str, f64),
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

/// The name of the floor among those that take turns.
pub const FLOOR: &str = "floor";
/// Ours.
pub const OURS: &str = "ours";

impl Row {
    pub fn new(row: &str, shape: &str, value: f64, unit: &str) -> Self {
        Self {
            row: row.to_owned(),
            shape: shape.to_owned(),
            value,
            unit: unit.to_owned(),
            floor_ratio: None,
            floor: "none".to_owned(),
            peers: BTreeMap::new(),
            aim: None,
            met: None,
            missing: Vec::new(),
        }
    }

    #[must_use]
    pub fn against(mut self, floor: &str, ratio: Option<f64>) -> Self {
        (self.floor, self.floor_ratio) = (floor.to_owned(), ratio);
        self
    }

    /// Our ratio to each of `peers`, by the same figure of both.
    #[must_use]
    pub fn beside(mut self, compared: &Compared, peers: &[&str], of: impl Fn(&Measured) -> f64 + Copy) -> Self {
        for peer in peers {
            if let Some(ratio) = compared.ratio(OURS, peer, of) {
                self.peers.insert((*peer).to_owned(), ratio);
            }
        }
        self.missing = compared.unavailable.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        self
    }

    #[must_use]
    pub fn aims(mut self, aims: &[Aim]) -> Self {
        if !aims.is_empty() {
            self.aim = Some(aims.iter().map(Aim::told).collect::<Vec<_>>().join(", "));
            let met: Option<Vec<bool>> = aims.iter().map(|aim| self.meets(*aim)).collect();
            self.met = met.map(|met| met.into_iter().all(|met| met));
        }
        self
    }

    fn meets(&self, aim: Aim) -> Option<bool> {
        match aim {
            Aim::Floor(least) => self.floor_ratio.map(|ratio| ratio >= least),
            Aim::Peer(peer, least) => self.peers.get(peer).map(|ratio| *ratio >= least),
            Aim::AtLeast(least) => Some(self.value >= least),
            Aim::AtMost(most) => Some(self.value <= most),
            Aim::Below(bound) => Some(self.value < bound),
        }
    }
}

impl Aim {
    fn told(&self) -> String {
        match self {
            Self::Floor(least) => format!(">= {least}x floor"),
            Self::Peer(peer, least) => format!(">= {least}x {peer}"),
            Self::AtLeast(least) => format!(">= {}", crate::table::figure(*least)),
            Self::AtMost(most) => format!("<= {most}"),
            Self::Below(bound) => format!("< {bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Aim, Row};

    #[test]
    fn an_aim_is_met_where_each_part_is() {
        let row = Row::new("a", "b", 10.0, "x").against("f", Some(2.0));
        let met = |aims: &[Aim]| row.clone().aims(aims).met;
        assert_eq!(met(&[]), None);
        assert_eq!(met(&[Aim::Floor(2.0), Aim::AtMost(10.0)]), Some(true));
        assert_eq!(met(&[Aim::Floor(2.0), Aim::Below(10.0)]), Some(false));
        assert_eq!(met(&[Aim::AtLeast(11.0)]), Some(false));
        assert_eq!(row.clone().aims(&[Aim::AtLeast(100_000.0)]).aim.as_deref(), Some(">= 100,000"));
    }

    #[test]
    fn what_a_missing_peer_would_say_is_not_known() {
        let mut row = Row::new("a", "b", 10.0, "x");
        assert_eq!(row.clone().aims(&[Aim::Peer("p", 5.0)]).met, None);
        row.peers.insert("p".to_owned(), 6.0);
        assert_eq!(row.aims(&[Aim::Peer("p", 5.0)]).met, Some(true));
    }
}
