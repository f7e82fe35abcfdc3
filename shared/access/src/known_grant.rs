use crate::Area;
use crate::grant::{Created, Event};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Folded, View, stream_key};

/// An auditor's grant as requests are checked against it, under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownGrant {
    #[serde(flatten)]
    pub details: GrantDetails,
    pub organisation: Uuid,
    /// SHA-256 of the secret.
    pub digest: String,
}

/// What of a grant is for everybody who manages the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantDetails {
    /// For whom it is: the firm, or the audit.
    pub auditor: String,
    /// What it shows.
    pub scope: BTreeSet<Area>,
    /// It shows what had been recorded by then, and nothing later; where it is missing, what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl View for KnownGrant {
    const NAME: &'static str = "grant";
    const UNTOLD: &'static [&'static str] = &["digest"];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Created(Created { auditor, scope, as_of, organisation, expires_at, digest })) => {
                let (created_by, created_at) = (event.metadata.actor.to_string(), event.recorded_at);
                let details =
                    GrantDetails { auditor, scope, as_of, created_by, created_at, expires_at, revoked_at: None };
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
