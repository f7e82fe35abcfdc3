//! What is handed to an auditor as a file: whose it is, of when, and that its digest is that of what can be downloaded.

use crate::house::root;
use crate::isolation::fill;
use crate::system::{System, example, until};
use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// `dev` makes it, of the versions in `tests/system/oscal/requirements.txt`.
const PYTHON: &str = "target/tools/trestle/bin/python";

/// Every paper, and the file whose digest it carries.
const PAPERS: [(&str, &str); 4] = [
    ("/risks", "/risks.csv"),
    ("/treatment-plan", "/treatment-plan.csv"),
    ("/soa", "/soa/document"),
    ("/soa/issues/1/document", "/soa/issues/1/document"),
];

const LOGO: &str =
    r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#204060" d="M0 0h8v8z"/></svg>"##;

fn sha256(text: &[u8]) -> String {
    Sha256::digest(text).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A sheet of a workbook: its heading, and its rows as texts.
fn sheet(book: &[u8], name: &str) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(book)).expect("a workbook");
    let range = book.worksheet_range(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    range.rows().map(|row| row.iter().map(Data::to_string).collect()).collect()
}

/// A tenant with a register, a plan and a statement that was issued.
async fn audited(system: &System) -> String {
    let tenant = system.tenant("Larkspur & Söhne").await;
    let (admin, at) = (system.as_admin(), |tail: &str| format!("/v1/tenants/{tenant}{tail}"));
    for (path, file) in [("/imports/assets", "assets.csv"), ("/imports/risks", "risks.csv")] {
        let answer = admin.upload(&at(path), example(file)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    until("the treatments' controls", async || admin.get(&at("/soa")).await.body.contains("Treats R-")).await;
    let all = admin.get(&at("/controls?limit=200")).await.json["items"].as_array().expect("items").clone();
    let ids: Vec<&str> = all.iter().filter_map(|control| control["id"].as_str()).collect();
    let said = json!({"controls": ids, "applicability": {"applicable": true, "basis": "good_practice", "justification": "=1+1 #panic() *so*"}, "owner": "mara", "reason": "so"});
    admin.post(&at("/controls"), said).await;
    let mara = system.person(&tenant, "mara", &["isms_manager"]).await;
    // The last treatments may still be on their way into the statement.
    until("an issued statement", async || {
        let approval = json!({"digest": admin.get(&at("/soa")).await.text("digest")}).to_string();
        let approved = mara.send(Method::POST, &at("/soa/approvals"), Some(approval), &[]).await.status == 200;
        approved && mara.send(Method::POST, &at("/soa/issues"), Some("{}".to_owned()), &[]).await.status == 201
    })
    .await;
    tenant
}

#[tokio::test]
async fn a_paper_says_whose_it_is_and_its_digest_is_that_of_a_file() {
    let started = System::start().await;
    let system = started.as_organisation("Nordlicht").await;
    let tenant = audited(&system).await;
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let logo = format!("/v1/organisations/{}/logo", system.organisation);
    let put = admin.send(Method::PUT, &logo, Some(LOGO.to_owned()), &[]).await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(admin.get(&logo).await.body, LOGO);
    for (paper, digested) in PAPERS {
        let position = admin.get(&at(digested)).await.headers["stele-position"].clone();
        let as_of = format!("?as_of={position}");
        let content = admin.get(&at(&format!("{digested}{as_of}"))).await;
        let digest = content.headers["stele-digest"].clone();
        assert_eq!(sha256(content.body.as_bytes()), digest, "{digested}");
        let book = admin.bytes(&at(&format!("{paper}.xlsx{as_of}"))).await;
        let about = sheet(&book, "About").concat().join("\n");
        for said in ["Larkspur & Söhne", "Nordlicht", digest.as_str()] {
            assert!(about.contains(said), "{paper}.xlsx does not say {said}: {about}");
        }
        let path = at(&format!("{paper}.pdf{as_of}"));
        let (pdf, again) = (admin.bytes(&path).await, admin.bytes(&path).await);
        assert!(pdf.starts_with(b"%PDF-") && pdf == again, "{paper}.pdf is another one each time");
        // What the file says of itself stands in it as it is; what its pages say is tested where they are set.
        let text = String::from_utf8_lossy(&pdf);
        for said in ["Larkspur &amp; Söhne", digest.as_str()] {
            assert!(text.contains(said), "{paper}.pdf does not say {said}");
        }
    }
    for path in
        ["/risks.pdf?as_of=99999999", "/soa.xlsx?as_of=soon", "/heat-map.svg?stage=later", "/risk-trend.svg?x=1"]
    {
        assert_eq!(admin.send(Method::GET, &at(path), None, &[]).await.status, 400, "{path}");
    }
    assert_eq!(admin.send(Method::GET, &at("/soa/issues/9/document.pdf"), None, &[]).await.status, 404);
}

#[tokio::test]
async fn a_workbook_says_what_the_json_says() {
    let system = System::start().await;
    let tenant = audited(&system).await;
    let (admin, at) = (system.as_admin(), |tail: &str| format!("/v1/tenants/{tenant}{tail}"));
    let risks = admin.get(&at("/risks.json")).await.json;
    assert_eq!(risks["tenant"], "Larkspur & Söhne");
    let items = risks["items"].as_array().expect("items");
    let rows = sheet(&admin.bytes(&at("/risks.xlsx")).await, "Risks");
    assert!(items.len() > 30 && rows.len() == items.len() + 1, "{} rows of {}", rows.len(), items.len());
    for (row, item) in rows[1..].iter().zip(items) {
        let told: BTreeMap<&str, &str> =
            rows[0].iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect();
        assert_eq!((Some(told["Ref"]), Some(told["Risk"])), (item["id"].as_str(), item["name"].as_str()));
        assert_eq!(told["Score"], item["current"]["score"].as_i64().map(|score| score.to_string()).unwrap_or_default());
        assert_eq!(told["Level"], item["current"]["level"]["label"].as_str().unwrap_or_default());
    }
    let soa = admin.get(&at("/soa")).await.json;
    let rows = sheet(&admin.bytes(&at("/soa.xlsx")).await, "Controls");
    assert_eq!(rows.len(), 94);
    for (row, said) in rows[1..].iter().zip(soa["rows"].as_array().expect("rows")) {
        assert_eq!((row[0].as_str(), row[6].as_str()), (said["id"].as_str().unwrap_or_default(), "=1+1 #panic() *so*"));
    }
}

#[tokio::test]
async fn the_statement_is_read_by_the_schema_of_oscal() {
    let system = System::start().await;
    let tenant = audited(&system).await;
    let admin = system.as_admin();
    let statement = admin.get(&format!("/v1/tenants/{tenant}/soa.oscal.json")).await;
    let position = &statement.headers["stele-position"];
    let as_of = format!("/v1/tenants/{tenant}/soa.oscal.json?as_of={position}");
    assert_eq!(admin.get(&as_of).await.body, admin.get(&as_of).await.body);
    assert_eq!(checked(&statement.body).await, Ok("Larkspur & Söhne: 93 requirements\n".to_owned()));
    // It does refuse what is wrong.
    let mut wrong: Value = statement.json.clone();
    wrong["component-definition"]["components"][0]["colour"] = json!("blue");
    assert!(checked(&wrong.to_string()).await.is_err_and(|told| told.contains("colour")));
    let empty = admin.get(&format!("/v1/tenants/{tenant}/soa.oscal.json?as_of=0")).await;
    assert_eq!(checked(&empty.body).await, Ok(String::new()), "also before there was a control");
}

async fn checked(document: &str) -> Result<String, String> {
    let mut check = Command::new(root().join(PYTHON));
    check.arg(root().join("tests/system/oscal/check.py"));
    check.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut running = check.spawn().expect("trestle starts: `./dev test` installs it");
    let mut input = running.stdin.take().expect("an input");
    input.write_all(document.as_bytes()).await.expect("written");
    drop(input);
    let done = running.wait_with_output().await.expect("ended");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() { Ok(told(&done.stdout)) } else { Err(told(&done.stderr)) }
}

#[tokio::test]
async fn no_paper_carries_what_is_anothers() {
    let system = System::start().await;
    let (ours, theirs) = (system.tenant("Ours").await, system.tenant("Theirs").await);
    fill(&system, &ours, "ourcanary").await;
    fill(&system, &theirs, "theircanary").await;
    let other = system.as_organisation("Fernhill").await;
    let sam = system.person(&theirs, "sam", &["isms_manager"]).await;
    let at = |tenant: &str, tail: &str| format!("/v1/tenants/{tenant}{tail}");
    for (table, name) in [("/risks.xlsx", "Risks"), ("/treatment-plan.xlsx", "Treatment"), ("/soa.xlsx", "Controls")] {
        let book = sam.bytes(&at(&theirs, table)).await;
        let all = [sheet(&book, name), sheet(&book, "About")].concat().concat().join("\n");
        assert!(all.contains("Theirs") && !all.contains("ourcanary") && !all.contains("Ours"), "{table}: {all}");
        let stranger = sam.send(Method::GET, &at(&ours, table), None, &[]).await;
        assert_eq!(stranger.status, 404, "{table}");
    }
    // Another organisation's logo is neither seen nor put.
    let logo = format!("/v1/organisations/{}/logo", system.organisation);
    for client in [other.as_admin(), sam] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = client.send(method.clone(), &logo, Some(LOGO.to_owned()), &[]).await;
            assert_eq!(answer.status, 404, "{method}: {}", answer.body);
        }
    }
}
