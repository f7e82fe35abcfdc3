use crate::SOURCES;
use access::KnownGrant;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{Actor, NOW, Session, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Call, Problem, beginning, cursor, cut, instant, json};
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most that is read of the words that somebody looks for.
const LONGEST_SEARCH: usize = 200;

/// One page of the trail.
#[derive(Serialize, ToSchema)]
pub struct Page {
    /// The number of the trail up to which this looked: the last that had arrived, or `as_of` where that is a number.
    position: i64,
    items: Vec<Entry>,
    /// Give it as `cursor` for the next page, which shows nothing that arrived since; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One event: who did what to which object, when and why.
#[derive(Serialize, ToSchema)]
#[schema(as = TrailEntry)]
struct Entry {
    /// Place in the trail, in the order of arrival.
    number: i64,
    #[schema(example = "risk")]
    service: String,
    /// Place in the service's own log.
    position: i64,
    #[serde(rename = "type")]
    #[schema(example = "risk.assessed")]
    event_type: String,
    object: Subject,
    /// The object's version after it.
    version: i64,
    /// A person's id, or `service:` and the service that reacted.
    actor: String,
    reason: Option<String>,
    /// When it happened.
    occurred_at: DateTime<Utc>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
    event_id: Uuid,
    /// The same for everything that followed from one command.
    correlation_id: Uuid,
    /// The event that this one followed from, where it was not a person's command.
    causation_id: Option<Uuid>,
    /// The trace of the request that it followed from, as W3C writes it.
    traceparent: Option<String>,
    /// The hash of the service's chain at this event.
    hash: String,
    #[schema(value_type = Object)]
    data: Value,
}

/// What an event is about.
#[derive(Serialize, ToSchema)]
#[schema(as = TrailSubject)]
struct Subject {
    #[schema(example = "risk")]
    kind: String,
    #[schema(example = "R-7")]
    id: String,
}

pub async fn answer(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let held = match call.shows_until() {
        None => held(&mut session).await?,
        Some(until) => held_by(&mut session, until).await?,
    };
    let asked = Asked::read(&call, held)?;
    let page = asked.page(&mut session).await?;
    Ok(json(StatusCode::OK, page.position, &page))
}

/// The highest number of the trail.
async fn held(session: &mut Session) -> Result<i64, StoreError> {
    let tenant = session.tenant();
    let number = sqlx::query_scalar("select number from trail_heads where tenant_id = $1")
        .bind(tenant)
        .fetch_optional(session.connection())
        .await?;
    Ok(number.unwrap_or(0))
}

/// What an auditor looked at: the entries of their looks. A grant that this service has not heard of yet is none.
pub async fn looks(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let id = call.id();
    if views::get::<KnownGrant>(&mut session, id, NOW - 1).await?.is_none() {
        return Err(Problem::not_found(format!("grant {id}")));
    }
    let held = held(&mut session).await?;
    let asked = Asked {
        event_type: Some("look.taken".to_owned()),
        actor: Some(Actor::Grant(id.to_owned()).to_string()),
        ..Asked::read(&call, held)?
    };
    let page = asked.page(&mut session).await?;
    Ok(json(StatusCode::OK, page.position, &page))
}

/// The highest number of what had been recorded by then.
async fn held_by(session: &mut Session, until: DateTime<Utc>) -> Result<i64, StoreError> {
    let tenant = session.tenant();
    let number = "select number from trail where tenant_id = $1 and recorded_at <= $2 order by number desc limit 1";
    let number = sqlx::query_scalar(number).bind(tenant).bind(until).fetch_optional(session.connection()).await?;
    Ok(number.unwrap_or(0))
}

/// Up to which number a page shows the trail, and the entry that it goes on after.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cursor {
    number: i64,
    recorded_at: DateTime<Utc>,
    source: String,
    position: i64,
}

/// What a request wants to see.
struct Asked {
    source: Option<String>,
    event_type: Option<String>,
    object: Option<String>,
    actor: Option<String>,
    /// Words that the event says, each or a longer one that begins so.
    words: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// Of what has arrived by now: more that was recorded until then may still be on its way.
    as_of: Option<DateTime<Utc>>,
    /// What arrived later is not shown, so that pages neither skip nor repeat.
    number: i64,
    after: Option<Cursor>,
    newest: bool,
    limit: i64,
}

impl Asked {
    fn read(call: &Call, held: i64) -> Result<Self, Problem> {
        let query = &call.query;
        let text = |name: &str| query.get(name).map(ToOwned::to_owned);
        let after = query.get("cursor").map(Cursor::read).transpose()?;
        let (number, as_of) = match query.get("as_of").map(|asked| (asked, asked.parse::<i64>())) {
            None => (held, None),
            Some((_, Ok(number))) if (0..=held).contains(&number) => (number, None),
            Some((_, Ok(number))) => {
                let detail = format!("the trail has no number {number}: its numbers are 1 to {held}");
                return Err(Problem::field("as_of", detail));
            }
            Some((asked, Err(_))) => (held, Some(call.within_grant(instant("as_of", asked)?)?)),
        };
        let as_of = as_of.or_else(|| call.shows_until());
        if as_of.is_some_and(|at| at > call.cx.now) {
            return Err(Problem::field("as_of", "it lies in the future, which may still change"));
        }
        Ok(Self {
            source: text("service"),
            event_type: text("type"),
            object: text("object"),
            actor: text("person"),
            words: query.get("q").filter(|words| !words.trim().is_empty()).map(checked_words).transpose()?,
            from: query.get("from").map(|at| beginning("from", at)).transpose()?,
            to: query.get("to").map(|at| beginning("to", at)).transpose()?,
            as_of,
            number: after.as_ref().map_or(number, |cursor| cursor.number.min(number)),
            after,
            newest: query.flag("newest")?,
            limit: call.page_size()?,
        })
    }

    async fn page(&self, session: &mut Session) -> Result<Page, StoreError> {
        let rows: Vec<Row> = self.query(session).build_query_as().fetch_all(session.connection()).await?;
        let (rows, more) = cut(rows, self.limit);
        let next = rows.last().filter(|_| more).map(|row| cursor::written(&self.cursor(row)));
        Ok(Page { position: self.number, items: rows.into_iter().map(Entry::from).collect(), next })
    }

    fn cursor(&self, row: &Row) -> Cursor {
        let Row { recorded_at, source, position, .. } = row;
        Cursor { number: self.number, recorded_at: *recorded_at, source: source.clone(), position: *position }
    }

    /// The text is static; values are bound. One row more than the page holds tells whether there is a next one.
    fn query(&self, session: &Session) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "select number, source, position, event_type, stream, version, actor, reason, occurred_at, recorded_at,
                    event_id, correlation_id, causation_id, traceparent, hash, data from trail where tenant_id = ",
        );
        query.push_bind(session.tenant()).push(" and number <= ").push_bind(self.number);
        for (condition, value) in
            [(" and source = ", &self.source), (" and event_type = ", &self.event_type), (" and actor = ", &self.actor)]
        {
            if let Some(value) = value {
                query.push(condition).push_bind(value.clone());
            }
        }
        if let Some(object) = &self.object {
            query.push(" and (object_id = ").push_bind(object.clone());
            query.push(" or stream = ").push_bind(object.clone()).push(")");
        }
        if let Some(words) = &self.words {
            query.push(" and words @@ asked_words(").push_bind(words.clone()).push(")");
        }
        for (condition, at) in [
            (" and recorded_at >= ", self.from),
            (" and recorded_at < ", self.to),
            (" and recorded_at <= ", self.as_of),
        ] {
            if let Some(at) = at {
                query.push(condition).push_bind(at);
            }
        }
        if let Some(Cursor { recorded_at, source, position, .. }) = &self.after {
            query.push(" and (recorded_at, source, position) ").push(if self.newest { "< (" } else { "> (" });
            query.push_bind(*recorded_at).push(", ").push_bind(source.clone());
            query.push(", ").push_bind(*position).push(")");
        }
        query.push(if self.newest {
            " order by recorded_at desc, source desc, position desc"
        } else {
            " order by recorded_at, source, position"
        });
        query.push(" limit ").push_bind(self.limit + 1);
        query
    }
}

impl Cursor {
    fn read(text: &str) -> Result<Self, Problem> {
        cursor::read(text, |cursor: &Self| SOURCES.contains(&cursor.source.as_str()))
    }
}

fn checked_words(text: &str) -> Result<String, Problem> {
    if text.len() > LONGEST_SEARCH {
        return Err(Problem::field("q", format!("{LONGEST_SEARCH} bytes are the most: leave words out")));
    }
    if !text.contains(char::is_alphanumeric) {
        return Err(Problem::field("q", "there is no word in it: a word has letters or digits"));
    }
    Ok(text.to_owned())
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    source: String,
    position: i64,
    event_type: String,
    stream: String,
    version: i64,
    actor: String,
    reason: Option<String>,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    event_id: Uuid,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    traceparent: Option<String>,
    hash: String,
    data: Json<Value>,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let (kind, id) = row.stream.split_once('-').unwrap_or((&row.stream, ""));
        Self {
            object: Subject { kind: kind.to_owned(), id: id.to_owned() },
            number: row.number,
            service: row.source,
            position: row.position,
            event_type: row.event_type,
            version: row.version,
            actor: row.actor,
            reason: row.reason,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            event_id: row.event_id,
            correlation_id: row.correlation_id,
            causation_id: row.causation_id,
            traceparent: row.traceparent,
            hash: row.hash,
            data: row.data.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, checked_words};

    fn cursor(source: &str) -> Cursor {
        let recorded_at = "2026-03-01T09:30:00.123456Z".parse().expect("an instant");
        Cursor { number: 9, recorded_at, source: source.to_owned(), position: 4 }
    }

    #[test]
    fn a_cursor_comes_back_to_the_microsecond() {
        assert_eq!(Cursor::read(&service::cursor::written(&cursor("risk"))).expect("read"), cursor("risk"));
    }

    #[test]
    fn what_is_no_cursor_of_ours_is_refused_by_name() {
        for text in ["", "nonsense", "e30", &service::cursor::written(&cursor("another"))] {
            let detail = Cursor::read(text).expect_err("refused").to_string();
            assert!(detail.starts_with("cursor: "), "{text} gave {detail}");
        }
    }

    #[test]
    fn each_wrong_value_names_its_parameter() {
        for text in ["", "-- !", &"a".repeat(201)] {
            assert!(checked_words(text).expect_err("refused").to_string().starts_with("q: "), "{text}");
        }
    }
}
