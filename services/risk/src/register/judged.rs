//! Risks as they stand at an instant: an acceptance expires by itself, and is outdated by another methodology.

use super::RegisteredRisk;
use crate::methodology::{self, AdoptedMethodology};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::Session;
use service::{Call, Listed, Problem, json};
use views::{Column, Filter, get};

/// The instant at which an answer judges, and the methodology that was in force then.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    pub clock: DateTime<Utc>,
    /// 0 where there is none yet.
    pub in_force: u32,
}

impl Judged {
    pub async fn at(call: &Call, session: &mut Session, position: i64) -> Result<Self, Problem> {
        let methodology = get::<AdoptedMethodology>(session, methodology::ID, position).await?;
        let in_force = methodology.map_or(0, |row| row.data.revision);
        Ok(Self { clock: call.clock(session, position).await?, in_force })
    }

    pub fn of(self, risk: RegisteredRisk) -> RegisteredRisk {
        let acceptance = risk.acceptance.map(|acceptance| acceptance.at(self.clock, self.in_force));
        RegisteredRisk { acceptance, ..risk }
    }
}

/// `GET /risks`
pub async fn registered_risks(call: Call) -> Result<Response, Problem> {
    listed(&call, Vec::new()).await
}

/// `GET /reassessments`: those whose assessment was made by a revision of the methodology before the one in force.
pub async fn reassessments(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<RegisteredRisk>(&mut session).await?;
    let in_force = Judged::at(&call, &mut session, position).await?.in_force;
    drop(session);
    listed(&call, vec![Filter::Below(Column::int("methodology_revision"), in_force.to_string())]).await
}

async fn listed(call: &Call, also: Vec<Filter>) -> Result<Response, Problem> {
    let Listed { position, items, next } = call.list::<RegisteredRisk>(also).await?;
    let judged = Judged::at(call, &mut call.session().await?, position).await?;
    let items = items.into_iter().map(|item| item.map(|risk| judged.of(risk))).collect();
    Ok(json(StatusCode::OK, position, &Listed { position, items, next }))
}
