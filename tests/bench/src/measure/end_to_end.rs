//! A risk's treatment is decided; a control is required by it in another service; its owner is told by a third.

mod watch;

use crate::bench::{Bench, LATENCIES};
use crate::drive::{Measured, micros};
use crate::rounds::{Contender, median};
use crate::row::{Aim, FLOOR, OURS, Row};
use crate::served::{Http, Served};
use crate::stores::cx;
use anyhow::Context;
use eventstore::{EventStore, Recorded, TenantId};
use reqwest::Method;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};
use tenancy::Kind;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use uuid::Uuid;
use watch::Watch;

const ROW: &str = "end to end at 200 commands/s";
const FLOOR_IS: &str = "one bare insert a commit, 1 client: its p50 and p99";
const VIEW: &str = "risk to controls' view";
const NOTIFICATION: &str = "risk to view to notification";

const TENANTS: usize = 20;
const RISKS: usize = 50;
/// Between two commands.
const BEAT: Duration = Duration::from_millis(5);
/// Until every risk was decided on.
const MOST_SECONDS: f64 = 4.9;
/// Decided in turn, so that each decision requires a control that was not required before.
const CONTROLS: [&str; 2] = ["A.8.13", "A.8.24"];
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let shapes = LATENCIES.map(|(figure, _)| [VIEW, NOTIFICATION].map(|what| format!("{figure}, {what}")));
    if !shapes.iter().flatten().any(|shape| bench.wants(ROW, shape)) {
        return Ok(());
    }
    let served = Served::start(bench, "chain", |admin| {
        vec![
            tenancy::service(Some(admin.issuer.clone())),
            risk::service(),
            controls::service(None),
            audit::service(),
            notifications::service(None),
        ]
    })
    .await?;
    let measured = each(bench, &served, &shapes).await;
    served.stop().await;
    measured
}

async fn each(bench: &Bench, served: &Served, shapes: &[[String; 2]; 2]) -> anyhow::Result<()> {
    let chain = Chain::prepare(served).await?;
    let views = RefCell::new(Vec::new());
    let ours = Contender::new(OURS, || async {
        let (view, notification) = chain.round((bench.span().seconds * 5.0).min(MOST_SECONDS)).await?;
        views.borrow_mut().push(view);
        Ok(notification)
    });
    let compared = bench.interleaved(vec![bench.floor(1), ours]).await?;
    for ((figure, of), [view, notification]) in LATENCIES.into_iter().zip(shapes) {
        let floor = compared.median(FLOOR, of);
        let told = [(view, median(views.borrow().iter().map(of).collect())), (notification, compared.median(OURS, of))];
        for (shape, latency) in told {
            let ratio = latency.zip(floor).map(|(ours, floor)| ours / floor);
            let row = Row::new(ROW, shape, latency.unwrap_or_default() / 1000.0, "ms").against(FLOOR_IS, ratio);
            bench.keep(row.aims(if figure == "p99" { &[Aim::Below(100.0)] } else { &[] }));
        }
    }
    Ok(())
}

struct Chain {
    http: Http,
    tenants: Vec<TenantId>,
    controls: EventStore,
    notifications: EventStore,
    /// How many decisions were made before.
    made: Cell<usize>,
}

/// A risk of a tenant.
type Object = (TenantId, String);

impl Chain {
    async fn prepare(served: &Served) -> anyhow::Result<Self> {
        let [tenancy, _, controls, _, notifications] = served.stores().await else {
            anyhow::bail!("five services were started")
        };
        let organisation = served.admin.organisation;
        let partition = TenantId(organisation);
        tenancy::found(tenancy, partition, "Larkspur", Kind::Enterprise, cx(partition)).await?;
        let mut tenants = Vec::new();
        for number in 0..TENANTS {
            tenants.push(tenant(&served.http, organisation, number).await?);
        }
        let chain = Self {
            http: served.http.clone(),
            tenants,
            controls: controls.clone(),
            notifications: notifications.clone(),
            made: Cell::new(0),
        };
        timeout(PATIENCE, chain.quiet()).await.context("the services do not come to rest")??;
        Ok(chain)
    }

    /// Waits until notifications has heard all of controls.
    async fn quiet(&self) -> anyhow::Result<()> {
        let sum = |heads: &[eventstore::Head]| heads.iter().map(|head| head.position).sum::<i64>();
        while sum(&self.notifications.taken("controls").await?) < sum(&self.controls.heads(None, 1000).await?) {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Decides treatments at a steady beat, whatever the answers take, and waits until the last owner was told. Gives how
    /// long it took until the control's view showed it, and until the notification was there.
    async fn round(&self, seconds: f64) -> anyhow::Result<(Measured, Measured)> {
        let mut required = Watch::start(&self.controls, &self.tenants).await?;
        let mut raised = Watch::start(&self.notifications, &self.tenants).await?;
        let mut requests = JoinSet::new();
        let mut begun: HashMap<Object, Instant> = HashMap::new();
        let start = Instant::now();
        let mut at = start;
        while at < start + Duration::from_secs_f64(seconds) {
            sleep_until(at.into()).await;
            let made = self.made.replace(self.made.get() + 1);
            let (tenant, risk) = (self.tenants[made % TENANTS], format!("R-{}", made / TENANTS % RISKS + 1));
            let control = CONTROLS[made / (TENANTS * RISKS) % CONTROLS.len()];
            let path = format!("/v1/tenants/{tenant}/risks/{risk}/treatment");
            let body = json!({"option": "mitigate", "controls": [control], "reason": "It was found twice"});
            let http = self.http.clone();
            requests.spawn(async move { http.command(Method::PUT, &path, &body).await });
            anyhow::ensure!(begun.insert((tenant, risk), at).is_none(), "a risk was decided twice in a round");
            at += BEAT;
        }
        while let Some(answer) = requests.join_next().await {
            answer??;
        }
        let (mut views, mut notifications) = (Vec::new(), Vec::new());
        let mut causes: HashMap<Uuid, Instant> = HashMap::new();
        let waiting = async {
            while causes.len() < begun.len() {
                let (seen, event) = required.next().await?;
                if let Some(begun) = required_risk(&event).and_then(|risk| begun.get(&(event.tenant, risk))) {
                    views.push(micros(seen - *begun));
                    causes.insert(event.id, *begun);
                }
            }
            while notifications.len() < begun.len() {
                let (seen, event) = raised.next().await?;
                if let Some(begun) = event.metadata.causation_id.and_then(|cause| causes.get(&cause)) {
                    notifications.push(micros(seen - *begun));
                }
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, waiting).await.context("not every owner was told")??;
        Ok((Measured::of(views, seconds), Measured::of(notifications, seconds)))
    }
}

/// The risk that a control is required by from now on.
fn required_risk(event: &Recorded) -> Option<String> {
    (event.event_type == "control.required").then(|| event.data["risk"].as_str().map(ToOwned::to_owned)).flatten()
}

/// A tenant with assessed risks, whose controls have an owner.
async fn tenant(http: &Http, organisation: Uuid, number: usize) -> anyhow::Result<TenantId> {
    let body = json!({"name": format!("Client {number}")});
    let made = http.command(Method::POST, &format!("/v1/organisations/{organisation}/tenants"), &body).await?;
    anyhow::ensure!(made["ready"] == true, "{made}");
    let tenant: TenantId = made["id"].as_str().unwrap_or_default().parse()?;
    let mut table = "ref_id,name,current_proba,current_impact\n".to_owned();
    for risk in 1..=RISKS {
        let _ = writeln!(table, "R-{risk},Risk {risk},3,4");
    }
    http.upload(&format!("/v1/tenants/{tenant}/imports/risks"), table).await?;
    for control in CONTROLS {
        let path = format!("/v1/tenants/{tenant}/controls/{control}/owner");
        http.command(Method::PUT, &path, &json!({"owner": "otto"})).await?;
    }
    Ok(tenant)
}
