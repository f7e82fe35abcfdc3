//! Somebody who is here already is given into the identity provider's care: by an administrator, who says what they are called there.

use super::provision;
use super::schema::{Attributes, USER};
use crate::member::Member;
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::Work;
use serde::Deserialize;
use serde_json::Value;
use service::{Answered, Call, Outcome, Problem, Route, Routes};
use utoipa::ToSchema;

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOn {
    /// What they sign in as at the provider: by it the provider finds them, and takes them for the user whom it calls so.
    #[schema(example = "mara@example.com")]
    user_name: String,
}

/// `PUT /people/{id}/user-name`
async fn hand_on(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (HandOn { user_name }, cx) = call.command()?;
    let attributes = Attributes::from_iter([("userName".to_owned(), Value::String(user_name))]);
    let attributes = USER.kept(attributes)?;
    let (person, lane) = (call.id().to_owned(), format!("member-{}", call.id()));
    let done =
        call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, person.clone(), attributes.clone())));
    Ok(call.carried_out(&done.await?, false))
}

async fn decide(
    work: &mut Work,
    expected: Option<i64>,
    person: String,
    attributes: Attributes,
) -> Result<Outcome, Problem> {
    if work.load::<Member>(&person).await?.0.known().is_some() {
        let detail = "their identity provider looks after them already: it says what they are called there";
        return Err(Problem::new(StatusCode::CONFLICT, "provisioned", detail));
    }
    provision::begin(work, expected, &person, attributes).await?;
    let version = work.load::<Member>(&person).await?.1;
    Ok(Outcome { id: person, version, changed: true })
}

pub fn routes(routes: Routes) -> Routes {
    routes.with(
        Route::organisation(
            Method::PUT,
            "/people/{id}/user-name",
            Action::ManageTenant,
            "Give somebody into the care of the identity provider, which finds them by this name",
        )
        .takes::<HandOn>()
        .keyless("nothing of a name is kept in the clear, not even its digest: send the request without a key")
        .gives::<Answered>(200)
        .answered_by(hand_on),
    )
}
