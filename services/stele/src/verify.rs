mod kept;

use crate::place::Place;
use crate::say::say;
use crate::services::{self, Given};
use anyhow::{Context, bail};
use audit::Held;
use clap::Args;
use eventstore::{EventStore, Head, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use views::ViewSet;

const PAGE: i64 = 1000;

/// Recomputes what the databases claim.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    /// Only this tenant
    #[arg(long)]
    tenant: Option<TenantId>,
}

type Stores = BTreeMap<&'static str, (Arc<ViewSet>, EventStore)>;

/// What was found in one service.
#[derive(Default)]
struct Found {
    tenants: usize,
    events: i64,
    views: usize,
    held: i64,
    faults: Vec<String>,
}

impl Verify {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.place.settings()?;
        let mut stores = Stores::new();
        for mut service in services::all(Given::default())? {
            let views = Arc::new(std::mem::take(&mut service.views));
            let store = service::connect(&service, views.clone(), &settings)
                .await
                .with_context(|| format!("the database of {} cannot be reached", service.name))?;
            stores.insert(service.name, (views, store));
        }
        let (mut faults, mut known) = (0, false);
        for name in stores.keys() {
            let found = self.examine(name, &stores).await?;
            known |= found.events + found.held > 0 || !found.faults.is_empty();
            say(format!(
                "{name:<14} {:>4} tenants {:>7} events, {:>4} views folded anew, {:>7} events held by audit: {}",
                found.tenants,
                found.events,
                found.views,
                found.held,
                if found.faults.is_empty() { "sound" } else { "NOT SOUND" }
            ))?;
            faults += found.faults.len();
            for fault in found.faults {
                say(format!("  {fault}"))?;
            }
        }
        let (_, controls) = stores.get("controls").context("controls is one of the services")?;
        for fault in kept::examine(controls, self.place.files()?.as_ref(), self.tenant).await? {
            say(format!("  {fault}"))?;
            faults += 1;
        }
        if let (Some(tenant), false) = (self.tenant, known) {
            bail!("no service knows a tenant {tenant}");
        }
        if faults > 0 {
            say(format!("{faults} faults: what is named above is not what was recorded"))?;
            return Ok(ExitCode::FAILURE);
        }
        say("every chain, view, copy and file agrees with what was recorded")?;
        Ok(ExitCode::SUCCESS)
    }

    async fn examine(&self, name: &str, stores: &Stores) -> anyhow::Result<Found> {
        let (views, store) = stores.get(name).context("one of the services")?;
        let (_, audit) = stores.get("audit").context("audit is one of the services")?;
        // Before the log is read: what was heard of it by now must be in it.
        let heard = heard(store, stores).await?;
        let mut found = Found::default();
        for tenant in self.tenants(store, audit, &heard).await? {
            found.tenants += 1;
            // The copy's end first: what is appended meanwhile is then missing in it, and not the other way round.
            let copied = copied(audit, tenant, store.service()).await?;
            let chain = store.verify_chain(tenant).await?;
            found.events += chain.events;
            found.held += copied;
            if let Some(fault) = chain.fault {
                // Views fold what the chain says: while that is wrong, nothing is to be learnt from them.
                found.faults.push(format!("{tenant}: {fault}"));
                continue;
            }
            let mut faults: Vec<String> = disagreement(store, audit, tenant, copied).await?.into_iter().collect();
            for Heard { who, position } in heard.get(&tenant).into_iter().flatten() {
                if *position > chain.events {
                    faults.push(format!("position {}: it is gone here, and {who} up to {position}", chain.events + 1));
                } else if *who == HELD && *position > copied {
                    faults.push(format!("position {}: {who} up to {position}, and its trail lacks it", copied + 1));
                }
            }
            for view in views.names() {
                found.views += 1;
                if let Some(difference) = views.compare(store, tenant, view).await? {
                    faults.push(format!(
                        "view {view}, row {}, position {}: it is not what the events say; mend it by `stele rebuild`",
                        difference.key, difference.position
                    ));
                }
            }
            found.faults.extend(faults.into_iter().map(|fault| format!("{tenant}: {fault}")));
        }
        Ok(found)
    }

    /// Also those of which only others still know.
    async fn tenants(
        &self,
        store: &EventStore,
        audit: &EventStore,
        heard: &BTreeMap<TenantId, Vec<Heard>>,
    ) -> anyhow::Result<BTreeSet<TenantId>> {
        if let Some(tenant) = self.tenant {
            return Ok([tenant].into());
        }
        let known = all_tenants(store).await?.into_iter().chain(all_tenants(audit).await?);
        Ok(known.chain(heard.keys().copied()).collect())
    }
}

/// How far somebody has come with a tenant's log.
struct Heard {
    who: String,
    position: i64,
}

const HELD: &str = "audit has taken it in";

/// How far the log was published and taken in by each service, over all tenants.
async fn heard(store: &EventStore, stores: &Stores) -> anyhow::Result<BTreeMap<TenantId, Vec<Heard>>> {
    let mut heard: BTreeMap<TenantId, Vec<Heard>> = BTreeMap::new();
    let mut note = |who: &str, heads: Vec<Head>| {
        for Head { tenant_id, position } in heads.into_iter().filter(|head| head.position > 0) {
            heard.entry(tenant_id).or_default().push(Heard { who: who.to_owned(), position });
        }
    };
    note("it was published", store.published().await?);
    for (consumer, (_, other)) in stores {
        note(&format!("{consumer} has taken it in"), other.taken(store.service()).await?);
    }
    Ok(heard)
}

/// The last position of the source that audit holds.
async fn copied(audit: &EventStore, tenant: TenantId, source: &str) -> anyhow::Result<i64> {
    let mut session = audit.session(tenant).await?;
    Ok(audit::last_held(&mut session, source).await?)
}

/// The first position up to `last` at which the source and audit's copy do not say the same. A copy may end earlier than
/// the source: it follows.
async fn disagreement(
    store: &EventStore,
    audit: &EventStore,
    tenant: TenantId,
    last: i64,
) -> anyhow::Result<Option<String>> {
    let (mut source, mut copy) = (store.session(tenant).await?, audit.session(tenant).await?);
    let mut position = 0;
    while position < last {
        let limit = PAGE.min(last - position);
        // The copy was made of what the source's program of that time published.
        let events = source.shapes_after(position, limit).await?;
        let events: Vec<Vec<Held>> = events.iter().map(|shapes| shapes.iter().map(Held::from).collect()).collect();
        let held = audit::held(&mut copy, store.service(), position, limit).await?;
        let fault = first_difference(position, last, &events, &held);
        if fault.is_some() {
            return Ok(fault);
        }
        position += limit;
    }
    Ok(None)
}

fn first_difference(after: i64, last: i64, events: &[Vec<Held>], held: &[Held]) -> Option<String> {
    let (mut events, mut held) = (events.iter(), held.iter());
    for position in after + 1..=last.min(after + PAGE) {
        let (event, copy) = (events.next(), held.next());
        let fault = match (event, copy) {
            (Some(shapes), Some(copy)) if shapes.contains(copy) => continue,
            (None, _) => "audit holds an event that is gone here",
            (Some(_), Some(copy)) if copy.position == position => "audit shows another event",
            (Some(_), _) => "audit holds later events and not this one",
        };
        return Some(format!("position {position}: {fault}"));
    }
    None
}

pub async fn all_tenants(store: &EventStore) -> anyhow::Result<Vec<TenantId>> {
    let mut tenants: Vec<TenantId> = Vec::new();
    loop {
        let page = store.heads(tenants.last().copied(), PAGE).await?;
        if page.is_empty() {
            return Ok(tenants);
        }
        tenants.extend(page.iter().map(|Head { tenant_id, .. }| tenant_id));
    }
}

#[cfg(test)]
mod tests {
    use super::first_difference;
    use audit::Held;
    use eventstore::{Actor, Metadata, Recorded, Stream, TenantId};
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn held(position: i64, data: Value) -> Held {
        let at = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let metadata = Metadata {
            actor: Actor::Person("mara".to_owned()),
            reason: None,
            command_id: None,
            correlation_id: Uuid::nil(),
            causation_id: None,
            traceparent: None,
        };
        let event = Recorded {
            tenant: TenantId(Uuid::nil()),
            position,
            stream: Stream::new("bill", "1"),
            version: position,
            id: Uuid::nil(),
            event_type: "bill.paid".to_owned(),
            schema: 1,
            occurred_at: at,
            recorded_at: at,
            data,
            metadata,
            hash: String::new(),
        };
        Held::from(&event)
    }

    #[test]
    fn a_copy_agrees_in_any_schema_that_its_event_has_had_and_in_no_other() {
        let shapes = |position| vec![held(position, json!({"units": 7})), held(position, json!({"cents": 700}))];
        let events = [shapes(1), shapes(2)];
        let told = |data: Value| first_difference(0, 2, &events, &[held(1, json!({"units": 7})), held(2, data)]);
        assert_eq!(told(json!({"units": 7})), None);
        assert_eq!(told(json!({"cents": 700})), None);
        assert_eq!(told(json!({"cents": 7})).as_deref(), Some("position 2: audit shows another event"));
        assert_eq!(
            first_difference(0, 1, &events, &[held(2, json!({"units": 7}))]),
            Some("position 1: audit holds later events and not this one".to_owned())
        );
    }
}
