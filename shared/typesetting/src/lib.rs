//! Papers as PDF, typeset by Typst as a library. Everything that somebody wrote goes in as data, and is never read as markup.
//!
//! It is a crate of its own, which only the program names, because it is large: nothing else waits for it to be compiled.

mod pages;
mod world;

use paper::{Paper, Printer, Stamp, Unprintable};
use std::sync::OnceLock;
use typst::diag::SourceDiagnostic;
use typst::foundations::{Datetime, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp};
use world::{Typesetter, World};

/// More rows take longer than anybody waits, and more memory than a request is worth.
const MOST_ROWS: usize = 10_000;

/// Typesets, and writes PDF. The same paper is the same bytes. The fonts are read for the first one.
#[derive(Default)]
pub struct Typst(OnceLock<Typesetter>);

impl Typst {
    fn typesetter(&self) -> &Typesetter {
        self.0.get_or_init(Typesetter::new)
    }

    fn typeset(&self, paper: &Paper) -> Result<Vec<u8>, String> {
        let world = World::of(self.typesetter(), paper)?;
        let document = typst::compile::<PagedDocument>(&world).output.map_err(|errors| told(&errors))?;
        let options = PdfOptions {
            ident: Smart::Custom(paper.stamp.digest.clone()),
            creator: Smart::Custom(Some("Stele".to_owned())),
            timestamp: instant(paper).map(Timestamp::new_utc),
            ..PdfOptions::default()
        };
        typst_pdf::pdf(&document, &options).map_err(|errors| told(&errors))
    }
}

impl Printer for Typst {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, Unprintable> {
        let rows = paper.tables.iter().map(|table| table.rows.len()).sum();
        if rows > MOST_ROWS {
            return Err(Unprintable::TooLong(rows, MOST_ROWS));
        }
        let printed = self.typeset(paper).or_else(|fault| match paper.stamp.logo {
            // A logo that cannot be drawn keeps no paper back.
            Some(_) => self.typeset(&without_logo(paper)),
            None => Err(fault),
        });
        // What it remembers of this paper is of no use for another one.
        typst::comemo::evict(0);
        printed.map_err(Unprintable::Fault)
    }
}

fn without_logo(paper: &Paper) -> Paper {
    Paper { stamp: Stamp { logo: None, ..paper.stamp.clone() }, ..paper.clone() }
}

fn told(errors: &[SourceDiagnostic]) -> String {
    errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn instant(paper: &Paper) -> Option<Datetime> {
    let [year, month, day, hour, minute, second] = pages::instant(&paper.stamp);
    let part = |part: i32| u8::try_from(part).ok();
    Datetime::from_ymd_hms(year, part(month)?, part(day)?, part(hour)?, part(minute)?, part(second)?)
}

#[cfg(test)]
mod tests;
