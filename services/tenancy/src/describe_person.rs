use crate::directory::{Kept, place};
use crate::organisation::Organisation;
use crate::person::{Broken, Command, Known, Person};
use axum::response::Response;
use eventstore::{TenantId, Work};
use sealed::{Fault, PersonKey};
use serde::Deserialize;
use service::{Call, FieldError, Outcome, Problem, checked_person, checked_text, field_error};
use utoipa::ToSchema;

const LONGEST_NAME: usize = 200;

/// RFC 5321: a path has 256 octets at most, with its angle brackets.
const LONGEST_ADDRESS: usize = 254;

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribePerson {
    /// What the person is called.
    #[schema(example = "Mara Lind")]
    name: String,
    /// Where mail reaches them; null where it is not known. It must be said.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(example = "mara@example.com")]
    email: Option<String>,
}

/// What is said of a person, in the clear: it goes no further than this.
#[derive(Clone, PartialEq, Eq)]
pub struct Clear {
    pub name: String,
    pub email: Option<String>,
}

/// `PUT /people/{id}`
pub async fn describe(call: Call) -> Result<Response, Problem> {
    let person = checked_person("id", call.id())?;
    let expected = call.if_match()?;
    let (DescribePerson { name, email }, cx) = call.command()?;
    let clear = checked(&name, email.as_deref()).map_err(Problem::fields)?;
    let lane = format!("person-{person}");
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, person.clone(), clear.clone())));
    Ok(call.carried_out(&done.await?, false))
}

/// What is wrong is told without being repeated: details of problems are shown and forwarded.
pub fn checked(name: &str, email: Option<&str>) -> Result<Clear, Vec<FieldError>> {
    match (checked_text("name", name, LONGEST_NAME), email.map(checked_address).transpose()) {
        (Ok(name), Ok(email)) => Ok(Clear { name, email }),
        (name, email) => Err(name.err().into_iter().chain(email.err()).collect()),
    }
}

fn checked_address(written: &str) -> Result<String, FieldError> {
    let address = written.trim();
    let is_one = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !address.contains(char::is_whitespace)
    });
    if is_one && address.is_ascii() && address.len() <= LONGEST_ADDRESS {
        return Ok(address.to_owned());
    }
    Err(field_error("email", "this is no mail address: write it as name@example.com, or null"))
}

pub async fn decide(work: &mut Work, expected: Option<i64>, person: String, clear: Clear) -> Result<Outcome, Problem> {
    let organisation = work.cx().tenant;
    // Only an organisation has people.
    if work.load::<Organisation>(&organisation.to_string()).await?.1 == 0 {
        return Err(Problem::not_found(format!("organisation {organisation}")));
    }
    let Some(key) = sealed::kept(work, &person).await? else {
        return Err(eventstore::Refused::Rule(Broken::Erased).into());
    };
    let before = work.load::<Person>(&person).await?.0.known().cloned();
    let before = before
        .map(|known| opened(&key, organisation, &person, &known))
        .transpose()
        .map_err(|fault| unopened(&fault))?;
    let (renamed, moved) = match &before {
        None => (true, true),
        Some(before) => (before.name != clear.name, before.email != clear.email),
    };
    let known = closed(&key, organisation, &person, &clear).map_err(|fault| unopened(&fault))?;
    let changed = work.execute::<Person>(&person, expected, Command::Describe { known, renamed, moved }).await?;
    Ok(Outcome { id: person, version: changed.version, changed: changed.changed })
}

fn opened(key: &PersonKey, organisation: TenantId, person: &str, known: &Known) -> Result<Clear, Fault> {
    let open = |sealed, kept| key.open(&place(organisation, person, kept), sealed);
    let email = known.email.as_ref().map(|email| open(email, Kept::Email)).transpose()?;
    Ok(Clear { name: open(&known.name, Kept::Name)?, email })
}

fn closed(key: &PersonKey, organisation: TenantId, person: &str, clear: &Clear) -> Result<Known, Fault> {
    let seal = |text: &str, kept| key.seal(&place(organisation, person, kept), text);
    let email = clear.email.as_deref().map(|email| seal(email, Kept::Email)).transpose()?;
    Ok(Known { name: seal(&clear.name, Kept::Name)?, email })
}

fn unopened(fault: &Fault) -> Problem {
    tracing::error!(%fault, "what is known of a person cannot be read or kept");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn every_wrong_field_is_named_and_not_repeated() {
        let clear = checked(" Mara Lind ", Some(" mara@example.org ")).expect("right");
        assert_eq!((clear.name.as_str(), clear.email.as_deref()), ("Mara Lind", Some("mara@example.org")));
        assert!(checked("Mara", None).is_ok());
        let long = format!("{}@mara.example", "x".repeat(250));
        for wrong in ["mara", "@mara.example", "mara@", "a b@mara.example", "mara@b@c", "mära@mara.example", &long] {
            let errors = checked("Mara", Some(wrong)).err().expect(wrong);
            assert_eq!(errors.len(), 1);
            assert!(errors[0].field == "email" && !errors[0].detail.contains("mara"), "{errors:?}");
        }
        let errors = checked(" ", Some("mara")).err().expect("wrong");
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["name", "email"]);
    }
}
