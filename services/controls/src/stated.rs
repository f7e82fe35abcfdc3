use crate::requirement::{Requirement, requirements};
use crate::statement::Statement;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use eventstore::{Session, StoreError};
use serde::Serialize;
use service::{Call, Item, Listed, Object, Problem, json, object_answer};
use utoipa::ToSchema;
use views::get;

/// What the tenant says of one control, and which risks rely on it: joined on reading.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stated {
    #[serde(flatten)]
    pub statement: Statement,
    /// The risks whose treatment relies on it.
    pub required_by: Vec<Requirement>,
    /// It is excluded, and treatments rely on it: one of the two has to change.
    pub conflict: bool,
}

/// A control as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownControl {
    #[serde(flatten)]
    stated: Stated,
    /// The day of its next review has passed.
    review_overdue: bool,
}

impl Stated {
    pub fn new(statement: Statement, required_by: Vec<Requirement>) -> Self {
        let conflict = statement.applicable == Some(false) && !required_by.is_empty();
        Self { statement, required_by, conflict }
    }

    fn on(self, today: NaiveDate) -> ShownControl {
        let review_overdue = self.statement.next_review.is_some_and(|day| day < today);
        ShownControl { stated: self, review_overdue }
    }
}

/// `GET /controls`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = position(&call, &mut session).await?;
    let Listed { position, items, next } = call.list_at::<Statement>(&mut session, position, Vec::new()).await?;
    let items = joined(&mut session, items, position).await?;
    let today = call.today(&mut session, position).await?;
    let items = items.into_iter().map(|item| item.map(|stated| stated.on(today))).collect();
    Ok(json(StatusCode::OK, position, &Listed { position, items, next }))
}

/// `GET /controls/{id}`
pub async fn object(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = position(&call, &mut session).await?;
    let row = get::<Statement>(&mut session, call.id(), position).await?;
    let mut items = joined(&mut session, row.map(Item::from).into_iter().collect(), position).await?;
    let item = items.pop().ok_or_else(|| Problem::not_found(format!("control {}", call.id())))?;
    let today = call.today(&mut session, position).await?;
    Ok(object_answer(&Object { position, item: item.map(|stated| stated.on(today)) }))
}

/// The position that both views have reached, or that the request asks for.
pub async fn position(call: &Call, session: &mut Session) -> Result<i64, Problem> {
    let reached = call.position::<Statement>(session).await?;
    Ok(call.position::<Requirement>(session).await?.min(reached))
}

/// Statements with what is required as of the same position.
pub async fn joined(
    session: &mut Session,
    items: Vec<Item<Statement>>,
    position: i64,
) -> Result<Vec<Item<Stated>>, StoreError> {
    let controls: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    let mut required = requirements(session, &controls, position).await?;
    let join = |Item { id, version, changed_at, data }| {
        let required_by = required.remove(&id).unwrap_or_default();
        Item { id, version, changed_at, data: Stated::new(data, required_by) }
    };
    Ok(items.into_iter().map(join).collect())
}
