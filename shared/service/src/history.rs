use crate::answer::json;
use crate::{Call, Problem, Route, Routes, cut};
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{Recorded, Session};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Row, View, versions};

/// One event of an object: who, when, why, and what it changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    pub position: i64,
    pub version: i64,
    #[serde(rename = "type")]
    #[schema(example = "risk.assessed")]
    pub event_type: String,
    /// A person's id, or `service:` and the service that reacted.
    pub actor: String,
    pub reason: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    pub event_id: Uuid,
    /// The event that this one followed from, where it was not a person's command.
    pub causation_id: Option<Uuid>,
    pub changes: Vec<Change>,
}

/// A field of the object before and after; one within another is named with it, as in `level.rank`.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    pub field: String,
    pub from: Option<Value>,
    pub to: Option<Value>,
}

#[derive(Serialize, ToSchema)]
struct History {
    position: i64,
    /// Oldest first.
    items: Vec<Entry>,
    /// Give it as `after` for the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// What the events at some positions changed beside the object's own row, by position.
pub type Changes<'a> = Pin<Box<dyn Future<Output = Result<BTreeMap<i64, Vec<Change>>, Problem>> + Send + 'a>>;

/// Looks that up for the object whose row is this key.
pub type Beside = for<'a> fn(&'a mut Session, &'a str, &'a [i64]) -> Changes<'a>;

/// What rows of an object say to whom they are shown, where that is not what they hold.
pub type Shown<'a> = Pin<Box<dyn Future<Output = Result<Vec<Value>, Problem>> + Send + 'a>>;

/// Makes the object's rows, in their order, what they are shown as.
pub type Show = for<'a> fn(&'a mut Session, &'a str, Vec<Value>) -> Shown<'a>;

/// What tells a history beside the object's rows, and how these are shown.
#[derive(Clone, Copy)]
struct Telling {
    beside: Beside,
    show: Show,
}

const PLAIN: Telling = Telling {
    beside: |_, _, _| Box::pin(async { Ok(BTreeMap::new()) }),
    show: |_, _, rows| Box::pin(async { Ok(rows) }),
};

/// Which row of a view a request is about.
pub type Key = fn(&Call) -> String;

impl Route {
    /// It gives the history of the object whose row in `V` is `key`.
    #[must_use]
    pub fn history_of<V: View>(self, key: Key) -> Self {
        self.history_with::<V, V>(key, PLAIN)
    }

    /// It gives the history of the object whose row in `V` is `{id}`, each row as `show` makes it.
    #[must_use]
    pub fn history_read<V: View>(self, show: Show) -> Self {
        self.history_with::<V, V>(|call| call.id().to_owned(), Telling { show, ..PLAIN })
    }

    /// It gives the history of the object whose row in `V` is `{id}`, with what stands beside it in rows of `W`.
    #[must_use]
    pub fn history_beside<V: View, W: View>(self, beside: Beside) -> Self {
        self.history_with::<V, W>(|call| call.id().to_owned(), Telling { beside, ..PLAIN })
    }

    fn history_with<V: View, W: View>(self, key: Key, telling: Telling) -> Self {
        self.as_of()
            .parameter("after", "Only events after this position")
            .limit()
            .gives::<History>(200)
            .answered_by(move |call: Call| async move { answer::<V, W>(&call, &key(&call), telling).await })
    }
}

impl Routes {
    /// The history of the object whose row in `V` is `{id}`.
    #[must_use]
    pub fn history<V: View>(self, tail: &'static str, summary: &'static str) -> Self {
        self.history_of::<V>(tail, summary, |call| call.id().to_owned())
    }

    /// The history of the object whose row in `V` is `key`.
    #[must_use]
    pub fn history_of<V: View>(self, tail: &'static str, summary: &'static str, key: Key) -> Self {
        self.with(Route::tenant(Method::GET, tail, Action::Read, summary).history_of::<V>(key))
    }
}

async fn answer<V: View, W: View>(call: &Call, key: &str, telling: Telling) -> Result<Response, Problem> {
    let Telling { beside, show } = telling;
    let limit = call.page_size()?;
    let after = call.query.whole("after", 0, i64::MAX, 0)?;
    let mut session = call.session().await?;
    let reached = call.position::<V>(&mut session).await?;
    let position = call.position::<W>(&mut session).await?.min(reached);
    let rows = versions::<V>(&mut session, key, after, position, limit + 1).await?;
    let before = views::get::<V>(&mut session, key, after.min(position)).await?;
    if rows.is_empty() && before.is_none() {
        return Err(Problem::not_found(format!("{} {}", V::NAME.replace('_', " "), key)));
    }
    let (rows, more) = cut(rows, limit);
    let next = rows.last().filter(|_| more).map(|row| row.from);
    let positions: Vec<i64> = rows.iter().map(|row| row.from).collect();
    let events = session.events_at(&positions).await?;
    let mut others = beside(&mut session, key, &positions).await?;
    // What begins had no field before.
    let begins = before.is_none();
    let shown = show(&mut session, key, before.iter().chain(&rows).map(shape).collect()).await?;
    let mut shown = std::iter::repeat_n(Value::Object(Map::new()), usize::from(begins)).chain(shown);
    let mut current = shown.next().unwrap_or_default();
    let mut items = Vec::with_capacity(rows.len());
    for ((row, event), next) in rows.iter().zip(events).zip(shown) {
        let changes =
            changes(&current, &next).into_iter().chain(others.remove(&row.from).unwrap_or_default()).collect();
        items.push(entry(event, row.version, changes));
        current = next;
    }
    Ok(json(StatusCode::OK, position, &History { position, items, next }))
}

fn shape<V: View>(row: &Row<V>) -> Value {
    let mut shape = serde_json::to_value(&row.data).unwrap_or_default();
    if let Value::Object(fields) = &mut shape {
        fields.retain(|name, _| !V::UNTOLD.contains(&name.as_str()));
    }
    shape
}

fn entry(event: Recorded, version: i64, changes: Vec<Change>) -> Entry {
    Entry {
        position: event.position,
        version,
        event_type: event.event_type,
        actor: event.metadata.actor.to_string(),
        reason: event.metadata.reason,
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        event_id: event.id,
        causation_id: event.metadata.causation_id,
        changes,
    }
}

/// What differs between two states of one thing.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes
}

/// Where there is an object before and after, only what differs in it is told: of a tenant's roles, one person's.
fn compare(field: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    let [before, after] = [before, after].map(|value| value.filter(|value| !value.is_null()));
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                compare(&field, before.get(name), after.get(name), changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => {
            changes.push(Change { field: field.to_owned(), from: before.cloned(), to: after.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, changes};
    use serde_json::json;

    #[test]
    fn only_fields_that_differ_are_told() {
        let before = json!({"name": "a", "owner": null, "level": 2});
        let after = json!({"name": "a", "owner": "mara"});
        assert_eq!(
            changes(&before, &after),
            [
                Change { field: "level".to_owned(), from: Some(json!(2)), to: None },
                Change { field: "owner".to_owned(), from: None, to: Some(json!("mara")) },
            ]
        );
    }
    #[test]
    fn of_an_object_in_it_only_what_differs_is_told() {
        let before = json!({"roles": {"jo": ["viewer"], "mara": ["isms_manager"]}, "level": null});
        let after = json!({"roles": {"jo": ["risk_owner", "viewer"], "mara": ["isms_manager"]}, "level": {"rank": 2}});
        let change = |field: &str, from, to| Change { field: field.to_owned(), from, to };
        assert_eq!(
            changes(&before, &after),
            [
                change("level", None, Some(json!({"rank": 2}))),
                change("roles.jo", Some(json!(["viewer"])), Some(json!(["risk_owner", "viewer"]))),
            ]
        );
    }
}
