//! The least that could be done: one row a commit, or rows as they lie.

use crate::content::TEXT;
use crate::database::Database;
use crate::drive::{Client, Measured, drive};
use crate::protocol::{Operation, Request};
use sqlx::{Pool, Postgres};
use std::sync::Arc;
use uuid::Uuid;

/// What a row has: as many bytes as an event of ours.
const BODY: usize = 600;

/// How many rows there are to read.
const ROWS: usize = 100_000;

pub async fn measure(database: &mut Database, request: &Request) -> anyhow::Result<Measured> {
    let shape = request.shape;
    let pool = database.pool(shape.clients).await?;
    let clients = 0..shape.clients;
    match request.operation {
        Operation::Append | Operation::Command => {
            let body: Arc<str> = body().into();
            let clients = clients.map(|_| Insert { pool: pool.clone(), body: body.clone() }).collect();
            drive(request.span, clients).await
        }
        Operation::Load | Operation::Feed => {
            fill(database).await?;
            let limit = i64::try_from(shape.events)?;
            let in_order = request.operation == Operation::Feed;
            let clients = clients.map(|_| Read { pool: pool.clone(), limit, in_order, after: 0 }).collect();
            drive(request.span, clients).await
        }
        Operation::SearchEach | Operation::SearchNone => {
            fill(database).await?;
            let among = i64::try_from(shape.events)?;
            let word = if request.operation == Operation::SearchEach { "%BUCKET%" } else { "%zeppelin%" };
            drive(request.span, clients.map(|_| Search { pool: pool.clone(), among, word }).collect()).await
        }
    }
}

async fn fill(database: &mut Database) -> anyhow::Result<()> {
    let script = format!(
        "insert into floor_rows select i, '{}' from generate_series(1, {ROWS}) as i; analyze floor_rows;",
        body()
    );
    database.fill("floor_rows", &script).await
}

fn body() -> String {
    TEXT.chars().cycle().take(BODY).collect()
}

struct Insert {
    pool: Pool<Postgres>,
    body: Arc<str>,
}

impl Client for Insert {
    async fn operate(&mut self) -> anyhow::Result<()> {
        sqlx::query("insert into floor values ($1, $2)")
            .bind(Uuid::now_v7())
            .bind(&*self.body)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

struct Read {
    pool: Pool<Postgres>,
    limit: i64,
    in_order: bool,
    after: i64,
}

impl Client for Read {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let last = i64::try_from(ROWS)? - self.limit;
        if !self.in_order {
            self.after = fastrand::i64(0..=last);
        } else if self.after > last {
            self.after = 0;
        }
        let rows: Vec<(i64, String)> =
            sqlx::query_as("select position, body from floor_rows where position > $1 order by position limit $2")
                .bind(self.after)
                .bind(self.limit)
                .fetch_all(&self.pool)
                .await?;
        anyhow::ensure!(i64::try_from(rows.len())? == self.limit, "{} rows instead of {}", rows.len(), self.limit);
        self.after += self.limit;
        Ok(())
    }
}

struct Search {
    pool: Pool<Postgres>,
    among: i64,
    word: &'static str,
}

impl Client for Search {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let _: Vec<(i64, String)> = sqlx::query_as(
            "select position, body from floor_rows where position <= $1 and body ilike $2 order by position limit 50",
        )
        .bind(self.among)
        .bind(self.word)
        .fetch_all(&self.pool)
        .await?;
        Ok(())
    }
}
