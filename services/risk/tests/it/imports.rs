use crate::tenant::{Fixture, cx};
use eventstore::{CommandKey, Cx, TenantId};
use risk::{Assets, RegisteredAsset, RegisteredRisk, Risks};
use serde_json::json;
use service::upload::{Counts, Imported, record, rehearse};
use service::{Problem, Progress, Sent, Upload};
use std::sync::Arc;
use views::{Listing, View, list};

const ASSETS: &str = include_str!("../../../../examples/assets.csv");
const RISKS: &str = include_str!("../../../../examples/risks.csv");
const MISTAKEN: &str = include_str!("../../../../examples/risks-with-errors.csv");

async fn upload<U: Upload>(fixture: &Fixture, register: U, file: &str) -> Result<Imported, Problem> {
    upload_as(fixture, cx(fixture.tenant), register, file).await
}

async fn upload_as<U: Upload>(fixture: &Fixture, cx: Cx, register: U, file: &str) -> Result<Imported, Problem> {
    record(&fixture.store, cx, Arc::new(register), sent(file.as_bytes()), &Progress::default()).await
}

async fn rehearsed(fixture: &Fixture, file: &[u8]) -> Imported {
    let unheard = Progress::default();
    rehearse(&fixture.store, cx(fixture.tenant), Arc::new(Risks), sent(file), &unheard).await.expect("told")
}

fn sent(file: &[u8]) -> Sent {
    Sent { file: file.to_vec().into(), ..Sent::default() }
}

async fn with_assets() -> Fixture {
    let fixture = Fixture::new().await;
    upload(&fixture, Assets, ASSETS).await.expect("imported");
    fixture
}

fn counts(rows: usize, [created, changed, unchanged]: [usize; 3]) -> Counts {
    Counts { rows, created, changed, unchanged, ignored_columns: vec![] }
}

async fn keys<V: View>(fixture: &Fixture, tenant: TenantId, position: i64) -> Vec<String> {
    let mut session = fixture.store.session(tenant).await.expect("a session");
    let all = Listing { filters: vec![], sort: V::ORDER, descending: false, after: None, limit: 1000 };
    let page = list::<V>(&mut session, position, &all).await.expect("read");
    page.rows.into_iter().map(|row| row.key).collect()
}

#[tokio::test]
async fn the_examples_are_imported_once() {
    let fixture = Fixture::new().await;
    let before = fixture.head().await;
    let assets = upload(&fixture, Assets, ASSETS).await.expect("imported");
    let risks = upload(&fixture, Risks, RISKS).await.expect("imported");
    assert_eq!((assets.counts, risks.counts), (counts(26, [26, 0, 0]), counts(48, [48, 0, 0])));

    let after = fixture.head().await;
    assert_eq!(risks.position, after);
    let again = upload(&fixture, Assets, ASSETS).await.expect("imported");
    assert_eq!((again.counts, again.position), (counts(26, [0, 0, 26]), after));
    let again = upload(&fixture, Risks, RISKS).await.expect("imported");
    assert_eq!((again.counts, again.position), (counts(48, [0, 0, 48]), after));

    let natural: Vec<String> = (1..=48).map(|n| format!("R-{n}")).collect();
    assert_eq!(keys::<RegisteredRisk>(&fixture, fixture.tenant, after).await, natural);
    assert_eq!(keys::<RegisteredAsset>(&fixture, fixture.tenant, after).await.len(), 26);
    assert_eq!(keys::<RegisteredAsset>(&fixture, fixture.tenant, before).await.len(), 0);
    assert_eq!(keys::<RegisteredRisk>(&fixture, fixture.tenant, assets.position).await.len(), 0);
    fixture.views_are_true().await;
}

#[tokio::test]
async fn a_row_arrives_whole_with_a_reason() {
    let fixture = with_assets().await;
    upload(&fixture, Risks, RISKS).await.expect("imported");
    let shown = serde_json::to_value(fixture.risk("R-1").await).expect("json");
    assert_eq!(shown["treatment"]["controls"], json!(["A.8.9", "A.8.12", "A.8.16"]));
    assert_eq!(shown["treatment"]["reason"], "as imported");
    assert_eq!((&shown["level"], &shown["score"], &shown["residual_level"]), (&json!(2), &json!(15), &json!(1)));
    assert_eq!(shown["existing_controls"], json!(["A.5.23", "A.8.3"]));
    let undecided = serde_json::to_value(fixture.risk("R-7").await).expect("json");
    assert_eq!((&undecided["state"], undecided.get("treatment")), (&json!("assessed"), None));
}

#[tokio::test]
async fn a_rehearsal_tells_all_and_records_nothing() {
    let fixture = with_assets().await;
    let before = fixture.head().await;
    let told = rehearsed(&fixture, MISTAKEN.as_bytes()).await;
    assert_eq!((told.dry_run, told.errors.len(), told.counts), (true, 6, counts(8, [2, 0, 0])));
    let told = rehearsed(&fixture, RISKS.as_bytes()).await;
    assert_eq!((told.errors.len(), told.counts, told.position), (0, counts(48, [48, 0, 0]), before));
    let told = rehearsed(&fixture, b"caf\xe9").await;
    assert_eq!((told.errors.len(), told.counts.rows), (1, 0));
    assert_eq!(fixture.head().await, before);
}

#[tokio::test]
async fn one_bad_row_and_nothing_is_recorded() {
    let fixture = with_assets().await;
    let before = fixture.head().await;
    let problem = upload(&fixture, Risks, MISTAKEN).await.expect_err("refused");
    assert_eq!((problem.status(), problem.to_string().as_str()), (400, "6 fields are wrong: see errors"));
    let rule = "ref_id,name,treatment\nR-1,a,\nR-2,b,accept\n";
    let problem = upload(&fixture, Risks, rule).await.expect_err("refused");
    assert!(problem.to_string().starts_with("treatment: a risk is assessed before"), "{problem}");
    assert_eq!(fixture.head().await, before);
}

#[tokio::test]
async fn an_excluded_control_treats_nothing() {
    let fixture = with_assets().await;
    fixture.control("A.8.13", "control.excluded", json!({"justification": "no backups"})).await;
    let file = "ref_id,name,current_proba,current_impact,treatment,additional_controls\nR-1,a,3,3,mitigate,A.8.13\n";
    let problem = upload(&fixture, Risks, file).await.expect_err("refused");
    assert!(problem.to_string().starts_with("additional_controls: A.8.13 is excluded"), "{problem}");
    fixture.control("A.8.13", "control.included", json!({"basis": "law", "justification": "it is"})).await;
    upload(&fixture, Risks, file).await.expect("imported");
    fixture.views_are_true().await;
}

#[tokio::test]
async fn another_tenant_sees_nothing_and_needs_its_own_assets() {
    let fixture = with_assets().await;
    let end = upload(&fixture, Risks, RISKS).await.expect("imported").position;
    let other = TenantId::random();
    assert_eq!(keys::<RegisteredRisk>(&fixture, other, end).await.len(), 0);
    let early = upload_as(&fixture, cx(other), Risks, RISKS).await.expect_err("refused");
    assert_eq!(early.status(), 503, "{early}");
    fixture.begin(other).await;
    let strange = upload_as(&fixture, cx(other), Risks, RISKS).await.expect_err("refused");
    assert!(strange.to_string().ends_with("fields are wrong: see errors"), "{strange}");
}

#[tokio::test]
async fn a_repeated_upload_gets_the_first_answer() {
    let fixture = with_assets().await;
    let key = CommandKey { id: "once".to_owned(), request_digest: vec![1] };
    let keyed = Cx { command: Some(key), ..cx(fixture.tenant) };
    let first = upload_as(&fixture, keyed.clone(), Risks, RISKS).await.expect("imported");
    let again = upload_as(&fixture, keyed, Risks, RISKS).await.expect("imported");
    assert_eq!((first.counts, first.position), (again.counts, again.position));
}
