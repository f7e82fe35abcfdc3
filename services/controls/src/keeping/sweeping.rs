use crate::file::File;
use chrono::TimeDelta;
use eventstore::{Aggregate, EventStore, Head, NOW, Session, StoreError, Stream, TenantId};
use files::{FileDigest, Files};
use futures::TryStreamExt;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// How often it is looked for bytes of which nothing was recorded.
const ROUND: Duration = Duration::from_secs(60 * 60);

/// How long they may lie: no upload takes as long.
const GRACE: TimeDelta = TimeDelta::days(1);

const PAGE: i64 = 1000;
const AT_ONCE: usize = 500;

/// Takes away, for as long as the service runs, what a process left that died between the bytes and their event.
pub async fn sweep(store: EventStore, files: Files) {
    loop {
        if let Err(error) = all(&store, &files).await {
            tracing::warn!(%error, "files are not looked after now: it is tried again in an hour");
        }
        sleep(ROUND).await;
    }
}

async fn all(store: &EventStore, files: &Files) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        // Only those that are known here: what else there is may be another installation's.
        let page = store.heads(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.tenant_id);
        for Head { tenant_id, .. } in page {
            of_tenant(store, files, tenant_id).await?;
        }
    }
}

async fn of_tenant(store: &EventStore, files: &Files, tenant: TenantId) -> anyhow::Result<()> {
    let than = store.session(tenant).await?.now().await? - GRACE;
    files.tidy(tenant, than).await?;
    let mut pages = files.older(tenant, than).try_chunks(AT_ONCE);
    while let Some(page) = pages.try_next().await.map_err(|error| error.1)? {
        let streams: Vec<Stream> = page.iter().map(stream).collect();
        let events = store.session(tenant).await?.streams(&streams).await?;
        let recorded: BTreeSet<Stream> = events.into_iter().map(|event| event.stream).collect();
        for digest in page.iter().filter(|digest| !recorded.contains(&stream(digest))) {
            discard_unless_recorded(store, files, tenant, digest).await?;
        }
    }
    Ok(())
}

/// Whoever is about to record it is waited for, and then it is recorded.
async fn discard_unless_recorded(
    store: &EventStore,
    files: &Files,
    tenant: TenantId,
    digest: &FileDigest,
) -> anyhow::Result<()> {
    let mut session = store.session(tenant).await?;
    hold(&mut session, tenant, digest).await?;
    if session.stream(&stream(digest), NOW).await?.is_empty() {
        tracing::warn!(tenant.id = %tenant, %digest, "bytes of which nothing was recorded are taken away");
        files.discard(tenant, digest).await?;
    }
    Ok(())
}

fn stream(digest: &FileDigest) -> Stream {
    Stream::new(File::TYPE, digest)
}

/// One at a time decides about the file, until the transaction ends.
pub async fn hold(session: &mut Session, tenant: TenantId, digest: &FileDigest) -> Result<(), StoreError> {
    let lock = sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))");
    lock.bind(format!("file {tenant} {digest}")).execute(session.connection()).await?;
    Ok(())
}
