//! message-db: its own SQL, as its npm package installs it. A tenant is a category.

use crate::Unavailable;
use crate::content::TEXT;
use crate::database::Database;
use crate::drive::{Client, Measured, drive};
use crate::protocol::{Operation, Request};
use crate::walk::Walk;
use serde_json::{Value, json};
use sqlx::{Pool, Postgres};
use std::fs;
use uuid::Uuid;

/// In the order of its own install.sh; privileges are left out, since the superuser asks.
const PARTS: &[&str] = &[
    "schema/message-store",
    "extensions/pgcrypto",
    "tables/messages",
    "types/message",
    "functions/message-store-version",
    "functions/hash-64",
    "functions/acquire-lock",
    "functions/category",
    "functions/is-category",
    "functions/id",
    "functions/cardinal-id",
    "functions/stream-version",
    "functions/write-message",
    "functions/get-stream-messages",
    "functions/get-category-messages",
    "functions/get-last-stream-message",
    "indexes/messages-id",
    "indexes/messages-stream",
    "indexes/messages-category",
];

/// How many messages of one category there are to read in order.
const FEED: usize = 100_000;

pub async fn measure(database: &mut Database, request: &Request) -> anyhow::Result<Measured> {
    let script = script(database)?;
    database.fill("message-db", &script).await?;
    let shape = request.shape;
    let pool = database.pool(shape.clients).await?;
    let clients = 0..shape.clients;
    match request.operation {
        // It has no commands: this is the bare write.
        Operation::Append | Operation::Command => {
            let walk = || {
                let appends = request.operation == Operation::Append;
                if appends { Walk::of_appends(shape.tenants) } else { Walk::of_commands(shape.tenants) }
            };
            let clients = clients.map(|_| Writing { pool: pool.clone(), walk: walk(), events: shape.events });
            drive(request.span, clients.collect()).await
        }
        Operation::Load => {
            let stream = format!("load-{}", shape.events);
            database.fill(&format!("message-db {stream}"), &messages(&stream, shape.events)).await?;
            let events = shape.events;
            let clients = clients.map(|_| Loading { pool: pool.clone(), stream: stream.clone(), events });
            drive(request.span, clients.collect()).await
        }
        Operation::Feed => {
            database.fill("message-db feed", &messages("feed-1", FEED)).await?;
            let events = shape.events;
            let clients = clients.map(|_| Feeding { pool: pool.clone(), events, after: 0 });
            drive(request.span, clients.collect()).await
        }
        Operation::SearchEach | Operation::SearchNone => Err(Unavailable("it has no search".to_owned()).into()),
    }
}

fn script(database: &Database) -> anyhow::Result<String> {
    let read = |part: &&str| fs::read_to_string(database.message_db.join(format!("{part}.sql")));
    let parts: Result<Vec<String>, _> = PARTS.iter().map(read).collect();
    let parts = parts.map_err(|error| {
        Unavailable(format!("message-db is not at {} ({error}): npm did not bring it", database.message_db.display()))
    })?;
    // Its table names an id's default without a schema.
    Ok(format!("set search_path = public, message_store;\n{}", parts.join("\n;\n")))
}

fn messages(stream: &str, count: usize) -> String {
    let (data, metadata) = (data(), metadata());
    format!(
        "insert into message_store.messages (stream_name, position, type, data, metadata)
         select '{stream}', i, 'Added', '{data}', '{metadata}' from generate_series(0, {count} - 1) as i;
         analyze message_store.messages;"
    )
}

fn data() -> Value {
    json!({"amount": 1, "text": TEXT})
}

/// What our events say beside their data.
fn metadata() -> Value {
    json!({
        "actor": "mara", "command_id": Uuid::now_v7().to_string(), "correlation_id": Uuid::now_v7().to_string(),
        "occurred_at": "2026-03-01T09:30:00.000000Z"
    })
}

struct Writing {
    pool: Pool<Postgres>,
    walk: Walk,
    events: usize,
}

impl Client for Writing {
    /// One call a message; several in a transaction, as its clients do.
    async fn operate(&mut self) -> anyhow::Result<()> {
        let step = self.walk.step();
        let stream = format!("tally{}-{}", step.tenant, step.stream);
        let version = i64::from(step.before) * i64::try_from(self.events)? - 1;
        if self.events == 1 {
            return write(&mut *self.pool.acquire().await?, &stream, version).await;
        }
        let mut transaction = self.pool.begin().await?;
        for more in 0..i64::try_from(self.events)? {
            write(&mut transaction, &stream, version + more).await?;
        }
        Ok(transaction.commit().await?)
    }
}

async fn write(connection: &mut sqlx::PgConnection, stream: &str, expected: i64) -> anyhow::Result<()> {
    let position: i64 = sqlx::query_scalar("select write_message($1::varchar, $2::varchar, 'Added', $3, $4, $5)")
        .bind(Uuid::now_v7().to_string())
        .bind(stream)
        .bind(data())
        .bind(metadata())
        .bind(expected)
        .fetch_one(connection)
        .await?;
    anyhow::ensure!(position == expected + 1, "written at {position}");
    Ok(())
}

type Message = (i64, String, String);

fn read(messages: &[Message], events: usize) -> anyhow::Result<()> {
    anyhow::ensure!(messages.len() == events, "{} messages instead of {events}", messages.len());
    for (_, data, metadata) in messages {
        let data: Value = serde_json::from_str(data)?;
        let metadata: Value = serde_json::from_str(metadata)?;
        anyhow::ensure!(data["amount"] == 1 && metadata["actor"] == "mara", "other content");
    }
    Ok(())
}

struct Loading {
    pool: Pool<Postgres>,
    stream: String,
    events: usize,
}

impl Client for Loading {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let messages: Vec<Message> =
            sqlx::query_as("select global_position, data, metadata from get_stream_messages($1::varchar, 0, $2)")
                .bind(&self.stream)
                .bind(i64::try_from(self.events)?)
                .fetch_all(&self.pool)
                .await?;
        read(&messages, self.events)
    }
}

struct Feeding {
    pool: Pool<Postgres>,
    events: usize,
    after: i64,
}

impl Client for Feeding {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let limit = i64::try_from(self.events)?;
        let ask = async |after: i64| {
            let query = "select global_position, data, metadata from get_category_messages('feed', $1, $2)";
            sqlx::query_as::<_, Message>(query).bind(after).bind(limit).fetch_all(&self.pool).await
        };
        let mut messages = ask(self.after + 1).await?;
        if messages.len() < self.events {
            messages = ask(0).await?;
        }
        read(&messages, self.events)?;
        self.after = messages.last().map_or(0, |(position, ..)| *position);
        Ok(())
    }
}
