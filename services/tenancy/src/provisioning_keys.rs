//! Keys of the organisation by which its identity provider provisions people, and does nothing else.

use crate::api_keys::{self, RevokeKey, checked_lifetime};
use crate::organisation::Organisation;
use access::key::{Created, Kind, Secret};
use access::{Action, KeyDetails, KnownKey, KnownLockout, SubjectIs};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{
    Answered, Call, Ended, FieldError, Listed, Outcome, Problem, Route, Routes, checked_text, field_error, json,
};
use std::collections::BTreeSet;
use utoipa::ToSchema;

const LONGEST_ISSUER: usize = 255;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProvisioningKey {
    /// What it is for.
    #[schema(example = "Entra ID")]
    name: String,
    /// How long it is good for: 1 to 365, 365 where it is not given.
    #[schema(minimum = 1, maximum = 365)]
    days: Option<i64>,
    /// By what of a provisioned person the provider's tokens name them (`sub`): whoever is provisioned signs in by such a token at once.
    /// `unknown` where it is by neither: then an administrator says who its subjects are.
    #[serde(default = "unknown")]
    subject: SubjectIs,
    /// `iss` of those tokens, to the letter.
    issuer: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ProvisioningKeyCreated {
    /// The position of the organisation's log after it.
    position: i64,
    id: String,
    /// Shown here and nowhere else again.
    key: String,
    name: String,
    expires_at: DateTime<Utc>,
    /// The path that the provider is given as its address of SCIM, behind the host of this installation.
    path: String,
}

fn unknown() -> SubjectIs {
    SubjectIs::Unknown
}

async fn create(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (body, cx) = call.command::<CreateProvisioningKey>()?;
    let (name, lifetime) = checked(&body)?;
    let secret = Secret::new(Kind::Key, cx.tenant).ok_or_else(|| {
        tracing::error!("the machine gives no randomness");
        Problem::internal()
    })?;
    let created = Created {
        name: name.clone(),
        roles: BTreeSet::new(),
        organisation: cx.tenant.0,
        expires_at: cx.now.trunc_subsecs(0) + lifetime,
        digest: secret.digest(),
        provisions: Some(body.subject),
        issuer: body.issuer,
    };
    let (id, lane) = (secret.id.clone(), format!("key-{}", secret.id));
    let done =
        call.store.perform(&cx, &lane, |work| Box::pin(give(work, expected, id.clone(), created.clone()))).await?;
    let (expires_at, path) = (created.expires_at, format!("/v1/organisations/{}/scim/v2", cx.tenant));
    let body = ProvisioningKeyCreated {
        position: done.position,
        id: secret.id.clone(),
        key: secret.text(),
        name,
        expires_at,
        path,
    };
    let mut response = Ended::of(&done).created().version(done.answer.version).with(&body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn checked(body: &CreateProvisioningKey) -> Result<(String, Duration), Problem> {
    let issuer = match (&body.issuer, body.subject) {
        (Some(_), SubjectIs::Unknown) => {
            Err(field_error("subject", "say external_id or user_name, where there is an issuer"))
        }
        (None, SubjectIs::ExternalId | SubjectIs::UserName) => {
            Err(field_error("issuer", "say whose subject it is: `iss` of the provider's tokens, to the letter"))
        }
        // As tokens have it: nothing is trimmed.
        (Some(issuer), _) if issuer.is_empty() || issuer.len() > LONGEST_ISSUER => Err(field_error(
            "issuer",
            format!("1 to {LONGEST_ISSUER} characters are expected, as the tokens have them"),
        )),
        (Some(_) | None, _) => Ok(()),
    };
    match (checked_text("name", &body.name, 200), checked_lifetime(body.days, 365), issuer) {
        (Ok(name), Ok(lifetime), Ok(())) => Ok((name, lifetime)),
        (name, lifetime, issuer) => {
            let errors = name.err().into_iter().chain(lifetime.err()).chain(issuer.err());
            Err(Problem::fields(errors.collect::<Vec<FieldError>>()))
        }
    }
}

async fn give(work: &mut Work, expected: Option<i64>, id: String, created: Created) -> Result<Outcome, Problem> {
    let organisation = work.cx().tenant.to_string();
    // A tenant provisions nobody.
    if work.load::<Organisation>(&organisation).await?.1 == 0 {
        return Err(Problem::not_found(format!("organisation {organisation}")));
    }
    api_keys::decide(work, expected, id, access::key::Command::Create(created)).await
}

/// `GET /lockouts`
async fn list_lockouts(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<KnownLockout>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

pub fn routes(routes: Routes) -> Routes {
    use Action::ManageTenant;
    routes
        .with(
            Route::organisation(
                Method::GET,
                "/provisioning-keys",
                ManageTenant,
                "List the keys that provision people, also those that ended",
            )
            .pages::<KnownKey>()
            .gives::<Listed<KeyDetails>>(200)
            .answered_by(api_keys::list),
        )
        .with(
            Route::organisation(
                Method::POST,
                "/provisioning-keys",
                ManageTenant,
                "Create a key by which the identity provider provisions people over SCIM",
            )
            .takes::<CreateProvisioningKey>()
            .keyless("a key is kept nowhere, so it cannot be given again: send the request without an Idempotency-Key")
            .gives::<ProvisioningKeyCreated>(201)
            .answered_by(create),
        )
        .with(
            Route::organisation(
                Method::GET,
                "/lockouts",
                ManageTenant,
                "List whom no service lets in: who was switched off by the identity provider, or erased",
            )
            .pages::<KnownLockout>()
            .gives::<Listed<KnownLockout>>(200)
            .answered_by(list_lockouts),
        )
        .with(
            Route::organisation(Method::DELETE, "/provisioning-keys/{id}", ManageTenant, "Revoke a provisioning key")
                .takes::<RevokeKey>()
                .gives::<Answered>(200)
                .answered_by(api_keys::revoke),
        )
}

#[cfg(test)]
mod tests {
    use super::{CreateProvisioningKey, checked};
    use serde_json::{Value, json};

    fn fault(body: Value) -> Option<String> {
        let body: CreateProvisioningKey = serde_json::from_value(body).expect("a body");
        checked(&body).err().map(|problem| problem.to_string())
    }

    #[test]
    fn a_subject_is_an_issuers() {
        assert_eq!(fault(json!({"name": "Entra ID"})), None);
        assert_eq!(fault(json!({"name": "Okta", "subject": "user_name", "issuer": "https://id.example.org"})), None);
        for (body, told) in [
            (json!({"name": "x", "subject": "external_id"}), "issuer: say whose subject it is"),
            (json!({"name": "x", "issuer": "https://id.example.org"}), "subject: say external_id or user_name"),
            (json!({"name": "x", "subject": "user_name", "issuer": ""}), "issuer: 1 to 255 characters"),
            (json!({"name": " ", "days": 366, "subject": "user_name"}), "3 fields are wrong"),
        ] {
            let fault = fault(body).expect(told);
            assert!(fault.starts_with(told), "{fault}");
        }
    }
}
