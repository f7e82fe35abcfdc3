use crate::open::Open;
use crate::store::{Row, current};
use crate::{Recorded, Schemas, StoreError, Stream, TenantId};
use sqlx::FromRow;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{mpsc, oneshot};

const READERS: usize = 2;
const WAITING: usize = 1024;

/// One query reads this many streams at most.
const MOST_STREAMS: usize = 512;

/// More streams than this are read in a session of the tenant's own.
pub const SHARED: usize = 64;

/// Reads the streams that decisions need: those that are wanted at the same moment by one query, across tenants.
pub struct Reader(Vec<mpsc::Sender<Wanted>>);

struct Wanted {
    tenant: TenantId,
    streams: Vec<Stream>,
    found: oneshot::Sender<Result<Vec<Row>, StoreError>>,
}

#[derive(FromRow)]
struct Found {
    number: i64,
    #[sqlx(flatten)]
    row: Row,
}

impl Reader {
    pub fn start(options: &PgConnectOptions) -> Self {
        let queues = (0..READERS).map(|_| {
            let (queue, waiting) = mpsc::channel(WAITING);
            tokio::spawn(read(options.clone(), waiting));
            queue
        });
        Self(queues.collect())
    }

    /// Each stream's events, oldest first.
    pub async fn streams(
        &self,
        tenant: TenantId,
        streams: Vec<Stream>,
        schemas: &Schemas,
    ) -> Result<Vec<Recorded>, StoreError> {
        let (found, told) = oneshot::channel();
        // The one that has less to do.
        let Some(queue) = self.0.iter().max_by_key(|queue| queue.capacity()) else { return Ok(vec![]) };
        queue.send(Wanted { tenant, streams, found }).await.map_err(|_| closed())?;
        let rows = told.await.map_err(|_| closed())??;
        let events = current(schemas, rows)?;
        // One query read for several tenants: what is not this one's would be a leak, and is none of an answer.
        match events.iter().find(|event| event.tenant != tenant) {
            None => Ok(events),
            Some(_) => Err(StoreError::Contract("a stream was read that belongs to another tenant".to_owned())),
        }
    }
}

fn closed() -> StoreError {
    StoreError::Database(sqlx::Error::PoolClosed)
}

async fn read(options: PgConnectOptions, mut waiting: mpsc::Receiver<Wanted>) {
    let mut connection = None;
    while let Some(first) = waiting.recv().await {
        let mut streams = first.streams.len();
        let mut wanted = vec![first];
        while streams < MOST_STREAMS
            && let Ok(next) = waiting.try_recv()
        {
            streams += next.streams.len();
            wanted.push(next);
        }
        match answer(&options, connection.take(), &wanted).await {
            Ok((answers, open)) => {
                connection = Some(open);
                for (wanted, rows) in wanted.into_iter().zip(answers) {
                    let _ = wanted.found.send(Ok(rows));
                }
            }
            Err(error) => {
                for wanted in wanted {
                    let told = sqlx::Error::Protocol(error.to_string());
                    let _ = wanted.found.send(Err(StoreError::Database(told)));
                }
            }
        }
    }
}

async fn answer(
    options: &PgConnectOptions,
    kept: Option<Open>,
    wanted: &[Wanted],
) -> Result<(Vec<Vec<Row>>, Open), sqlx::Error> {
    let mut open = Open::ready(kept, options).await?;
    let (mut tenants, mut streams, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (number, wanted) in wanted.iter().enumerate() {
        for stream in &wanted.streams {
            tenants.push(wanted.tenant);
            streams.push(stream.as_str());
            numbers.push(number);
        }
    }
    let found: Vec<Found> = sqlx::query_as(
        "select w.number, e.position, e.version, e.recorded_at, e.body, e.hash
         from unnest($1::uuid[], $2::text[]) with ordinality as w(tenant, stream, number)
         join events e on e.tenant_id = w.tenant and e.stream = w.stream
         order by w.number, e.version",
    )
    .bind(tenants)
    .bind(streams)
    .fetch_all(&mut open.connection)
    .await?;
    let mut answers: Vec<Vec<Row>> = wanted.iter().map(|_| Vec::new()).collect();
    for Found { number, row } in found {
        // Ordinality counts from 1.
        let place = usize::try_from(number - 1).ok().and_then(|place| numbers.get(place));
        if let Some(answer) = place.and_then(|place| answers.get_mut(*place)) {
            answer.push(row);
        }
    }
    Ok((answers, open.used()))
}
