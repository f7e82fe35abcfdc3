//! What nobody named is called by the next number of its kind.

use crate::api::{Api, json_of};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn identified(api: &Api, body: Value) -> String {
    let (status, answer) = api.post("/risks", body).await;
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn numbers_follow_what_is_there_and_leave_no_gap() {
    let api = Api::with_examples().await;
    assert_eq!(identified(&api, json!({"name": "Fire"})).await, "R-49");
    assert_eq!(identified(&api, json!({"ref": "R-51", "name": "Flood"})).await, "R-51");
    assert_eq!(identified(&api, json!({"ref": null, "name": "Theft"})).await, "R-50");
    assert_eq!(identified(&api, json!({"name": "Theft"})).await, "R-52", "a name is nobody's alone");
    let at_once = join_all((0..20).map(|_| identified(&api, json!({"name": "Fire"})))).await;
    let expected = (53..73).map(|number| format!("R-{number}")).collect::<BTreeSet<_>>();
    assert_eq!(at_once.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(api.get("/risks/R-72").await["name"], "Fire");

    let other = Api::start().await;
    assert_eq!(identified(&other, json!({"name": "Fire"})).await, "R-1", "each tenant counts for itself");
    for (tail, body, id) in [
        ("/assets", json!({"name": "Files", "kind": "primary"}), "A-1"),
        ("/assessment-rounds", json!({"name": "Spring", "due": "2999-04-30", "risks": ["R-1"]}), "AR-1"),
    ] {
        assert_eq!(other.post(tail, body).await.1["id"], id);
    }
    other.running.stop().await;
    api.running.stop().await;
}

#[tokio::test]
async fn a_repeated_request_is_given_the_number_that_it_got() {
    let api = Api::start().await;
    let ask = async || {
        let request = api.request(Method::POST, "/risks").header("idempotency-key", "one");
        json_of(request.json(&json!({"name": "Fire"}))).await.1["id"].clone()
    };
    assert_eq!((ask().await, ask().await), (json!("R-1"), json!("R-1")));
    assert_eq!(identified(&api, json!({"name": "Fire"})).await, "R-2");
    api.running.stop().await;
}
