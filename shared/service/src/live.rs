use crate::Service;
use crate::rosters::Rosters;
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
}
