use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The services that keep a copy of a tenant's access, and are open for it from then on.
pub const OTHER_SERVICES: [&str; 4] = ["risk", "controls", "audit", "notifications"];

/// The framework whose controls every tenant begins with.
const BASELINE: &str = "iso27001_2022";

/// One ISMS: one stream, in the tenant's own partition.
#[derive(Default, Serialize, Deserialize)]
pub struct Tenant {
    /// Its owner, once it is created.
    organisation: Option<Uuid>,
    services: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Create {
        organisation: Uuid,
        name: String,
        language: String,
        time_zone: String,
    },
    /// A service has opened its part.
    NoteService {
        service: String,
    },
    /// Another organisation owns it from now on.
    HandOver {
        organisation: Uuid,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Created { organisation: Uuid, name: String, language: String, time_zone: String, baseline: String },
    ServiceOpened { service: String },
    HandedOver { organisation: Uuid },
}

/// No rule of a tenant refuses anything yet.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {}

impl Tenant {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(match command {
            Command::Create { organisation, name, language, time_zone } if self.organisation.is_none() => {
                vec![Event::Created { organisation, name, language, time_zone, baseline: BASELINE.to_owned() }]
            }
            // An organisation's own partition is opened by every service too, and is no tenant.
            Command::NoteService { service } if self.organisation.is_some() && !self.services.contains(&service) => {
                vec![Event::ServiceOpened { service }]
            }
            Command::HandOver { organisation } if self.organisation.is_some_and(|owner| owner != organisation) => {
                vec![Event::HandedOver { organisation }]
            }
            Command::Create { .. } | Command::NoteService { .. } | Command::HandOver { .. } => vec![],
        })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Created { organisation, .. } | Event::HandedOver { organisation } => {
                self.organisation = Some(organisation);
            }
            Event::ServiceOpened { service } => {
                self.services.insert(service);
            }
        }
    }
}

aggregate!(Tenant, "tenant", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Command, Event, Tenant};
    use crate::testing::cx;
    use eventstore::TenantId;
    use uuid::Uuid;

    fn given(events: Vec<Event>) -> Tenant {
        let mut tenant = Tenant::default();
        for event in events {
            tenant.apply(event);
        }
        tenant
    }

    fn when(tenant: &Tenant, command: Command) -> Vec<Event> {
        tenant.decide(command, &cx(TenantId::random())).expect("no rule refuses")
    }

    fn create() -> Command {
        let (name, language, time_zone) = ("Acme".to_owned(), "en".to_owned(), "UTC".to_owned());
        Command::Create { organisation: Uuid::nil(), name, language, time_zone }
    }

    fn created() -> Event {
        let (name, language, time_zone) = ("Acme".to_owned(), "en".to_owned(), "UTC".to_owned());
        Event::Created { organisation: Uuid::nil(), name, language, time_zone, baseline: "iso27001_2022".to_owned() }
    }

    fn note(service: &str) -> Command {
        Command::NoteService { service: service.to_owned() }
    }

    fn opened(service: &str) -> Event {
        Event::ServiceOpened { service: service.to_owned() }
    }

    #[test]
    fn it_is_created_once() {
        assert_eq!(when(&given(vec![]), create()), [created()]);
        assert_eq!(when(&given(vec![created()]), create()), []);
    }

    #[test]
    fn each_service_is_noted_once() {
        assert_eq!(when(&given(vec![created()]), note("risk")), [opened("risk")]);
        assert_eq!(when(&given(vec![created(), opened("risk")]), note("risk")), []);
        assert_eq!(when(&given(vec![created(), opened("risk")]), note("audit")), [opened("audit")]);
    }

    #[test]
    fn it_is_handed_over_once() {
        let hand_over = || Command::HandOver { organisation: Uuid::max() };
        let handed_over = Event::HandedOver { organisation: Uuid::max() };
        assert_eq!(when(&given(vec![created()]), hand_over()), std::slice::from_ref(&handed_over));
        assert_eq!(when(&given(vec![created(), handed_over]), hand_over()), []);
        assert_eq!(when(&given(vec![]), hand_over()), []);
    }

    #[test]
    fn what_was_not_created_causes_nothing() {
        assert_eq!(when(&given(vec![]), note("risk")), []);
    }
}
