use crate::tagged::tagged;
use crate::upcast::{Change, Upcast, current_schema};
use cqrs_es::DomainEvent;

/// The events of one type of stream: a serde enum, adjacently tagged `{"type": .., "data": ..}`.
pub trait EventOf: DomainEvent {
    /// The stream type, which is also the first half of the event type: `risk` in `risk.accepted`.
    const STREAM: &'static str;

    /// Those of the events whose data is another than when they were first stored. One that is not here is in schema 1.
    const CHANGES: &'static [Change] = &[];

    /// What brings the data of events of this name from schema 1 to 2, 2 to 3, and so on.
    fn upcasts(name: &str) -> &'static [Upcast] {
        Self::CHANGES.iter().find(|change| change.event == name).map_or(&[], |change| change.upcasts)
    }
}

/// The schema in which this event is recorded.
pub fn schema_of<E: EventOf>(event: &E) -> u32 {
    if E::CHANGES.is_empty() {
        return 1;
    }
    tagged(event).map_or(1, |(name, _)| current_schema(E::upcasts(&name)))
}

/// Makes a type with `decide(&self, Command, &Cx) -> Result<Vec<Event>, Broken>` and `apply(&mut self, Event)` an
/// aggregate of cqrs-es, and its events a stream's. The decision stays pure; this only forwards.
///
/// An event whose data has changed since it was first stored stands behind, by its stored name, with the function that
/// brings the data of schema 1 to 2, of 2 to 3, and so on: `aggregate!(.., Broken, { assessed: [with_revision] })`.
#[macro_export]
macro_rules! aggregate {
    ($aggregate:ty, $stream:literal, $command:ty, $event:ty, $broken:ty) => {
        $crate::aggregate! { $aggregate, $stream, $command, $event, $broken, {} }
    };
    ($aggregate:ty, $stream:literal, $command:ty, $event:ty, $broken:ty,
     { $($changed:ident: [$($upcast:path),+ $(,)?]),* $(,)? }) => {
        impl $crate::Aggregate for $aggregate {
            const TYPE: &'static str = $stream;
            type Command = $command;
            type Event = $event;
            type Error = $broken;
            type Services = $crate::Cx;

            async fn handle(
                &mut self,
                command: Self::Command,
                cx: &Self::Services,
                sink: &$crate::EventSink<Self>,
            ) -> Result<(), Self::Error> {
                for event in self.decide(command, cx)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: Self::Event) {
                <$aggregate>::apply(self, event);
            }
        }

        impl $crate::DomainEvent for $event {
            fn event_type(&self) -> String {
                $crate::tagged(self)
                    .map_or_else(|_| $stream.to_owned(), |(name, _)| format!(concat!($stream, ".{}"), name))
            }

            fn event_version(&self) -> String {
                $crate::schema_of(self).to_string()
            }
        }

        impl $crate::EventOf for $event {
            const STREAM: &'static str = $stream;
            const CHANGES: &'static [$crate::Change] =
                &[$($crate::Change { event: stringify!($changed), upcasts: &[$($upcast),+] }),*];
        }
    };
}
