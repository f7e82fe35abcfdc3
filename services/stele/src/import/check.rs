use crate::archive::{Archive, CHECKPOINTS, EVENTS, Head, Manifest, SHARED, file_of};
use crate::services::{self, Given};
use anyhow::{Context, anyhow, ensure};
use eventstore::{Chain, Named, Stored, hex};
use files::FileDigest;
use serde::Deserialize;
use serde_json::{Map, Value};
use service::Service;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use uuid::Uuid;

/// An archive of which every line was looked at.
pub struct Checked {
    pub manifest: Manifest,
    /// The manifest's SHA-256, which stands for the archive.
    pub digest: String,
    /// The columns in each file of rows, by its name.
    pub columns: BTreeMap<String, Vec<String>>,
    /// The organisation that the tenant belongs to.
    pub owner: Option<Uuid>,
    /// The tenant's files, each with its length.
    pub attached: BTreeMap<FileDigest, u64>,
}

/// Reads all of it and recomputes what can be recomputed: digests, chains, heads, and that no consumer is ahead of its
/// source.
pub fn checked(path: &Path) -> anyhow::Result<Checked> {
    let mut archive = Archive::open(path)?;
    let mut parts = archive.parts()?;
    let (manifest, digest) = (parts.manifest.clone(), parts.digest.clone());
    let services = services::all(Given::default())?;
    in_order(&manifest, &services)?;
    let (mut columns, mut ends, mut owner) = (BTreeMap::new(), BTreeMap::new(), None);
    let mut attached = BTreeMap::new();
    while let Some(mut part) = parts.next()? {
        let name = part.entry.name.clone();
        let (service, table) = part.entry.parts()?;
        let (service, is_log) = (service.to_owned(), table == EVENTS);
        let is_checkpoints = table == CHECKPOINTS;
        let mut chain = Chain::of(manifest.tenant);
        let mut rows = Rows::default();
        while let Some(page) = part.page()? {
            for (number, line) in page {
                let fault = if is_log {
                    follow(&mut chain, &line).map(|(stored, named)| {
                        attached.extend(file_of(&stored, &named));
                        if service == "tenancy" {
                            owner = owned_from(&stored, &named).or(owner);
                        }
                    })
                } else {
                    rows.take(&line).and_then(|row| if is_checkpoints { not_ahead(&row, &manifest) } else { Ok(()) })
                };
                fault.map_err(|what| anyhow!("{name}, line {number}: {what}"))?;
            }
        }
        if is_log {
            ends.insert(service, (chain.position(), hex(chain.hash())));
        } else {
            columns.insert(name, rows.columns);
        }
    }
    ensure!(
        attached.len() == manifest.attachments,
        "its logs tell of {} files, and the manifest of {}",
        attached.len(),
        manifest.attachments
    );
    for (digest, bytes) in &attached {
        let mut content = parts.attachment(digest, *bytes)?;
        while content.next()?.is_some() {}
    }
    parts.none_left()?;
    archive.end()?;
    for (service, Head { position, hash }) in &manifest.services {
        let (end, found) = ends.remove(service).with_context(|| format!("{service}/{EVENTS}.jsonl is missing"))?;
        ensure!(
            (end, &found) == (*position, hash),
            "{service}/{EVENTS}.jsonl ends at position {end} with the hash {found}, and the manifest says {position} and {hash}"
        );
    }
    ensure!(ends.is_empty(), "the manifest does not say where the log of {ends:?} ends");
    Ok(Checked { manifest, digest, columns, owner, attached })
}

/// Each service's files stand together, the log first, and each file belongs to something that is known here.
fn in_order(manifest: &Manifest, services: &[Service]) -> anyhow::Result<()> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut files: BTreeSet<&str> = BTreeSet::new();
    let mut current = "";
    for entry in &manifest.files {
        let (name, table) = entry.parts()?;
        let service = services.iter().find(|service| service.name == name);
        let service = service.with_context(|| format!("{}: there is no service {name}", entry.name))?;
        let is_known = table == EVENTS || SHARED.contains(&table) || service.tables.contains(&table);
        ensure!(is_known, "{}: {name} keeps no table of that name", entry.name);
        ensure!(files.insert(&entry.name), "{} is listed twice", entry.name);
        if current != name {
            ensure!(
                seen.insert(name) && table == EVENTS,
                "{}: the files of {name} do not stand together, its log first",
                entry.name
            );
            current = name;
        }
    }
    Ok(())
}

/// The line's event, as the chain's next.
pub fn follow(chain: &mut Chain, line: &str) -> Result<(Stored, Named), String> {
    let stored = Stored::read(line)?;
    let named = chain.follow(&stored).map_err(|what| format!("position {}: {what}", stored.position))?;
    Ok((stored, named))
}

/// Rows that all say something in the same columns.
#[derive(Default)]
struct Rows {
    columns: Vec<String>,
}

impl Rows {
    fn take(&mut self, line: &str) -> Result<Map<String, Value>, String> {
        let row: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if self.columns.is_empty() {
            self.columns = row.keys().cloned().collect();
        }
        if !row.keys().eq(&self.columns) {
            return Err("it has other columns than the line before it".to_owned());
        }
        Ok(row)
    }
}

/// The restored tenant would miss what its consumers say they have taken in and the source's log lacks.
fn not_ahead(row: &Map<String, Value>, manifest: &Manifest) -> Result<(), String> {
    let source = row.get("source").and_then(Value::as_str).ok_or("it names no source")?;
    let position = row.get("position").and_then(Value::as_i64).ok_or("it names no position")?;
    let last = manifest.services.get(source).map_or(0, |head| head.position);
    if position > last {
        return Err(format!("position {position} of {source} was taken in, and its log ends at {last}"));
    }
    Ok(())
}

/// The organisation that owns the tenant from this event on.
fn owned_from(stored: &Stored, named: &Named) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Body {
        data: Owned,
    }
    #[derive(Deserialize)]
    struct Owned {
        organisation: Uuid,
    }
    if named.stream.kind() != "access" {
        return None;
    }
    // Other events of access name no organisation.
    serde_json::from_str::<Body>(&stored.body).ok().map(|body| body.data.organisation)
}
