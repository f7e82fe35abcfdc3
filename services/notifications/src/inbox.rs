use crate::notification::{About, Channel, Command, Event, Kind, Notification};
use access::Action;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{Actor, Recorded, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Problem, json};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// Not among the columns that a caller may filter by: everybody sees their own.
const PERSON: Column = Column::text("person");

/// What a person was told, and whether they have seen it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inbox {
    pub person: String,
    pub kind: Kind,
    #[schema(example = "Risk R-7 is yours: you own it from now on.")]
    pub text: String,
    pub about: About,
    /// When that happened which is told.
    pub raised_at: DateTime<Utc>,
    /// The position of the log at which it was raised; the newest has the greatest.
    pub raised_position: i64,
    pub read: bool,
    pub email: Email,
}

/// Whether it went out by mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Email {
    /// No mail server is set, or the person had no address or no role when it was raised.
    None,
    Pending,
    Sent,
    Failed,
}

impl View for Inbox {
    const NAME: &'static str = "notification";
    const COLUMNS: &'static [Column] = &[Column::flag("unread"), Column::word("kind", Kind::VARIANTS)];
    const ORDER: Option<Column> = Some(Column::int("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode::<Event>()? else { return Ok(current) };
        Ok(match (happened, current) {
            (Event::Raised { person, kind, text, about, channels }, _) => {
                let email = if channels.contains(&Channel::Email) { Email::Pending } else { Email::None };
                let (raised_at, raised_position) = (event.occurred_at, event.position);
                Some(Self { person, kind, text, about, raised_at, raised_position, read: false, email })
            }
            (Event::Read {}, Some(current)) => Some(Self { read: true, ..current }),
            (Event::Emailed {}, Some(current)) => Some(Self { email: Email::Sent, ..current }),
            (Event::EmailFailed { .. }, Some(current)) => Some(Self { email: Email::Failed, ..current }),
            (Event::Read {} | Event::Emailed {} | Event::EmailFailed { .. }, None) => None,
        })
    }
}

/// `GET /notifications`
pub async fn own(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<Inbox>(vec![(PERSON, call.caller.person.clone()).into()]).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

/// Nothing has to be said with it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkRead {}

impl service::Command for MarkRead {
    type Of = Notification;
    const ACTION: Action = Action::Read;
    const SUMMARY: &'static str = "Say that you have read one of your notifications";

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        let actor = work.cx().actor.clone();
        let (notification, _) = work.load::<Notification>(id).await?;
        match actor {
            Actor::Person(person) if notification.is_for(&person) => Ok(Command::Read),
            // Another's and none are not told apart.
            Actor::Person(_) | Actor::Key(_) | Actor::Grant(_) | Actor::Service(_) | Actor::Operator(_) => {
                Err(Problem::not_found(format!("notification {id}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Email, Inbox};
    use crate::notification::Event;
    use crate::notification::tests::raised;
    use testkit::recorded;
    use views::View;

    fn folded(events: Vec<Event>) -> Option<Inbox> {
        events.into_iter().zip(1..).fold(None, |current, (event, position)| {
            let recorded = recorded("1", position, &event);
            assert_eq!(Inbox::keys(&recorded).expect("keys"), ["1"]);
            Inbox::apply(current, "1", &recorded).expect("folded")
        })
    }

    #[test]
    fn it_shows_what_was_told_and_what_became_of_it() {
        let shows = |events| folded(events).map(|inbox| (inbox.person, inbox.read, inbox.email, inbox.raised_position));
        let mara = |read, email| Some(("mara".to_owned(), read, email, 1));
        assert_eq!(shows(vec![raised()]), mara(false, Email::Pending));
        assert_eq!(shows(vec![raised(), Event::Emailed {}, Event::Read {}]), mara(true, Email::Sent));
        let failed = Event::EmailFailed { error: "refused".to_owned() };
        assert_eq!(shows(vec![raised(), Event::Read {}, failed]), mara(true, Email::Failed));
        assert_eq!(shows(vec![Event::Read {}]), None);
    }
}
