//! The register as a file, without a printer.

use crate::api::{Api, risks};
use reqwest::Method;

async fn text(api: &Api, tail: &str) -> (u16, String) {
    let response = api.request(Method::GET, tail).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a text"))
}

#[tokio::test]
async fn drawings_count_what_the_register_has() {
    let api = Api::with_examples().await;
    let risks = api.get("/risks.json").await;
    let items = risks["items"].as_array().expect("items");
    let placed = items.iter().filter(|item| item["current"].is_object() || item["inherent"].is_object()).count();
    assert!(placed > 10, "{placed}");
    let (status, map) = text(&api, "/heat-map.svg").await;
    assert_eq!(status, 200, "{map}");
    assert!(map.contains(&format!("{placed} open risks")) && map.starts_with("<svg"), "{map}");
    let (status, trend) = text(&api, "/risk-trend.svg").await;
    assert_eq!(status, 200, "{trend}");
    // Before the upload there was nothing, and now there is all of it.
    assert!(trend.contains(": none; ") && trend.contains(&format!(">{placed}</text>")), "{trend}");
    let (status, early) = text(&api, "/risk-trend.svg?as_of=1").await;
    assert!(status == 200 && !early.contains("low "), "{early}");
    let (status, wrong) = text(&api, "/heat-map.svg?stage=final").await;
    assert!(status == 400 && wrong.contains("none of inherent, current, residual"), "{wrong}");
}

#[tokio::test]
async fn without_a_printer_there_is_no_pdf_and_everything_else() {
    let api = Api::with_examples().await;
    for tail in ["/risks.pdf", "/treatment-plan.pdf"] {
        let (status, told) = text(&api, tail).await;
        assert!(status == 501 && told.contains("urn:stele:problem:no_printer") && told.contains(".xlsx"), "{told}");
    }
    for tail in ["/risks.xlsx", "/treatment-plan.xlsx", "/risks.csv", "/treatment-plan.csv"] {
        assert_eq!(text(&api, tail).await.0, 200, "{tail}");
    }
}

#[tokio::test]
async fn a_large_register_is_a_small_workbook() {
    let api = Api::with_examples().await;
    assert_eq!(api.upload("/imports/risks", &risks(10_000)).await.0, 200);
    let response = api.request(Method::GET, "/risks.xlsx").send().await.expect("an answer");
    let book = response.bytes().await.expect("a file");
    assert!(book.starts_with(b"PK") && book.len() < 4_000_000, "{} bytes", book.len());
}
