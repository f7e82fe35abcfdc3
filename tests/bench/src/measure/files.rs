//! The whole register as it is handed over: as text, as a drawing, as a workbook and as PDF.

use super::import::upload;
use crate::bench::{Bench, p50};
use crate::drive::{Measured, micros};
use crate::memory;
use crate::protocol::{Operation, Peer, Shape};
use crate::rounds::{Contender, Outcome};
use crate::row::{FLOOR, OURS, Row};
use crate::served::{Http, Served, published};
use anyhow::Context;
use bytes::Bytes;
use rust_xlsxwriter::Workbook;
use service::Press;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use typesetting::Typst;

const RISKS: u32 = 10_000;

const TEXT: &str = "register of 10,000 risks as text";
const TEXT_FLOOR: &str = "as many rows of 600 bytes by a range of one index, not decoded; 1 client";
const PAPER: &str = "register of 10,000 risks as a paper";
const PAPER_FLOOR: &str = "the cells of its CSV as texts of a bare workbook, by rust_xlsxwriter";

/// Row, what it is called, and where it stands.
const FILES: [(&str, &str, &str); 6] = [
    (TEXT, "JSON", "risks.json"),
    (TEXT, "CSV", "risks.csv"),
    (TEXT, "heat map", "heat-map.svg"),
    (TEXT, "trend of 12 months", "risk-trend.svg"),
    (PAPER, "XLSX", "risks.xlsx"),
    (PAPER, "PDF", "risks.pdf"),
];

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let wanted: Vec<_> = FILES.into_iter().filter(|(row, shape, _)| bench.wants(row, shape)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let press = Press::new(Arc::new(Typst::default()));
    let served = Served::start(bench, "bench", |_| vec![risk::service().prints_with(press)]).await?;
    let measured = each(bench, &served, wanted).await;
    served.stop().await;
    measured
}

async fn each(bench: &Bench, served: &Served, wanted: Vec<(&str, &str, &str)>) -> anyhow::Result<()> {
    let (store, risks) = (&served.stores().await[0], bench.options.amount(RISKS));
    let tenant = served.tenant_of_risk(store).await?;
    upload(&served.http, tenant, risks, 0, risks).await?;
    published(store).await?;
    bench.settle("risk").await?;
    let at = |file: &str| format!("/v1/tenants/{tenant}/{file}");
    let csv = served.http.get(&at("risks.csv")).await?;
    for (row, shape, file) in wanted {
        one(bench, &served.http, &csv, (row, shape, &at(file))).await?;
    }
    Ok(())
}

async fn one(bench: &Bench, http: &Http, csv: &Bytes, (row, shape, path): (&str, &str, &str)) -> anyhow::Result<()> {
    let peak = Cell::new(0.0_f64);
    let as_many = Shape { clients: 1, tenants: 1, events: usize::try_from(bench.options.amount(RISKS))? };
    let (floor_is, floor) = if row == TEXT {
        (TEXT_FLOOR, bench.contender(Peer::Floor, Operation::Load, as_many))
    } else {
        (PAPER_FLOOR, Contender::new(FLOOR, || bare(csv.clone())))
    };
    let ours = Contender::new(OURS, || async {
        memory::forget_peak();
        let started = Instant::now();
        http.get(path).await?;
        let took = started.elapsed();
        peak.set(peak.get().max(memory::peak_mb().unwrap_or_default()));
        Ok(once(took))
    });
    let compared = bench.interleaved(vec![floor, ours]).await?;
    let seconds = compared.median(OURS, |measured| measured.seconds).unwrap_or_default();
    bench.keep(Row::new(row, shape, seconds, "s").against(floor_is, compared.ratio(OURS, FLOOR, p50)));
    // Of services, harness and the answer together.
    let memory = format!("{shape}: memory of the process at its peak");
    bench.keep(Row::new(row, &memory, peak.get(), "MB").against(floor_is, None));
    Ok(())
}

/// The same cells, without widths, formats or a cover.
async fn bare(csv: Bytes) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let written = spawn_blocking(move || {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_ref());
        for (row, cells) in (0..).zip(rows.records()) {
            for (column, cell) in (0..).zip(cells?.iter()) {
                sheet.write_string(row, column, cell)?;
            }
        }
        anyhow::Ok(book.save_to_buffer()?)
    });
    written.await.context("writing a bare workbook")??;
    Ok(once(started.elapsed()).into())
}

fn once(took: Duration) -> Measured {
    let latency = f64::from(micros(took));
    Measured { operations: 1, seconds: took.as_secs_f64(), p50_us: latency, p99_us: latency }
}
