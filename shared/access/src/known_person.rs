use crate::identity::Event;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// The person that a subject of an identity provider is, under the subject's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownPerson {
    pub person: String,
    /// Administers the organisation, and with it the tenants that it owns.
    pub administrator: bool,
    /// The identity provider.
    pub issuer: String,
}

impl View for KnownPerson {
    const NAME: &'static str = "identity";
    const COLUMNS: &'static [Column] = &[Column::text("person")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Linked { person, administrator, issuer }) => Some(Self { person, administrator, issuer }),
            Some(Event::Unlinked { .. }) => None,
            None => current,
        })
    }
}
