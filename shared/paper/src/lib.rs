//! What is handed to people as a file: a register or a statement as of a position, under the stamp that says of whom, of when and
//! with which digest. A service builds one; this writes it as a workbook, and a [`Printer`] as a PDF.

mod column;
mod shade;
mod workbook;

pub use column::{Column, Kind, Print};
pub use shade::{Shade, shade};
pub use workbook::{Unwritable, workbook};

use chrono::{DateTime, Utc};

/// A file before it is written.
#[derive(Clone, Debug)]
pub struct Paper {
    pub title: String,
    pub stamp: Stamp,
    /// What its first page counts.
    pub facts: Vec<Fact>,
    pub figures: Vec<Figure>,
    pub tables: Vec<Table>,
}

/// What stands on every page.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// What the tenant is called.
    pub tenant: String,
    /// What the organisation is called that owns it.
    pub organisation: String,
    pub logo: Option<Logo>,
    /// The instant whose state it is.
    pub as_of: DateTime<Utc>,
    /// The position of the tenant's log whose state it is.
    pub position: i64,
    /// SHA-256 of the content, in hexadecimal.
    pub digest: String,
    /// The file whose bytes have that digest, such as `risks.csv?as_of=42`.
    pub digested: String,
    /// Who asked for it.
    pub asked_by: String,
}

#[derive(Clone, Debug)]
pub enum Logo {
    Png(Vec<u8>),
    Svg(Vec<u8>),
}

#[derive(Clone, Debug)]
pub struct Fact {
    pub label: String,
    pub value: String,
}

/// A picture, with what it shows in words.
#[derive(Clone, Debug)]
pub struct Figure {
    pub title: String,
    pub svg: String,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub title: String,
    pub columns: &'static [Column],
    /// A cell for each column.
    pub rows: Vec<Vec<String>>,
    /// What the levels are called, from the least to the greatest.
    pub levels: Vec<String>,
}

/// Makes a PDF of a paper. It takes its time: not on a thread that others wait for.
pub trait Printer: Send + Sync {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, Unprintable>;
}

#[derive(Debug, thiserror::Error)]
pub enum Unprintable {
    #[error("it has {0} rows, and {1} at most are printed")]
    TooLong(usize, usize),
    #[error("{0}")]
    Fault(String),
}

impl Fact {
    pub fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into() }
    }
}

impl Stamp {
    /// As much of the digest as a page carries.
    pub fn short_digest(&self) -> &str {
        self.digest.get(..16).unwrap_or(&self.digest)
    }

    /// To the second, in UTC.
    pub fn instant(&self) -> String {
        self.as_of.format("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// What the file is called, without its ending: of whom, what, and of when.
    pub fn file(&self, stem: &str) -> String {
        let slug = slug(&self.tenant);
        let of_whom = if slug.is_empty() { String::new() } else { format!("{slug}-") };
        format!("{of_whom}{stem}-{}-{}", self.as_of.format("%Y-%m-%d"), self.position)
    }
}

/// Letters and digits, which every file system takes.
fn slug(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_name_makes_a_file_name() {
        assert_eq!(slug("Larkspur & Söhne: \"EU\" / 27001"), "larkspur-söhne-eu-27001");
        assert_eq!((slug("北風"), slug("&")), ("北風".to_owned(), String::new()));
    }
}
