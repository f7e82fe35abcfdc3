use crate::Area;
use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// By which an auditor looks who has no account. One stream a grant, in the tenant's partition, in every service; tenancy decides,
/// the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Grant {
    created: bool,
    revoked: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Create(Created),
    Revoke,
    /// What tenancy decided.
    Copy(Event),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Created(Created),
    Revoked {},
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// For whom it is: the firm, or the audit.
    pub auditor: String,
    /// What it shows.
    pub scope: BTreeSet<Area>,
    /// It shows what had been recorded by then, and nothing later; where it is missing, what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    /// The owner of the tenant: the grant counts for as long as that stays so.
    pub organisation: Uuid,
    pub expires_at: DateTime<Utc>,
    /// SHA-256 of the secret.
    pub digest: String,
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a grant of this id already: create one anew")]
    Taken,
}

impl Grant {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Create(_) if self.created => Err(Broken::Taken),
            Command::Create(created) => Ok(vec![Event::Created(created)]),
            Command::Revoke => Ok(if self.created && !self.revoked { vec![Event::Revoked {}] } else { vec![] }),
            Command::Copy(event) => {
                let is_so = match event {
                    Event::Created(_) => self.created,
                    Event::Revoked {} => self.revoked,
                };
                Ok(if is_so { vec![] } else { vec![event] })
            }
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the shape of every aggregate")]
    fn apply(&mut self, event: Event) {
        match event {
            Event::Created(_) => self.created = true,
            Event::Revoked {} => self.revoked = true,
        }
    }
}

aggregate!(Grant, "grant", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Created, Event, Grant};
    use crate::Area;
    use crate::testing::by;
    use uuid::Uuid;

    fn given(events: Vec<Event>) -> Grant {
        let mut grant = Grant::default();
        for event in events {
            grant.apply(event);
        }
        grant
    }

    fn when(grant: &Grant, command: Command) -> Result<Vec<Event>, Broken> {
        grant.decide(command, &by("mara"))
    }

    fn created() -> Created {
        Created {
            auditor: "Certification 2026".to_owned(),
            scope: [Area::Soa, Area::Risks].into(),
            as_of: None,
            organisation: Uuid::nil(),
            expires_at: "2026-06-01T00:00:00Z".parse().expect("an instant"),
            digest: "00".repeat(32),
        }
    }

    #[test]
    fn it_is_created_once_and_revoked_once() {
        let is_created = || Event::Created(created());
        assert_eq!(when(&given(vec![]), Command::Create(created())), Ok(vec![is_created()]));
        assert_eq!(when(&given(vec![is_created()]), Command::Create(created())), Err(Broken::Taken));
        assert_eq!(when(&given(vec![is_created()]), Command::Revoke), Ok(vec![Event::Revoked {}]));
        assert_eq!(when(&given(vec![is_created(), Event::Revoked {}]), Command::Revoke), Ok(vec![]));
        assert_eq!(when(&given(vec![]), Command::Revoke), Ok(vec![]));
    }

    #[test]
    fn what_is_so_already_is_copied_no_second_time() {
        let is_created = || Event::Created(created());
        assert_eq!(when(&given(vec![]), Command::Copy(is_created())), Ok(vec![is_created()]));
        assert_eq!(when(&given(vec![is_created()]), Command::Copy(is_created())), Ok(vec![]));
        assert_eq!(when(&given(vec![is_created()]), Command::Copy(Event::Revoked {})), Ok(vec![Event::Revoked {}]));
    }

    #[test]
    fn an_events_data_reads_as_agreed() {
        let (name, data) = eventstore::tagged(&Event::Created(created())).expect("tagged");
        assert_eq!(name, "created");
        assert_eq!(data["scope"], serde_json::json!(["risks", "soa"]));
        assert!(data.get("as_of").is_none(), "{data}");
        let (name, data) = eventstore::tagged(&Event::Revoked {}).expect("tagged");
        assert_eq!((name.as_str(), data), ("revoked", serde_json::json!({})));
    }
}
