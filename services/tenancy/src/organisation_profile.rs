use crate::organisation::{Event, Kind};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// An organisation, under its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationProfile {
    pub name: String,
    pub kind: Kind,
    /// How many tenants it has.
    pub tenants: u32,
}

impl View for OrganisationProfile {
    const NAME: &'static str = "organisation";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Founded { name, kind }) => Some(Self { name, kind, tenants: 0 }),
            Some(Event::TenantAdded { .. }) => current.map(|row| Self { tenants: row.tenants + 1, ..row }),
            Some(Event::TenantHandedOver { .. }) => {
                current.map(|row| Self { tenants: row.tenants.saturating_sub(1), ..row })
            }
            // The row stays as it is; its version moves with the stream's.
            Some(Event::TenantRenamed { .. } | Event::TokenIssued { .. }) | None => current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OrganisationProfile;
    use crate::organisation::{Event, Kind};
    use testkit::recorded;
    use uuid::Uuid;
    use views::View;

    #[test]
    fn it_shows_the_name_and_counts_the_tenants() {
        let (name, language, time_zone) = ("Acme".to_owned(), "en".to_owned(), "UTC".to_owned());
        let events = [
            Event::Founded { name: "Nordlicht".to_owned(), kind: Kind::Consultancy },
            Event::TenantAdded { tenant: Uuid::nil(), name, language, time_zone },
        ];
        let mut row = None;
        for (version, event) in (1..).zip(&events) {
            let event = recorded("o", version, event);
            assert_eq!(OrganisationProfile::keys(&event).expect("keys"), ["o"]);
            row = OrganisationProfile::apply(row, "o", &event).expect("folded");
        }
        let expected = OrganisationProfile { name: "Nordlicht".to_owned(), kind: Kind::Consultancy, tenants: 1 };
        assert_eq!(row, Some(expected));
    }
}
