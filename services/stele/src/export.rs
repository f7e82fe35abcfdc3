use crate::archive::{EVENTS, FORMAT, Head, Manifest, PROGRAM, SHARED, Spool, Writer, attachment, file_of};
use crate::organisation::{now, operator};
use crate::place::Place;
use crate::say::say;
use crate::services::{self, Given};
use anyhow::{Context, bail, ensure};
use clap::Args;
use eventstore::{Chain, EventStore, Named, Snapshot, Stored, TenantId, hex};
use files::FileDigest;
use futures::StreamExt;
use futures::future::try_join_all;
use service::Service;
use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tenancy::Archived;

/// How often all services are looked at anew, until one moment suits them all.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);
const PAGE: i64 = 500;

/// Writes one tenant's whole history, of all services, into one file, while the system runs.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    place: Place,
    /// The tenant; or an organisation, whose own records are kept in the same way
    #[arg(long)]
    tenant: TenantId,
    /// The file to make; without it, one named after the tenant and the time, here
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A service as it was at one moment.
struct Moment<'a> {
    service: &'a Service,
    snapshot: Snapshot,
    head: Option<(i64, Vec<u8>)>,
    taken: Vec<(String, i64)>,
}

type Stores = Vec<(Service, EventStore)>;

impl Export {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let tenant = self.tenant;
        let exported_at = now();
        let path = self
            .out
            .clone()
            .unwrap_or_else(|| format!("stele-{tenant}-{}.tar.gz", exported_at.format("%Y%m%dT%H%M%SZ")).into());
        ensure!(!path.exists(), "{} is there already: name another file with --out", path.display());
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let stores = self.stores().await?;
        let moments = self.one_moment(&stores).await?;
        ensure!(moments.iter().any(|moment| moment.head.is_some()), "no service knows a tenant {tenant}");

        let (mut heads, mut files, mut attached) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        for Moment { service, mut snapshot, head, .. } in moments {
            let (position, hash) = head.unwrap_or_else(|| (0, Chain::of(tenant).hash().to_vec()));
            let mut events = Spool::new(&folder, service.name, EVENTS)?;
            let told = log(&mut snapshot, tenant, position, &hash, |event, named| {
                attached.extend(file_of(event, named));
                events.line(&event.line()?)
            });
            let told = told.await;
            told.with_context(|| format!("{}: an archive would not be what was recorded", service.name))?;
            files.push(events.end()?);
            for table in SHARED.iter().chain(&service.tables) {
                let mut rows = Spool::new(&folder, service.name, table)?;
                snapshot.each_row(table, |row| rows.line(row)).await?;
                files.push(rows.end()?);
            }
            say(format!("{:<14} {position:>7} events", service.name))?;
            heads.insert(service.name.to_owned(), Head { position, hash: hex(&hash) });
        }
        let entries = files.iter().map(|file| file.entry.clone()).collect();
        let program = PROGRAM.to_owned();
        let attachments = attached.len();
        let manifest =
            Manifest { format: FORMAT, program, exported_at, tenant, services: heads, files: entries, attachments };
        let mut writer = Writer::begin(&folder, &manifest)?;
        files.into_iter().try_for_each(|file| writer.file(file))?;
        self.attach(&mut writer, &folder, &attached).await?;
        writer.end(&path)?;
        if let Err(error) = note(&stores, &manifest).await {
            say(format!("the archive is whole, and that it was made could not be noted: {error:#}"))?;
        }
        say(format!(
            "{} holds the tenant as it was at {}",
            path.display(),
            exported_at.format("%Y-%m-%d %H:%M:%S UTC")
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    /// The tenant's files, one after the other, each checked on its way.
    async fn attach(
        &self,
        writer: &mut Writer,
        folder: &Path,
        attached: &BTreeMap<FileDigest, u64>,
    ) -> anyhow::Result<()> {
        if attached.is_empty() {
            return Ok(());
        }
        let files = self.place.files()?.with_context(|| {
            format!(
                "it has {} files, and it is not known where they are: name their place with --files",
                attached.len()
            )
        })?;
        for (digest, bytes) in attached {
            let name = attachment(digest);
            let opened = files.open(self.tenant, digest, *bytes).await?;
            let mut chunks = opened.with_context(|| format!("{name}: an archive would not be what was recorded"))?;
            let mut spooled = tempfile::tempfile_in(folder)?;
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.with_context(|| format!("{name}: an archive would not be what was recorded"))?;
                spooled.write_all(&chunk)?;
            }
            spooled.seek(SeekFrom::Start(0))?;
            writer.append(&name, *bytes, spooled)?;
        }
        say(format!("{:<14} {:>7} files", "attachments", attached.len()))
    }

    async fn stores(&self) -> anyhow::Result<Stores> {
        let settings = self.place.settings()?;
        let mut stores = Vec::new();
        for mut service in services::all(Given::default())? {
            let views = Arc::new(std::mem::take(&mut service.views));
            let store = service::connect(&service, views, &settings)
                .await
                .with_context(|| format!("the database of {} cannot be reached", service.name))?;
            stores.push((service, store));
        }
        Ok(stores)
    }

    /// Services are databases of their own: between two looks, one may take in what the other recorded after it was looked
    /// at. What a consumer says it has taken must be in its source's log, or the restored tenant would never hear it.
    async fn one_moment<'a>(&self, stores: &'a Stores) -> anyhow::Result<Vec<Moment<'a>>> {
        for _ in 0..LOOKS {
            let looks = stores.iter().map(|(service, store)| look(service, store, self.tenant));
            let moments = try_join_all(looks).await?;
            if in_step(&moments.iter().map(Moment::seen).collect::<Vec<_>>()) {
                return Ok(moments);
            }
            drop(moments);
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the services were never seen in step with each other: try again when less is going on")
    }
}

/// Tenancy records what is in the archive: a tenant is closed when all of it is in one.
async fn note(stores: &Stores, manifest: &Manifest) -> anyhow::Result<()> {
    let (_, tenancy) = stores.iter().find(|(service, _)| service.name == "tenancy").context("there is no tenancy")?;
    let archived = |(service, head): (&String, &Head)| {
        anyhow::Ok(Archived { service: service.clone(), position: u32::try_from(head.position)? })
    };
    let services = manifest.services.iter().map(archived).collect::<anyhow::Result<_>>()?;
    Ok(tenancy::note_export(tenancy, services, operator(manifest.tenant, manifest.exported_at)).await?)
}

async fn look<'a>(service: &'a Service, store: &EventStore, tenant: TenantId) -> anyhow::Result<Moment<'a>> {
    let mut snapshot = store.snapshot(tenant).await?;
    let (head, taken) = (snapshot.head().await?, snapshot.taken().await?);
    Ok(Moment { service, snapshot, head, taken })
}

/// A service, its last position, and how far it has taken in each source.
type Seen<'a> = (&'a str, i64, &'a [(String, i64)]);

impl Moment<'_> {
    fn seen(&self) -> Seen<'_> {
        (self.service.name, self.head.as_ref().map_or(0, |(position, _)| *position), &self.taken)
    }
}

/// Nobody has taken in more of a source than the source's own log has.
fn in_step(seen: &[Seen]) -> bool {
    let last = |source: &str| seen.iter().find(|(name, ..)| *name == source).map_or(0, |(_, last, _)| *last);
    seen.iter().flat_map(|(.., taken)| taken.iter()).all(|(source, position)| *position <= last(source))
}

/// Each event's line, recomputed on its way: a log that is wrong could not be restored.
async fn log(
    snapshot: &mut Snapshot,
    tenant: TenantId,
    last: i64,
    hash: &[u8],
    mut write: impl FnMut(&Stored, &Named) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut chain = Chain::of(tenant);
    loop {
        let page = snapshot.stored_after(chain.position(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for event in page {
            match chain.follow(&event) {
                Ok(named) => write(&event, &named)?,
                Err(what) => bail!("position {}: {what}", event.position),
            }
        }
    }
    let end = chain.position();
    ensure!(
        (end, chain.hash()) == (last, hash),
        "position {end}: the log ends here, and its head says {last}, or another hash"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::in_step;

    #[test]
    fn nobody_may_be_ahead_of_a_source() {
        let taken = |of: &[(&str, i64)]| of.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect::<Vec<_>>();
        let (risk, controls) = (taken(&[("controls", 9)]), taken(&[("risk", 4), ("tenancy", 0)]));
        assert!(in_step(&[("risk", 4, &risk), ("controls", 9, &controls)]));
        assert!(in_step(&[("risk", 5, &risk), ("controls", 10, &controls)]), "behind is fine: it goes on from there");
        assert!(!in_step(&[("risk", 3, &risk), ("controls", 9, &controls)]));
        assert!(!in_step(&[("controls", 9, &controls)]), "a source without a log");
    }
}
