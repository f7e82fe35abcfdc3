use crate::tenant::{Event, OTHER_SERVICES};
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
        Ok(match event.decode::<Event>()? {
            Some(Event::Created { organisation, name, language, time_zone, baseline }) => {
                let services = BTreeSet::new();
                Some(Self { name, organisation, language, time_zone, baseline, services, ready: false })
            }
            Some(Event::ServiceOpened { service }) => current.map(|mut row| {
                row.services.insert(service);
                row.ready = OTHER_SERVICES.iter().all(|other| row.services.contains(*other));
                row
            }),
            Some(Event::HandedOver { organisation }) => current.map(|row| Self { organisation, ..row }),
            None => current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::TenantProfile;
    use crate::tenant::{Event, OTHER_SERVICES};
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
        let handed_over = recorded("t", 6, &Event::HandedOver { organisation: Uuid::max() });
        let row = TenantProfile::apply(Some(row), "t", &handed_over).expect("folded").expect("a row");
        assert!(row.ready && row.organisation == Uuid::max());
    }
}
