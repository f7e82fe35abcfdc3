use crate::Service;
use crate::limits::Limits;
use crate::remembered::Remembered;
use crate::rosters::Rosters;
use access::{KnownGrant, KnownKey, KnownLockout, KnownPerson};
use eventstore::EventStore;
use messaging::Bus;
use std::sync::Arc;
use views::ViewSet;

/// A service that is connected.
pub struct Live {
    pub service: Service,
    pub views: Arc<ViewSet>,
    pub store: EventStore,
    pub bus: Bus,
    pub rosters: Rosters,
    pub limits: Limits,
    pub people: Remembered<KnownPerson>,
    pub keys: Remembered<KnownKey>,
    pub grants: Remembered<KnownGrant>,
    pub lockouts: Remembered<KnownLockout>,
}
