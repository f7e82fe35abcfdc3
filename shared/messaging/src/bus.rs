use async_nats::jetstream::consumer::pull::Config as ConsumerConfig;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::{Config as StreamConfig, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use eventstore::TenantId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long JetStream keeps a message. PostgreSQL is the truth: what is older is replayed from there.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A connection to NATS and the names that an installation uses there.
#[derive(Clone)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: Context,
    prefix: String,
    /// Streams that are known to stand.
    ensured: Arc<Mutex<HashSet<String>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("NATS cannot be reached: {0}")]
    Connect(#[from] async_nats::ConnectError),
    #[error("this is not the address of a NATS server (nats://user:password@host:port): {0}")]
    Address(String),
    #[error("NATS refused: {0}")]
    Refused(String),
    /// An old server ignores what it does not know; a consumer with another filter would see other subjects.
    #[error("NATS keeps {what} of {name} as {kept}, not as {wanted}: remove it, or use another subject prefix")]
    Different { name: String, what: &'static str, kept: String, wanted: String },
}

pub(crate) fn refused(error: impl std::fmt::Display) -> BusError {
    BusError::Refused(error.to_string())
}

/// The address without its credentials: the client logs where it connects to.
fn bare(address: async_nats::ServerAddr) -> Result<async_nats::ServerAddr, BusError> {
    let mut url = address.into_inner();
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| BusError::Address("it names no host".to_owned()))?;
    async_nats::ServerAddr::from_url(url).map_err(|error| BusError::Address(error.to_string()))
}

impl Bus {
    /// `url` may carry user and password. `prefix` is the first token of every subject, `stele` by default.
    pub async fn connect(url: &str, prefix: &str) -> Result<Self, BusError> {
        let address: async_nats::ServerAddr = url.parse().map_err(|error| BusError::Address(format!("{error}")))?;
        let mut options =
            async_nats::ConnectOptions::new().name("stele").retry_on_initial_connect().max_reconnects(None);
        if let (user, Some(password)) = (address.username(), address.password()) {
            // The client leaves what stands in the address aside.
            options = options.user_and_password(user.map(ToOwned::to_owned).unwrap_or_default(), password.to_owned());
        }
        let client = options.connect(bare(address)?).await?;
        let jetstream = jetstream::new(client.clone());
        Ok(Self { client, jetstream, prefix: prefix.to_owned(), ensured: Arc::default() })
    }

    /// Whether the server answers now.
    pub async fn ping(&self) -> Result<(), BusError> {
        self.client.flush().await.map_err(refused)
    }

    /// `<prefix>.<service>.<tenant>.<stream type>.<event type>`; an event type starts with its stream type.
    pub fn subject(&self, service: &str, tenant: TenantId, event_type: &str) -> String {
        format!("{}.{service}.{tenant}.{event_type}", self.prefix)
    }

    pub fn stream_name(&self, service: &str) -> String {
        format!("{}_{service}", self.prefix).to_uppercase()
    }

    pub(crate) fn request_subject(&self, what: &str, service: &str) -> String {
        format!("{}._{what}.{service}", self.prefix)
    }

    /// Makes the stream of a service's events where it is missing, and reads it back.
    pub(crate) async fn ensure_stream(&self, service: &str) -> Result<jetstream::stream::Stream, BusError> {
        let name = self.stream_name(service);
        let wanted = StreamConfig {
            name: name.clone(),
            subjects: vec![format!("{}.{service}.>", self.prefix)],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            max_age: KEPT,
            duplicate_window: Duration::from_secs(120),
            ..StreamConfig::default()
        };
        let subjects = wanted.subjects.clone();
        let mut stream = self.jetstream.get_or_create_stream(wanted).await.map_err(refused)?;
        let kept = &stream.info().await.map_err(refused)?.config;
        if kept.subjects != subjects {
            return Err(BusError::Different {
                name,
                what: "the subjects",
                kept: kept.subjects.join(" "),
                wanted: subjects.join(" "),
            });
        }
        Ok(stream)
    }

    /// The same, asked of the server once, and again after [`Bus::forget_stream`].
    pub(crate) async fn ensure_stream_once(&self, service: &str) -> Result<(), BusError> {
        if !self.ensured().contains(service) {
            self.ensure_stream(service).await?;
            self.ensured().insert(service.to_owned());
        }
        Ok(())
    }

    /// A publication failed: perhaps the stream is gone.
    pub(crate) fn forget_stream(&self, service: &str) {
        self.ensured().remove(service);
    }

    fn ensured(&self) -> MutexGuard<'_, HashSet<String>> {
        self.ensured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The durable consumer by which `service` hears `source`: one filter subject, which every server version heeds. With
    /// it, the last message that the stream holds already.
    pub(crate) async fn ensure_consumer(&self, service: &str, source: &str) -> Result<(PullConsumer, u64), BusError> {
        let stream = self.ensure_stream(source).await?;
        let last = stream.cached_info().state.last_sequence;
        let filter = format!("{}.{source}.>", self.prefix);
        let wanted = ConsumerConfig {
            durable_name: Some(service.to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 2000,
            filter_subject: filter.clone(),
            ..ConsumerConfig::default()
        };
        let mut consumer: PullConsumer = stream.get_or_create_consumer(service, wanted).await.map_err(refused)?;
        let kept = &consumer.info().await.map_err(refused)?.config;
        if kept.filter_subject != filter {
            return Err(BusError::Different {
                name: format!("consumer {service} of {}", self.stream_name(source)),
                what: "the filter",
                kept: kept.filter_subject.clone(),
                wanted: filter,
            });
        }
        Ok((consumer, last))
    }
}
