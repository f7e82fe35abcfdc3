use crate::organisation::Event;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View};

/// A tenant as its organisation lists it, under the tenant's id. Ids begin with their time: the list is in the order in
/// which tenants came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnedTenant {
    pub name: String,
    pub added_at: DateTime<Utc>,
}

impl View for OwnedTenant {
    const NAME: &'static str = "organisation_tenant";
    const COLUMNS: &'static [Column] = &[Column::text("name")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(match event.decode::<Event>()? {
            Some(
                Event::TenantAdded { tenant, .. }
                | Event::TenantRenamed { tenant, .. }
                | Event::TenantHandedOver { tenant, .. },
            ) => vec![tenant.to_string()],
            Some(Event::Founded { .. } | Event::TokenIssued { .. }) | None => vec![],
        })
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::TenantAdded { name, .. }) => Some(Self { name, added_at: event.occurred_at }),
            Some(Event::TenantRenamed { name, .. }) => current.map(|row| Self { name, ..row }),
            Some(Event::TenantHandedOver { .. }) => None,
            Some(Event::Founded { .. } | Event::TokenIssued { .. }) | None => current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OwnedTenant;
    use crate::organisation::{Event, Kind};
    use testkit::recorded;
    use uuid::Uuid;
    use views::View;

    #[test]
    fn each_tenant_has_a_row_of_its_own() {
        let (name, language, time_zone) = ("Acme".to_owned(), "en".to_owned(), "UTC".to_owned());
        let event = recorded("o", 2, &Event::TenantAdded { tenant: Uuid::nil(), name, language, time_zone });
        assert_eq!(OwnedTenant::keys(&event).expect("keys"), [Uuid::nil().to_string()]);
        let row = OwnedTenant::apply(None, "", &event).expect("folded");
        assert_eq!(row, Some(OwnedTenant { name: "Acme".to_owned(), added_at: event.occurred_at }));
        let renamed = recorded("o", 3, &Event::TenantRenamed { tenant: Uuid::nil(), name: "Birch".to_owned() });
        let row = OwnedTenant::apply(row, "", &renamed).expect("folded");
        assert_eq!(row.as_ref().map(|row| row.name.as_str()), Some("Birch"));
        let gone = recorded("o", 4, &Event::TenantHandedOver { tenant: Uuid::nil(), to: Uuid::max() });
        assert_eq!(OwnedTenant::keys(&gone).expect("keys"), [Uuid::nil().to_string()]);
        assert_eq!(OwnedTenant::apply(row, "", &gone).expect("folded"), None);
    }

    #[test]
    fn the_founding_is_no_tenant() {
        let event = recorded("o", 1, &Event::Founded { name: "Nordlicht".to_owned(), kind: Kind::Enterprise });
        assert!(OwnedTenant::keys(&event).expect("keys").is_empty());
    }
}
