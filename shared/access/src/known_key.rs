use crate::key::{Created, Event};
use crate::{Action, Role, SubjectIs};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use strum::IntoEnumIterator;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Folded, View, stream_key};

/// An API key as requests are checked against it, under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownKey {
    #[serde(flatten)]
    pub details: KeyDetails,
    pub organisation: Uuid,
    /// SHA-256 of the secret.
    pub digest: String,
}

/// What of a key is for everybody who manages the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyDetails {
    /// What it is for.
    pub name: String,
    pub roles: BTreeSet<Role>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// By what the provider's tokens name whom it provisions; missing where it provisions nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisions: Option<SubjectIs>,
    /// Whose tokens that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

impl KnownKey {
    /// All that it may do in its tenant.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        Action::iter().filter(|action| self.may(*action))
    }

    pub fn may(&self, action: Action) -> bool {
        self.details.roles.iter().any(|role| role.may(action))
    }
}

impl View for KnownKey {
    const NAME: &'static str = "key";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Created(Created { name, roles, organisation, expires_at, digest, provisions, issuer })) => {
                let (created_by, created_at) = (event.metadata.actor.to_string(), event.recorded_at);
                let revoked_at = None;
                let details =
                    KeyDetails { name, roles, created_by, created_at, expires_at, revoked_at, provisions, issuer };
                Some(Self { details, organisation, digest })
            }
            Some(Event::Revoked {}) => current.map(|mut row| {
                row.details.revoked_at = Some(event.recorded_at);
                row
            }),
            None => current,
        })
    }
}
