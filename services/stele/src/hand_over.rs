use crate::organisation::{now, operator, tenancy_store};
use crate::place::Place;
use crate::say::say;
use clap::Args;
use eventstore::TenantId;
use std::process::ExitCode;

/// Gives a tenant to another organisation: its administrators are let in, and all roles of the former owner's people end.
#[derive(Args)]
pub struct HandOver {
    #[command(flatten)]
    place: Place,
    /// The tenant
    #[arg(long)]
    tenant: TenantId,
    /// The organisation that owns it from now on
    #[arg(long, value_name = "ORGANISATION")]
    to: TenantId,
    /// How the new owner lists it, where it has another tenant of its name
    #[arg(long)]
    name: Option<String>,
    /// Why, as the histories will tell
    #[arg(long)]
    reason: Option<String>,
}

impl HandOver {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let store = tenancy_store(&self.place).await?;
        let mut cx = operator(self.to, now());
        cx.reason = self.reason;
        tenancy::hand_over(&store, self.tenant, self.to, self.name, cx).await?;
        say(format!("tenant {} belongs to organisation {} from now on", self.tenant, self.to))?;
        Ok(ExitCode::SUCCESS)
    }
}
