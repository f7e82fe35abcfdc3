use chrono::NaiveDate;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That one person has one competence: one stream for the two.
#[derive(Default, Serialize, Deserialize)]
pub struct Attainment {
    shown: Option<Proof>,
}

/// By what it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub competence: String,
    pub person: String,
    pub shown_on: NaiveDate,
    pub by: Way,
    /// What shows it: a certificate's number, a list of participants.
    pub evidence: String,
    /// The last day on which it counts; without an end where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_until: Option<NaiveDate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Education,
    Training,
    Experience,
    Test,
}

/// What somebody says of the person.
#[derive(Clone, Debug)]
pub struct Show {
    pub shown: Proof,
    /// Whether the competence is needed at all.
    pub needed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Shown(Proof),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("nobody needs this competence any more: nothing is to be shown")]
    NotNeeded,
}

impl Attainment {
    fn decide(&self, Show { shown, needed }: Show, _: &Cx) -> Result<Vec<Event>, Broken> {
        if !needed {
            return Err(Broken::NotNeeded);
        }
        Ok(if self.shown.as_ref() == Some(&shown) { vec![] } else { vec![Event::Shown(shown)] })
    }

    fn apply(&mut self, Event::Shown(shown): Event) {
        self.shown = Some(shown);
    }
}

aggregate!(Attainment, "attainment", Show, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Attainment, Broken, Event, Proof, Show, Way};
    use eventstore::{Actor, Cx, TenantId};

    fn shown(evidence: &str) -> Proof {
        Proof {
            competence: "K-1".to_owned(),
            person: "sam".to_owned(),
            shown_on: "2026-02-01".parse().expect("a day"),
            by: Way::Training,
            evidence: evidence.to_owned(),
            holds_until: None,
        }
    }

    #[test]
    fn what_is_shown_once_more_is_kept_once_more_and_the_same_is_not() {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        let show = |evidence: &str, needed| Show { shown: shown(evidence), needed };
        let mut attainment = Attainment::default();
        assert_eq!(attainment.decide(show("List", false), &cx), Err(Broken::NotNeeded));
        assert_eq!(attainment.decide(show("List", true), &cx), Ok(vec![Event::Shown(shown("List"))]));
        attainment.apply(Event::Shown(shown("List")));
        assert_eq!(attainment.decide(show("List", true), &cx), Ok(vec![]));
        assert_eq!(attainment.decide(show("Test", true), &cx), Ok(vec![Event::Shown(shown("Test"))]));
    }
}
