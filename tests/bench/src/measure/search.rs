//! A page of ten thousand risks over HTTP: in order, now and as of, and those in which a word stands.

use super::import::upload;
use crate::bench::{Bench, p50};
use crate::drive::{Client, drive};
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::Contender;
use crate::row::{FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use eventstore::TenantId;
use serde_json::Value;

const PAGE: &str = "register page over HTTP";
const PAGE_FLOOR: &str = "50 rows of 600 bytes by a range of one index, not decoded; 1 client";
const SEARCH: &str = "search in the register over HTTP";
const SEARCH_FLOOR: &str = "as many rows of 600 bytes in the order of one index, each held against the word until 50 have \
                            it, not decoded; 1 client";
const RISKS: u32 = 10_000;
const FIRST: usize = 50;

/// What is asked, and what the floor does.
#[derive(Clone, Copy)]
struct Question {
    row: &'static str,
    shape: &'static str,
    word: Word,
    /// As of the first of two uploads, in place of now.
    past: bool,
}

#[derive(Clone, Copy)]
enum Word {
    Nothing,
    OfEach,
    OfOne,
    OfNone,
}

const QUESTIONS: [Question; 6] = [
    Question { row: PAGE, shape: "first 50 in order, now", word: Word::Nothing, past: false },
    Question { row: PAGE, shape: "first 50 in order, as of half of history", word: Word::Nothing, past: true },
    Question { row: SEARCH, shape: "a word of each of 10,000 risks", word: Word::OfEach, past: false },
    Question { row: SEARCH, shape: "a word of one of 10,000 risks", word: Word::OfOne, past: false },
    Question { row: SEARCH, shape: "a word of none of 10,000 risks", word: Word::OfNone, past: false },
    Question { row: SEARCH, shape: "the same, as of half of history", word: Word::OfNone, past: true },
];

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let questions = QUESTIONS.iter().filter(|question| bench.wants(question.row, question.shape));
    let questions: Vec<Question> = questions.copied().collect();
    if questions.is_empty() {
        return Ok(());
    }
    let served = Served::start(bench, "bench", |_| vec![risk::service()]).await?;
    let measured = each(bench, &served, questions).await;
    served.stop().await;
    measured
}

async fn each(bench: &Bench, served: &Served, questions: Vec<Question>) -> anyhow::Result<()> {
    let (store, risks) = (&served.stores().await[0], bench.options.amount(RISKS));
    let tenant = served.tenant_of_risk(store).await?;
    upload(&served.http, tenant, risks, 0, risks).await?;
    let half = store.session(tenant).await?.head().await?;
    upload(&served.http, tenant, risks, 1, risks).await?;
    published(store).await?;
    bench.settle("risk").await?;
    for question in questions {
        one(bench, &served.http, question.asked(tenant, risks, half), question, risks).await?;
    }
    Ok(())
}

async fn one(bench: &Bench, http: &Http, asking: Asked, question: Question, risks: u32) -> anyhow::Result<()> {
    let shape = |events| Shape { clients: 1, tenants: 1, events };
    let among = usize::try_from(risks)?;
    let floor = match question.word {
        Word::Nothing => bench.contender(Peer::Floor, Operation::Load, shape(FIRST)),
        Word::OfEach => bench.contender(Peer::Floor, Operation::SearchEach, shape(among)),
        Word::OfOne | Word::OfNone => bench.contender(Peer::Floor, Operation::SearchNone, shape(among)),
    };
    let ours = Contender::new(OURS, || {
        let asking = Asking { http: http.clone(), asked: asking.clone() };
        drive(bench.span(), vec![asking])
    });
    let compared = bench.interleaved(vec![floor, ours]).await?;
    let latency = compared.median(OURS, |measured| measured.p50_us / 1000.0).unwrap_or_default();
    let floor_is = if question.row == PAGE { PAGE_FLOOR } else { SEARCH_FLOOR };
    let row = Row::new(question.row, question.shape, latency, "ms");
    bench.keep(row.against(floor_is, compared.ratio(OURS, FLOOR, p50)));
    Ok(())
}

impl Question {
    fn asked(self, tenant: TenantId, risks: u32, half: i64) -> Asked {
        let (word, found) = match self.word {
            Word::Nothing => (String::new(), FIRST),
            // As it stands in each description.
            Word::OfEach => ("&q=BUCKET".to_owned(), FIRST),
            Word::OfOne => (format!("&q={risks}"), 1),
            Word::OfNone => ("&q=zeppelin".to_owned(), 0),
        };
        let at = if self.past { format!("&as_of={half}") } else { String::new() };
        Asked { path: format!("/v1/tenants/{tenant}/risks?limit={FIRST}{word}{at}"), found }
    }
}

#[derive(Clone)]
struct Asked {
    path: String,
    found: usize,
}

struct Asking {
    http: Http,
    asked: Asked,
}

impl Client for Asking {
    async fn operate(&mut self) -> anyhow::Result<()> {
        let Asked { path, found } = &self.asked;
        let page: Value = serde_json::from_slice(&self.http.get(path).await?)?;
        let items = page["items"].as_array().map_or(0, Vec::len);
        anyhow::ensure!(items == *found, "{path}: {items} instead of {found}");
        Ok(())
    }
}
