use super::all_tenants;
use crate::say::say;
use eventstore::{EventStore, TenantId};
use files::Files;

/// Reads every file whole; gives what is wrong with each that is not what was recorded.
pub async fn examine(
    controls: &EventStore,
    files: Option<&Files>,
    tenant: Option<TenantId>,
) -> anyhow::Result<Vec<String>> {
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => all_tenants(controls).await?,
    };
    let (mut count, mut faults) = (0, Vec::new());
    for tenant in tenants {
        let all = controls::all_files(&mut controls.session(tenant).await?).await?;
        count += all.len();
        let Some(files) = files else { continue };
        for (digest, bytes) in all {
            if let Some(fault) = files.examine(tenant, &digest, bytes).await? {
                faults.push(format!("{tenant}: file {digest}: {fault}"));
            }
        }
    }
    match files {
        None if count == 0 => {}
        None => say(format!("{count} files were not looked at: name their place with --files"))?,
        Some(_) => {
            let found = if faults.is_empty() { "sound" } else { "NOT SOUND" };
            say(format!("{:<14} {count:>4} files read: {found}", "files"))?;
        }
    }
    Ok(faults)
}
