//! A ledger as two programs have it, the second newer, and a service that listens to it.

use eventstore::{Actor, Change, Cx, Recorded, TenantId, aggregate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::{Routes, Service};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use views::{Folded, View};

/// What was posted to an account, in cents.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    pub cents: i64,
}

/// What both programs need around their events.
macro_rules! program {
    ($event:item, $posted:pat => $cents:expr, { $($changes:tt)* }) => {
        use super::*;

        #[derive(Default, Serialize, Deserialize)]
        pub struct Account;

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data", rename_all = "snake_case")]
        $event

        impl Account {
            fn decide(&self, event: Event, _: &Cx) -> Result<Vec<Event>, Infallible> {
                Ok(vec![event])
            }

            fn apply(&mut self, _: Event) {}
        }

        aggregate!(Account, "account", Event, Event, Infallible, { $($changes)* });

        /// The view of this program.
        #[derive(Serialize, Deserialize)]
        pub struct Folding(Balance);

        impl View for Folding {
            const NAME: &'static str = "balance";

            fn keys(event: &Recorded) -> Folded<Vec<String>> {
                Ok(event.decode::<Event>()?.map(|_| event.stream.id().to_owned()).into_iter().collect())
            }

            fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
                let Some($posted) = event.decode::<Event>()? else { return Ok(current) };
                Ok(Some(Self(Balance { cents: current.map_or(0, |Self(balance)| balance.cents) + $cents })))
            }
        }

        pub fn service() -> Service {
            Service::new("ledger", "Accounts", migrations(), Routes::new()).records::<Event>().view::<Folding>()
        }
    };
}

pub mod older {
    program!(
        pub enum Event { Posted { units: i64 } },
        Event::Posted { units } => units * 100,
        {}
    );
}

pub mod newer {
    program!(
        pub enum Event { Posted { cents: i64 } },
        Event::Posted { cents } => cents,
        { posted: [in_cents] }
    );
}

fn in_cents(mut data: Value) -> Value {
    json!({ "cents": data["units"].take().as_i64().map(|units| units * 100) })
}

/// A program whose events were declared wrongly.
pub fn misdeclared() -> Service {
    Service::new("ledger", "Accounts", migrations(), Routes::new()).records::<Misdeclared>()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Misdeclared {
    Posted { cents: i64 },
}

impl eventstore::DomainEvent for Misdeclared {
    fn event_type(&self) -> String {
        "account.posted".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl eventstore::EventOf for Misdeclared {
    const STREAM: &'static str = "account";
    const CHANGES: &'static [Change] = &[Change { event: "postet", upcasts: &[in_cents] }];
}

pub fn migrations() -> Migrator {
    let table = Migration::new(
        1001,
        "balance".into(),
        MigrationType::Simple,
        "select create_view('balance')".into_sql_str(),
        false,
    );
    Migrator::with_migrations(vec![table])
}

/// Position, schema and data of what was heard.
pub type Heard = Arc<Mutex<Vec<(i64, u32, Value)>>>;

/// A service that keeps what it hears of the ledger.
pub fn listener(heard: &Heard) -> Service {
    let heard = heard.clone();
    let keep = messaging::Reaction::to(&[""], move |_, event| {
        heard.lock().expect("what was heard").push((event.position, event.schema, event.data.clone()));
        Box::pin(async { Ok(()) })
    });
    Service::new("listener", "Hears", Migrator::with_migrations(Vec::new()), Routes::new())
        .reacts_to("ledger", vec![keep])
}

pub fn cx(tenant: TenantId) -> Cx {
    Cx::new(tenant, Actor::Person("mara".to_owned()), "2026-03-01T09:30:00Z".parse().expect("an instant"))
}
