use super::treated;
use crate::checks::{Faults, checked_refs};
use crate::register::{RegisteredRisk, State};
use crate::risk::{self, Command, Offered, Risk, checked_until, offered};
use axum::response::Response;
use chrono::NaiveDate;
use eventstore::{Aggregate, Refused, Stream, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Ended, Problem};
use utoipa::ToSchema;
use views::{Column, Filter, Listing, list, shown};

/// So many risks are approved at once; who owns more names them in parts.
const MOST: i64 = 500;

/// Approves how risks are treated, as their owner, and accepts what is left of each until a day.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovePlan {
    /// The last day of the acceptance, in UTC.
    #[schema(example = "2027-03-31")]
    until: String,
    /// Refs of the risks; where they are not given, all that the caller owns and whose treatment is decided.
    #[serde(default)]
    risks: Option<Vec<String>>,
}

/// What the owner has approved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PlanApproved {
    /// Refs of the risks of which what is left is accepted.
    accepted: Vec<String>,
    /// Refs of those that are above the acceptance level: they wait for a second person.
    asked: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Answered {
    /// The position of the tenant's log after it.
    position: i64,
    #[serde(flatten)]
    approved: PlanApproved,
}

/// `POST /treatment-plan/approvals`
pub async fn approve(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<ApprovePlan>()?;
    let until = checked_until(&body.until, &cx)?;
    let risks = match &body.risks {
        Some(risks) => checked_refs("risks", risks).map_err(Problem::fields)?,
        None => own(&call).await?,
    };
    if risks.is_empty() {
        return Err(Problem::field("risks", "you own none whose treatment is decided: name those that you approve"));
    }
    let lane = format!("treatment-plan-{}", call.caller.person);
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, risks.clone(), until))).await?;
    Ok(Ended::of(&done).with(&Answered { position: done.position, approved: done.answer.clone() }))
}

/// The refs of the caller's risks whose treatment is decided.
async fn own(call: &Call) -> Result<Vec<String>, Problem> {
    let mut session = call.session().await?;
    let position = shown::<RegisteredRisk>(&mut session).await?;
    let filters = vec![Filter::Is(Column::text("owner"), call.caller.person.clone()), treated()];
    let listing = Listing { filters, sort: None, descending: false, after: None, limit: MOST };
    let page = list::<RegisteredRisk>(&mut session, position, &listing).await?;
    if page.next.is_some() {
        return Err(Problem::field("risks", format!("you own more than {MOST}: name them, in parts")));
    }
    Ok(page.rows.into_iter().filter(|row| row.data.state != State::Closed).map(|row| row.key).collect())
}

/// All of them or none, with whatever stands in the way of each.
async fn decide(work: &mut Work, risks: Vec<String>, until: NaiveDate) -> Result<PlanApproved, Problem> {
    work.preload(risks.iter().map(|id| Stream::new(Risk::TYPE, id)).collect()).await?;
    let offered: Offered = offered(work, until).await?;
    let mut faults = Faults::default();
    let mut approved = PlanApproved { accepted: Vec::new(), asked: Vec::new() };
    for id in risks {
        if !work.load::<Risk>(&id).await?.0.is_there() {
            faults.wrong("risks", format!("there is no risk {id} here"));
            continue;
        }
        match work.execute::<Risk>(&id, None, Command::ApprovePlan(offered)).await {
            Ok(_) if work.load::<Risk>(&id).await?.0.is_accepted() => approved.accepted.push(id),
            Ok(_) => approved.asked.push(id),
            Err(Refused::Rule(broken)) => faults.wrong("risks", refused(&id, &broken)),
            Err(refused @ (Refused::Stale { .. } | Refused::Store(_))) => return Err(refused.into()),
        }
    }
    faults.settle(Some(approved))
}

fn refused(id: &str, broken: &risk::Broken) -> String {
    format!("{id}: {broken}")
}
