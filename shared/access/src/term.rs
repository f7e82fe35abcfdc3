use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For how long a role is held: always, unless it says from when or until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// Before it the role allows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// From then on the role allows nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl Term {
    pub const ALWAYS: Self = Self { from: None, until: None };

    /// Whether the role is in force.
    pub fn covers(&self, now: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= now) && !self.is_over(now)
    }

    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::Term;
    use chrono::{DateTime, Utc};

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-03-01T{hour:02}:00:00Z").parse().expect("an instant")
    }

    #[test]
    fn a_term_begins_with_its_first_instant_and_is_over_at_its_last() {
        let term = Term { from: Some(at(9)), until: Some(at(17)) };
        let covered: Vec<bool> = [8, 9, 16, 17].into_iter().map(|hour| term.covers(at(hour))).collect();
        assert_eq!(covered, [false, true, true, false]);
        assert!(!term.is_over(at(8)) && term.is_over(at(17)));
        assert!(Term::ALWAYS.covers(at(0)));
    }
}
