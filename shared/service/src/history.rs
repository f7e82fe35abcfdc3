use crate::answer::json;
use crate::{Call, Problem, Route, Routes};
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Row, View, versions};

const USUAL_PAGE: i64 = 100;
const LARGEST_PAGE: i64 = 1000;

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

/// A field of the object before and after.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    pub field: String,
    #[schema(value_type = Option<Object>)]
    pub from: Option<Value>,
    #[schema(value_type = Option<Object>)]
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

impl Routes {
    /// The history of the object whose row in `V` is `{id}`.
    #[must_use]
    pub fn history<V: View>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary)
            .as_of()
            .parameter("after", "Only events after this position")
            .parameter("limit", "How many events a page has at most: 1 to 1000, 100 where it is not given")
            .gives::<History>(200);
        self.with(route.answered_by(answer::<V>))
    }
}

async fn answer<V: View>(call: Call) -> Result<Response, Problem> {
    let limit = call.query.whole("limit", 1, LARGEST_PAGE, USUAL_PAGE)?;
    let after = call.query.whole("after", 0, i64::MAX, 0)?;
    let mut session = call.session().await?;
    let position = call.position::<V>(&mut session).await?;
    // One more than asked for: is there a next page?
    let mut rows = versions::<V>(&mut session, call.id(), after, position, limit + 1).await?;
    let before = views::get::<V>(&mut session, call.id(), after).await?;
    if rows.is_empty() && before.is_none() {
        return Err(Problem::not_found(format!("{} {}", V::NAME.replace('_', " "), call.id())));
    }
    let next = match usize::try_from(limit) {
        Ok(limit) if rows.len() > limit => {
            rows.truncate(limit);
            rows.last().map(|row| row.from)
        }
        _ => None,
    };
    let positions: Vec<i64> = rows.iter().map(|row| row.from).collect();
    let events = session.events_at(&positions).await?;
    let mut current = before.map(|row| shape(&row)).unwrap_or_default();
    let mut items = Vec::with_capacity(rows.len());
    for (row, event) in rows.iter().zip(events) {
        let next = shape(row);
        items.push(entry(event, row.version, changes(&current, &next)));
        current = next;
    }
    Ok(json(StatusCode::OK, position, &History { position, items, next }))
}

fn shape<V: Serialize>(row: &Row<V>) -> Value {
    serde_json::to_value(&row.data).unwrap_or_default()
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

fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value =
        |fields: &serde_json::Map<String, Value>, name: &str| fields.get(name).filter(|v| !v.is_null()).cloned();
    fields
        .into_iter()
        .map(|name| Change { field: name.clone(), from: value(before, name), to: value(after, name) })
        .filter(|change| change.from != change.to)
        .collect()
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
}
