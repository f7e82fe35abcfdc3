use chrono::{DateTime, Utc};
use eventstore::{Cx, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Who owns tenants: one stream, in a partition of its own that has the organisation's id.
#[derive(Default, Serialize, Deserialize)]
pub struct Organisation {
    founded: Option<(String, Kind)>,
    /// What each tenant is called here.
    tenants: BTreeMap<Uuid, String>,
}

/// A consultancy has tenants of its clients, an enterprise its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = OrganisationKind)]
pub enum Kind {
    Consultancy,
    Enterprise,
}

#[derive(Clone, Debug)]
pub enum Command {
    Found {
        name: String,
        kind: Kind,
    },
    AddTenant {
        tenant: Uuid,
        name: String,
        language: String,
        time_zone: String,
    },
    /// The tenant is called otherwise from now on.
    Rename {
        tenant: Uuid,
        name: String,
    },
    /// Another organisation has the tenant from now on.
    LetGo {
        tenant: Uuid,
        to: Uuid,
    },
    RecordToken {
        person: String,
        administrator: bool,
        expires_at: DateTime<Utc>,
        token_id: Uuid,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Founded {
        name: String,
        kind: Kind,
    },
    /// Carries all that the tenant's own partition begins with.
    TenantAdded {
        tenant: Uuid,
        name: String,
        language: String,
        time_zone: String,
    },
    TenantRenamed {
        tenant: Uuid,
        name: String,
    },
    TenantHandedOver {
        tenant: Uuid,
        to: Uuid,
    },
    /// That a token was issued, never the token.
    TokenIssued {
        person: String,
        administrator: bool,
        expires_at: DateTime<Utc>,
        token_id: Uuid,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the organisation was not founded: start it with `stele up`")]
    NotFounded,
    #[error("the organisation was founded as {0} ({1}): its name and kind stay")]
    FoundedOtherwise(String, Kind),
    #[error("name: the organisation has a tenant called {0} already: take another name")]
    NameTaken(String),
}

impl Organisation {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match (command, &self.founded) {
            (Command::Found { name, kind }, None) => Ok(vec![Event::Founded { name, kind }]),
            (Command::Found { name, kind }, Some((known, of))) if *known == name && *of == kind => Ok(vec![]),
            (Command::Found { .. }, Some((name, kind))) => Err(Broken::FoundedOtherwise(name.clone(), *kind)),
            (Command::AddTenant { .. } | Command::RecordToken { .. }, None) => Err(Broken::NotFounded),
            (Command::LetGo { tenant, to }, _) => {
                Ok(self.has(tenant).then_some(Event::TenantHandedOver { tenant, to }).into_iter().collect())
            }
            (Command::AddTenant { tenant, .. }, _) if self.has(tenant) => Ok(vec![]),
            (Command::AddTenant { tenant, name, language, time_zone }, Some(_)) => {
                self.refuse_taken(tenant, &name)?;
                Ok(vec![Event::TenantAdded { tenant, name, language, time_zone }])
            }
            // Who is not listed here has no name here.
            (Command::Rename { tenant, name }, _) => {
                if self.name_of(tenant).is_none_or(|known| known == name) {
                    return Ok(vec![]);
                }
                self.refuse_taken(tenant, &name)?;
                Ok(vec![Event::TenantRenamed { tenant, name }])
            }
            (Command::RecordToken { person, administrator, expires_at, token_id }, Some(_)) => {
                Ok(vec![Event::TokenIssued { person, administrator, expires_at, token_id }])
            }
        }
    }

    /// What it is called, once it is founded.
    pub fn name(&self) -> Option<&str> {
        self.founded.as_ref().map(|(name, _)| name.as_str())
    }

    /// What the tenant is called here, where the organisation has it.
    pub fn name_of(&self, tenant: Uuid) -> Option<&str> {
        self.tenants.get(&tenant).map(String::as_str)
    }

    /// All that it has now.
    pub fn tenants(&self) -> impl Iterator<Item = TenantId> {
        self.tenants.keys().copied().map(TenantId)
    }

    fn has(&self, tenant: Uuid) -> bool {
        self.tenants.contains_key(&tenant)
    }

    /// No other tenant is called so, whatever its capitals.
    fn refuse_taken(&self, tenant: Uuid, name: &str) -> Result<(), Broken> {
        let lower = name.to_lowercase();
        let taken = self.tenants.iter().any(|(other, known)| *other != tenant && known.to_lowercase() == lower);
        if taken { Err(Broken::NameTaken(name.to_owned())) } else { Ok(()) }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Founded { name, kind } => self.founded = Some((name, kind)),
            Event::TenantAdded { tenant, name, .. } | Event::TenantRenamed { tenant, name } => {
                self.tenants.insert(tenant, name);
            }
            Event::TenantHandedOver { tenant, .. } => {
                self.tenants.remove(&tenant);
            }
            Event::TokenIssued { .. } => {}
        }
    }
}

aggregate!(Organisation, "organisation", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Broken, Command, Event, Kind, Organisation};
    use crate::testing::cx;
    use eventstore::TenantId;
    use uuid::Uuid;

    fn given(events: Vec<Event>) -> Organisation {
        let mut organisation = Organisation::default();
        for event in events {
            organisation.apply(event);
        }
        organisation
    }

    fn when(organisation: &Organisation, command: Command) -> Result<Vec<Event>, Broken> {
        organisation.decide(command, &cx(TenantId::random()))
    }

    fn founded() -> Event {
        Event::Founded { name: "Nordlicht".to_owned(), kind: Kind::Consultancy }
    }

    fn found(name: &str, kind: Kind) -> Command {
        Command::Found { name: name.to_owned(), kind }
    }

    fn add(tenant: Uuid, name: &str) -> Command {
        let (language, time_zone) = ("en".to_owned(), "UTC".to_owned());
        Command::AddTenant { tenant, name: name.to_owned(), language, time_zone }
    }

    fn added(tenant: Uuid, name: &str) -> Event {
        let (language, time_zone) = ("en".to_owned(), "UTC".to_owned());
        Event::TenantAdded { tenant, name: name.to_owned(), language, time_zone }
    }

    fn token() -> Command {
        let expires_at = "2026-03-31T09:30:00Z".parse().expect("an instant");
        Command::RecordToken { person: "mara".to_owned(), administrator: false, expires_at, token_id: Uuid::nil() }
    }

    #[test]
    fn it_is_founded_once() {
        assert_eq!(when(&given(vec![]), found("Nordlicht", Kind::Consultancy)), Ok(vec![founded()]));
        let organisation = given(vec![founded()]);
        assert_eq!(when(&organisation, found("Nordlicht", Kind::Consultancy)), Ok(vec![]));
        let otherwise = || Err(Broken::FoundedOtherwise("Nordlicht".to_owned(), Kind::Consultancy));
        assert_eq!(when(&organisation, found("Nordlicht", Kind::Enterprise)), otherwise());
        assert_eq!(when(&organisation, found("Südwind", Kind::Consultancy)), otherwise());
    }

    #[test]
    fn nothing_comes_before_the_founding() {
        assert_eq!(when(&given(vec![]), add(Uuid::new_v4(), "Acme")), Err(Broken::NotFounded));
        assert_eq!(when(&given(vec![]), token()), Err(Broken::NotFounded));
    }

    #[test]
    fn two_tenants_never_share_a_name() {
        let (acme, other) = (Uuid::new_v4(), Uuid::new_v4());
        assert_eq!(when(&given(vec![founded()]), add(acme, "Acme")), Ok(vec![added(acme, "Acme")]));
        let organisation = given(vec![founded(), added(acme, "Ärmel")]);
        assert_eq!(when(&organisation, add(other, "ärmeL")), Err(Broken::NameTaken("ärmeL".to_owned())));
        assert_eq!(when(&organisation, add(acme, "Ärmel")), Ok(vec![]));
        assert_eq!(when(&organisation, add(other, "Acme")), Ok(vec![added(other, "Acme")]));
    }

    #[test]
    fn a_tenant_is_renamed_unless_another_is_called_so() {
        let (acme, other) = (Uuid::new_v4(), Uuid::new_v4());
        let organisation = given(vec![founded(), added(acme, "Acme"), added(other, "Birch")]);
        let rename = |tenant, name: &str| Command::Rename { tenant, name: name.to_owned() };
        let renamed = |name: &str| Event::TenantRenamed { tenant: acme, name: name.to_owned() };
        assert_eq!(when(&organisation, rename(acme, "BIRCH")), Err(Broken::NameTaken("BIRCH".to_owned())));
        for name in ["ACME", "Cedar"] {
            assert_eq!(when(&organisation, rename(acme, name)), Ok(vec![renamed(name)]));
        }
        assert_eq!(when(&organisation, rename(acme, "Acme")), Ok(vec![]));
        assert_eq!(when(&organisation, rename(Uuid::new_v4(), "Acme")), Ok(vec![]), "it has no such tenant");
        let organisation = given(vec![founded(), added(acme, "Acme"), renamed("Cedar")]);
        assert_eq!(when(&organisation, add(other, "Acme")), Ok(vec![added(other, "Acme")]), "the former name is free");
        assert_eq!(when(&organisation, add(other, "cedar")), Err(Broken::NameTaken("cedar".to_owned())));
    }

    #[test]
    fn a_tenant_that_was_handed_over_is_gone_and_its_name_free() {
        let (acme, client) = (Uuid::new_v4(), Uuid::new_v4());
        let let_go = || Command::LetGo { tenant: acme, to: client };
        let handed_over = Event::TenantHandedOver { tenant: acme, to: client };
        let organisation = given(vec![founded(), added(acme, "Acme")]);
        assert_eq!(when(&organisation, let_go()), Ok(vec![handed_over.clone()]));
        let organisation = given(vec![founded(), added(acme, "Acme"), handed_over]);
        assert_eq!(when(&organisation, let_go()), Ok(vec![]));
        let other = Uuid::new_v4();
        assert_eq!(when(&organisation, add(other, "Acme")), Ok(vec![added(other, "Acme")]));
        assert_eq!(when(&given(vec![]), let_go()), Ok(vec![]));
    }

    #[test]
    fn every_token_is_an_event() {
        let organisation = given(vec![founded()]);
        assert_eq!(when(&organisation, token()).map(|events| events.len()), Ok(1));
    }

    #[test]
    fn an_events_data_reads_as_agreed() {
        let (name, data) = eventstore::tagged(&added(Uuid::nil(), "Acme")).expect("tagged");
        assert_eq!(name, "tenant_added");
        assert_eq!(
            data,
            serde_json::json!({
                "tenant": "00000000-0000-0000-0000-000000000000", "name": "Acme", "language": "en", "time_zone": "UTC"
            })
        );
    }
}
