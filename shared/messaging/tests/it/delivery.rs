//! Whatever the transport does to the messages, each is heard once and in order.

use crate::fixture::{Pipe, say};
use eventstore::TenantId;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

const EVENTS: usize = 8;

/// Which messages arrive, in which order: some twice, some never.
fn deliveries() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..EVENTS, 0..2 * EVENTS)
}

#[test]
fn whatever_is_doubled_lost_or_out_of_order_is_heard_once_and_in_order() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let pipe = runtime.block_on(async {
        let pipe = Pipe::new().await;
        pipe.consume_in_background();
        pipe
    });
    let mut runner =
        TestRunner::new(Config { cases: 12, failure_persistence: None, max_shrink_iters: 20, ..Config::default() });
    let twice: Vec<usize> = (0..EVENTS).flat_map(|index| [index, index]).collect();
    for _ in 0..8 {
        runtime.block_on(arrive(&pipe, &twice)).expect("what comes twice at once is heard once");
    }
    let run = runner.run(&deliveries(), |deliveries| runtime.block_on(arrive(&pipe, &deliveries)));
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn arrive(pipe: &Pipe, deliveries: &[usize]) -> Result<(), TestCaseError> {
    let tenant = TenantId::random();
    let said: Vec<String> = (0..EVENTS).map(|n| n.to_string()).collect();
    for word in &said {
        say(&pipe.source, tenant, word).await;
    }
    let events = pipe.events(tenant).await;
    for index in deliveries {
        pipe.publish_as(&events[*index], &uuid::Uuid::new_v4().to_string()).await;
    }
    // The last one shows what is missing, where nothing else did.
    pipe.publish_as(&events[EVENTS - 1], &uuid::Uuid::new_v4().to_string()).await;
    pipe.until_heard(tenant, EVENTS).await;
    prop_assert_eq!(pipe.heard(tenant).await, said);
    prop_assert_eq!(pipe.sink.verify_chain(tenant).await.expect("verified").fault, None);
    Ok(())
}
