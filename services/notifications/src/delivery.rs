use crate::address_book;
use crate::notification::{Command, Event, Kind, Notification, Settled};
use access::{KEY, KnownLockout, Roster};
use anyhow::Context;
use chrono::{DateTime, Utc};
use eventstore::{Actor, Cx, EventStore, NOW, Recorded, StoreError, Stream, TenantId, Work, crash_point};
use mail::{Letter, Mail, Post};
use service::Worker;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

/// How often the queue is looked at, whether or not an append said so: retries come due, and killed processes say nothing.
const SWEEP: Duration = Duration::from_secs(5);

/// How long to wait after each failure. After the one that follows the last wait, the mail is given up.
const WAITS: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
];

/// Puts the notification's mail in the queue, in the transaction that raises it.
pub async fn enqueue(work: &mut Work, notification: Uuid, person: &str) -> Result<(), StoreError> {
    let tenant = work.cx().tenant;
    sqlx::query("insert into deliveries (tenant_id, notification, person) values ($1, $2, $3)")
        .bind(tenant)
        .bind(notification)
        .bind(person)
        .execute(work.connection().await?)
        .await?;
    Ok(())
}

/// Sends what is due for as long as the process lets it run.
pub fn worker(mail: Mail) -> Worker {
    Arc::new(move |store: EventStore| {
        let mail = mail.clone();
        Box::pin(async move { run(&store, &mail.open()).await })
    })
}

async fn run(store: &EventStore, post: &Post) {
    let mut appended = store.appended();
    loop {
        match store.due("deliveries").await {
            Ok(tenants) => {
                for tenant in tenants {
                    deliver(store, post, tenant).await;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot see which mails are due; trying again"),
        }
        let deadline = tokio::time::sleep(SWEEP);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                () = &mut deadline => break,
                tenant = appended.recv() => match tenant {
                    Ok(tenant) => deliver(store, post, tenant).await,
                    // Too many at once to name: the sweep finds them all.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

/// Sends every mail of a tenant that is due.
async fn deliver(store: &EventStore, post: &Post, tenant: TenantId) {
    loop {
        match deliver_next(store, post, tenant).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, error = format!("{error:#}"), "mails wait; trying again");
                return;
            }
        }
    }
}

/// A mail that this transaction holds: other processes pass it over.
#[derive(sqlx::FromRow)]
struct Delivery {
    notification: Uuid,
    person: String,
    attempts: i32,
}

/// To whom mails are due, and whether their organisation lets them in at all: else nothing of the tenant is for them any more. That
/// stands in its own partition, which is read before anything is held here.
async fn due(store: &EventStore, tenant: TenantId) -> Result<HashMap<String, bool>, StoreError> {
    let (people, roster) = {
        let mut session = store.session(tenant).await?;
        let due = sqlx::query_scalar("select distinct person from deliveries where tenant_id = $1 and due_at <= now()");
        let people: Vec<String> = due.bind(tenant).fetch_all(session.connection()).await?;
        if people.is_empty() {
            return Ok(HashMap::new());
        }
        (people, views::get::<Roster>(&mut session, KEY, NOW - 1).await?)
    };
    let mut due: HashMap<String, bool> = people.iter().cloned().map(|person| (person, true)).collect();
    if let Some(organisation) = roster.and_then(|row| row.data.organisation) {
        let mut session = store.session(TenantId(organisation)).await?;
        let (_, rows) = views::standing::<KnownLockout>(&mut session, Some(people), 0, i64::MAX).await?;
        due.extend(rows.into_iter().map(|row| (row.key, false)));
    }
    Ok(due)
}

/// Sends one mail and records what became of it; false where none is due. A crash between the two sends the mail again,
/// with the same Message-ID.
async fn deliver_next(store: &EventStore, post: &Post, tenant: TenantId) -> anyhow::Result<bool> {
    let due = due(store, tenant).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let mut work = store.work(Cx::new(tenant, Actor::Service(store.service().to_owned()), now()));
    let Some(delivery) = claim(work.connection().await?, tenant).await? else { return Ok(false) };
    // One that came due since: it is looked at anew.
    let Some(is_let_in) = due.get(&delivery.person) else { return Ok(true) };
    let raised = raised(&mut work, delivery.notification).await?;
    let letter = if *is_let_in {
        letter(&mut work, &delivery, &raised).await?.ok_or("the person has no address or no role here any more")
    } else {
        Err("the person is let in no more")
    };
    let settled = match letter {
        Err(error) => Settled::GivenUp { error: error.to_owned() },
        Ok(letter) => match post.send(letter).await {
            Ok(()) => Settled::Sent,
            Err(error) => {
                let (notification, attempts) = (delivery.notification, delivery.attempts + 1);
                tracing::warn!(tenant.id = %tenant, notification.id = %notification, attempts, error, "a mail was not sent");
                if let Some(wait) = wait_after(delivery.attempts) {
                    postpone(work.connection().await?, tenant, notification, wait).await?;
                    work.finish().await?;
                    return Ok(true);
                }
                Settled::GivenUp { error }
            }
        },
    };
    crash_point(store.service(), "mailed");
    settle(work, &raised, &delivery, settled).await?;
    Ok(true)
}

/// How long to wait after one more failure; nothing where it was the last attempt.
fn wait_after(attempts: i32) -> Option<Duration> {
    WAITS.get(usize::try_from(attempts).ok()?).copied()
}

async fn claim(connection: &mut PgConnection, tenant: TenantId) -> Result<Option<Delivery>, sqlx::Error> {
    sqlx::query_as(
        "select notification, person, attempts from deliveries where tenant_id = $1 and due_at <= now()
         order by due_at, notification limit 1 for update skip locked",
    )
    .bind(tenant)
    .fetch_optional(connection)
    .await
}

async fn postpone(
    connection: &mut PgConnection,
    tenant: TenantId,
    notification: Uuid,
    wait: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deliveries set attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $3)
         where tenant_id = $1 and notification = $2",
    )
    .bind(tenant)
    .bind(notification)
    .bind(wait.as_secs_f64())
    .execute(connection)
    .await
    .map(drop)
}

/// The event that raised the notification: what the mail says, and what follows from it.
async fn raised(work: &mut Work, notification: Uuid) -> anyhow::Result<Recorded> {
    let stream = Stream::new("notification", notification);
    let events = work.session().await?.stream(&stream, eventstore::NOW).await?;
    events.into_iter().next().with_context(|| format!("{stream} is in the queue and was never raised"))
}

async fn letter(work: &mut Work, delivery: &Delivery, raised: &Recorded) -> anyhow::Result<Option<Letter>> {
    let Some(Event::Raised { kind, text, .. }) = raised.decode()? else {
        anyhow::bail!("{} begins otherwise", raised.stream)
    };
    let Some(email) = address_book::mails_to(work, &delivery.person, kind).await? else { return Ok(None) };
    let (id, subject) = (delivery.notification.to_string(), subject(kind).to_owned());
    let because = "Stele tells you this because your address is kept in its contacts.";
    Ok(Some(Letter { id, to: email.parse()?, subject, text, because }))
}

fn subject(kind: Kind) -> &'static str {
    match kind {
        Kind::RiskAssigned => "A risk is yours",
        Kind::TreatmentDecided => "A treatment was decided",
        Kind::TreatmentTakenBack => "A treatment is undecided again",
        Kind::OwnershipEnded => "A risk or a control is not yours any more",
        Kind::ControlAssigned => "A control is yours",
        Kind::ControlRequired => "A control of yours is needed",
        Kind::FindingAssigned => "A finding is yours to see to",
        Kind::RoleGranted => "You have a new role",
        Kind::RoleRevoked => "A role of yours has ended",
        Kind::RoleChanged => "A role of yours has changed",
    }
}

/// Records what became of the mail and takes it off the queue.
async fn settle(mut work: Work, raised: &Recorded, delivery: &Delivery, settled: Settled) -> anyhow::Result<()> {
    work.continue_as(Cx {
        correlation_id: raised.metadata.correlation_id,
        causation_id: Some(raised.id),
        traceparent: raised.metadata.traceparent.clone(),
        ..work.cx().clone()
    });
    // Nobody else appends between the decision and its record: a collision now would send the mail a second time.
    work.lock().await?;
    let id = delivery.notification.to_string();
    work.execute::<Notification>(&id, None, Command::SettleEmail(settled)).await?;
    sqlx::query("delete from deliveries where tenant_id = $1 and notification = $2")
        .bind(raised.tenant)
        .bind(delivery.notification)
        .execute(work.connection().await?)
        .await?;
    work.finish().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "what a worker does by itself has no request to take the time from")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::wait_after;
    use std::time::Duration;

    #[test]
    fn it_waits_longer_each_time_and_gives_up_after_the_eighth() {
        let waits: Vec<Option<Duration>> = (0..8).map(wait_after).collect();
        assert!(waits[..7].is_sorted() && waits[..7].iter().all(Option::is_some), "{waits:?}");
        assert_eq!(waits[7], None);
    }
}
