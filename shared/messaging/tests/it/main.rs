//! From one service to another over a real NATS: each event once and in order, whatever is lost, doubled or broken.

mod delivery;
mod fixture;

use eventstore::{Recorded, TenantId};
use fixture::{MURMUR, Pipe, cx, say};
use futures::StreamExt;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn every_event_is_heard_once_and_in_order() {
    let pipe = Pipe::new().await;
    let (one, other) = (TenantId::random(), TenantId::random());
    pipe.relay_in_background();
    pipe.consume_in_background();

    for n in 0..50 {
        say(&pipe.source, one, &format!("one {n}")).await;
        say(&pipe.source, other, &format!("other {n}")).await;
    }
    pipe.until_heard(one, 50).await;
    pipe.until_heard(other, 50).await;

    assert_eq!(pipe.heard(one).await, (0..50).map(|n| format!("one {n}")).collect::<Vec<_>>());
    assert_eq!(pipe.heard(other).await, (0..50).map(|n| format!("other {n}")).collect::<Vec<_>>());
    assert_eq!(pipe.sink.verify_chain(one).await.expect("verified").fault, None);
}

#[tokio::test]
async fn what_nobody_hears_is_passed_over_and_what_follows_it_is_heard() {
    let pipe = Pipe::new().await;
    let (one, other) = (TenantId::random(), TenantId::random());
    pipe.relay_in_background();
    pipe.consume_in_background();
    for tenant in [one, other] {
        say(&pipe.source, tenant, "a").await;
        pipe.until_taken(tenant, 1).await;
    }

    for tenant in [one, other, one, other] {
        say(&pipe.source, tenant, MURMUR).await;
    }
    // Sooner than the sweep would have asked for it.
    pipe.until_taken(one, 3).await;
    pipe.until_taken(other, 3).await;
    say(&pipe.source, one, "b").await;
    for tenant in [one, other] {
        say(&pipe.source, tenant, MURMUR).await;
    }
    pipe.until_taken(one, 5).await;
    pipe.until_taken(other, 4).await;

    assert_eq!(pipe.heard(one).await, ["a", "b"]);
    assert_eq!(pipe.heard(other).await, ["a"]);
}

#[tokio::test]
async fn what_is_published_twice_is_heard_once() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    for n in 0..5 {
        say(&pipe.source, tenant, &n.to_string()).await;
    }
    // Past the window in which JetStream recognises its own duplicates: the same events under other message ids.
    for _ in 0..2 {
        for event in pipe.events(tenant).await {
            pipe.publish_as(&event, &uuid::Uuid::new_v4().to_string()).await;
        }
    }
    pipe.consume_in_background();
    pipe.until_heard(tenant, 5).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;

    assert_eq!(pipe.heard(tenant).await, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn what_comes_out_of_order_is_put_in_order() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    for n in 0..6 {
        say(&pipe.source, tenant, &n.to_string()).await;
    }
    let mut events = pipe.events(tenant).await;
    events.reverse();
    for event in events {
        pipe.publish_as(&event, &uuid::Uuid::new_v4().to_string()).await;
    }
    pipe.consume_in_background();
    pipe.until_heard(tenant, 6).await;

    assert_eq!(pipe.heard(tenant).await, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn what_the_transport_lost_is_asked_for_again() {
    let pipe = Pipe::new().await;
    let (gap, tail) = (TenantId::random(), TenantId::random());
    for n in 0..10 {
        say(&pipe.source, gap, &n.to_string()).await;
        say(&pipe.source, tail, &n.to_string()).await;
    }
    // Of one tenant only the last event arrives; of the other none ever does.
    let last = pipe.events(gap).await.pop().expect("the last");
    pipe.publish_as(&last, "last").await;
    pipe.consume_in_background();

    pipe.until_heard(gap, 10).await;
    pipe.until_heard(tail, 10).await;
    assert_eq!(pipe.heard(gap).await.len(), 10);
}

#[tokio::test]
async fn a_stream_that_is_gone_with_its_messages_loses_nothing() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    say(&pipe.source, tenant, "before").await;
    pipe.relay().publish(&[tenant]).await.expect("published");
    pipe.delete_stream().await;
    say(&pipe.source, tenant, "after").await;
    pipe.relay_in_background();
    pipe.consume_in_background();

    pipe.until_heard(tenant, 2).await;
    assert_eq!(pipe.heard(tenant).await, ["before", "after"]);
}

#[tokio::test]
async fn a_poison_event_parks_its_tenant_and_no_other_until_the_code_is_mended() {
    let pipe = Pipe::new().await;
    let (ill, well) = (TenantId::random(), TenantId::random());
    pipe.poisonous.store(true, Ordering::SeqCst);
    pipe.relay_in_background();
    pipe.consume_in_background();
    for what in ["a", "poison", "b"] {
        say(&pipe.source, ill, what).await;
        say(&pipe.source, well, &what.replace("poison", "fine")).await;
    }

    pipe.until_heard(well, 3).await;
    pipe.until_parked().await;
    assert_eq!(pipe.heard(ill).await, ["a"]);
    let (position, error): (i64, String) = pipe.parked_row(ill).await;
    assert_eq!(position, 2);
    assert!(error.contains("this is poison"), "{error}");

    pipe.poisonous.store(false, Ordering::SeqCst);
    pipe.until_heard(ill, 3).await;
    assert_eq!(pipe.heard(ill).await, ["a", "poison", "b"]);
    assert_eq!(pipe.sink.parked().await.expect("read"), []);
}

/// An errand is done before its event is taken: of a parked tenant it is not, whatever comes later.
#[tokio::test]
async fn an_errand_that_fails_parks_its_tenant_and_what_follows_waits() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    pipe.poisonous.store(true, Ordering::SeqCst);
    pipe.relay_in_background();
    let ran = pipe.run_errands_in_background();
    for what in ["a", "poison"] {
        say(&pipe.source, tenant, what).await;
    }
    pipe.until_parked().await;
    for what in ["b", "c"] {
        say(&pipe.source, tenant, what).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(*ran.lock().expect("the runs"), ["a"]);
    assert_eq!(pipe.parked_row(tenant).await.0, 2);

    pipe.poisonous.store(false, Ordering::SeqCst);
    pipe.until_taken(tenant, 4).await;
    let mut done = ran.lock().expect("the runs").clone();
    done.dedup();
    assert_eq!(done, ["a", "poison", "b", "c"]);
    assert_eq!(pipe.sink.parked().await.expect("read"), []);
}

/// Another process fills the gap between the look at what is missing and the taking.
#[tokio::test]
async fn an_event_after_a_gap_is_not_taken_without_its_errand() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    let ran = pipe.run_errands_in_background();
    say(&pipe.source, tenant, "a").await;
    pipe.relay().publish(&[tenant]).await.expect("published");
    pipe.until_taken(tenant, 1).await;
    for what in ["b", "c"] {
        say(&pipe.source, tenant, what).await;
    }

    let mut other = pipe.sink.session(tenant).await.expect("a session");
    let takes = sqlx::query("update consumer_checkpoints set position = 2 where source = 'risk'");
    takes.execute(other.connection()).await.expect("taken");
    let last = pipe.events(tenant).await.pop().expect("the last");
    pipe.publish_as(&last, "last").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    other.commit().await.expect("committed");
    pipe.until_taken(tenant, 3).await;

    assert!(ran.lock().expect("the runs").contains(&"c".to_owned()), "{ran:?}");
}

#[tokio::test]
async fn two_consumers_and_two_relays_do_not_double_anything() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    for _ in 0..2 {
        pipe.relay_in_background();
        pipe.consume_in_background();
    }
    for n in 0..40 {
        say(&pipe.source, tenant, &n.to_string()).await;
    }
    pipe.until_heard(tenant, 40).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;

    assert_eq!(pipe.heard(tenant).await, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_is_a_cloud_event_and_reads_back_as_what_was_recorded() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    let cx = eventstore::Cx {
        reason: Some("Über 50 % \"sure\"\nof it".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        ..cx(tenant)
    };
    fixture::say_as(&pipe.source, cx, "hello").await;
    let mut messages = pipe.subscribe().await;
    pipe.relay().publish(&[tenant]).await.expect("published");
    let message = messages.next().await.expect("a message");

    let headers = message.headers.as_ref().expect("headers");
    let header = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(header("ce-specversion").as_deref(), Some("1.0"));
    assert_eq!(header("ce-type").as_deref(), Some("saying.said"));
    assert_eq!(header("ce-source").as_deref(), Some("/stele/risk"));
    let hash = &pipe.events(tenant).await[0].hash;
    assert_eq!(header("Nats-Msg-Id"), Some(format!("risk:{tenant}:1:{}", &hash[..16])));
    assert!(header("traceparent").is_some_and(|parent| parent.starts_with("00-4bf9")));
    assert!(message.subject.ends_with(&format!("risk.{tenant}.saying.said")), "{}", message.subject);
    let stored: Vec<Recorded> = pipe.events(tenant).await;
    assert_eq!(messaging::recorded(message.headers.as_ref(), &message.payload).expect("an event"), stored[0]);
}

#[tokio::test]
async fn what_a_reaction_records_names_its_cause() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    say(&pipe.source, tenant, "cause").await;
    pipe.consume_in_background();
    pipe.until_heard(tenant, 1).await;

    let cause = &pipe.events(tenant).await[0];
    let effect = &pipe.sink_events(tenant).await[0];
    assert_eq!(effect.metadata.causation_id, Some(cause.id));
    assert_eq!(effect.metadata.correlation_id, cause.metadata.correlation_id);
    assert_eq!(effect.metadata.actor.to_string(), "service:controls");
}

#[tokio::test]
async fn what_a_source_that_was_restored_had_said_after_that_moment_is_not_believed() {
    let pipe = Pipe::new().await;
    let tenant = TenantId::random();
    for what in ["one", "two"] {
        say(&pipe.source, tenant, what).await;
    }
    // It had gone on from there once; JetStream still holds that, and nobody has heard it.
    let last = pipe.events(tenant).await.pop().expect("the last");
    for position in 3..=5 {
        let data = serde_json::json!({ "what": "undone" });
        let hash = format!("{position:064}");
        let undone = Recorded { position, version: position, id: uuid::Uuid::new_v4(), data, hash, ..last.clone() };
        pipe.publish_as(&undone, &format!("risk:{tenant}:{position}:{position:016}")).await;
    }
    pipe.consume_in_background();
    pipe.until_heard(tenant, 2).await;
    pipe.relay_in_background();
    for what in ["three", "four"] {
        say(&pipe.source, tenant, what).await;
    }
    pipe.until_heard(tenant, 4).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;

    assert_eq!(pipe.heard(tenant).await, ["one", "two", "three", "four"]);
}
