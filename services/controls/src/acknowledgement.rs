use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// That one person knows one document: one stream for the two, so that a thousand people at once wait for nobody.
#[derive(Default, Serialize, Deserialize)]
pub struct Acknowledgement {
    version: u32,
}

/// A person says that they know the version that counts.
#[derive(Clone, Debug)]
pub struct Acknowledge {
    pub document: String,
    pub person: String,
    pub version: u32,
    /// The version that counts.
    pub published: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Given { document: String, person: String, version: u32 },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("no version of this document counts now: nothing is to be acknowledged")]
    NotPublished,
    #[error("version {0} is the one that counts: read that one")]
    NotPublishedVersion(u32),
}

impl Acknowledgement {
    fn decide(
        &self,
        Acknowledge { document, person, version, published }: Acknowledge,
        _: &Cx,
    ) -> Result<Vec<Event>, Broken> {
        match published {
            None => Err(Broken::NotPublished),
            Some(published) if published != version => Err(Broken::NotPublishedVersion(published)),
            Some(_) if self.version == version => Ok(vec![]),
            Some(_) => Ok(vec![Event::Given { document, person, version }]),
        }
    }

    fn apply(&mut self, Event::Given { version, .. }: Event) {
        self.version = version;
    }
}

aggregate!(Acknowledgement, "acknowledgement", Acknowledge, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Acknowledge, Acknowledgement, Broken, Event};
    use eventstore::{Actor, Cx, TenantId};

    fn when(known: u32, version: u32, published: Option<u32>) -> Result<Vec<Event>, Broken> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let (document, person) = ("P-1".to_owned(), "mara".to_owned());
        let acknowledge = Acknowledge { document, person, version, published };
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        Acknowledgement { version: known }.decide(acknowledge, &cx)
    }

    #[test]
    fn only_the_version_that_counts_is_acknowledged_and_once() {
        let given = Event::Given { document: "P-1".to_owned(), person: "mara".to_owned(), version: 2 };
        assert_eq!(when(0, 2, Some(2)), Ok(vec![given.clone()]));
        assert_eq!(when(1, 2, Some(2)), Ok(vec![given]), "another version is to be known anew");
        assert_eq!(when(2, 2, Some(2)), Ok(vec![]));
        assert_eq!(when(0, 1, Some(2)), Err(Broken::NotPublishedVersion(2)));
        assert_eq!(when(0, 1, None), Err(Broken::NotPublished));
    }
}
