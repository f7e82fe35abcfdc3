use crate::answer::{Item, Listed, Object, json, with_etag};
use crate::{Call, FieldError, Problem, Route, Routes, checked_day, cursor, field_error, instant, no_day_nor_instant};
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use chrono::SecondsFormat;
use eventstore::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Column, Filter, Kind, Listing, View, get, list};

const WORDS: &str = "Only items in whose id or texts each of these words stands, in whichever case: at most 10";

const AS_OF: &str = "An instant (2026-03-01T09:30:00Z) or a position of the log: shows what had been recorded by then, whenever it happened";

impl Route {
    #[must_use]
    pub fn as_of(self) -> Self {
        self.parameter("as_of", AS_OF)
    }

    /// The parameters of a list over `V`.
    #[must_use]
    pub fn pages<V: View>(self) -> Self {
        let route = self
            .as_of()
            .limit()
            .parameter("cursor", "`next` of the page before; the other parameters stay as they were")
            .parameter("sort", by::<V>());
        let route = if V::SEARCHED { route.parameter("q", WORDS) } else { route };
        V::COLUMNS.iter().fold(route, |route, column| {
            let route = route.choice(column.name, "Only items with this value", column.choices());
            let Some((from, below)) = column.bounds() else { return route };
            let (at_least, less) = match column.kind {
                Kind::Text | Kind::Word(_) | Kind::Int => {
                    ("Only items with this value or a greater one", "Only items with a smaller value")
                }
                Kind::Day => ("Only items with this day (2026-03-01) or a later one", "Only items with an earlier day"),
                Kind::Instant => (
                    "Only items with this day (2026-03-01) or instant (2026-03-01T09:30:00Z), or a later one",
                    "Only items with an earlier day or instant",
                ),
            };
            route.parameter(from, at_least).parameter(below, less)
        })
    }
}

impl Routes {
    #[must_use]
    pub fn list<V: View + ToSchema>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary).pages::<V>().gives::<Listed<V>>(200);
        self.with(route.answered_by(|call: Call| async move {
            let listed = call.list::<V>(Vec::new()).await?;
            Ok(json(StatusCode::OK, listed.position, &listed))
        }))
    }

    #[must_use]
    pub fn object<V: View + ToSchema>(self, tail: &'static str, summary: &'static str) -> Self {
        let route = Route::tenant(Method::GET, tail, Action::Read, summary).as_of().gives::<Object<V>>(200);
        self.with(route.answered_by(|call: Call| async move {
            let object = call.object::<V>(call.id()).await?;
            Ok(object_answer(&object))
        }))
    }
}

/// The object, with its version as ETag.
pub fn object_answer<V: Serialize>(object: &Object<V>) -> Response {
    with_etag(json(StatusCode::OK, object.position, object), object.item.version)
}

/// What a list may be sorted by.
fn by<V: View>() -> String {
    match names::<V>().as_str() {
        "" => "There is one order only: leave it out".to_owned(),
        names => format!("The field to sort by: {names}; with a minus sign before it the greatest comes first"),
    }
}

fn names<V: View>() -> String {
    V::COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

const MOST_WORDS: usize = 10;
const LONGEST_SEARCH: usize = 200;

/// What a cursor says: the same position, after this row.
#[derive(Serialize, Deserialize)]
struct Cursor {
    position: i64,
    after: (String, String),
}

impl Call {
    /// One row of `V` as the request wants it, or 404.
    pub async fn object<V: View>(&self, key: &str) -> Result<Object<V>, Problem> {
        let mut session = self.session().await?;
        let position = self.position::<V>(&mut session).await?;
        match get::<V>(&mut session, key, position).await? {
            Some(row) => Ok(Object { position, item: row.into() }),
            None => Err(Problem::not_found(format!("{} {key}", V::NAME.replace('_', " ")))),
        }
    }

    /// A page of `V` as the query wants it; `also` filters beside what the query asks.
    pub async fn list<V: View>(&self, also: Vec<Filter>) -> Result<Listed<V>, Problem> {
        let mut session = self.session().await?;
        let position = if self.query.get("cursor").is_some() { 0 } else { self.position::<V>(&mut session).await? };
        self.list_at(&mut session, position, also).await
    }

    /// The same in a transaction of the caller's and as of a position of theirs; a cursor has its own.
    pub async fn list_at<V: View>(
        &self,
        session: &mut Session,
        position: i64,
        also: Vec<Filter>,
    ) -> Result<Listed<V>, Problem> {
        let (listing, position) = self.begun::<V>(position, also)?;
        let position = self.position_within_grant(session, position).await?;
        let page = list::<V>(session, position, &listing).await?;
        let next = page.next.map(|after| cursor::written(&Cursor { position, after }));
        Ok(Listed { position, items: page.rows.into_iter().map(Item::from).collect(), next })
    }

    /// What the query asks for, from where its cursor ends, and as of which position that is.
    fn begun<V: View>(&self, position: i64, also: Vec<Filter>) -> Result<(Listing, i64), Problem> {
        let mut listing = self.listing::<V>(also)?;
        let Some(cursor) = self.query.get("cursor") else { return Ok((listing, position)) };
        let fits =
            |cursor: &Cursor| cursor.position >= 0 && !cursor.after.0.contains('\0') && !cursor.after.1.contains('\0');
        let cursor = cursor::read(cursor, fits)?;
        listing.after = Some(cursor.after);
        Ok((listing, cursor.position))
    }

    /// A page of those rows of `V` whose key `is_wanted`: it is read on until the page is full, or the list at its end.
    pub async fn list_those<V: View, F>(
        &self,
        is_wanted: impl Fn(String) -> F + Send + Sync,
    ) -> Result<Listed<V>, Problem>
    where
        F: Future<Output = Result<bool, Problem>> + Send,
    {
        let cursor = self.query.get("cursor").is_some();
        let position = if cursor { 0 } else { self.position::<V>(&mut self.session().await?).await? };
        let (mut listing, position) = self.begun::<V>(position, Vec::new())?;
        let (mut items, limit) = (Vec::new(), self.page_size()?);
        let next = loop {
            // Given back before anybody is asked: who decides may need a connection too.
            let page = list::<V>(&mut self.session().await?, position, &listing).await?;
            for row in page.rows {
                if is_wanted(row.key.clone()).await? {
                    items.push(Item::from(row));
                }
            }
            // No more than there is room for is read at once, so that a page always ends where its last reading does.
            listing.limit = limit - i64::try_from(items.len()).unwrap_or(limit);
            match page.next {
                Some(after) if listing.limit > 0 => listing.after = Some(after),
                next => break next,
            }
        };
        let next = next.map(|after| cursor::written(&Cursor { position, after }));
        Ok(Listed { position, items, next })
    }

    fn listing<V: View>(&self, also: Vec<Filter>) -> Result<Listing, Problem> {
        let limit = self.page_size()?;
        let column = |name: &str| V::COLUMNS.iter().find(|column| column.name == name).copied();
        let (sort, descending) = match self.query.get("sort") {
            None => (V::ORDER, false),
            Some(text) => {
                let name = text.strip_prefix('-').unwrap_or(text);
                let unknown = || match names::<V>().as_str() {
                    "" => Problem::field("sort", "this list has one order only: leave it out"),
                    known => Problem::field("sort", format!("`{name}` is none of {known}")),
                };
                (Some(column(name).ok_or_else(unknown)?), text.starts_with('-'))
            }
        };
        let mut filters = also;
        filters.extend(words(self.query.get("q").unwrap_or_default())?.into_iter().map(Filter::Says));
        for (name, value) in self.query.iter() {
            if let Some((column, filter)) = filter::<V>(name) {
                filters.push(filter(column, asked(column, name, value)?));
            }
        }
        Ok(Listing { filters, sort, descending, after: None, limit })
    }
}

/// Words, as somebody wrote them into a search box.
fn words(text: &str) -> Result<Vec<String>, FieldError> {
    let words: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
    if words.len() > MOST_WORDS || text.len() > LONGEST_SEARCH {
        let detail = format!("{MOST_WORDS} words and {LONGEST_SEARCH} bytes are the most: leave some out");
        return Err(field_error("q", detail));
    }
    Ok(words)
}

type Asking = fn(Column, String) -> Filter;

/// What a parameter of this name asks of which column.
fn filter<V: View>(name: &str) -> Option<(Column, Asking)> {
    V::COLUMNS.iter().find_map(|column| {
        let filter: Asking = match column.bounds() {
            _ if column.name == name => Filter::Is,
            Some((from, _)) if from == name => Filter::From,
            Some((_, below)) if below == name => Filter::Below,
            Some(_) | None => return None,
        };
        Some((*column, filter))
    })
}

/// A value as its column says it. An item that says nothing is asked for by an empty text, which is no bound.
fn asked(column: Column, name: &str, value: &str) -> Result<String, FieldError> {
    match column.kind {
        Kind::Int if value.parse::<i64>().is_err() => {
            Err(field_error(name, format!("`{value}` is not a whole number")))
        }
        Kind::Day | Kind::Instant if value.is_empty() && name == column.name => Ok(String::new()),
        Kind::Day => Ok(checked_day(name, value)?.to_string()),
        Kind::Instant => {
            let day = checked_day(name, value).map(|day| day.to_string());
            day.or_else(|_| instant(name, value).map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
                .map_err(|_| no_day_nor_instant(name, value))
        }
        Kind::Int | Kind::Text | Kind::Word(_) => Ok(value.to_owned()),
    }
}
