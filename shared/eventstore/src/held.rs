use crate::event::Recorded;
use crate::{Aggregate, EventOf, StoreError};
use std::any::Any;

/// A stream that a work has read: its events until an aggregate is folded of them, then the aggregate.
#[derive(Default)]
pub struct Held {
    read: i64,
    decided: i64,
    events: Vec<Recorded>,
    folded: Option<Box<dyn Any + Send + Sync>>,
}

impl Held {
    /// The next event, as it was read.
    pub fn push(&mut self, event: Recorded) {
        self.read = event.version;
        self.events.push(event);
    }

    /// The version that was read: what the decision stands on.
    pub fn read(&self) -> i64 {
        self.read
    }

    /// The version with what was decided since.
    pub fn version(&self) -> i64 {
        self.read + self.decided
    }

    /// The aggregate has that many events more than were read.
    pub fn decided(&mut self, events: usize) {
        self.decided += i64::try_from(events).unwrap_or_default();
    }

    pub fn aggregate<A>(&mut self) -> Result<&mut A, StoreError>
    where
        A: Aggregate + 'static,
        A::Event: EventOf,
    {
        if self.folded.is_none() {
            let mut aggregate = A::default();
            for event in self.events.drain(..) {
                if let Some(event) = event.decode::<A::Event>()? {
                    aggregate.apply(event);
                }
            }
            self.folded = Some(Box::new(aggregate));
        }
        self.folded
            .as_mut()
            .and_then(|folded| folded.downcast_mut())
            .ok_or_else(|| StoreError::Contract(format!("{} is the type of two aggregates", A::TYPE)))
    }
}
