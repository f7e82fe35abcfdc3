//! The same said of many objects of one kind, with one reason: of all of them or of none.

use crate::pace::pace;
use crate::{Call, Ended, FieldError, Outcome, Problem, checked_refs, field_error, json};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{Aggregate, Cx, EventOf, Refused, Stream, Work};
use serde::Serialize;
use std::error::Error;
use utoipa::ToSchema;

/// More than one append of them is not worth waiting for.
const MOST: usize = 10_000;

/// What was said of each, or would be.
#[derive(Serialize, ToSchema)]
pub struct ManyChanged {
    /// Nothing was recorded: this is what would happen.
    dry_run: bool,
    /// The position of the tenant's log after it.
    position: i64,
    changed: usize,
    /// Of which all was so already.
    unchanged: usize,
    items: Vec<Outcome>,
    /// Those of which it cannot be said, and why. Only a dry run answers with any.
    errors: Vec<FieldError>,
}

/// Of which objects something is said.
#[derive(Clone, Debug)]
pub enum Which<F> {
    Named(Vec<String>),
    /// All that are as it says.
    So(F),
}

impl<F> Which<F> {
    /// `field` is that of the names, beside `filter`.
    pub fn of(field: &str, named: Option<Vec<String>>, filter: Option<F>) -> Result<Self, Problem> {
        match (named, filter) {
            (Some(named), None) => Ok(Self::Named(checked_refs(field, &named).map_err(Problem::fields)?)),
            (None, Some(filter)) => Ok(Self::So(filter)),
            (Some(_), Some(_)) | (None, None) => {
                Err(Problem::field(field, format!("name {field}, or give a filter: one of the two")))
            }
        }
    }
}

/// What is said of each of many objects.
pub trait SaidOfMany: Clone + Send + Sync + 'static {
    type Of: Aggregate<Services = Cx, Command: Send, Event: EventOf, Error: Error + Send> + 'static;

    /// What it says of one object, in the order in which one would say it.
    fn commands(
        &self,
        work: &mut Work,
        id: &str,
    ) -> impl Future<Output = Result<Vec<<Self::Of as Aggregate>::Command>, Problem>> + Send;
}

impl Call {
    /// Answers a request that says the same of `ids`; `field` is where they stand in it. With `dry_run`, nothing is recorded.
    pub async fn change_many<S: SaidOfMany>(
        &self,
        cx: Cx,
        field: &'static str,
        ids: Vec<String>,
        said: S,
    ) -> Result<Response, Problem>
    where
        for<'a> &'static str: From<&'a <S::Of as Aggregate>::Error>,
    {
        if cx.reason().is_none() {
            return Err(Problem::field("reason", "say why: an auditor will ask"));
        }
        if ids.len() > MOST {
            let detail = format!("these are {}, and {MOST} are the most at once: say it of fewer", ids.len());
            return Err(Problem::field(field, detail));
        }
        if self.query.flag("dry_run")? {
            let mut work = self.store.work(cx);
            let position = work.session().await?.head().await?;
            let (items, errors) = say_of_each(&mut work, field, &ids, &said).await?;
            return Ok(json(StatusCode::OK, position, &ManyChanged::of(true, position, items, errors)));
        }
        let done = self.store.perform(&cx, field, |work| {
            let (ids, said) = (ids.clone(), said.clone());
            Box::pin(async move {
                let (items, errors) = say_of_each(work, field, &ids, &said).await?;
                if errors.is_empty() { Ok(items) } else { Err(Problem::fields(errors)) }
            })
        });
        let done = done.await?;
        let body = ManyChanged::of(false, done.position, done.answer.clone(), vec![]);
        Ok(Ended::of(&done).with(&body))
    }
}

/// What came of each, and those of which it cannot be said.
async fn say_of_each<S: SaidOfMany>(
    work: &mut Work,
    field: &str,
    ids: &[String],
    said: &S,
) -> Result<(Vec<Outcome>, Vec<FieldError>), Problem>
where
    for<'a> &'static str: From<&'a <S::Of as Aggregate>::Error>,
{
    let kind = <S::Of as Aggregate>::TYPE;
    work.preload(ids.iter().map(|id| Stream::new(kind, id)).collect()).await?;
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    for (index, id) in ids.iter().enumerate() {
        pace(index).await;
        let before = work.load::<S::Of>(id).await?.1;
        if before == 0 {
            errors.push(field_error(field, format!("there is no {kind} {id} here")));
            continue;
        }
        let mut version = before;
        for command in said.commands(work, id).await? {
            match work.execute::<S::Of>(id, None, command).await {
                Ok(changed) => version = changed.version,
                Err(Refused::Rule(rule)) => errors.push(field_error(format!("{field}.{id}"), rule.to_string())),
                Err(refused) => return Err(refused.into()),
            }
        }
        items.push(Outcome { id: id.clone(), version, changed: version > before });
    }
    Ok((items, errors))
}

impl ManyChanged {
    fn of(dry_run: bool, position: i64, items: Vec<Outcome>, errors: Vec<FieldError>) -> Self {
        let changed = items.iter().filter(|item| item.changed).count();
        Self { dry_run, position, changed, unchanged: items.len() - changed, items, errors }
    }
}
