use cqrs_es::DomainEvent;
use serde::Serialize;
use serde_json::Value;

/// The events of one type of stream: a serde enum, adjacently tagged `{"type": .., "data": ..}`.
pub trait EventOf: DomainEvent {
    /// The stream type, which is also the first half of the event type: `risk` in `risk.accepted`.
    const STREAM: &'static str;
}

/// The variant's stored name and its data.
pub fn tagged(event: &impl Serialize) -> Result<(String, Value), serde_json::Error> {
    let mut value = serde_json::to_value(event)?;
    let name = value.get("type").and_then(Value::as_str).map(ToOwned::to_owned);
    let data = value.get_mut("data").map(Value::take);
    match (name, data) {
        (Some(name), Some(data)) => Ok((name, data)),
        _ => Err(serde::de::Error::custom("an event is tagged with `type` and `data`, and has data")),
    }
}

/// Makes a type with `decide(&self, Command, &Cx) -> Result<Vec<Event>, Broken>` and `apply(&mut self, Event)` an
/// aggregate of cqrs-es, and its events a stream's. The decision stays pure; this only forwards.
#[macro_export]
macro_rules! aggregate {
    ($aggregate:ty, $stream:literal, $command:ty, $event:ty, $broken:ty) => {
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
                "1".to_owned()
            }
        }

        impl $crate::EventOf for $event {
            const STREAM: &'static str = $stream;
        }
    };
}
