use crate::describe_person::{self, DescribePerson};
use crate::erase_person::{self, ErasePerson};
use crate::person::Event;
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::{Recorded, Session, TenantId};
use sealed::{Keys, Sealed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Answered, Call, Item, Listed, Object, Problem, Route, Routes, Shown, json, object_answer};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// A person as they are kept: nothing here can be read without their key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedPerson {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Sealed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Sealed>,
    pub erased: bool,
}

/// A person as they are shown, by the key that there is now, whatever the position.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DirectoryEntry {
    /// What they are called; of an erased person a pseudonym.
    #[schema(example = "Mara Lind")]
    pub name: String,
    /// Where mail reaches them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Nobody knows any more who it was.
    pub erased: bool,
}

impl View for SealedPerson {
    const NAME: &'static str = "person";
    const SEARCHED: bool = false;

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Registered { name, email }) => Some(Self { name: Some(name), email, erased: false }),
            Some(Event::Renamed { name }) => current.map(|row| Self { name: Some(name), ..row }),
            Some(Event::AddressChanged { email }) => current.map(|row| Self { email, ..row }),
            Some(Event::Erased {}) => current.map(|_| Self { name: None, email: None, erased: true }),
            None => current,
        })
    }
}

/// What of a person is sealed. Their sealed texts belong nowhere else.
#[derive(Clone, Copy)]
pub enum Kept {
    Name,
    Email,
    /// The attributes of their SCIM user.
    Attributes,
}

pub fn place(organisation: TenantId, person: &str, kept: Kept) -> String {
    let kept = match kept {
        Kept::Name => "name",
        Kept::Email => "email",
        Kept::Attributes => "attributes",
    };
    format!("{organisation}/{person}/{kept}")
}

/// What an erased person is called: always the same, and it says nothing of them.
pub fn pseudonym(organisation: TenantId, person: &str) -> String {
    let id = organisation.derive("pseudonym", person).simple().to_string();
    format!("person-{}", id.get(..8).unwrap_or(&id))
}

impl SealedPerson {
    /// As it reads with the keys that there are.
    fn opened(self, organisation: TenantId, person: &str, keys: &Keys) -> DirectoryEntry {
        let open = |sealed: Option<Sealed>, kept| {
            let opened = keys.get(person)?.open(&place(organisation, person, kept), &sealed?);
            opened.inspect_err(|fault| tracing::error!(tenant.id = %organisation, person, %fault, "not read")).ok()
        };
        let erased = self.erased || keys.get(person).is_none();
        let name = open(self.name, Kept::Name).unwrap_or_else(|| pseudonym(organisation, person));
        DirectoryEntry { name, email: open(self.email, Kept::Email), erased }
    }
}

/// `GET /people`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let Listed { position, items, next } = call.list::<SealedPerson>(Vec::new()).await?;
    let organisation = call.cx.tenant;
    let people = items.iter().map(|item| item.id.clone()).collect();
    let keys = Keys::of(&mut call.session().await?, people).await?;
    let shown = |Item { id, version, changed_at, data }: Item<SealedPerson>| {
        let data = data.opened(organisation, &id, &keys);
        Item { id, version, changed_at, data }
    };
    let listed: Listed<DirectoryEntry> = Listed { position, items: items.into_iter().map(shown).collect(), next };
    Ok(json(StatusCode::OK, position, &listed))
}

/// `GET /people/{id}`
pub async fn show(call: Call) -> Result<Response, Problem> {
    let Object { position, item } = call.object::<SealedPerson>(call.id()).await?;
    let Item { id, version, changed_at, data } = item;
    let keys = Keys::of(&mut call.session().await?, vec![id.clone()]).await?;
    let data = data.opened(call.cx.tenant, &id, &keys);
    Ok(object_answer(&Object { position, item: Item { id, version, changed_at, data } }))
}

/// What a history tells of a person: the rows as they read with the key that there is.
pub fn read<'a>(session: &'a mut Session, person: &'a str, rows: Vec<Value>) -> Shown<'a> {
    Box::pin(async move {
        let organisation = session.tenant();
        let keys = Keys::of(session, vec![person.to_owned()]).await?;
        let opened = |row: Value| {
            let sealed = serde_json::from_value::<SealedPerson>(row)?;
            serde_json::to_value(sealed.opened(organisation, person, &keys))
        };
        rows.into_iter().map(opened).collect::<Result<_, serde_json::Error>>().map_err(|error| {
            tracing::error!(%error, "a row of people cannot be shown");
            Problem::internal()
        })
    })
}

/// What people are called and where mail reaches them.
pub fn routes(routes: Routes) -> Routes {
    use Action::ManageTenant;
    routes
        .with(
            Route::organisation(
                Method::GET,
                "/people",
                ManageTenant,
                "List the organisation's people by name and address",
            )
            .pages::<SealedPerson>()
            .gives::<Listed<DirectoryEntry>>(200)
            .answered_by(list),
        )
        .with(
            Route::organisation(Method::GET, "/people/{id}", ManageTenant, "Show a person's name and address")
                .as_of()
                .gives::<Object<DirectoryEntry>>(200)
                .answered_by(show),
        )
        .with(
            Route::organisation(
                Method::PUT,
                "/people/{id}",
                ManageTenant,
                "Say what a person is called and their address",
            )
            .takes::<DescribePerson>()
            .keyless("nothing of a name is kept in the clear, not even its digest: send the request without a key")
            .gives::<Answered>(200)
            .answered_by(describe_person::describe),
        )
        .with(
            Route::organisation(
                Method::DELETE,
                "/people/{id}",
                ManageTenant,
                "Erase a person's name and address for ever",
            )
            .takes_with_reason::<ErasePerson>()
            .gives::<Answered>(200)
            .answered_by(erase_person::erase),
        )
        .with(
            Route::organisation(
                Method::GET,
                "/people/{id}/history",
                ManageTenant,
                "Who changed a person's name and address, when and why",
            )
            .history_read::<SealedPerson>(read),
        )
}

#[cfg(test)]
mod tests {
    use super::{SealedPerson, pseudonym};
    use crate::person::Event;
    use eventstore::TenantId;
    use sealed::PersonKey;
    use testkit::recorded;
    use views::View;

    #[test]
    fn an_erased_person_is_a_row_without_anything_of_theirs() {
        let name = PersonKey::new().and_then(|key| key.seal("here", "Mara")).expect("sealed");
        let events = [
            Event::Registered { name: name.clone(), email: None },
            Event::AddressChanged { email: Some(name) },
            Event::Erased {},
        ];
        let mut row = None;
        for (version, event) in (1..).zip(&events) {
            let event = recorded("mara", version, event);
            assert_eq!(SealedPerson::keys(&event).expect("keys"), ["mara"]);
            row = SealedPerson::apply(row, "mara", &event).expect("folded");
        }
        assert_eq!(row, Some(SealedPerson { name: None, email: None, erased: true }));
    }

    #[test]
    fn a_pseudonym_is_its_persons_in_one_organisation() {
        let (ours, theirs) = (TenantId::random(), TenantId::random());
        assert_eq!(pseudonym(ours, "mara"), pseudonym(ours, "mara"));
        assert_ne!(pseudonym(ours, "mara"), pseudonym(theirs, "mara"));
        assert!(!pseudonym(ours, "mara").contains("mara"));
    }
}
