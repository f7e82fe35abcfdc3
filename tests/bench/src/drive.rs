//! Clients that do the same thing over and over for a while, and how long it took them each time.
//!
//! The peers' program has this file too: what is compared is measured by the same code.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// One of the clients that work side by side.
pub trait Client: Send + 'static {
    fn operate(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// What passes before the next operation, and counts for none.
    fn rest(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// How long clients work, and how long of that does not count yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Span {
    pub warm_up: f64,
    pub seconds: f64,
}

/// What clients did in a span.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub operations: u32,
    pub seconds: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

impl Measured {
    pub fn of(mut latencies_us: Vec<u32>, seconds: f64) -> Self {
        latencies_us.sort_unstable();
        let operations = u32::try_from(latencies_us.len()).unwrap_or(u32::MAX);
        let at = |percent: usize| {
            let last = latencies_us.len().saturating_sub(1);
            latencies_us.get(last * percent / 100).copied().map_or(0.0, f64::from)
        };
        Self { operations, seconds, p50_us: at(50), p99_us: at(99) }
    }
}

/// Lets the clients work side by side. What ends within the span counts; where nothing does, what was under way counts, and
/// the time that it took.
pub async fn drive<C: Client>(span: Span, clients: Vec<C>) -> anyhow::Result<Measured> {
    let begin = Instant::now() + Duration::from_secs_f64(span.warm_up);
    let end = begin + Duration::from_secs_f64(span.seconds);
    let working: Vec<_> = clients.into_iter().map(|client| tokio::spawn(work(client, begin, end))).collect();
    let mut ended = Vec::new();
    for client in working {
        ended.extend(client.await.context("a client ended early")??);
    }
    let latencies = |until: Instant| ended.iter().filter(|one| one.at <= until).map(|one| one.latency_us).collect();
    let within: Vec<u32> = latencies(end);
    match ended.iter().map(|one| one.at).max() {
        Some(last) if within.is_empty() => Ok(Measured::of(latencies(last), (last - begin).as_secs_f64())),
        Some(_) | None => Ok(Measured::of(within, span.seconds)),
    }
}

/// An operation that is done.
struct Ended {
    at: Instant,
    latency_us: u32,
}

/// Gives what ended after `begin`, and also what began before `end` and ended later.
async fn work<C: Client>(mut client: C, begin: Instant, end: Instant) -> anyhow::Result<Vec<Ended>> {
    let mut ended = Vec::new();
    loop {
        let started = Instant::now();
        if started >= end {
            return Ok(ended);
        }
        client.operate().await?;
        let at = Instant::now();
        if at >= begin {
            ended.push(Ended { at, latency_us: micros(at - started) });
        }
        client.rest().await;
    }
}

pub fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}
