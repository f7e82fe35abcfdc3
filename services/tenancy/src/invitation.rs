use access::{RoleName, Term};
use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// That somebody may become a person of the tenant's organisation, and have roles in the tenant. One stream an invitation, in the
/// tenant's partition. Where it was sent to stands beside the log, until it is settled.
#[derive(Default, Serialize, Deserialize)]
pub struct Invitation {
    offered: Option<Offer>,
    settled: bool,
}

/// What is offered, by whom, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    pub person: String,
    pub roles: Vec<OfferedRole>,
    /// The owner of the tenant: the invitation counts for as long as that stays so.
    pub organisation: Uuid,
    /// Whether who invites administers the organisation. As they may give roles, so may the invitation.
    pub administrator: bool,
    pub invited_by: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferedRole {
    pub role: RoleName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Make(Offer),
    Accept,
    Revoke,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Made(Offer),
    Accepted {},
    Revoked {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the invitation was accepted or revoked already")]
    Settled,
}

impl Offer {
    pub fn terms(&self) -> BTreeMap<RoleName, Term> {
        let term =
            |OfferedRole { role, from, until }: &OfferedRole| (role.clone(), Term { from: *from, until: *until });
        self.roles.iter().map(term).collect()
    }
}

impl OfferedRole {
    pub fn all(terms: BTreeMap<RoleName, Term>) -> Vec<Self> {
        terms.into_iter().map(|(role, Term { from, until })| Self { role, from, until }).collect()
    }
}

impl Invitation {
    /// What it offers while it waits.
    pub fn waits(&self, now: DateTime<Utc>) -> Option<&Offer> {
        self.offered.as_ref().filter(|offer| !self.settled && now < offer.expires_at)
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Make(_) if self.offered.is_some() => Err(Broken::Settled),
            Command::Make(offer) => Ok(vec![Event::Made(offer)]),
            Command::Accept if self.settled || self.offered.is_none() => Err(Broken::Settled),
            Command::Accept => Ok(vec![Event::Accepted {}]),
            Command::Revoke if self.settled || self.offered.is_none() => Ok(vec![]),
            Command::Revoke => Ok(vec![Event::Revoked {}]),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Made(offer) => self.offered = Some(offer),
            Event::Accepted {} | Event::Revoked {} => self.settled = true,
        }
    }
}

aggregate!(Invitation, "invitation", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Invitation, Offer, OfferedRole};
    use crate::testing::cx;
    use access::{Role, Term};
    use eventstore::TenantId;
    use uuid::Uuid;

    fn offer() -> Offer {
        let until = "2026-07-01T00:00:00Z".parse().ok();
        Offer {
            person: "olga".to_owned(),
            roles: OfferedRole::all([(Role::Viewer.into(), Term { from: None, until })].into()),
            organisation: Uuid::nil(),
            administrator: false,
            invited_by: "mara".to_owned(),
            expires_at: "2026-03-15T00:00:00Z".parse().expect("an instant"),
        }
    }

    fn given(events: Vec<Event>) -> Invitation {
        let mut invitation = Invitation::default();
        for event in events {
            invitation.apply(event);
        }
        invitation
    }

    fn when(invitation: &Invitation, command: Command) -> Result<Vec<Event>, Broken> {
        invitation.decide(command, &cx(TenantId::random()))
    }

    #[test]
    fn it_is_accepted_once_or_revoked_once() {
        let made = || Event::Made(offer());
        assert_eq!(when(&given(vec![]), Command::Make(offer())), Ok(vec![made()]));
        assert_eq!(when(&given(vec![made()]), Command::Make(offer())), Err(Broken::Settled));
        assert_eq!(when(&given(vec![made()]), Command::Accept), Ok(vec![Event::Accepted {}]));
        assert_eq!(when(&given(vec![made()]), Command::Revoke), Ok(vec![Event::Revoked {}]));
        assert_eq!(when(&given(vec![]), Command::Accept), Err(Broken::Settled));
        for end in [Event::Accepted {}, Event::Revoked {}] {
            let settled = given(vec![made(), end]);
            assert_eq!(when(&settled, Command::Accept), Err(Broken::Settled));
            assert_eq!(when(&settled, Command::Revoke), Ok(vec![]));
        }
    }

    #[test]
    fn it_waits_until_its_end() {
        let at = |text: &str| text.parse().expect("an instant");
        let waiting = given(vec![Event::Made(offer())]);
        assert_eq!(waiting.waits(at("2026-03-14T23:59:59Z")), Some(&offer()));
        assert_eq!(waiting.waits(at("2026-03-15T00:00:00Z")), None);
        assert_eq!(given(vec![Event::Made(offer()), Event::Revoked {}]).waits(at("2026-03-02T00:00:00Z")), None);
        assert_eq!(offer().terms()[&Role::Viewer.into()].until, Some(at("2026-07-01T00:00:00Z")));
    }
}
