use crate::say::say;
use crate::services::{self, Given};
use anyhow::Context;
use chrono::SecondsFormat;
use eventstore::Unfinished;
use service::Settings;
use std::process::ExitCode;
use std::sync::Arc;

/// Prints every rebuild that has begun and not ended.
pub async fn list(settings: &Settings) -> anyhow::Result<ExitCode> {
    let mut count = 0;
    for mut service in services::all(Given::default())? {
        let views = Arc::new(std::mem::take(&mut service.views));
        let store = service::connect(&service, views, settings)
            .await
            .with_context(|| format!("the database of {} cannot be reached", service.name))?;
        for Unfinished { tenant_id, view, program, position, head, rows, started_at, running } in
            store.rebuilds().await?
        {
            count += 1;
            let state = if running { "under way" } else { "interrupted" };
            let (name, begun) = (service.name, started_at.to_rfc3339_opts(SecondsFormat::Secs, true));
            say(format!(
                "{name} {tenant_id} {view}: {position} of {head} events, {rows} rows, {state}, begun {begun} by {program}"
            ))?;
            if !running {
                say(format!("  to end it: stele rebuild {name} --view {view} --tenant {tenant_id}"))?;
            }
        }
    }
    if count == 0 {
        say("no rebuild is unfinished")?;
    }
    Ok(ExitCode::SUCCESS)
}
