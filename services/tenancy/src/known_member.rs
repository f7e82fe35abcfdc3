use crate::member::Event;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use sealed::Sealed;
use serde::{Deserialize, Serialize};
use views::{Folded, View, stream_key};

/// Whom the organisation's identity provider looks after, under their handle; nothing here can be read without their key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownMember {
    pub attributes: Sealed,
    pub active: bool,
    pub since: DateTime<Utc>,
}

impl View for KnownMember {
    const NAME: &'static str = "member";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let switched = |active| current.clone().map(|row| Self { active, ..row });
        Ok(match event.decode::<Event>()? {
            Some(Event::Provisioned { attributes, .. }) => {
                Some(Self { attributes, active: true, since: event.recorded_at })
            }
            Some(Event::Changed { attributes, .. }) => current.map(|row| Self { attributes, ..row }),
            Some(Event::Deactivated {}) => switched(false),
            Some(Event::Activated {}) => switched(true),
            Some(Event::Removed {}) => None,
            None => current,
        })
    }
}
