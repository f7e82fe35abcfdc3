//! How a portfolio comes about: what services say of a tenant is noted in the tenant's own partition; what follows from that
//! is reported to the partition of the organisation that owns it.

use crate::TenantProfile;
use crate::client::{Client, Report};
use crate::counted::{Counted, figures};
use crate::figure::{Figure, Heard, Level, NotedAcceptance};
use crate::organisation::{self, Organisation};
use crate::portfolio::OverseenTenant;
use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use eventstore::{Cx, EventStore, NOW, Recorded, TenantId, Work};
use messaging::{Errand, Reaction};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
struct Assessed {
    stage: String,
    level: Level,
    acceptable: bool,
}

/// By what it counts from then on, where anything is left.
#[derive(Deserialize)]
struct Unassessed {
    stage: String,
    #[serde(default)]
    level: Option<Level>,
    #[serde(default)]
    acceptable: Option<bool>,
}

#[derive(Deserialize)]
struct Treated {
    option: String,
}

#[derive(Deserialize)]
struct Adopted {
    revision: u32,
}

#[derive(Deserialize)]
struct Implemented {
    state: String,
}

#[derive(Deserialize)]
struct Required {
    risk: String,
}

#[derive(Deserialize)]
struct Collected {
    #[serde(default)]
    valid_until: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Planned {
    action: String,
    /// Absent where it is done or given up.
    #[serde(default)]
    due: Option<NaiveDate>,
}

#[derive(Deserialize)]
struct Issued {
    number: u32,
}

/// Notes what the event changes in the tenant's figures.
pub fn when_something_that_counts_happened_then_note_it() -> Reaction {
    Reaction::to(&COUNTED, |work, event| {
        Box::pin(async move {
            if let Some((id, heard)) = heard(event)? {
                work.execute::<Figure>(&id, None, heard).await?;
            }
            Ok(())
        })
    })
}

/// What was heard, and of which object; nothing where the event changes no figure.
fn heard(event: &Recorded) -> serde_json::Result<Option<(String, Heard)>> {
    let data = || event.data.clone();
    // Risks, controls and evidence have ids of their own kind each: two of them may be alike.
    let object = |heard| Some((format!("{}:{}", event.stream.kind(), event.stream.id()), heard));
    Ok(match event.event_type.as_str() {
        "risk.identified" => object(Heard::RiskIdentified),
        "risk.assessed" => {
            let Assessed { stage, level, acceptable } = serde_json::from_value(data())?;
            let current = stage == "current";
            let counts = current || stage == "inherent";
            object(Heard::RiskAssessed { current, level, acceptable }).filter(|_| counts)
        }
        "risk.assessment_taken_back" => {
            let Unassessed { stage, level, acceptable } = serde_json::from_value(data())?;
            let counts = stage == "current" || stage == "inherent";
            let current = stage == "inherent" && level.is_some();
            object(Heard::RiskUnassessed { current, level, acceptable }).filter(|_| counts)
        }
        "risk.treatment_decided" => {
            let Treated { option } = serde_json::from_value(data())?;
            object(Heard::RiskTreated { option: Some(option) })
        }
        "risk.treatment_taken_back" => object(Heard::RiskTreated { option: None }),
        "risk.accepted" => {
            let acceptance: NotedAcceptance = serde_json::from_value(data())?;
            object(Heard::RiskAccepted { acceptance: Some(acceptance) })
        }
        // What is asked for anew takes the place of what was accepted.
        "risk.acceptance_asked" | "risk.acceptance_withdrawn" | "risk.acceptance_lapsed" => {
            object(Heard::RiskAccepted { acceptance: None })
        }
        // What is not in the register counts for nothing, and what comes again begins anew.
        "risk.removed" => object(Heard::RiskClosed { closed: true }),
        kind @ ("risk.closed" | "risk.reopened") => object(Heard::RiskClosed { closed: kind == "risk.closed" }),
        "methodology.adopted" => {
            let Adopted { revision } = serde_json::from_value(data())?;
            object(Heard::MethodologyAdopted { revision })
        }
        "control.included" => object(Heard::ControlDecided { applicable: true }),
        "control.excluded" => object(Heard::ControlDecided { applicable: false }),
        "control.implementation_set" => {
            let Implemented { state } = serde_json::from_value(data())?;
            object(Heard::ControlImplemented { state })
        }
        kind @ ("control.required" | "control.released") => {
            let Required { risk } = serde_json::from_value(data())?;
            let (control, holds) = (event.stream.id().to_owned(), kind == "control.required");
            Some((format!("requirement:{control}/{risk}"), Heard::ControlRequired { control, holds }))
        }
        "evidence.collected" => {
            let Collected { valid_until } = serde_json::from_value(data())?;
            object(Heard::EvidenceCollected { valid_until })
        }
        "risk.action_planned" | "risk.action_done" | "risk.action_dropped" => {
            let Planned { action, due } = serde_json::from_value(data())?;
            Some((format!("action:{}/{action}", event.stream.id()), Heard::ActionDue { due }))
        }
        "soa.issued" => {
            let Issued { number } = serde_json::from_value(data())?;
            object(Heard::StatementIssued { number, issued_at: event.occurred_at })
        }
        // What has taken its place is what may expire.
        "evidence.replaced" => object(Heard::EvidenceCollected { valid_until: None }),
        _ => None,
    })
}

/// What changes a figure.
const COUNTED: [&str; 24] = [
    "risk.identified",
    "risk.assessed",
    "risk.assessment_taken_back",
    "risk.treatment_decided",
    "risk.treatment_taken_back",
    "risk.accepted",
    "risk.acceptance_asked",
    "risk.acceptance_withdrawn",
    "risk.acceptance_lapsed",
    "risk.closed",
    "risk.reopened",
    "risk.removed",
    "methodology.adopted",
    "control.included",
    "control.excluded",
    "control.implementation_set",
    "control.required",
    "control.released",
    "evidence.collected",
    "risk.action_planned",
    "risk.action_done",
    "risk.action_dropped",
    "soa.issued",
    "evidence.replaced",
];

/// Reports how the tenant stands to the organisation that owns it.
///
/// It works in three partitions: it hears of an event in one (the tenant's, or the organisation's that lists the tenant from
/// then on), reads the tenant's, and records in the organisation's. A report says how the tenant stands now and up to which
/// position, not what the event changed. So an event that comes again reports nothing new, a thousand events at once are one
/// report, and a report that was lost with its process is made by the next delivery of the same event.
pub fn when_a_tenant_changed_then_report_it() -> Errand {
    Errand::to(&["tenant.", "access.", "figure."], |store, cause, event| {
        Box::pin(report(store, cause, event.tenant, event.position, event.recorded_at))
    })
    .of_the_newest()
}

/// An organisation lists a tenant from now on, which may have been another's before: what it missed is reported.
pub fn when_a_tenant_is_listed_then_report_it() -> Errand {
    Errand::to(&["organisation.tenant_added"], |store, cause, event| {
        Box::pin(async move {
            let Some(organisation::Event::TenantAdded { tenant, .. }) = event.decode()? else { return Ok(()) };
            report(store, cause, TenantId(tenant), 0, event.recorded_at).await
        })
    })
}

/// `after`: the position of the tenant's log that must be in it.
async fn report(
    store: &EventStore,
    cause: Cx,
    tenant: TenantId,
    after: i64,
    heard_at: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut session = store.session(tenant).await?;
    let position = views::shown::<Counted>(&mut session).await?.min(views::shown::<TenantProfile>(&mut session).await?);
    anyhow::ensure!(position >= after, "the tenant's views have not followed to position {after} yet");
    // An organisation's own partition is no tenant, and one that was added may not be opened yet.
    let Some(profile) = views::get::<TenantProfile>(&mut session, &tenant.to_string(), position).await? else {
        return Ok(());
    };
    drop(session);
    let owner = TenantId(profile.data.organisation);
    if after > 0 && reported(store, owner, tenant).await? >= after {
        return Ok(());
    }
    let mut session = store.session(tenant).await?;
    let last = session.events_at(&[position]).await?;
    let report = Report {
        tenant: tenant.0,
        position: u32::try_from(position).context("a log of four thousand million events")?,
        state: profile.data.state,
        last_activity: last.first().map_or(profile.at, |event| event.recorded_at),
        figures: figures(&mut session, position).await?,
    };
    drop(session);
    let stream = format!("{tenant}.{}", heard_at.format("%Y-%m"));
    let (cx, lane) = (Cx { tenant: owner, ..cause }, format!("client-{tenant}"));
    store.perform(&cx, &lane, |work| Box::pin(record(work, tenant.0, stream.clone(), report.clone()))).await.map(drop)
}

/// How far the organisation was told of the tenant.
async fn reported(store: &EventStore, organisation: TenantId, tenant: TenantId) -> anyhow::Result<i64> {
    let mut session = store.session(organisation).await?;
    let row = views::get::<OverseenTenant>(&mut session, &tenant.to_string(), NOW - 1).await?;
    Ok(row.map_or(0, |row| i64::from(row.data.tenant_position)))
}

async fn record(work: &mut Work, tenant: Uuid, stream: String, report: Report) -> anyhow::Result<()> {
    let organisation = work.cx().tenant.to_string();
    // One that leaves, or that is still to come: what lists it reports it.
    if work.load::<Organisation>(&organisation).await?.0.name_of(tenant).is_some() {
        work.execute::<Client>(&stream, None, report).await?;
    }
    Ok(())
}
