use crate::drive::Span;
use clap::Parser;
use std::path::PathBuf;

/// Measures Stele against other event stores and a bare insert, on one private PostgreSQL, in one run
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", max_term_width = 100)]
pub struct Options {
    /// Only what has this in its name, such as `append` or `64 clients`; may be given several times
    #[arg(long)]
    pub only: Vec<String>,
    /// How often all take turns; each figure is the median
    #[arg(long)]
    rounds: Option<usize>,
    /// How long each works in a round
    #[arg(long)]
    seconds: Option<f64>,
    /// For development: two short rounds, and small amounts of data. The figures mean nothing
    #[arg(long)]
    pub quick: bool,
    /// Where the private servers keep their data while it runs: a folder on a real disk; target/bench where it is not given
    #[arg(long, value_name = "FOLDER")]
    pub work: Option<PathBuf>,
    /// Where the result is written: target/bench.json where it is not given
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measure nothing; print the table of an earlier run
    #[arg(long, value_name = "FILE")]
    pub plain: Option<PathBuf>,
    /// Measure nothing; print an earlier run as Markdown, for docs/performance.md
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

impl Options {
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    pub fn span(&self) -> Span {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.3 } else { 0.8 });
        Span { warm_up: seconds / 5.0, seconds }
    }

    /// How much data there is: a hundredth where it is only tried.
    pub fn amount(&self, whole: u32) -> u32 {
        if self.quick { (whole / 100).max(10) } else { whole }
    }
}
