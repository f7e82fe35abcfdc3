use crate::tenant::{Event, OTHER_SERVICES, Settings};
use access::Standing;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Folded, View, stream_key};

/// A tenant, under its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantProfile {
    pub name: String,
    pub organisation: Uuid,
    pub language: String,
    pub time_zone: String,
    /// For how many years what was recorded is to be kept after the tenant is closed; without an end where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_years: Option<u32>,
    /// Whether it is worked in.
    #[serde(default)]
    pub state: Standing,
    /// The organisation that may take it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_to: Option<Uuid>,
    /// When it was exported last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported_at: Option<DateTime<Utc>>,
    /// The framework whose controls it began with.
    pub baseline: String,
    /// The services that are open for it so far.
    pub services: BTreeSet<String>,
    /// Every service is open for it.
    pub ready: bool,
}

impl View for TenantProfile {
    const NAME: &'static str = "tenant";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode::<Event>()? else { return Ok(current) };
        if let Event::Created { organisation, name, language, time_zone, baseline } = happened {
            let settings = Settings { name, language, time_zone, retention_years: None };
            return Ok(Some(Self::created(organisation, settings, baseline)));
        }
        Ok(current.map(|mut row| {
            row.take(happened, event.occurred_at);
            row
        }))
    }
}

impl TenantProfile {
    fn created(organisation: Uuid, settings: Settings, baseline: String) -> Self {
        let Settings { name, language, time_zone, retention_years } = settings;
        Self {
            name,
            organisation,
            language,
            time_zone,
            retention_years,
            state: Standing::Active,
            offered_to: None,
            exported_at: None,
            baseline,
            services: BTreeSet::new(),
            ready: false,
        }
    }

    fn take(&mut self, happened: Event, at: DateTime<Utc>) {
        match happened {
            Event::Created { .. } => {}
            Event::ServiceOpened { service } => {
                self.services.insert(service);
                self.ready = OTHER_SERVICES.iter().all(|other| self.services.contains(*other));
            }
            Event::SettingsChanged(Settings { name, language, time_zone, retention_years }) => {
                (self.name, self.language, self.time_zone) = (name, language, time_zone);
                self.retention_years = retention_years;
            }
            Event::Suspended {} => self.state = Standing::Suspended,
            Event::Resumed {} => self.state = Standing::Active,
            Event::Closed {} => self.state = Standing::Closed,
            Event::Exported { .. } => self.exported_at = Some(at),
            Event::Offered { organisation } => self.offered_to = Some(organisation),
            Event::OfferWithdrawn {} => self.offered_to = None,
            Event::HandedOver { organisation } => (self.organisation, self.offered_to) = (organisation, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TenantProfile;
    use crate::tenant::{Event, OTHER_SERVICES, Settings};
    use access::Standing;
    use testkit::recorded;
    use uuid::Uuid;
    use views::View;

    #[test]
    fn it_is_ready_once_every_service_is_open() {
        let (name, language, time_zone) = ("Acme".to_owned(), "de".to_owned(), "Europe/Berlin".to_owned());
        let baseline = "iso27001_2022".to_owned();
        let created = Event::Created { organisation: Uuid::nil(), name, language, time_zone, baseline };
        let mut row = TenantProfile::apply(None, "t", &recorded("t", 1, &created)).expect("folded").expect("a row");
        assert_eq!((row.time_zone.as_str(), row.services.len()), ("Europe/Berlin", 0));

        for (version, service) in (2..).zip(OTHER_SERVICES) {
            assert!(!row.ready, "before {service}");
            let opened = recorded("t", version, &Event::ServiceOpened { service: service.to_owned() });
            assert_eq!(TenantProfile::keys(&opened).expect("keys"), ["t"]);
            row = TenantProfile::apply(Some(row), "t", &opened).expect("folded").expect("a row");
        }
        assert!(row.ready);
        let settings = Settings {
            name: "Birch".to_owned(),
            language: "fr".to_owned(),
            time_zone: "UTC".to_owned(),
            retention_years: Some(7),
        };
        let mut then = |version, event: &Event| {
            row = TenantProfile::apply(Some(row.clone()), "t", &recorded("t", version, event))
                .expect("folded")
                .expect("a row");
            row.clone()
        };
        let changed = then(6, &Event::SettingsChanged(settings));
        assert_eq!((changed.name.as_str(), changed.retention_years, changed.ready), ("Birch", Some(7), true));
        assert_eq!(then(7, &Event::Suspended {}).state, Standing::Suspended);
        assert!(then(8, &Event::Exported { services: vec![] }).exported_at.is_some());
        let offered = then(9, &Event::Offered { organisation: Uuid::max() });
        assert_eq!((offered.organisation, offered.offered_to), (Uuid::nil(), Some(Uuid::max())));
        let handed_over = then(10, &Event::HandedOver { organisation: Uuid::max() });
        assert_eq!((handed_over.organisation, handed_over.offered_to), (Uuid::max(), None));
        assert_eq!(handed_over.state, Standing::Suspended);
    }
}
