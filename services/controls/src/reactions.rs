use crate::control::{Command, Control, Framework, TreatmentOption};
use catalogue::annex_a;
use eventstore::{Aggregate, Stream};
use messaging::Reaction;
use serde::Deserialize;

/// What tenancy says of a new tenant, as far as it matters here.
#[derive(Deserialize)]
struct TenantCreated {
    baseline: Framework,
}

/// What risk says of a treatment that is decided, taken back, ends with its risk, or counts again. In proto3 JSON an empty list may be left
/// out.
#[derive(Deserialize)]
struct Treatment {
    option: Option<TreatmentOption>,
    #[serde(default)]
    controls: Vec<String>,
    /// Those that it relied on before and does no more.
    #[serde(default)]
    released_controls: Vec<String>,
}

const OF_A_TREATMENT: [&str; 5] =
    ["risk.treatment_decided", "risk.treatment_taken_back", "risk.closed", "risk.reopened", "risk.removed"];

pub fn when_tenant_created_then_add_annex_a() -> Reaction {
    Reaction::to(&["tenant.created"], |work, event| {
        Box::pin(async move {
            let TenantCreated { baseline } = serde_json::from_value(event.data.clone())?;
            // The one baseline so far: a second one does not compile until it has its controls here.
            let Framework::Iso27001_2022 = baseline;
            work.preload(streams(annex_a().iter().map(|control| control.id.as_str()))).await?;
            for control in annex_a() {
                let add = Command::Add { framework: baseline, title: control.title.clone(), theme: control.theme };
                work.execute::<Control>(&control.id, None, add).await?;
            }
            Ok(())
        })
    })
}

/// Risk names controls of Annex A only. One that is not there is a fault (or tenancy's news is late): the tenant is
/// parked for this source and tried again.
pub fn when_a_treatment_changes_then_link_controls() -> Reaction {
    Reaction::to(&OF_A_TREATMENT, |work, event| {
        Box::pin(async move {
            let Treatment { option, controls, released_controls } = serde_json::from_value(event.data.clone())?;
            let risk = event.stream.id();
            work.preload(streams(controls.iter().chain(&released_controls).map(String::as_str))).await?;
            for control in released_controls {
                work.execute::<Control>(&control, None, Command::Release { risk: risk.to_owned() }).await?;
            }
            for control in controls {
                let option = option.ok_or_else(|| anyhow::anyhow!("controls without a treatment's option"))?;
                work.execute::<Control>(&control, None, Command::Require { risk: risk.to_owned(), option }).await?;
            }
            Ok(())
        })
    })
}

fn streams<'a>(controls: impl Iterator<Item = &'a str>) -> Vec<Stream> {
    controls.map(|control| Stream::new(Control::TYPE, control)).collect()
}
