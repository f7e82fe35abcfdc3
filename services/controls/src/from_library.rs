//! What this service takes of a consultancy's library: controls, documents and suppliers.

use crate::control::{self, Control, Decision, Implementation};
use crate::document::{self, Content, Document, ShelvedDocument, Version};
use crate::evidence::sha256;
use crate::statement::Statement;
use crate::supplier::{self, RegisteredSupplier, Supplier};
use eventstore::{Session, Work};
use library::{Item, Takes};
use service::{Call, Problem};
use std::collections::BTreeMap;
use views::{Row, View, get_many};

pub struct Measures;

impl Takes for Measures {
    const LIST: &'static str = "/control-proposals";
    const ONE: &'static str = "/control-proposals/{id}";
    const HISTORY: &'static str = "/control-proposals/{id}/history";
    const DECISIONS: &'static str = "/control-proposals/{id}/decisions";

    fn takes(item: &Item) -> bool {
        match item {
            Item::Control(_) | Item::Document(_) | Item::Supplier(_) => true,
            Item::Methodology(_) | Item::Asset(_) | Item::Risk(_) => false,
        }
    }

    async fn position(call: &Call, session: &mut Session) -> Result<i64, Problem> {
        let controls = call.position::<Statement>(session).await?;
        let documents = call.position::<ShelvedDocument>(session).await?;
        let versions = call.position::<Version>(session).await?;
        let suppliers = call.position::<RegisteredSupplier>(session).await?;
        Ok(controls.min(documents).min(versions).min(suppliers))
    }

    async fn standing(session: &mut Session, position: i64, items: Vec<Item>) -> Result<Vec<Item>, Problem> {
        let keys = |of: fn(&Item) -> Option<&String>| items.iter().filter_map(of).cloned().collect::<Vec<_>>();
        let controls = keys(|item| if let Item::Control(control) = item { Some(&control.reference) } else { None });
        let documents = keys(|item| if let Item::Document(document) = item { Some(&document.reference) } else { None });
        let suppliers = keys(|item| if let Item::Supplier(supplier) = item { Some(&supplier.reference) } else { None });
        let mut controls = rows::<Statement>(session, &controls, position).await?;
        let mut documents = rows::<ShelvedDocument>(session, &documents, position).await?;
        let newest = documents.iter().map(|(id, row)| format!("{id}/{}", row.newest)).collect::<Vec<_>>();
        let mut newest = rows::<Version>(session, &newest, position).await?;
        let mut suppliers = rows::<RegisteredSupplier>(session, &suppliers, position).await?;
        let standing = items.into_iter().filter_map(|item| match item {
            Item::Control(said) => Some(Item::Control(control_as_said(controls.remove(&said.reference)?, said)?)),
            Item::Document(said) => {
                let document = documents.remove(&said.reference)?;
                let text = newest.remove(&format!("{}/{}", said.reference, document.newest));
                let text = text.and_then(|version| version.content.text).unwrap_or_default();
                Some(Item::Document(document_as_said(document, text, said)))
            }
            Item::Supplier(said) => Some(Item::Supplier(supplier_as_said(suppliers.remove(&said.reference)?, said))),
            Item::Methodology(_) | Item::Asset(_) | Item::Risk(_) => None,
        });
        Ok(standing.collect())
    }

    async fn take(work: &mut Work, item: Item) -> Result<(), Problem> {
        match item {
            Item::Control(said) => take_control(work, said).await,
            Item::Document(said) => take_document(work, said).await,
            Item::Supplier(said) => take_supplier(work, said).await,
            Item::Methodology(_) | Item::Asset(_) | Item::Risk(_) => Ok(()),
        }
    }
}

async fn rows<V: View>(session: &mut Session, keys: &[String], position: i64) -> Result<BTreeMap<String, V>, Problem> {
    let rows = get_many::<V>(session, keys, position).await?;
    Ok(rows.into_iter().map(|Row { key, data, .. }| (key, data)).collect())
}

async fn take_control(work: &mut Work, said: library::Control) -> Result<(), Problem> {
    let library::Control { reference, applicable: _, basis, justification, state, how } = said;
    let decision = match basis {
        Some(basis) => Decision::Included { basis, justification },
        None => Decision::Excluded { justification },
    };
    work.execute::<Control>(&reference, None, control::Command::Decide(decision)).await?;
    if let Some(state) = state {
        let how = how.or(work.load::<Control>(&reference).await?.0.how().map(ToOwned::to_owned));
        let set = control::Command::SetImplementation(Implementation { state, how });
        work.execute::<Control>(&reference, None, set).await?;
    }
    Ok(())
}

async fn take_document(work: &mut Work, said: library::Document) -> Result<(), Problem> {
    let library::Document { reference, title, kind, slot, text } = said;
    let (document, _) = work.load::<Document>(&reference).await?;
    let is_said = document.newest_text() == Some(text.as_str());
    let command = match document.profile().cloned() {
        Some(standing) => {
            let slot = slot.or(standing.slot);
            document::Command::Describe(document::Profile { title, kind, slot, ..standing })
        }
        None => document::Command::Register(document::Profile { title, kind, slot, ..Default::default() }),
    };
    work.execute::<Document>(&reference, None, command).await?;
    if !is_said {
        let sha256 = Some(sha256(&text));
        let content = Content { text: Some(text), link: None, file: None, sha256, summary: None };
        work.execute::<Document>(&reference, None, document::Command::Draft(content)).await?;
    }
    Ok(())
}

async fn take_supplier(work: &mut Work, said: library::Supplier) -> Result<(), Problem> {
    let library::Supplier { reference, name, criticality, services, information } = said;
    let command = match work.load::<Supplier>(&reference).await?.0.profile().cloned() {
        Some(standing) => {
            let services = if services.is_empty() { standing.services } else { services };
            let information = information.or(standing.information);
            let owner = standing.owner;
            supplier::Command::Describe(supplier::Profile { name, criticality, services, information, owner })
        }
        None => {
            supplier::Command::Register(supplier::Profile { name, criticality, services, information, owner: None })
        }
    };
    work.execute::<Supplier>(&reference, None, command).await?;
    Ok(())
}

/// What the tenant says of what the library says; nothing while nobody has decided whether the control applies.
fn control_as_said(standing: Statement, said: library::Control) -> Option<library::Control> {
    Some(library::Control {
        reference: said.reference,
        applicable: standing.applicable?,
        basis: standing.basis,
        justification: standing.justification.unwrap_or_default(),
        state: said.state.map(|_| standing.state),
        how: said.how.and(standing.how),
    })
}

fn document_as_said(standing: ShelvedDocument, text: String, said: library::Document) -> library::Document {
    let slot = said.slot.and(standing.slot);
    library::Document { reference: said.reference, title: standing.title, kind: standing.kind, slot, text }
}

fn supplier_as_said(standing: RegisteredSupplier, said: library::Supplier) -> library::Supplier {
    library::Supplier {
        reference: said.reference,
        name: standing.name,
        criticality: standing.criticality,
        services: if said.services.is_empty() { said.services } else { standing.services },
        information: said.information.and(standing.information),
    }
}
