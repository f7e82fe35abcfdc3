//! The store against a small model of it, under random commands, crashes, duplicates, races and clocks that jump.

use crate::tally::{Add, Falls, Tally, cx, database};
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{CommandKey, Cx, EventStore, Never, Refused, StoreError, TenantId};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use testkit::Database;

const TENANTS: usize = 2;
const STREAMS: usize = 3;

#[derive(Clone, Debug)]
struct Order {
    tenant: usize,
    stream: usize,
    /// 0 changes nothing, below it breaks the rule.
    amount: i64,
    /// The caller's If-Match, relative to what it should be.
    stale_by: Option<i64>,
    /// Few keys, so that they meet again, with the same request or another one.
    key: Option<u8>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Commands given at the same moment.
    Together(Vec<Order>),
    /// The process dies this long after it was given a command.
    Crash { order: Order, after: Duration },
    /// The same command again, as a client does that heard nothing.
    Repeat,
    /// The application's clock is somewhere else from now on.
    Clock { seconds: i64 },
    /// The database's clock was ahead when it last recorded, and went back.
    ClockOfTheStore { tenant: usize },
}

fn orders() -> impl Strategy<Value = Order> {
    let amount = prop_oneof![1 => -1..=0_i64, 4 => 1..=9_i64];
    let stale_by = prop_oneof![3 => Just(None), 1 => Just(Some(0)), 1 => (-1..=1_i64).prop_map(Some)];
    (0..TENANTS, 0..STREAMS, amount, stale_by, proptest::option::weighted(0.4, 0..3_u8))
        .prop_map(|(tenant, stream, amount, stale_by, key)| Order { tenant, stream, amount, stale_by, key })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => proptest::collection::vec(orders(), 1..6).prop_map(Step::Together),
        2 => (orders(), 0..6_u64).prop_map(|(order, ms)| Step::Crash { order, after: Duration::from_millis(ms) }),
        2 => Just(Step::Repeat),
        1 => (-1_000_000..1_000_000_i64).prop_map(|seconds| Step::Clock { seconds }),
        1 => (0..TENANTS).prop_map(|tenant| Step::ClockOfTheStore { tenant }),
    ];
    proptest::collection::vec(step, 1..12)
}

/// What a tenant's log should be: who was added to by how much, in order, and what each key was answered.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    log: Vec<(usize, i64)>,
    answers: BTreeMap<u8, (Order, Outcome)>,
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        (self.stream, self.amount, self.stale_by) == (other.stream, other.amount, other.stale_by)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// The stream's version after it.
    Done(i64),
    Broken,
    Stale,
    KeyReused,
}

impl Model {
    fn version(&self, stream: usize) -> i64 {
        i64::try_from(self.log.iter().filter(|(of, _)| *of == stream).count()).expect("few")
    }

    fn take(&mut self, order: &Order, expected: Option<i64>) -> Outcome {
        let known = order.key.and_then(|key| self.answers.get(&key));
        match known {
            Some((first, outcome)) if first == order => return outcome.clone(),
            Some(_) => return Outcome::KeyReused,
            None => {}
        }
        let version = self.version(order.stream);
        let outcome = match (expected, order.amount) {
            (Some(expected), _) if expected != version => return Outcome::Stale,
            (_, ..0) => return Outcome::Broken,
            (_, 0) => Outcome::Done(version),
            (_, 1..) => {
                self.log.push((order.stream, order.amount));
                Outcome::Done(version + 1)
            }
        };
        if let Some(key) = order.key {
            self.answers.insert(key, (order.clone(), outcome.clone()));
        }
        outcome
    }
}

struct World<'a> {
    database: &'a Database,
    store: EventStore,
    tenants: Vec<TenantId>,
    models: Vec<Model>,
    now: DateTime<Utc>,
    last: Option<(Order, Option<i64>)>,
}

impl World<'_> {
    fn expected(&self, order: &Order) -> Option<i64> {
        order.stale_by.map(|by| self.models[order.tenant].version(order.stream) + by)
    }

    fn context(&self, order: &Order) -> Cx {
        let command = order.key.map(|key| CommandKey {
            id: format!("key-{key}"),
            request_digest: format!("{} {} {:?}", order.stream, order.amount, order.stale_by).into_bytes(),
        });
        Cx { command, now: self.now, ..cx(self.tenants[order.tenant]) }
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Together(orders) => self.together(orders).await,
            Step::Crash { order, after } => self.crash(order, *after).await,
            Step::Repeat => match self.last.clone() {
                Some((order, expected)) => {
                    let said = give(&self.store, self.context(&order), &order, expected).await;
                    let model = self.models[order.tenant].take(&order, expected);
                    prop_assert_eq!(said, model);
                    Ok(())
                }
                None => Ok(()),
            },
            Step::Clock { seconds } => {
                self.now += TimeDelta::seconds(*seconds);
                Ok(())
            }
            Step::ClockOfTheStore { tenant } => {
                let ahead = sqlx::query(
                    "update heads set recorded_at = now() + interval '1 hour' where tenant_id = $1 and position > 0",
                );
                let mut superuser = self.database.superuser().await.expect("a connection");
                ahead.bind(self.tenants[*tenant]).execute(&mut superuser).await.expect("moved");
                Ok(())
            }
        }
    }

    /// Some order of the commands must explain what each of them heard: that of the log, where they wrote.
    async fn together(&mut self, orders: &[Order]) -> Result<(), TestCaseError> {
        let expected: Vec<_> = orders.iter().map(|order| self.expected(order)).collect();
        let giving = orders
            .iter()
            .zip(&expected)
            .map(|(order, expected)| give(&self.store, self.context(order), order, *expected));
        let said = join_all(giving).await;
        for tenant in 0..TENANTS {
            let mine: Vec<usize> = (0..orders.len()).filter(|index| orders[*index].tenant == tenant).collect();
            let explained = permutations(&mine).into_iter().find_map(|order| {
                let mut model = self.models[tenant].clone();
                order.iter().all(|index| model.take(&orders[*index], expected[*index]) == said[*index]).then_some(model)
            });
            let Some(mut model) = explained else {
                return Err(TestCaseError::fail(format!(
                    "no order explains {said:?} of {orders:?} after {:?}",
                    self.models[tenant]
                )));
            };
            // Several orders may: the log says which one it was.
            let log = self.log(tenant).await;
            let (mut ours, mut theirs) = (model.log.clone(), log.clone());
            ours.sort_unstable();
            theirs.sort_unstable();
            prop_assert_eq!(ours, theirs);
            model.log = log;
            self.models[tenant] = model;
        }
        self.last = orders.last().map(|order| (order.clone(), expected[orders.len() - 1]));
        Ok(())
    }

    async fn crash(&mut self, order: &Order, after: Duration) -> Result<(), TestCaseError> {
        let expected = self.expected(order);
        let dying = self.database.store(Arc::new(Never)).await.expect("a store");
        {
            let giving = give(&dying, self.context(order), order, expected);
            let _ = tokio::time::timeout(after, giving).await;
        }
        // Whatever its writer still had in hand ends with it, or is recorded: here, before somebody looks.
        dying.close().await;
        let log = self.log(order.tenant).await;
        let mut model = self.models[order.tenant].clone();
        model.take(order, expected);
        let untouched = &self.models[order.tenant];
        prop_assert!(log == model.log || log == untouched.log, "{:?} is neither before nor after {:?}", log, order);
        // With a key its caller can find out, and asks again; without one it must look.
        if order.key.is_some() {
            let said = give(&self.store, self.context(order), order, expected).await;
            prop_assert_eq!(said, self.models[order.tenant].take(order, expected));
        } else if log == model.log {
            self.models[order.tenant] = model;
        }
        Ok(())
    }

    async fn log(&self, tenant: usize) -> Vec<(usize, i64)> {
        let mut session = self.store.session(self.tenants[tenant]).await.expect("a session");
        let events = session.events_after(0, 1000).await.expect("read");
        assert!(events.iter().map(|event| event.position).eq(1..=i64::try_from(events.len()).expect("few")), "a gap");
        assert!(events.is_sorted_by_key(|event| event.recorded_at), "time runs backwards");
        let read = |event: &eventstore::Recorded| {
            (event.stream.id().parse().expect("a number"), event.data["amount"].as_i64().expect("a number"))
        };
        events.iter().map(read).collect()
    }

    async fn end(&self) -> Result<(), TestCaseError> {
        for (tenant, model) in self.tenants.iter().zip(&self.models) {
            let report = self.store.verify_chain(*tenant).await.expect("verified");
            prop_assert_eq!(report.fault, None);
            prop_assert_eq!(usize::try_from(report.events).expect("few"), model.log.len());
            for stream in 0..STREAMS {
                let mut work = self.store.work(cx(*tenant));
                let (tally, version) = work.load::<Tally>(&stream.to_string()).await.expect("loaded");
                let total: i64 = model.log.iter().filter(|(of, _)| *of == stream).map(|(_, amount)| amount).sum();
                prop_assert_eq!((tally.total, version), (total, model.version(stream)));
            }
        }
        Ok(())
    }
}

async fn give(store: &EventStore, cx: Cx, order: &Order, expected: Option<i64>) -> Outcome {
    let (stream, amount) = (order.stream.to_string(), order.amount);
    let lane = stream.clone();
    let done = store.perform(&cx, &lane, move |work| {
        let stream = stream.clone();
        Box::pin(async move {
            Ok::<_, Refused<Falls>>(work.execute::<Tally>(&stream, expected, Add(amount)).await?.version)
        })
    });
    match done.await {
        Ok(done) => Outcome::Done(done.answer),
        Err(Refused::Rule(Falls)) => Outcome::Broken,
        Err(Refused::Stale { .. }) => Outcome::Stale,
        Err(Refused::Store(StoreError::KeyReused)) => Outcome::KeyReused,
        Err(Refused::Store(error)) => panic!("the store failed: {error}"),
    }
}

fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![vec![]];
    }
    let with_first = |index: usize| {
        let rest: Vec<usize> = of.iter().copied().filter(|other| *other != of[index]).collect();
        permutations(&rest).into_iter().map(move |mut rest| {
            rest.insert(0, of[index]);
            rest
        })
    };
    (0..of.len()).flat_map(with_first).collect()
}

#[test]
fn whatever_happens_the_store_does_what_the_model_says() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (database, store) = runtime.block_on(async {
        let database = database().await;
        let store = database.store(Arc::new(Never)).await.expect("a store");
        (database, store)
    });
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, max_shrink_iters: 200, ..Config::default() });
    let run = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let tenants = (0..TENANTS).map(|_| TenantId::random()).collect();
            let models = vec![Model::default(); TENANTS];
            let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
            let mut world = World { database: &database, store: store.clone(), tenants, models, now, last: None };
            for step in &steps {
                world.step(step).await?;
            }
            world.end().await
        })
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}
