use crate::{Call, Called, Ended, Problem, Route, Routes};
use access::Action;
use axum::http::Method;
use axum::response::Response;
use eventstore::{Aggregate, Cx, Done, EventOf, Work};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::error::Error;
use utoipa::ToSchema;

/// A change to one object: the fields of its request body, and what it asks of the aggregate.
pub trait Command: Clone + DeserializeOwned + ToSchema + Send + Sync + 'static {
    type Of: Aggregate<Services = Cx, Error: Error + Send> + 'static;

    const ACTION: Action;
    /// The OpenAPI summary: what it does, in one sentence.
    const SUMMARY: &'static str;
    /// It begins the object. Others answer 404 where there is none.
    const BEGINS: bool = false;
    /// There is one in every tenant, also before anything was said of it.
    const STANDS: bool = false;
    /// An auditor asks why: the reason must be given.
    const NEEDS_REASON: bool = false;

    /// The object's id: from the path, or for one that begins from the body.
    fn id(&self, path: &str) -> Result<Called, Problem> {
        Ok(Called::As(path.to_owned()))
    }

    /// Looks up the facts that the rule needs and makes the aggregate's command. It may run again after a collision.
    fn prepare(
        self,
        work: &mut Work,
        id: &str,
    ) -> impl Future<Output = Result<<Self::Of as Aggregate>::Command, Problem>> + Send;
}

/// A command that says anew, whole, what an object is: the same fields begin one, with its ref beside them.
pub trait Register: Command {
    /// The OpenAPI summary of beginning one.
    const REGISTERS: &'static str;
    /// What one is called where nobody says it: these letters, and the next number.
    const LETTERS: &'static str;

    fn register(
        self,
        work: &mut Work,
        id: &str,
    ) -> impl Future<Output = Result<<Self::Of as Aggregate>::Command, Problem>> + Send;
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    pub id: String,
    /// The object's version after it; the ETag, for `If-Match`.
    pub version: i64,
    /// False where everything was so already and nothing was recorded.
    pub changed: bool,
}

/// The body of the answer to a command.
#[derive(Serialize, ToSchema)]
pub struct Answered {
    /// The position of the tenant's log after it.
    position: i64,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Routes {
    /// The command `C` under a path of the tenant.
    #[must_use]
    pub fn command<C>(self, method: Method, tail: &'static str) -> Self
    where
        C: Command,
        <C::Of as Aggregate>::Command: Send,
        <C::Of as Aggregate>::Event: EventOf,
        for<'a> &'static str: From<&'a <C::Of as Aggregate>::Error>,
    {
        let route = Route::tenant(method, tail, C::ACTION, C::SUMMARY);
        let route = if C::NEEDS_REASON { route.takes_with_reason::<C>() } else { route.takes::<C>() };
        let route = if C::BEGINS { route.begins::<Answered>() } else { route.gives::<Answered>(200) };
        self.with(route.answered_by(carry_out::<C>))
    }
}

impl Routes {
    /// `C` under the path of the list begins an object, and under that of one object says anew what it is.
    #[must_use]
    pub fn register<C>(self, list: &'static str, one: &'static str) -> Self
    where
        C: Register,
        <C::Of as Aggregate>::Command: Send,
        <C::Of as Aggregate>::Event: EventOf,
        for<'a> &'static str: From<&'a <C::Of as Aggregate>::Error>,
    {
        let route = Route::tenant(Method::POST, list, C::ACTION, C::REGISTERS).takes_with_ref::<C>();
        self.with(route.begins::<Answered>().answered_by(begin::<C>)).command::<C>(Method::PUT, one)
    }
}

async fn begin<C>(call: Call) -> Result<Response, Problem>
where
    C: Register,
    <C::Of as Aggregate>::Command: Send,
    <C::Of as Aggregate>::Event: EventOf,
    for<'a> &'static str: From<&'a <C::Of as Aggregate>::Error>,
{
    let expected = call.if_match()?;
    let (written, command, cx) = call.command_with_ref::<C>()?;
    let called = Called::by(written.as_deref(), C::LETTERS)?;
    let lane = called.lane(<C::Of as Aggregate>::TYPE);
    let done = call.store.perform(&cx, &lane, |work| {
        let (called, command) = (called.clone(), command.clone());
        Box::pin(async move {
            let id = called.settle::<C::Of>(work).await?;
            let command = command.register(work, &id).await?;
            let changed = work.execute::<C::Of>(&id, expected, command).await?;
            Ok::<_, Problem>(Outcome { id, version: changed.version, changed: changed.changed })
        })
    });
    Ok(call.carried_out(&done.await?, true))
}

async fn carry_out<C>(call: Call) -> Result<Response, Problem>
where
    C: Command,
    <C::Of as Aggregate>::Command: Send,
    <C::Of as Aggregate>::Event: EventOf,
    for<'a> &'static str: From<&'a <C::Of as Aggregate>::Error>,
{
    let expected = call.if_match()?;
    let (command, cx) = call.command::<C>()?;
    if C::NEEDS_REASON && cx.reason().is_none() {
        return Err(Problem::field("reason", "say why: an auditor will ask"));
    }
    let called = command.id(call.id())?;
    let lane = called.lane(<C::Of as Aggregate>::TYPE);
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, command.clone(), called.clone(), expected)));
    Ok(call.carried_out(&done.await?, C::BEGINS))
}

impl Call {
    /// The answer to a command, for handlers of their own too: what it did, the ETag, and where to find what it `begins`.
    /// One that has another body is [`Ended`].
    pub fn carried_out(&self, done: &Done<Outcome>, begins: bool) -> Response {
        let Outcome { id, version, changed } = &done.answer;
        let mut ended = Ended::of(done).version(*version);
        if begins {
            let place = self.target.split('?').next().unwrap_or_default();
            ended = ended.at(format!("{place}/{id}"));
        }
        if begins && *changed {
            ended = ended.created();
        }
        ended.with(&Answered { position: done.position, outcome: done.answer.clone() })
    }
}

async fn decide<C>(work: &mut Work, command: C, called: Called, expected: Option<i64>) -> Result<Outcome, Problem>
where
    C: Command,
    <C::Of as Aggregate>::Command: Send,
    <C::Of as Aggregate>::Event: EventOf,
    for<'a> &'static str: From<&'a <C::Of as Aggregate>::Error>,
{
    let id = called.settle::<C::Of>(work).await?;
    if !C::BEGINS && !C::STANDS && work.load::<C::Of>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("{} {id}", <C::Of as Aggregate>::TYPE)));
    }
    let command = command.prepare(work, &id).await?;
    let changed = work.execute::<C::Of>(&id, expected, command).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}
