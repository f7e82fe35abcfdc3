use eventstore::{Cx, TenantId, aggregate};
use serde::{Deserialize, Serialize};

/// That somebody of the owning organisation was erased, in the partition of each tenant that it has: whoever keeps something of people
/// there hears of it. One stream a person.
#[derive(Default, Serialize, Deserialize)]
pub struct Erasure {
    noted: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Note {
    pub person: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Noted { person: String },
}

/// No rule can be broken: it was decided where the person is.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

/// The stream's id: another one in each tenant, so that no two events that follow from one erasure are called the same; and of each
/// organisation, because a namesake at the tenant's next owner is somebody else.
pub fn id(tenant: TenantId, organisation: TenantId, person: &str) -> String {
    tenant.derive("erasure", &format!("{organisation}/{person}")).to_string()
}

impl Erasure {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, Note { person }: Note, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(if self.noted.is_some() { vec![] } else { vec![Event::Noted { person }] })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Noted { person } => self.noted = Some(person),
        }
    }
}

aggregate!(Erasure, "erasure", Note, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Erasure, Event, Note, id};
    use crate::testing::cx;
    use eventstore::TenantId;

    #[test]
    fn it_is_noted_once() {
        let mut erasure = Erasure::default();
        let note = || Note { person: "mara".to_owned() };
        let noted = vec![Event::Noted { person: "mara".to_owned() }];
        let tenant = TenantId::random();
        assert_eq!(erasure.decide(note(), &cx(tenant)), Ok(noted.clone()));
        for event in noted {
            erasure.apply(event);
        }
        assert_eq!(erasure.decide(note(), &cx(tenant)), Ok(vec![]));
        let (ours, other) = (TenantId::random(), TenantId::random());
        assert_eq!(id(tenant, ours, "mara"), id(tenant, ours, "mara"));
        assert_ne!(id(tenant, ours, "mara"), id(other, ours, "mara"));
        assert_ne!(id(tenant, ours, "mara"), id(tenant, other, "mara"));
    }
}
