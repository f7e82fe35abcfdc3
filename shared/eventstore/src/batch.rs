use crate::append::{Decided, Verdict};
use crate::{StoreError, Stream, TenantId};
use std::collections::HashSet;
use tokio::sync::oneshot;

const MOST_COMMANDS: usize = 256;
const MOST_EVENTS: usize = 1024;
const MOST_BYTES: usize = 4 << 20;

/// A command that waits for its verdict.
pub struct Entry {
    pub command: Decided,
    pub verdict: oneshot::Sender<Result<Verdict, StoreError>>,
}

/// Commands that share a transaction: bounded, and independent of each other, so that each verdict stands alone.
#[derive(Default)]
pub struct Batch {
    pub entries: Vec<Entry>,
    written: HashSet<(TenantId, Stream)>,
    keys: HashSet<(TenantId, String)>,
    events: usize,
    bytes: usize,
}

impl Entry {
    pub fn bytes(&self) -> usize {
        self.command.bodies.iter().map(String::len).sum()
    }

    /// It would hold up everybody else's.
    pub fn is_large(&self) -> bool {
        self.command.events.len() > MOST_EVENTS / 4 || self.bytes() > MOST_BYTES / 4
    }
}

impl Batch {
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MOST_COMMANDS || self.events >= MOST_EVENTS || self.bytes >= MOST_BYTES
    }

    /// Takes the entry, or gives it back, where it depends on one that is in already: it has to see what that one did.
    pub fn admit(&mut self, entry: Entry) -> Option<Entry> {
        let Decided { tenant, key, reads, events, .. } = &entry.command;
        let depends = reads.iter().any(|(stream, _)| self.written.contains(&(*tenant, stream.clone())));
        let repeats = key.as_ref().is_some_and(|key| self.keys.contains(&(*tenant, key.id.clone())));
        if depends || repeats {
            return Some(entry);
        }
        self.written.extend(events.iter().map(|event| (*tenant, event.stream.clone())));
        self.keys.extend(key.iter().map(|key| (*tenant, key.id.clone())));
        self.events += events.len();
        self.bytes += entry.bytes();
        self.entries.push(entry);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Entry};
    use crate::append::Decided;
    use crate::{Actor, CommandKey, Metadata, Recorded, Stream, TenantId};
    use uuid::Uuid;

    fn entry(tenant: TenantId, key: Option<&str>, reads: &[&str], writes: &[&str]) -> Entry {
        let event = |name: &&str| Recorded {
            tenant,
            position: 0,
            stream: Stream::new("risk", name),
            version: 1,
            id: Uuid::new_v4(),
            event_type: "risk.identified".to_owned(),
            schema: 1,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            data: serde_json::json!({}),
            metadata: Metadata {
                actor: Actor::Person("mara".to_owned()),
                reason: None,
                command_id: None,
                correlation_id: Uuid::new_v4(),
                causation_id: None,
                traceparent: None,
            },
            hash: String::new(),
        };
        let command = Decided {
            tenant,
            key: key.map(|id| CommandKey { id: id.to_owned(), request_digest: vec![] }),
            answer: String::new(),
            reads: reads.iter().chain(writes).map(|name| (Stream::new("risk", name), 0)).collect(),
            bodies: writes.iter().map(|_| "{}".to_owned()).collect(),
            events: writes.iter().map(event).collect(),
        };
        Entry { command, verdict: tokio::sync::oneshot::channel().0 }
    }

    #[test]
    fn what_depends_on_one_before_it_waits_for_the_next_batch() {
        let (ours, theirs) = (TenantId::random(), TenantId::random());
        let mut batch = Batch::default();
        let mut admits = |entry| batch.admit(entry).is_none();
        assert!(admits(entry(ours, Some("k"), &["method"], &["R-1"])));
        assert!(admits(entry(ours, None, &["method"], &["R-2"])), "both only read it");
        assert!(admits(entry(theirs, Some("k"), &[], &["R-1"])), "another tenant's are others");
        assert!(!admits(entry(ours, None, &[], &["R-1"])), "it writes what was written");
        assert!(!admits(entry(ours, None, &["R-1"], &["R-3"])), "it reads what was written");
        assert!(!admits(entry(ours, Some("k"), &[], &["R-4"])), "the same key");
        assert!(admits(entry(ours, None, &[], &["method"])), "what was only read may be written after it");
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut batch = Batch::default();
        let mut admitted = 0;
        while !batch.is_full() {
            let name = format!("R-{admitted}");
            assert!(batch.admit(entry(TenantId::random(), None, &[], &[&name])).is_none());
            admitted += 1;
        }
        assert_eq!(admitted, 256);
    }
}
