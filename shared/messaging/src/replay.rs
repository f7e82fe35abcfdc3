use crate::bus::{Bus, BusError, refused};
use async_nats::Message;
use eventstore::{EventStore, Head, Recorded, TenantId};
use futures::StreamExt;
use serde::{Deserialize, Serialize};

const PAGE: i64 = 1000;
const EVENTS: i64 = 200;

/// Under NATS' usual limit of 1 MiB for a message, with room for what surrounds the events.
const BYTES: usize = 700_000;

#[derive(Serialize, Deserialize)]
struct Replay {
    tenant: TenantId,
    after: i64,
}

#[derive(Serialize, Deserialize)]
struct Heads {
    after: Option<TenantId>,
}

/// Answers other services that ask for this one's events again, for as long as the caller lets it run.
pub async fn serve_replay(store: &EventStore, bus: &Bus) -> Result<(), BusError> {
    let service = store.service();
    let group = |what: &str| format!("{service}-{what}");
    let replays = bus.client.queue_subscribe(bus.request_subject("replay", service), group("replay"));
    let heads = bus.client.queue_subscribe(bus.request_subject("heads", service), group("heads"));
    let replays = replays.await.map_err(refused)?.map(|message| (true, message));
    let heads = heads.await.map_err(refused)?.map(|message| (false, message));
    futures::stream::select(replays, heads)
        .for_each_concurrent(4, |(is_replay, message)| async move {
            let answer = if is_replay { replay(store, &message).await } else { head_page(store, &message).await };
            match (answer, message.reply) {
                (Ok(answer), Some(reply)) => {
                    if let Err(error) = bus.client.publish(reply, answer.into()).await {
                        tracing::warn!(%error, "an answer could not be sent; the asker asks again");
                    }
                }
                (Err(error), _) => {
                    tracing::warn!(error = format!("{error:#}"), "a request for replay could not be answered");
                }
                (Ok(_), None) => {}
            }
        })
        .await;
    Ok(())
}

async fn replay(store: &EventStore, message: &Message) -> anyhow::Result<Vec<u8>> {
    let asked: Replay = serde_json::from_slice(&message.payload)?;
    let mut session = store.session(asked.tenant).await?;
    let events = session.events_after(asked.after, EVENTS).await?;
    Ok(fitting(&events)?)
}

/// As many events as one message holds, and one at least: the store keeps none that is larger.
fn fitting(events: &[Recorded]) -> Result<Vec<u8>, serde_json::Error> {
    let mut answer = b"[".to_vec();
    for event in events {
        let event = serde_json::to_vec(event)?;
        if answer.len() > 1 {
            if answer.len() + event.len() > BYTES {
                break;
            }
            answer.push(b',');
        }
        answer.extend_from_slice(&event);
    }
    answer.push(b']');
    Ok(answer)
}

async fn head_page(store: &EventStore, message: &Message) -> anyhow::Result<Vec<u8>> {
    let asked: Heads = serde_json::from_slice(&message.payload)?;
    Ok(serde_json::to_vec(&store.heads(asked.after, PAGE).await?)?)
}

impl Bus {
    /// The next events of a tenant at their source, after a position; none where it has no more.
    pub(crate) async fn ask_events(
        &self,
        source: &str,
        tenant: TenantId,
        after: i64,
    ) -> Result<Vec<Recorded>, BusError> {
        self.ask("replay", source, &Replay { tenant, after }).await
    }

    /// How far each tenant is at its source; a page, in the order of tenant ids.
    pub(crate) async fn ask_heads(&self, source: &str, after: Option<TenantId>) -> Result<Vec<Head>, BusError> {
        self.ask("heads", source, &Heads { after }).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        source: &str,
        question: &impl Serialize,
    ) -> Result<T, BusError> {
        let question = serde_json::to_vec(question).map_err(refused)?;
        let answer = self.client.request(self.request_subject(what, source), question.into()).await.map_err(refused)?;
        serde_json::from_slice(&answer.payload).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, fitting};
    use eventstore::{Actor, Metadata, Recorded, Stream, TenantId};
    use uuid::Uuid;

    fn event(position: i64, reason: &str) -> Recorded {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        Recorded {
            tenant: TenantId::random(),
            position,
            stream: Stream::new("risk", "R-1"),
            version: position,
            id: Uuid::new_v4(),
            event_type: "risk.described".to_owned(),
            schema: 1,
            occurred_at: now,
            recorded_at: now,
            data: serde_json::json!({}),
            metadata: Metadata {
                actor: Actor::Person("mara".to_owned()),
                reason: Some(reason.to_owned()),
                command_id: None,
                correlation_id: Uuid::new_v4(),
                causation_id: None,
                traceparent: None,
            },
            hash: String::new(),
        }
    }

    #[test]
    fn what_is_said_beside_the_data_counts_too() {
        let reason = "因".repeat(2000);
        let events: Vec<Recorded> = (1..=200).map(|position| event(position, &reason)).collect();
        let answer = fitting(&events).expect("written");
        assert!(answer.len() <= BYTES + 1, "{}", answer.len());
        let sent: Vec<Recorded> = serde_json::from_slice(&answer).expect("read");
        assert!(sent.len() > 50 && sent.len() < 200, "{}", sent.len());
        assert_eq!(sent, events[..sent.len()]);
        let one = [event(1, &"x".repeat(BYTES))];
        assert_eq!(serde_json::from_slice::<Vec<Recorded>>(&fitting(&one).expect("written")).expect("read"), one);
        assert_eq!(fitting(&[]).expect("written"), b"[]");
    }
}
