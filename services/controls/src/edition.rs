use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// The Statement of Applicability of a framework as it was approved and issued: one stream a framework.
#[derive(Default, Serialize, Deserialize)]
pub struct Editions {
    /// What was approved last.
    approved: Option<String>,
    /// What was issued last.
    issued: Option<String>,
    count: u32,
}

/// The statement as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// SHA-256 of the document, in hexadecimal.
    pub digest: String,
    /// The position of the tenant's log that it shows.
    pub position: u32,
    pub included: u32,
    pub excluded: u32,
    /// Controls that are neither in nor out.
    pub undecided: Vec<String>,
    /// Controls that are out although treatments rely on them.
    pub conflicting: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// Whoever approves says what they have read.
    Approve {
        digest: String,
        edition: Edition,
    },
    Issue(Edition),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Approved { digest: String, position: u32 },
    Issued { number: u32, digest: String, position: u32, included: u32, excluded: u32 },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("it is not decided whether these controls apply, and why: {}", .0.join(", "))]
    Undecided(Vec<String>),
    #[error("these controls are excluded although treatments rely on them: {}: change one of the two", .0.join(", "))]
    Conflicting(Vec<String>),
    #[error("the statement is another by now than the one that you read: read it again, and approve its digest")]
    ChangedSince,
    #[error("nobody has approved it: approve it first")]
    NotApproved,
    #[error("it was changed since it was approved: have it approved as it is now")]
    ApprovalStale,
}

impl Editions {
    pub fn count(&self) -> u32 {
        self.count
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Approve { digest, edition } => {
                edition.refuse_incomplete()?;
                if digest != edition.digest {
                    return Err(Broken::ChangedSince);
                }
                if self.approved.as_ref() == Some(&digest) {
                    return Ok(vec![]);
                }
                Ok(vec![Event::Approved { digest, position: edition.position }])
            }
            Command::Issue(edition) => {
                edition.refuse_incomplete()?;
                match &self.approved {
                    None => return Err(Broken::NotApproved),
                    Some(approved) if *approved != edition.digest => return Err(Broken::ApprovalStale),
                    Some(_) => {}
                }
                if self.issued.as_ref() == Some(&edition.digest) {
                    return Ok(vec![]);
                }
                let Edition { digest, position, included, excluded, .. } = edition;
                Ok(vec![Event::Issued { number: self.count + 1, digest, position, included, excluded }])
            }
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Approved { digest, .. } => self.approved = Some(digest),
            Event::Issued { number, digest, .. } => (self.count, self.issued) = (number, Some(digest)),
        }
    }
}

impl Edition {
    fn refuse_incomplete(&self) -> Result<(), Broken> {
        if !self.undecided.is_empty() {
            return Err(Broken::Undecided(self.undecided.clone()));
        }
        if !self.conflicting.is_empty() {
            return Err(Broken::Conflicting(self.conflicting.clone()));
        }
        Ok(())
    }
}

aggregate!(Editions, "soa", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Edition, Editions, Event};
    use eventstore::{Actor, Cx, TenantId};

    fn given(events: Vec<Event>) -> Editions {
        let mut editions = Editions::default();
        for event in events {
            editions.apply(event);
        }
        editions
    }

    fn when(editions: &Editions, command: Command) -> Result<Vec<Event>, Broken> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        editions.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
    }

    fn edition(digest: &str) -> Edition {
        let (undecided, conflicting) = (vec![], vec![]);
        Edition { digest: digest.to_owned(), position: 100, included: 80, excluded: 13, undecided, conflicting }
    }

    fn approve(digest: &str, edition: Edition) -> Command {
        Command::Approve { digest: digest.to_owned(), edition }
    }

    fn approved(digest: &str) -> Event {
        Event::Approved { digest: digest.to_owned(), position: 100 }
    }

    fn issued(number: u32, digest: &str) -> Event {
        Event::Issued { number, digest: digest.to_owned(), position: 100, included: 80, excluded: 13 }
    }

    #[test]
    fn what_was_read_is_what_is_approved() {
        assert_eq!(when(&given(vec![]), approve("a", edition("a"))), Ok(vec![approved("a")]));
        assert_eq!(when(&given(vec![approved("a")]), approve("a", edition("a"))), Ok(vec![]));
        assert_eq!(when(&given(vec![]), approve("a", edition("b"))), Err(Broken::ChangedSince));
    }

    #[test]
    fn what_was_approved_is_what_is_issued() {
        assert_eq!(when(&given(vec![]), Command::Issue(edition("a"))), Err(Broken::NotApproved));
        let editions = given(vec![approved("a")]);
        assert_eq!(when(&editions, Command::Issue(edition("b"))), Err(Broken::ApprovalStale));
        assert_eq!(when(&editions, Command::Issue(edition("a"))), Ok(vec![issued(1, "a")]));
        let editions = given(vec![approved("a"), issued(1, "a")]);
        assert_eq!(when(&editions, Command::Issue(edition("a"))), Ok(vec![]), "it was issued already");
        let editions = given(vec![approved("a"), issued(1, "a"), approved("b")]);
        assert_eq!(when(&editions, Command::Issue(edition("b"))), Ok(vec![issued(2, "b")]));
    }

    #[test]
    fn with_one_control_that_is_not_decided_nothing_is_approved_or_issued() {
        let undecided = Edition { undecided: vec!["A.5.7".to_owned(), "A.8.28".to_owned()], ..edition("a") };
        for command in [approve("a", undecided.clone()), Command::Issue(undecided)] {
            let broken = when(&given(vec![approved("a")]), command).expect_err("refused");
            assert!(broken.to_string().ends_with("A.5.7, A.8.28"), "{broken}");
        }
        let conflicting = Edition { conflicting: vec!["A.7.6".to_owned()], ..edition("a") };
        let broken = when(&given(vec![approved("a")]), Command::Issue(conflicting));
        assert_eq!(broken, Err(Broken::Conflicting(vec!["A.7.6".to_owned()])));
    }
}
