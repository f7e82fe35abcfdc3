//! A version of a library on its way to tenants.

use crate::http::House;
use crate::log;
use eventstore::TenantId;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

async fn has_it(house: &House, tenant: TenantId) -> bool {
    log(house.store(), tenant).await.iter().any(|event| event.event_type == "push.made")
}

/// A library tells its organisation that all tenants have the version: so one that is only suspended has to get it.
#[tokio::test]
async fn who_is_suspended_before_a_version_arrives_gets_it_and_who_is_closed_does_not() {
    let house = House::start().await;
    let ada = house.token("ada", true);
    let mut paths = Vec::new();
    for name in ["Acme", "Birch", "Cedar"] {
        paths.push(house.tenant_called(name).await);
    }
    // As they are handed it.
    paths.sort();
    let tenants: Vec<TenantId> =
        paths.iter().map(|path| path.rsplit('/').next().expect("an id").parse().expect("an id")).collect();
    let [first, closed, suspended] = tenants.as_slice() else { panic!("three tenants") };
    let (libraries, one) = (house.ours("/libraries"), house.ours("/libraries/small"));
    let asset = json!({"items": [{"asset": {"ref": "A-1", "name": "Files", "kind": "primary"}}]});
    house.ask(&ada, Method::POST, &libraries, json!({"ref": "small", "name": "Small"}), None).await;
    house.put(&ada, &format!("{one}/contents"), asset).await;
    house.ask(&ada, Method::POST, &format!("{one}/versions"), json!({}), None).await;

    // The first cannot be written to for now, and the others wait behind it.
    let mut held = house.store().session(*first).await.expect("a session");
    held.lock_head().await.expect("locked");
    let push = json!({"version": 1, "tenants": tenants});
    let pushed = house.ask(&ada, Method::POST, &format!("{one}/pushes"), push, None).await;
    assert_eq!((pushed.status, &pushed.body["changed"]), (StatusCode::OK, &json!(true)), "{}", pushed.body);
    for (path, state) in [(&paths[1], "closed"), (&paths[2], "suspended")] {
        let body = json!({"state": state, "without_export": state == "closed", "reason": "the contract is in dispute"});
        let stands = house.put(&ada, &format!("{path}/state"), body).await;
        assert_eq!(stands.status, StatusCode::OK, "{}", stands.body);
    }
    assert!(!has_it(&house, *suspended).await);
    held.commit().await.expect("let go");

    let arrives = async {
        while !has_it(&house, *suspended).await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, arrives).await.expect("it arrives");
    assert!(has_it(&house, *first).await && !has_it(&house, *closed).await);
    assert_eq!(house.get(&ada, &one).await.body["pushed"][suspended.to_string()], 1);
    house.running.stop().await;
}
