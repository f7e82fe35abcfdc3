//! What follows from what the identity provider says of a person, all in one append: what is known of them, whose subject they
//! are, and whether they are let in.

use super::patch::patched;
use super::refusal::unique;
use super::schema::{Attributes, USER};
use super::{groups, names};
use crate::describe_person::{self, Clear};
use crate::directory::{Kept, place};
use crate::member::{Command, Known, Member};
use crate::person::Person;
use access::{Identity, Lockout, SubjectIs, identity, lockout};
use eventstore::Work;
use sealed::{Fault, PersonKey, Sealed};
use serde_json::{Value, json};
use service::{Call, Problem};

/// By what of a person the provider's tokens name them, as the key says.
#[derive(Clone)]
pub struct Subjects {
    by: SubjectIs,
    issuer: Option<String>,
}

#[derive(Clone)]
pub enum Change {
    Create(Attributes),
    Replace(Attributes),
    Patch(Attributes),
}

impl Subjects {
    pub fn of(call: &Call) -> Self {
        let details = call.key.as_ref().map(|key| &key.details);
        let by = details.and_then(|key| key.provisions).unwrap_or(SubjectIs::Unknown);
        Self { by, issuer: details.and_then(|key| key.issuer.clone()) }
    }

    /// The issuer and the subject that is the person.
    fn of_person<'a>(&'a self, attributes: &'a Attributes) -> Option<(&'a str, &'a str)> {
        let attribute = match self.by {
            SubjectIs::Unknown => return None,
            SubjectIs::ExternalId => "externalId",
            SubjectIs::UserName => "userName",
        };
        Some((self.issuer.as_deref()?, attributes.get(attribute)?.as_str()?))
    }
}

pub async fn change(
    work: &mut Work,
    expected: Option<i64>,
    person: String,
    change: Change,
    subjects: Subjects,
) -> Result<(), Problem> {
    let missing = || Problem::not_found(format!("user {person}"));
    let organisation = work.cx().tenant;
    let (member, _) = work.load::<Member>(&person).await?;
    let (known, was_active) = (member.known().cloned(), member.is_active());
    let is_new = matches!(change, Change::Create(_));
    if is_new == known.is_some() || (is_new && work.load::<Person>(&person).await?.1 > 0) {
        // A handle that was made by chance is somebody's: as unlikely as a wrong one of theirs.
        return Err(if is_new { unique("id: it is taken: try again") } else { missing() });
    }
    let key = sealed::kept(work, &person).await?.ok_or_else(missing)?;
    let place = place(organisation, &person, Kept::Attributes);
    let before = known.as_ref().map(|known| read(&key, &place, &known.attributes)).transpose()?;
    let mut after = match change {
        Change::Create(body) | Change::Replace(body) => USER.kept(body)?,
        Change::Patch(body) => {
            let mut before = before.clone().unwrap_or_default();
            before.insert("active".to_owned(), was_active.into());
            USER.kept(patched(&USER, before, body)?)?
        }
    };
    // Who leaves it out does not say that it is otherwise.
    let active = after.remove("active").as_ref().and_then(Value::as_bool).unwrap_or(was_active || is_new);
    let clear = called(&after)?;
    names::keep(work, &person, &after).await?;
    let identity =
        link(work, &person, &subjects, &after, known.as_ref().and_then(|known| known.identity.clone())).await?;
    let changed = before.as_ref() != Some(&after);
    let attributes = match known {
        Some(known) if !changed => known.attributes,
        _ => key.seal(&place, &Value::Object(after).to_string()).map_err(|fault| unread(&fault))?,
    };
    let describe = Command::Describe { known: Known { attributes, identity }, changed };
    work.execute::<Member>(&person, expected, describe).await?;
    work.execute::<Member>(&person, None, if active { Command::Activate } else { Command::Deactivate }).await?;
    let lockout = if active { lockout::Command::End } else { lockout::Command::Begin };
    work.execute::<Lockout>(&person, None, lockout).await?;
    describe_person::decide(work, None, person, clear).await?;
    Ok(())
}

/// The provider looks after somebody from now on who is in the directory already, and keeps their name and
/// address until it says others.
pub async fn begin(
    work: &mut Work,
    expected: Option<i64>,
    person: &str,
    mut attributes: Attributes,
) -> Result<(), Problem> {
    let missing = || Problem::not_found(format!("person {person}"));
    let organisation = work.cx().tenant;
    let known = work.load::<Person>(person).await?.0.known().cloned().ok_or_else(missing)?;
    let key = sealed::kept(work, person).await?.ok_or_else(missing)?;
    let open = |sealed, kept| key.open(&place(organisation, person, kept), sealed).map_err(|fault| unread(&fault));
    attributes.insert("displayName".to_owned(), Value::String(open(&known.name, Kept::Name)?));
    if let Some(email) = &known.email {
        let email = json!([{"value": open(email, Kept::Email)?, "type": "work", "primary": true}]);
        attributes.insert("emails".to_owned(), email);
    }
    names::keep(work, person, &attributes).await?;
    let place = place(organisation, person, Kept::Attributes);
    let attributes = key.seal(&place, &Value::Object(attributes).to_string()).map_err(|fault| unread(&fault))?;
    let describe = Command::Describe { known: Known { attributes, identity: None }, changed: true };
    work.execute::<Member>(person, expected, describe).await?;
    work.execute::<Lockout>(person, None, lockout::Command::End).await?;
    Ok(())
}

/// The provider looks after them no more, so they are let in no more. Erasing them stays an act of its own.
pub async fn end(work: &mut Work, expected: Option<i64>, person: String) -> Result<(), Problem> {
    let Some(known) = work.load::<Member>(&person).await?.0.known().cloned() else {
        return Err(Problem::not_found(format!("user {person}")));
    };
    work.execute::<Member>(&person, expected, Command::Remove).await?;
    work.execute::<Lockout>(&person, None, lockout::Command::Begin).await?;
    if let Some(identity) = known.identity {
        unlink(work, &person, &identity).await?;
    }
    names::forget(work, &person).await?;
    groups::leave_all(work, &person).await
}

/// The same of somebody who is erased, where the provider looked after them.
pub async fn end_if_any(work: &mut Work, person: &str) -> Result<(), Problem> {
    if work.load::<Member>(person).await?.0.known().is_none() {
        Ok(())
    } else {
        end(work, None, person.to_owned()).await
    }
}

pub fn read(key: &PersonKey, place: &str, attributes: &Sealed) -> Result<Attributes, Problem> {
    let text = key.open(place, attributes).map_err(|fault| unread(&fault))?;
    serde_json::from_str(&text).map_err(|error| {
        tracing::error!(%error, "what is known of a user of SCIM is no JSON");
        Problem::internal()
    })
}

fn unread(fault: &Fault) -> Problem {
    tracing::error!(%fault, "what is known of a user of SCIM cannot be read or kept");
    Problem::internal()
}

/// What the directory shows of them.
fn called(attributes: &Attributes) -> Result<Clear, Problem> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let name = attributes.get("name");
    let part = |part: &str| text(name.and_then(|name| name.get(part)));
    let parts = [part("givenName"), part("familyName")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = text(attributes.get("displayName"))
        .or_else(|| part("formatted"))
        .or_else(|| Some(parts).filter(|parts| !parts.is_empty()));
    let name = name.or_else(|| text(attributes.get("userName"))).unwrap_or_default();
    let emails = attributes.get("emails").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let email = emails.iter().find(|email| email["primary"] == true).or_else(|| emails.first());
    let email = text(email.and_then(|email| email.get("value")));
    describe_person::checked(&name, email.as_deref()).map_err(Problem::fields)
}

/// Their subject at the provider is them from now on; gives under which it is linked. One that is somebody else already stays theirs:
/// by this nobody becomes who they are not, and nobody an administrator.
async fn link(
    work: &mut Work,
    person: &str,
    subjects: &Subjects,
    attributes: &Attributes,
    before: Option<String>,
) -> Result<Option<String>, Problem> {
    if subjects.by == SubjectIs::Unknown {
        return Ok(before);
    }
    let subject = subjects.of_person(attributes);
    let identity = subject.map(|(issuer, subject)| identity::digest(issuer, subject));
    if let Some(before) = before.filter(|before| identity.as_ref() != Some(before)) {
        unlink(work, person, &before).await?;
    }
    let (Some((issuer, _)), Some(identity)) = (subject, &identity) else { return Ok(None) };
    match work.load::<Identity>(identity).await?.0.person() {
        Some(known) if known == person => {}
        Some(_) => {
            let detail = "their subject at the identity provider is somebody here already: an administrator ends that at DELETE \
                          /identities/{id}";
            return Err(unique(detail));
        }
        None => {
            let (person, issuer) = (person.to_owned(), issuer.to_owned());
            let link = identity::Command::Link { person, administrator: false, issuer };
            work.execute::<Identity>(identity, None, link).await?;
        }
    }
    Ok(Some(identity.clone()))
}

async fn unlink(work: &mut Work, person: &str, identity: &str) -> Result<(), Problem> {
    if work.load::<Identity>(identity).await?.0.person() == Some(person) {
        work.execute::<Identity>(identity, None, identity::Command::Unlink).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::called;
    use serde_json::{Value, json};

    fn shown(user: &Value) -> (String, Option<String>) {
        let clear = called(user.as_object().expect("an object")).expect("right");
        (clear.name, clear.email)
    }

    #[test]
    fn people_are_called_by_the_best_name_that_there_is() {
        let mut user = json!({
            "userName": "m@x.example", "displayName": "Mara", "name": {"formatted": "Mara L.", "givenName": "Mara", "familyName": "Lind"}
        });
        assert_eq!(shown(&user).0, "Mara");
        user["displayName"].take();
        assert_eq!(shown(&user).0, "Mara L.");
        user["name"]["formatted"].take();
        assert_eq!(shown(&user).0, "Mara Lind");
        user["name"].take();
        assert_eq!(shown(&user), ("m@x.example".to_owned(), None));
    }

    #[test]
    fn mail_goes_to_the_primary_address_or_the_first() {
        let user = |primary: bool| json!({"userName": "m", "emails": [{"value": "a@x.example"}, {"value": "b@x.example", "primary": primary}]});
        assert_eq!(shown(&user(false)).1.as_deref(), Some("a@x.example"));
        assert_eq!(shown(&user(true)).1.as_deref(), Some("b@x.example"));
        let wrong = json!({"userName": "m", "emails": [{"value": "nowhere"}]});
        assert!(called(wrong.as_object().expect("an object")).is_err());
    }
}
