use crate::organisation::{now, operator, tenancy_store};
use crate::place::Place;
use crate::say::say;
use crate::verify::all_tenants;
use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use eventstore::{Cx, EventStore, TenantId};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lists who was erased, a line each; or erases again who is on such a list, where an older state was restored.
#[derive(Args)]
pub struct Erasures {
    /// A list that this command printed: whoever is on it and still known here is erased
    #[arg(long, value_name = "LIST")]
    apply: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// A line of the list.
#[derive(Serialize, Deserialize)]
struct Erasure {
    organisation: TenantId,
    person: String,
    erased_at: DateTime<Utc>,
}

impl Erasures {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let store = tenancy_store(&self.place).await?;
        match &self.apply {
            None => list(&store).await?,
            Some(path) => apply(&store, path).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(store: &EventStore) -> anyhow::Result<()> {
    for organisation in all_tenants(store).await? {
        for (person, erased_at) in tenancy::erased(store, organisation).await? {
            say(serde_json::to_string(&Erasure { organisation, person, erased_at })?)?;
        }
    }
    Ok(())
}

async fn apply(store: &EventStore, path: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    // All of it is read before anybody is erased.
    let read = |(number, line)| {
        let wrong = || format!("{}, line {number}: it is none of `stele erasures`", path.display());
        serde_json::from_str(line).with_context(wrong)
    };
    let erasures: Vec<Erasure> = (1..).zip(lines).map(read).collect::<anyhow::Result<_>>()?;
    let mut again = 0;
    for Erasure { organisation, person, erased_at } in &erasures {
        let reason = format!("erased on {erased_at}, and known again by what was restored");
        let cx = Cx { reason: Some(reason), ..operator(*organisation, now()) };
        again += usize::from(tenancy::erase_again(store, cx, person).await?);
    }
    say(format!("{} were erased before, and {again} of them again now", erasures.len()))
}
