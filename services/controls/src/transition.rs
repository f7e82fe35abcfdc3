//! An old Statement of Applicability, of ISO/IEC 27001:2013, becomes decisions on the controls of 2022: what is clear is decided
//! together, what is not is told for somebody to decide.

mod old;
mod proposal;
#[cfg(test)]
mod tests;

use crate::control::{Basis, Command, Control, Implementation, ImplementationState};
use access::Action;
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::annex_a;
use eventstore::{Aggregate, Cx, Refused, Stream, Work};
use old::OldRow;
use proposal::{Outlook, Proposal};
use serde::Serialize;
use service::{Call, Ended, FieldError, Problem, Table, json};
use utoipa::ToSchema;

pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// What stands as the reason of what is decided so, where the upload came with none.
const REASON: &str = "as in the statement of 2013";

/// What became of an old statement, or would.
#[derive(Serialize, ToSchema)]
pub struct Transition {
    /// Nothing was recorded: this is what would happen.
    dry_run: bool,
    /// The position of the tenant's log after it.
    position: i64,
    /// Controls that are decided by it.
    decided: usize,
    /// Controls that somebody has to decide: new ones, and those whose predecessors do not agree.
    to_decide: usize,
    /// Controls that somebody has decided already: they stay as they are.
    kept: usize,
    /// Columns that say nothing to us.
    ignored_columns: Vec<String>,
    /// All controls of 2022, in the standard's order.
    items: Vec<Proposal>,
    /// Each wrong cell. Only a dry run answers with any.
    errors: Vec<FieldError>,
}

/// `POST /imports/soa-2013`
pub async fn upload(call: Call) -> Result<Response, Problem> {
    let dry_run = call.query.flag("dry_run")?;
    let basis = call.query.get("basis").map(|word| old::basis(word).map_err(|detail| Problem::field("basis", detail)));
    let basis = basis.transpose()?;
    let cx = call.upload()?;
    if !call.may(Action::WriteControls).await? {
        let detail = "states and owners take the action write_controls too";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let table = call.sent()?.table(old::COLUMNS).await?;
    if dry_run {
        return rehearse(&call, cx, table, basis).await;
    }
    let table = table.map_err(Problem::fields)?;
    let ignored_columns = table.ignored_columns.clone();
    let rows = old::read(&table).map_err(Problem::fields)?;
    let cx = Cx { reason: Some(cx.reason().unwrap_or(REASON).to_owned()), ..cx };
    let done = call.store.perform(&cx, "controls", |work| {
        let rows = rows.clone();
        Box::pin(async move { decide(work, &rows, basis).await })
    });
    let done = done.await?;
    let answer = Transition::of(false, done.position, done.answer.clone(), ignored_columns, vec![]);
    Ok(Ended::of(&done).with(&answer))
}

async fn rehearse(
    call: &Call,
    cx: Cx,
    table: Result<Table, Vec<FieldError>>,
    basis: Option<Basis>,
) -> Result<Response, Problem> {
    let mut work = call.store.work(cx);
    let position = work.session().await?.head().await?;
    let ignored_columns = table.as_ref().map(|table| table.ignored_columns.clone()).unwrap_or_default();
    let (items, errors) = match table.and_then(|table| old::read(&table)) {
        Ok(rows) => (decide(&mut work, &rows, basis).await?, vec![]),
        Err(errors) => (vec![], errors),
    };
    Ok(json(StatusCode::OK, position, &Transition::of(true, position, items, ignored_columns, errors)))
}

/// Decides what is clear, and tells of each control what became of it.
async fn decide(work: &mut Work, rows: &[OldRow], basis: Option<Basis>) -> Result<Vec<Proposal>, Problem> {
    work.preload(annex_a().iter().map(|control| Stream::new(Control::TYPE, &control.id)).collect()).await?;
    let mut proposals = Vec::new();
    for control in annex_a() {
        let mut proposal = Proposal::of(control, rows, basis);
        let (standing, version) = work.load::<Control>(&control.id).await?;
        if version == 0 {
            return Err(Problem::not_found(format!("control {}", control.id)));
        }
        if standing.is_decided() {
            proposal.keep();
        }
        let (state, owner) = (standing.state(), standing.owner().map(ToOwned::to_owned));
        if let (Outlook::Decided, Some(decision)) = (proposal.outlook, &proposal.decision) {
            match work.execute::<Control>(&control.id, None, Command::Decide(decision.clone().into())).await {
                Ok(_) => follow(work, &mut proposal, state, owner).await?,
                // A treatment of today relies on what was excluded then.
                Err(Refused::Rule(rule)) => proposal.leave(rule.to_string()),
                Err(refused) => return Err(refused.into()),
            }
        }
        proposals.push(proposal);
    }
    Ok(proposals)
}

/// How far it was implemented and whose it was, where nobody has said so here. What was said here stays, and the proposal then
/// tells neither.
async fn follow(
    work: &mut Work,
    proposal: &mut Proposal,
    state: ImplementationState,
    owner: Option<String>,
) -> Result<(), Problem> {
    if let (Some(then), ImplementationState::NotStarted) = (proposal.state, state) {
        let how = proposal.how.clone();
        let implemented = Command::SetImplementation(Implementation { state: then, how });
        work.execute::<Control>(&proposal.id, None, implemented).await?;
    } else {
        (proposal.state, proposal.how) = (None, None);
    }
    if let (Some(then), None) = (proposal.owner.clone(), owner) {
        work.execute::<Control>(&proposal.id, None, Command::AssignOwner { owner: then }).await?;
    } else {
        proposal.owner = None;
    }
    Ok(())
}

impl Transition {
    fn of(
        dry_run: bool,
        position: i64,
        items: Vec<Proposal>,
        ignored_columns: Vec<String>,
        errors: Vec<FieldError>,
    ) -> Self {
        let count = |outlook| items.iter().filter(|item| item.outlook == outlook).count();
        let (decided, to_decide) = (count(Outlook::Decided), count(Outlook::ToDecide));
        let kept = count(Outlook::Kept);
        Self { dry_run, position, decided, to_decide, kept, ignored_columns, items, errors }
    }
}
