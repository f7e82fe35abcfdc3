use crate::invitation::{Event, Offer, OfferedRole};
use access::RoleName;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// An invitation as who manages the tenant sees it, under its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KnownInvitation {
    /// Who it will be.
    pub person: String,
    pub roles: Vec<InvitedRole>,
    pub invited_by: String,
    /// From when on it is refused.
    pub expires_at: DateTime<Utc>,
    pub state: InvitationState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvitedRole {
    #[schema(value_type = String, example = "risk_owner")]
    pub role: RoleName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// It waits, until it expires.
    Made,
    Accepted,
    Revoked,
}

impl View for KnownInvitation {
    const NAME: &'static str = "invitation";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let settled = |state| current.clone().map(|row| Self { state, ..row });
        Ok(match event.decode::<Event>()? {
            Some(Event::Made(Offer { person, roles, invited_by, expires_at, .. })) => {
                let role = |OfferedRole { role, from, until }| InvitedRole { role, from, until };
                let (roles, state) = (roles.into_iter().map(role).collect(), InvitationState::Made);
                Some(Self { person, roles, invited_by, expires_at, state })
            }
            Some(Event::Accepted {}) => settled(InvitationState::Accepted),
            Some(Event::Revoked {}) => settled(InvitationState::Revoked),
            None => current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{InvitationState, KnownInvitation};
    use crate::invitation::{Event, Offer, OfferedRole};
    use access::{Role, Term};
    use testkit::recorded;
    use uuid::Uuid;
    use views::View;

    #[test]
    fn it_shows_what_became_of_it() {
        let made = Event::Made(Offer {
            person: "olga".to_owned(),
            roles: OfferedRole::all([(Role::Viewer.into(), Term::ALWAYS)].into()),
            organisation: Uuid::nil(),
            administrator: false,
            invited_by: "mara".to_owned(),
            expires_at: "2026-03-15T00:00:00Z".parse().expect("an instant"),
        });
        let apply = |row, event| KnownInvitation::apply(row, "", &recorded("i", 1, &event)).expect("folded");
        let row = apply(None, made).expect("a row");
        assert_eq!((row.person.as_str(), row.state), ("olga", InvitationState::Made));
        assert_eq!(row.roles[0].role, Role::Viewer.into());
        let state = |event| apply(Some(row.clone()), event).map(|row| row.state);
        assert_eq!(state(Event::Accepted {}), Some(InvitationState::Accepted));
        assert_eq!(state(Event::Revoked {}), Some(InvitationState::Revoked));
    }
}
