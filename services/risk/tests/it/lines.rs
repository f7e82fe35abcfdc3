//! Uploads that are told as they come, and large ones.

use crate::api::{ASSETS, Api, MISTAKEN, RISKS, json_of, risks};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::Duration;

const LINES: &str = "application/x-ndjson";

fn asking(api: &Api, tail: &str, file: &str) -> RequestBuilder {
    api.request(Method::POST, tail).header("accept", format!("{LINES}, application/json;q=0.5")).body(file.to_owned())
}

async fn told(request: RequestBuilder) -> Vec<Value> {
    let response = request.send().await.expect("an answer");
    assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &LINES.parse().expect("one")));
    let text = response.text().await.expect("lines");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn stages(lines: &[Value]) -> Vec<&str> {
    let mut stages: Vec<&str> = lines.iter().filter_map(|line| line["progress"]["stage"].as_str()).collect();
    stages.dedup();
    stages
}

#[tokio::test]
async fn an_upload_is_told_as_it_comes_and_ends_with_the_plain_answer() {
    let api = Api::start().await;
    assert_eq!(told(asking(&api, "/imports/assets", ASSETS)).await.last().expect("an end")["result"]["created"], 26);
    let dry = told(asking(&api, "/imports/risks?dry_run=true", MISTAKEN)).await;
    let (_, plain) = api.upload("/imports/risks?dry_run=true", MISTAKEN).await;
    assert_eq!((stages(&dry), dry.last()), (vec!["reading", "deciding"], Some(&json!({ "result": plain }))));
    let refused = told(asking(&api, "/imports/risks", MISTAKEN)).await;
    let (status, problem) = api.upload("/imports/risks", MISTAKEN).await;
    assert_eq!((status, refused.last()), (400, Some(&json!({ "problem": problem }))));

    let keyed = || asking(&api, "/imports/risks", RISKS).header("idempotency-key", "once");
    let lines = told(keyed()).await;
    assert_eq!(stages(&lines), ["reading", "deciding", "recording"]);
    assert_eq!(lines[0], json!({"progress": {"stage": "reading", "rows": 0, "of": 48}}));
    assert!(lines[..lines.len() - 1].iter().all(|line| line["progress"]["of"] == 48), "{lines:?}");
    let result = &lines.last().expect("an end")["result"];
    assert_eq!((&result["rows"], &result["created"], &result["dry_run"]), (&json!(48), &json!(48), &json!(false)));
    // The same key gives the same end, and records nothing.
    assert_eq!(told(keyed()).await.last(), lines.last());
    assert_eq!(api.get("/risks").await["position"], result["position"]);
    api.running.stop().await;
}

#[tokio::test]
async fn what_is_wrong_before_it_begins_is_told_plainly() {
    let api = Api::start().await;
    for (tail, status) in [("/imports/risks?dry=true", 400), ("/imports/risks?occurred_at=soon", 400)] {
        let (told, problem) = json_of(asking(&api, tail, RISKS)).await;
        assert_eq!((told, &problem["status"]), (status, &json!(status)), "{problem}");
    }
    let plain = api.request(Method::POST, "/imports/assets").header("accept", "application/json").body(ASSETS);
    assert_eq!(json_of(plain).await.1["created"], 26);
    api.running.stop().await;
}

async fn until_a_line_says(response: &mut Response, stage: &str) {
    let mut text = String::new();
    while !text.contains(stage) {
        let chunk = response.chunk().await.expect("a piece").expect("it goes on");
        text.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
}

#[tokio::test]
async fn who_goes_away_in_the_middle_leaves_all_or_nothing() {
    let api = Api::start().await;
    api.upload("/imports/assets", ASSETS).await;
    let file = risks(500);
    let upload = || asking(&api, "/imports/risks", &file).header("idempotency-key", "again");
    for stage in ["reading", "deciding", "recording"] {
        // Nobody else appends until this ends: the upload gets no further than to its recording.
        let mut line = api.store().await.session(api.tenant).await.expect("a session");
        line.lock_head().await.expect("locked");
        let mut response = upload().send().await.expect("an answer");
        until_a_line_says(&mut response, stage).await;
        drop(response);
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(line);
        // Also what would go on by itself has come to its end.
        let mut after = api.store().await.session(api.tenant).await.expect("a session");
        after.wait_for_appends().await.expect("waited");
        drop(after);
        let there = api.get("/risks?limit=1000").await["items"].as_array().map(Vec::len);
        assert!(matches!(there, Some(0 | 500)), "{stage}: {there:?} of 500 rows are there");
    }
    // The same request once more, to its end: whatever became of the others, it is there once.
    let end = told(upload()).await.pop().expect("an end");
    assert_eq!(end["result"]["rows"], 500, "{end}");
    assert_eq!(api.get("/risks?limit=1000").await["items"].as_array().map(Vec::len), Some(500));
    assert_eq!(api.get("/risks/R-500/history").await["items"][0]["version"], 1);
    api.running.stop().await;
}

#[tokio::test]
async fn ten_thousand_risks_are_one_append() {
    let api = Api::start().await;
    api.upload("/imports/assets", ASSETS).await;
    let before = api.get("/assets").await["position"].as_i64().expect("a position");
    let (status, answer) = api.upload("/imports/risks", &risks(10_000)).await;
    assert_eq!((status, &answer["created"]), (200, &json!(10_000)), "{answer}");
    let mut session = api.store().await.session(api.tenant).await.expect("a session");
    let appends: Vec<(i64, i64)> = sqlx::query_as(
        "select min(position), max(position) from events where tenant_id = $1 and position > $2 group by recorded_at",
    )
    .bind(api.tenant)
    .bind(before)
    .fetch_all(session.connection())
    .await
    .expect("read");
    assert_eq!(appends, [(before + 1, answer["position"].as_i64().expect("a position"))]);
    let last = api.get("/risks/R-10000").await;
    assert_eq!((&last["position"], &last["name"].is_string()), (&answer["position"], &true), "{last}");
    api.running.stop().await;
}
