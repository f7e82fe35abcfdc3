mod secret;

pub use secret::{Kind, MARK, Secret};

use crate::Role;
use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// By which a program comes instead of a person. One stream a key, in the tenant's partition, or in the organisation's own where it
/// provisions people, in every service; tenancy decides, the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Key {
    /// That of its secret, once it is created.
    digest: Option<String>,
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
    /// What it is for.
    pub name: String,
    pub roles: BTreeSet<Role>,
    /// The owner of the tenant: the key counts for as long as that stays so.
    pub organisation: Uuid,
    pub expires_at: DateTime<Utc>,
    /// SHA-256 of the secret.
    pub digest: String,
    /// It provisions the organisation's people over SCIM, and this is by what of each their provider's tokens name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisions: Option<SubjectIs>,
    /// Of whose tokens that is the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// By what of a person whom an identity provider provisions its tokens name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectIs {
    /// By nothing that is provisioned: somebody else says who its subjects are.
    Unknown,
    ExternalId,
    UserName,
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is a key of this id already: create one anew")]
    Taken,
}

impl Key {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Create(_) if self.digest.is_some() => Err(Broken::Taken),
            Command::Create(created) => Ok(vec![Event::Created(created)]),
            Command::Revoke => {
                Ok(if self.digest.is_some() && !self.revoked { vec![Event::Revoked {}] } else { vec![] })
            }
            Command::Copy(event) => {
                let is_so = match event {
                    Event::Created(_) => self.digest.is_some(),
                    Event::Revoked {} => self.revoked,
                };
                Ok(if is_so { vec![] } else { vec![event] })
            }
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Created(created) => self.digest = Some(created.digest),
            Event::Revoked {} => self.revoked = true,
        }
    }
}

aggregate!(Key, "key", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Created, Event, Key};
    use crate::Role;
    use eventstore::{Actor, Cx, TenantId};
    use uuid::Uuid;

    fn given(events: Vec<Event>) -> Key {
        let mut key = Key::default();
        for event in events {
            key.apply(event);
        }
        key
    }

    fn when(key: &Key, command: Command) -> Result<Vec<Event>, Broken> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        key.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
    }

    fn created() -> Created {
        Created {
            name: "Asset import".to_owned(),
            roles: [Role::RiskOwner].into(),
            organisation: Uuid::nil(),
            expires_at: "2026-06-01T00:00:00Z".parse().expect("an instant"),
            digest: "00".repeat(32),
            provisions: None,
            issuer: None,
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
        assert_eq!(data["roles"], serde_json::json!(["risk_owner"]));
        let (name, data) = eventstore::tagged(&Event::Revoked {}).expect("tagged");
        assert_eq!((name.as_str(), data), ("revoked", serde_json::json!({})));
    }
}
