use crate::organisation::Organisation;
use access::identity::{Command, digest};
use access::{Identity, KnownPerson};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Work;
use serde::Deserialize;
use service::{Call, FieldError, Outcome, Problem, checked_person, field_error, json};
use utoipa::ToSchema;

const LONGEST: usize = 255;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkIdentity {
    /// `iss` of the identity provider's tokens, to the letter.
    issuer: String,
    /// `sub` of the person's tokens. It is not kept: only its SHA-256 is.
    subject: String,
    /// Who that is here: a short handle, in lower case; never a name or an address.
    person: String,
    /// Whether the person administers the organisation, and with it every tenant that it owns.
    #[serde(default)]
    administrator: bool,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndIdentity {}

pub async fn list(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<KnownPerson>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

pub async fn link(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<LinkIdentity>()?;
    let (id, command) = checked(body)?;
    let lane = format!("identity-{id}");
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, id.clone(), command.clone())));
    Ok(call.carried_out(&done.await?, true))
}

pub async fn end(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (EndIdentity {}, cx) = call.command()?;
    let (id, lane) = (call.id().to_owned(), format!("identity-{}", call.id()));
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, id.clone(), Command::Unlink)));
    Ok(call.carried_out(&done.await?, false))
}

fn checked(body: LinkIdentity) -> Result<(String, Command), Problem> {
    let LinkIdentity { issuer, subject, person, administrator } = body;
    let mut errors: Vec<FieldError> = Vec::new();
    for (field, text) in [("issuer", &issuer), ("subject", &subject)] {
        // As tokens have them: nothing is trimmed.
        if text.is_empty() || text.len() > LONGEST {
            errors.push(field_error(field, format!("1 to {LONGEST} characters are expected, as the tokens have them")));
        }
    }
    match checked_person("person", &person) {
        Ok(person) if errors.is_empty() => {
            Ok((digest(&issuer, &subject), Command::Link { person, administrator, issuer }))
        }
        Ok(_) => Err(Problem::fields(errors)),
        Err(error) => Err(Problem::fields(errors.into_iter().chain([error]).collect())),
    }
}

async fn decide(work: &mut Work, expected: Option<i64>, id: String, command: Command) -> Result<Outcome, Problem> {
    let organisation = work.cx().tenant.to_string();
    // Only an organisation has people: what a tenant's partition says of them, nobody asks for.
    if work.load::<Organisation>(&organisation).await?.1 == 0 {
        return Err(Problem::not_found(format!("organisation {organisation}")));
    }
    if matches!(command, Command::Unlink) && work.load::<Identity>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("identity {id}")));
    }
    let changed = work.execute::<Identity>(&id, expected, command).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

#[cfg(test)]
mod tests {
    use super::{LinkIdentity, checked};

    fn body(issuer: &str, subject: &str, person: &str) -> LinkIdentity {
        let (issuer, subject, person) = (issuer.to_owned(), subject.to_owned(), person.to_owned());
        LinkIdentity { issuer, subject, person, administrator: false }
    }

    #[test]
    fn the_id_is_the_subjects_digest() {
        let (id, _) = checked(body("https://id.example.org", "42", "mara")).expect("right");
        assert_eq!(id, access::identity::digest("https://id.example.org", "42"));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let fault = checked(body("", &"x".repeat(256), "Mara")).expect_err("wrong");
        assert_eq!(fault.to_string(), "3 fields are wrong: see errors");
    }
}
