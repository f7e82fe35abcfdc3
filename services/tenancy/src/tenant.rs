use access::Standing;
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
    settings: Settings,
    standing: Standing,
    services: BTreeSet<String>,
    /// What the archive has that was made last, unless something was changed here since.
    exported: Option<Vec<Archived>>,
    /// The organisation that it is offered to.
    offered: Option<Uuid>,
}

/// What a tenant is set up with, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub name: String,
    pub language: String,
    pub time_zone: String,
    /// For how many years what was recorded is to be kept after the tenant is closed; without an end where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_years: Option<u32>,
}

/// How much of a service's log an archive has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    pub service: String,
    pub position: u32,
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
    ChangeSettings(Settings),
    /// What its organisation calls it from now on.
    Rename {
        name: String,
    },
    /// Suspends, resumes or closes it.
    Stand {
        standing: Standing,
        /// What is in no archive, where it must be in one to close.
        unexported: Option<String>,
    },
    /// An archive of the tenant was made.
    NoteExport {
        services: Vec<Archived>,
    },
    /// Another organisation may take it; nobody may any more where none is named.
    Offer {
        organisation: Option<Uuid>,
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
    SettingsChanged(Settings),
    Suspended {},
    Resumed {},
    Closed {},
    Exported { services: Vec<Archived> },
    Offered { organisation: Uuid },
    OfferWithdrawn {},
    HandedOver { organisation: Uuid },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("the tenant is closed, and stays so: it can be read and exported")]
    Closed,
    #[error("{0}: take the tenant out by `stele export`, or say `\"without_export\": true` to close it all the same")]
    NotExported(String),
    #[error("the tenant is this organisation's already: offer it to another one")]
    OwnedAlready,
}

impl Tenant {
    /// Who owns it, once it is created.
    pub fn organisation(&self) -> Option<Uuid> {
        self.organisation
    }

    /// Whether nothing is recorded in it any more.
    pub fn is_closed(&self) -> bool {
        self.standing == Standing::Closed
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What the last archive has, where the tenant itself was not changed since.
    pub fn exported(&self) -> Option<&[Archived]> {
        self.exported.as_deref()
    }

    /// Whether the organisation may take it.
    pub fn is_offered_to(&self, organisation: Uuid) -> bool {
        self.offered == Some(organisation)
    }

    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Some(owner) = self.organisation else {
            // An organisation's own partition is opened by every service too, and is no tenant.
            let Command::Create { organisation, name, language, time_zone } = command else { return Ok(vec![]) };
            return Ok(vec![Event::Created { organisation, name, language, time_zone, baseline: BASELINE.to_owned() }]);
        };
        match command {
            Command::Create { .. } => Ok(vec![]),
            Command::NoteService { service } => {
                Ok(unless(self.services.contains(&service), || Event::ServiceOpened { service }))
            }
            Command::Rename { .. } if self.standing == Standing::Closed => Ok(vec![]),
            Command::Rename { name } => self.change(Settings { name, ..self.settings.clone() }),
            Command::ChangeSettings(settings) => self.change(settings),
            Command::Stand { standing, unexported } => self.stand(standing, unexported),
            // Nothing is written in one that is closed, and one that is exported twice alike was exported once.
            Command::NoteExport { services } => {
                Ok(unless(self.standing == Standing::Closed || self.exported.as_ref() == Some(&services), || {
                    Event::Exported { services }
                }))
            }
            Command::Offer { organisation } => self.offer(owner, organisation),
            Command::HandOver { organisation } if owner == organisation => Ok(vec![]),
            Command::HandOver { .. } if self.standing == Standing::Closed => Err(Broken::Closed),
            Command::HandOver { organisation } => Ok(vec![Event::HandedOver { organisation }]),
        }
    }

    fn change(&self, settings: Settings) -> Result<Vec<Event>, Broken> {
        match self.standing {
            Standing::Closed => Err(Broken::Closed),
            Standing::Active | Standing::Suspended => {
                Ok(unless(self.settings == settings, || Event::SettingsChanged(settings)))
            }
        }
    }

    fn stand(&self, standing: Standing, unexported: Option<String>) -> Result<Vec<Event>, Broken> {
        let event = match (self.standing, standing) {
            (now, asked) if now == asked => return Ok(vec![]),
            (Standing::Closed, _) => return Err(Broken::Closed),
            (_, Standing::Closed) => match unexported {
                Some(what) => return Err(Broken::NotExported(what)),
                None => Event::Closed {},
            },
            (_, Standing::Suspended) => Event::Suspended {},
            (_, Standing::Active) => Event::Resumed {},
        };
        Ok(vec![event])
    }

    fn offer(&self, owner: Uuid, organisation: Option<Uuid>) -> Result<Vec<Event>, Broken> {
        match organisation {
            None => Ok(unless(self.offered.is_none(), || Event::OfferWithdrawn {})),
            Some(_) if self.standing == Standing::Closed => Err(Broken::Closed),
            Some(organisation) if organisation == owner => Err(Broken::OwnedAlready),
            Some(organisation) => Ok(unless(self.is_offered_to(organisation), || Event::Offered { organisation })),
        }
    }

    fn apply(&mut self, event: Event) {
        self.exported = None;
        match event {
            Event::Created { organisation, name, language, time_zone, .. } => {
                self.organisation = Some(organisation);
                self.settings = Settings { name, language, time_zone, retention_years: None };
            }
            Event::ServiceOpened { service } => {
                self.services.insert(service);
            }
            Event::SettingsChanged(settings) => self.settings = settings,
            Event::Suspended {} => self.standing = Standing::Suspended,
            Event::Resumed {} => self.standing = Standing::Active,
            Event::Closed {} => self.standing = Standing::Closed,
            Event::Exported { services } => self.exported = Some(services),
            Event::Offered { organisation } => self.offered = Some(organisation),
            Event::OfferWithdrawn {} => self.offered = None,
            Event::HandedOver { organisation } => {
                (self.organisation, self.offered) = (Some(organisation), None);
            }
        }
    }
}

/// What is so already is no event.
fn unless(already: bool, event: impl FnOnce() -> Event) -> Vec<Event> {
    if already { vec![] } else { vec![event()] }
}

aggregate!(Tenant, "tenant", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Archived, Broken, Command, Event, Settings, Tenant};
    use crate::testing::cx;
    use access::Standing;
    use eventstore::TenantId;
    use uuid::Uuid;

    fn given(events: Vec<Event>) -> Tenant {
        let mut tenant = Tenant::default();
        for event in events {
            tenant.apply(event);
        }
        tenant
    }

    fn when(tenant: &Tenant, command: Command) -> Result<Vec<Event>, Broken> {
        tenant.decide(command, &cx(TenantId::random()))
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

    fn settings(name: &str) -> Settings {
        let (language, time_zone) = ("en".to_owned(), "UTC".to_owned());
        Settings { name: name.to_owned(), language, time_zone, retention_years: Some(10) }
    }

    fn stand(standing: Standing) -> Command {
        Command::Stand { standing, unexported: None }
    }

    fn archived(risk: u32) -> Vec<Archived> {
        vec![Archived { service: "risk".to_owned(), position: risk }]
    }

    #[test]
    fn it_is_created_once() {
        assert_eq!(when(&given(vec![]), create()), Ok(vec![created()]));
        assert_eq!(when(&given(vec![created()]), create()), Ok(vec![]));
    }

    #[test]
    fn each_service_is_noted_once() {
        assert_eq!(when(&given(vec![created()]), note("risk")), Ok(vec![opened("risk")]));
        assert_eq!(when(&given(vec![created(), opened("risk")]), note("risk")), Ok(vec![]));
        assert_eq!(when(&given(vec![created(), opened("risk")]), note("audit")), Ok(vec![opened("audit")]));
    }

    #[test]
    fn it_is_set_up_anew_and_renamed() {
        let changed = Event::SettingsChanged(settings("Birch"));
        let tenant = given(vec![created()]);
        assert_eq!(when(&tenant, Command::ChangeSettings(settings("Birch"))), Ok(vec![changed.clone()]));
        let tenant = given(vec![created(), changed]);
        assert_eq!(when(&tenant, Command::ChangeSettings(settings("Birch"))), Ok(vec![]));
        let renamed = Event::SettingsChanged(settings("Cedar"));
        assert_eq!(when(&tenant, Command::Rename { name: "Cedar".to_owned() }), Ok(vec![renamed]));
    }

    #[test]
    fn it_is_suspended_resumed_and_closed_for_ever() {
        let tenant = given(vec![created()]);
        assert_eq!(when(&tenant, stand(Standing::Active)), Ok(vec![]));
        assert_eq!(when(&tenant, stand(Standing::Suspended)), Ok(vec![Event::Suspended {}]));
        assert_eq!(when(&tenant, stand(Standing::Closed)), Ok(vec![Event::Closed {}]));
        let tenant = given(vec![created(), Event::Suspended {}]);
        assert_eq!(when(&tenant, stand(Standing::Active)), Ok(vec![Event::Resumed {}]));
        let tenant = given(vec![created(), Event::Suspended {}, Event::Closed {}]);
        assert_eq!(when(&tenant, stand(Standing::Closed)), Ok(vec![]));
        let offer = Command::Offer { organisation: Some(Uuid::max()) };
        let hand_over = Command::HandOver { organisation: Uuid::max() };
        for command in [stand(Standing::Active), Command::ChangeSettings(settings("Birch")), offer, hand_over] {
            assert_eq!(when(&tenant, command.clone()), Err(Broken::Closed), "{command:?}");
        }
        assert_eq!(when(&tenant, Command::NoteExport { services: archived(4) }), Ok(vec![]), "nothing is written");
    }

    #[test]
    fn it_is_not_closed_while_something_is_in_no_archive() {
        let unexported = Some("risk was changed since the last export".to_owned());
        let close = Command::Stand { standing: Standing::Closed, unexported };
        let refused = when(&given(vec![created()]), close).expect_err("refused").to_string();
        assert!(refused.starts_with("risk was changed since the last export: take the tenant out by"), "{refused}");
    }

    #[test]
    fn an_export_counts_until_something_changes_here() {
        let exported = Event::Exported { services: archived(4) };
        assert_eq!(
            when(&given(vec![created()]), Command::NoteExport { services: archived(4) }),
            Ok(vec![exported.clone()])
        );
        let mut tenant = given(vec![created(), exported]);
        assert_eq!(when(&tenant, Command::NoteExport { services: archived(4) }), Ok(vec![]));
        assert_eq!(tenant.exported(), Some(archived(4).as_slice()));
        tenant.apply(Event::Suspended {});
        assert_eq!(tenant.exported(), None);
    }

    #[test]
    fn it_is_offered_to_one_organisation_and_handed_over_once() {
        let offer = |organisation| Command::Offer { organisation };
        let offered = |organisation| Event::Offered { organisation };
        let tenant = given(vec![created()]);
        assert_eq!(when(&tenant, offer(None)), Ok(vec![]));
        assert_eq!(when(&tenant, offer(Some(Uuid::nil()))), Err(Broken::OwnedAlready));
        assert_eq!(when(&tenant, offer(Some(Uuid::max()))), Ok(vec![offered(Uuid::max())]));
        let tenant = given(vec![created(), offered(Uuid::max())]);
        assert!(tenant.is_offered_to(Uuid::max()) && !tenant.is_offered_to(Uuid::nil()));
        assert_eq!(when(&tenant, offer(Some(Uuid::max()))), Ok(vec![]));
        assert_eq!(when(&tenant, offer(None)), Ok(vec![Event::OfferWithdrawn {}]));

        let hand_over = || Command::HandOver { organisation: Uuid::max() };
        let handed_over = Event::HandedOver { organisation: Uuid::max() };
        assert_eq!(when(&tenant, hand_over()), Ok(vec![handed_over.clone()]));
        let tenant = given(vec![created(), offered(Uuid::max()), handed_over]);
        assert_eq!(when(&tenant, hand_over()), Ok(vec![]));
        assert!(!tenant.is_offered_to(Uuid::max()));
        assert_eq!(when(&given(vec![]), hand_over()), Ok(vec![]));
    }

    #[test]
    fn what_was_not_created_causes_nothing() {
        for command in [note("risk"), stand(Standing::Closed), Command::ChangeSettings(settings("Birch"))] {
            assert_eq!(when(&given(vec![]), command), Ok(vec![]));
        }
    }
}
