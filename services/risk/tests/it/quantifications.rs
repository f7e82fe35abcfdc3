//! Risks in money, over HTTP.

use crate::api::{Api, json_of};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

fn quantify(stage: &str, frequency: f64, loss: impl Serialize) -> Value {
    json!({"risk": "R-1", "stage": stage, "currency": "EUR", "frequency": frequency, "loss": loss})
}

fn pert(least: u32, likely: u32, most: u32) -> Value {
    json!({"distribution": "pert", "least": least, "likely": likely, "most": most})
}

#[tokio::test]
async fn what_a_risk_may_cost_is_told_by_stage_and_as_of() {
    let api = Api::start().await;
    api.post("/risks", json!({"ref": "R-1", "name": "Fire"})).await;
    let (status, first) = api.post("/quantifications", quantify("inherent", 0.5, pert(1_000, 4_000, 25_000))).await;
    assert_eq!(status, 201, "{first}");
    let residual = quantify("residual", 0.1, pert(1_000, 2_000, 9_000));
    let (status, second) = api.post("/quantifications", residual).await;
    assert_eq!((status, &second["version"]), (201, &json!(2)), "{second}");

    let told = api.get("/quantifications/R-1").await;
    let expected = told["expected_loss"].as_f64().expect("a number");
    // 0.5 a year at (1,000 + 4 * 4,000 + 25,000) / 6 each.
    assert!((3_400.0..3_600.0).contains(&expected), "{told}");
    assert_eq!(told["inherent"]["draws"], 100_000);
    assert_eq!(told["inherent"]["seed"], told["residual"]["seed"], "what is compared has the same random numbers");
    let saved = told["residual"]["saved"]["expected"].as_f64().expect("a number");
    assert!((3_150.0..3_350.0).contains(&saved), "{told}");

    let then = api.get(&format!("/quantifications/R-1?as_of={}", first["position"])).await;
    assert_eq!(then["residual"], Value::Null);
    let history = api.get("/quantifications/R-1/history").await["items"].clone();
    assert_eq!(history.as_array().map(Vec::len), Some(2), "{history}");
    let list = api.get("/quantifications?sort=-expected_loss").await["items"].clone();
    assert_eq!(list[0]["id"], "R-1", "{list}");
}

#[tokio::test]
async fn what_cannot_be_simulated_or_compared_is_refused_with_a_sentence() {
    let api = Api::start().await;
    api.post("/risks", json!({"ref": "R-1", "name": "Fire"})).await;
    api.post("/quantifications", quantify("inherent", 1.0, pert(1, 2, 3))).await;
    let mut foreign = quantify("current", 1.0, pert(1, 2, 3));
    foreign["currency"] = json!("USD");
    let unknown = json!({"risk": "R-2", "stage": "current", "currency": "EUR", "frequency": 1, "loss": pert(1, 2, 3)});
    let mut told = Vec::new();
    for (status, problem) in [
        api.post("/quantifications", foreign).await,
        api.post("/quantifications", unknown).await,
        api.post("/quantifications", quantify("current", 0.0, pert(1, 2, 3))).await,
        api.post("/quantifications", quantify("current", 1.0, pert(3, 2, 1))).await,
        api.post("/quantifications", quantify("current", 1.0, json!({"distribution": "normal"}))).await,
        json_of(api.request(Method::GET, "/quantifications/R-2")).await,
    ] {
        told.push(format!("{status} {}", problem["detail"].as_str().unwrap_or_default()));
    }
    assert_eq!(
        told,
        [
            "409 currency: this risk's other stages are in EUR, and only what is in one currency can be compared",
            "400 risk: R-2 is not in the risk register: identify it first",
            "400 frequency: say how many times a year, more than 0 and 100 at most: 0.2 is once in five years",
            "400 loss: it takes 0 <= least <= likely <= most <= 10^12, and least below most",
            "400 loss.distribution: `normal` is not known here, expected `pert` or `lognormal`",
            "404 there is no quantification R-2 here",
        ]
    );
}
