//! Papers as PDF, typeset by Typst as a library. Everything that somebody wrote goes in as data, and is never read as markup.
//!
//! It is a crate of its own, which only the program names, because it is large: nothing else waits for it to be compiled.

mod pages;
mod world;

use paper::{Paper, Printer, Stamp, Unprintable};
use std::sync::OnceLock;
use typst::diag::SourceDiagnostic;
use typst::foundations::{Bytes, Datetime, Smart};
use typst::text::Font;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp};
use world::{Typesetter, World};

/// More rows take longer than anybody waits, and more memory than a request is worth.
const MOST_ROWS: usize = 10_000;

/// This file is no font.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no font of OpenType or TrueType")]
pub struct NoFont(String);

/// Typesets, and writes PDF. The same paper is the same bytes. Its own fonts are read for the first one.
#[derive(Default)]
pub struct Typst {
    typesetter: OnceLock<Typesetter>,
    more_fonts: Vec<Font>,
}

impl Typst {
    /// Sets what its own fonts lack in these, which come as files of OpenType or TrueType by their names; or names the
    /// first that is none.
    pub fn with_fonts(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, NoFont> {
        let mut more_fonts = Vec::new();
        for (name, bytes) in files {
            let before = more_fonts.len();
            more_fonts.extend(Font::iter(Bytes::new(bytes)));
            if more_fonts.len() == before {
                return Err(NoFont(name));
            }
        }
        Ok(Self { typesetter: OnceLock::new(), more_fonts })
    }

    fn typesetter(&self) -> &Typesetter {
        self.typesetter.get_or_init(|| Typesetter::with(&self.more_fonts))
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
