use crate::pages;
use paper::{Logo, Paper};
use std::collections::HashMap;
use std::path::PathBuf;
use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt};

const TEMPLATE: &str = include_str!("paper.typ");

/// What all papers have in common.
pub struct Typesetter {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
}

/// All that a paper can see: its template, its data, its pictures. There is no disk and no network.
pub struct World<'a> {
    common: &'a Typesetter,
    main: Source,
    files: HashMap<FileId, Bytes>,
}

impl Typesetter {
    /// Its own fonts come first: another is looked into for what they lack.
    pub fn with(more: &[Font]) -> Self {
        let own = typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes)));
        let fonts: Vec<Font> = own.chain(more.iter().cloned()).collect();
        Self { library: LazyHash::new(Library::default()), book: LazyHash::new(FontBook::from_fonts(&fonts)), fonts }
    }
}

impl<'a> World<'a> {
    pub fn of(common: &'a Typesetter, paper: &Paper) -> Result<Self, String> {
        let data = pages::data(paper).to_string();
        let mut files = HashMap::from([(named("paper.json")?, Bytes::from_string(data))]);
        for (name, svg) in pages::pictures(paper) {
            files.insert(named(&name)?, Bytes::from_string(svg.to_owned()));
        }
        match &paper.stamp.logo {
            Some(Logo::Png(bytes)) => drop(files.insert(named("logo.png")?, Bytes::new(bytes.clone()))),
            Some(Logo::Svg(bytes)) => drop(files.insert(named("logo.svg")?, Bytes::new(bytes.clone()))),
            None => {}
        }
        Ok(Self { common, main: Source::new(named("paper.typ")?, TEMPLATE.to_owned()), files })
    }
}

fn named(name: &str) -> Result<FileId, String> {
    let path = VirtualPath::new(name).map_err(|error| format!("{name}: {error:?}"))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

impl typst::World for World<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.common.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.common.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(FileError::NotSource) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(&id).cloned().ok_or_else(|| FileError::NotFound(PathBuf::from(format!("{id:?}"))))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.common.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
