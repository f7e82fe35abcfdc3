mod check;

use crate::archive::{Archive, CHECKPOINTS, EVENTS, Entry, Head, SHARED};
use crate::place::Place;
use crate::say::say;
use crate::services::{self, Given};
use anyhow::{Context, bail, ensure};
use check::{Checked, checked, follow};
use clap::Args;
use eventstore::{Chain, Known, Restore, Server, TenantId, unhex};
use files::Files;
use service::Service;
use std::path::PathBuf;
use std::process::ExitCode;

/// Restores a tenant from a file of `stele export`, where nobody knows it yet.
#[derive(Args)]
pub struct Import {
    /// What `stele export` wrote
    file: PathBuf,
    /// Also sends the mails that had not gone out when it was exported: for an archive of your own
    #[arg(long)]
    with_mails: bool,
    #[command(flatten)]
    place: Place,
}

/// Mails that wait to be sent. Whoever wrote the archive would send them in this installation's name.
const MAILS: &str = "notifications/deliveries.jsonl";

/// One service's database, and what it knows of the tenant.
struct Here {
    service: Service,
    restore: Restore,
    known: Known,
    /// Where the archive's log ends; 0 where it has none.
    position: i64,
    /// The chain's hash there.
    hash: Option<Vec<u8>>,
}

impl Import {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let server = self.place.settings()?.postgres;
        let refused = || format!("nothing was written: {} cannot be restored", self.file.display());
        let archive = checked(&self.file).with_context(refused)?;
        let tenant = archive.manifest.tenant;
        // What holds consumers back also says, in the database, whose import has not ended.
        let why = format!(
            "an import has not ended: run `stele import` of the same file again, the archive exported at {}, manifest {}",
            archive.manifest.exported_at, archive.digest
        );
        let files = self.room(&archive).with_context(refused)?;
        let mut all = Vec::new();
        for service in services::all(Given::default())? {
            all.push(here(&server, service, &archive).await.with_context(refused)?);
        }
        free(&all, tenant, &why).with_context(refused)?;

        let goes_on = all.iter().any(|here| !here.is_missing());
        for Here { service, restore, .. } in &mut all {
            restore.hold_back(&service.sources(), &why).await?;
        }
        if let Err(error) = self.write(&archive, &mut all, files.as_ref()).await {
            return Err(if goes_on { error.context(self.not_ended()) } else { give_up(&mut all, &why, error).await })
                .with_context(refused);
        }
        for here in all.iter_mut().filter(|here| here.is_missing()) {
            here.restore.commit().await.with_context(|| self.not_ended())?;
            eventstore::crash_point(here.service.name, "restored");
        }
        for Here { restore, .. } in &mut all {
            restore.let_go(&why).await?;
        }
        for Here { service, position, .. } in &all {
            say(format!("{:<14} {position:>7} events", service.name))?;
        }
        say(format!(
            "tenant {tenant} is here; its views are folded when the services run, see `stele verify --tenant {tenant}`"
        ))?;
        tell_of_owner(&server, &archive).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// Each service's part in a transaction of its own, all of them open at the end: what one of the databases refuses is
    /// written nowhere. A part that is here already, of an import that did not end, is left as it is.
    async fn write(&self, archive: &Checked, all: &mut [Here], files: Option<&Files>) -> anyhow::Result<()> {
        let mut file = Archive::open(&self.file)?;
        let mut parts = file.parts()?;
        ensure!(parts.digest == archive.digest, "it is another file than a moment ago");
        for here in all.iter_mut().filter(|here| here.is_missing()) {
            here.restore.begin().await.with_context(|| here.service.name)?;
        }
        while let Some(mut part) = parts.next()? {
            let Entry { name, .. } = part.entry.clone();
            let (service, table) = part.entry.parts()?;
            let here = all.iter_mut().find(|here| here.service.name == service).context("a service is known")?;
            let table = table.to_owned();
            let is_wanted = here.is_missing() && (self.with_mails || name != MAILS);
            let mut chain = Chain::of(archive.manifest.tenant);
            while let Some(page) = part.page()? {
                if !is_wanted {
                    continue;
                }
                if table == EVENTS {
                    let events = page.iter().map(|(_, line)| follow(&mut chain, line));
                    let events = events.collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::msg)?;
                    here.restore.events(&events).await.with_context(|| name.clone())?;
                } else {
                    let lines: Vec<String> = page.into_iter().map(|(_, line)| line).collect();
                    let columns = archive.columns.get(&name).map(Vec::as_slice).unwrap_or_default();
                    here.restore.rows(&table, columns, &lines).await.with_context(|| name.clone())?;
                }
            }
            if is_wanted && table == EVENTS {
                here.restore.end_at(&chain).await.with_context(|| name)?;
            }
        }
        // Before anything is committed: no event is seen whose file is not there.
        for (digest, bytes) in &archive.attached {
            let files = files.context("it was asked for")?;
            let mut content = parts.attachment(digest, *bytes)?;
            let mut arriving = files.arriving()?;
            while let Some(piece) = content.next()? {
                arriving.write(&piece)?;
            }
            files.keep(archive.manifest.tenant, &arriving.end()?).await?;
        }
        Ok(())
    }

    /// Where the tenant's files go, if it has any.
    fn room(&self, archive: &Checked) -> anyhow::Result<Option<Files>> {
        if archive.attached.is_empty() {
            return Ok(None);
        }
        let count = archive.attached.len();
        let unknown = || format!("it has {count} files: name the place where they are kept here with --files");
        self.place.files()?.with_context(unknown).map(Some)
    }

    fn not_ended(&self) -> String {
        format!("the import of {} did not end: run it again when the cause is mended", self.file.display())
    }
}

/// Leaves everything as it was before: nothing was committed but that consumers are held back.
async fn give_up(all: &mut [Here], why: &str, error: anyhow::Error) -> anyhow::Error {
    for Here { service, restore, .. } in all {
        if let Err(other) = restore.give_up(why).await {
            tracing::error!(service = service.name, error = %other, "consumers are still held back");
        }
    }
    error
}

impl Here {
    /// Whether its part is still to be written.
    fn is_missing(&self) -> bool {
        self.known.position == 0 && !self.known.rows
    }
}

async fn here(server: &Server, service: Service, archive: &Checked) -> anyhow::Result<Here> {
    let name = service.name;
    let mut restore = Restore::open(server, name, archive.manifest.tenant)
        .await
        .with_context(|| format!("the database of {name} cannot be written to by the owner of its tables"))?;
    let wanted = eventstore::migrations(&service.migrations).iter().map(|one| one.version).max().unwrap_or_default();
    let found = restore.schema().await?;
    ensure!(restore.alone().await?, "another import of the tenant is at work");
    ensure!(
        found == wanted,
        "the database of {name} is at schema {found}, and this program knows {wanted}: run `stele migrate`"
    );
    let mut tables = service.tables.clone();
    tables.push(CHECKPOINTS);
    for table in SHARED.iter().chain(&service.tables) {
        let file = Entry::named(name, table);
        let here = restore.columns(table).await?;
        if let Some(unknown) = archive.columns.get(&file).into_iter().flatten().find(|column| !here.contains(column)) {
            bail!("{file} has a column {unknown}, which is not known here");
        }
    }
    let head = archive.manifest.services.get(name);
    let position = head.map_or(0, |head| head.position);
    let hash = head.filter(|head| head.position > 0).and_then(|Head { hash, .. }| unhex(hash));
    let known = restore.known(position, &tables).await?;
    Ok(Here { service, restore, known, position, hash })
}

/// Refuses where the tenant is known, unless it is by an import of this very archive that did not end.
fn free(all: &[Here], tenant: TenantId, why: &str) -> anyhow::Result<()> {
    match all.iter().find_map(|here| here.known.held_back.as_deref()) {
        Some(other) if other != why => bail!("{other}"),
        Some(_) => {
            let other = all.iter().find(|here| !here.is_missing() && here.known.hash != here.hash);
            match other {
                Some(here) => bail!("{} knows tenant {tenant} with another history", here.service.name),
                None => Ok(()),
            }
        }
        None => match all.iter().find(|here| !here.is_missing()) {
            Some(Here { service, known, .. }) => bail!(
                "tenant {tenant} is here already, with {} events in {}: an archive is restored where nobody knows its tenant",
                known.position,
                service.name
            ),
            None => Ok(()),
        },
    }
}

/// Who is let in is said by the tenant's owner, which is another partition.
async fn tell_of_owner(server: &Server, archive: &Checked) -> anyhow::Result<()> {
    let tenant = archive.manifest.tenant;
    let Some(owner) = archive.owner.filter(|owner| *owner != tenant.0) else { return Ok(()) };
    let known = Restore::open(server, "tenancy", TenantId(owner)).await?.known(0, &[]).await?;
    if known.position == 0 {
        say(format!(
            "its owner, organisation {owner}, is not here, so nobody is let in: import that organisation too, or hand the \
             tenant over by `stele hand-over --tenant {tenant} --to ORGANISATION`"
        ))?;
    }
    Ok(())
}
