use crate::lockout::Event;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// There is a row for each person who is let in nowhere, under their handle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownLockout {
    pub since: DateTime<Utc>,
}

impl View for KnownLockout {
    const NAME: &'static str = "lockout";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Begun {}) => Some(Self { since: event.recorded_at }),
            Some(Event::Ended {}) => None,
            None => current,
        })
    }
}
