//! Other event stores, and the floor that all are measured against, driven by lines on standard input: a request each, and
//! an answer each on standard output. A program of its own because they pin other versions than the product does.

#[path = "../../src/content.rs"]
mod content;
mod database;
#[path = "../../src/drive.rs"]
mod drive;
mod floor;
mod message_db;
mod postgres_es;
#[path = "../../src/protocol.rs"]
mod protocol;
#[path = "../../src/walk.rs"]
mod walk;

use anyhow::{Context, bail};
use database::Database;
use protocol::{Answer, Peer, Request};
use std::io::{BufRead, Write, stdin, stdout};
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// What ends a request before it is measured: there is nothing to measure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unavailable(String);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(postgres), Some(message_db)) = (arguments.next(), arguments.next()) else {
        bail!("usage: peers POSTGRES_URL FOLDER_OF_MESSAGE_DB")
    };
    let runtime = Runtime::new()?;
    let mut database = runtime.block_on(Database::create(&postgres, PathBuf::from(message_db)))?;
    for line in stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?).context("a request is a line of JSON")?;
        let answer = runtime.block_on(answer(&mut database, &request));
        writeln!(stdout(), "{}", serde_json::to_string(&answer)?)?;
        stdout().flush()?;
    }
    runtime.block_on(database.close());
    Ok(())
}

async fn answer(database: &mut Database, request: &Request) -> Answer {
    let measured = match request.peer {
        Peer::Floor => floor::measure(database, request).await,
        Peer::PostgresEs => postgres_es::measure(database, request, false).await,
        Peer::PostgresEsView => postgres_es::measure(database, request, true).await,
        Peer::MessageDb => message_db::measure(database, request).await,
    };
    match measured {
        Ok(measured) => Answer::Measured(measured),
        Err(error) => match error.downcast::<Unavailable>() {
            Ok(Unavailable(why)) => Answer::Unavailable(why),
            Err(error) => Answer::Failed(format!("{error:#}")),
        },
    }
}
