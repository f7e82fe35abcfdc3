//! A policy from its first version to its retirement: who approved it, who knew it when, and which documents are missing.

use crate::house::{House, Tenant};
use crate::{ids, views_equal_a_rebuild};
use access::Term;
use serde_json::{Value, json};

/// A policy that cleo and mara approve, and that mara and sam have to know.
async fn registered(tenant: &Tenant<'_>) {
    let policy = json!({
        "ref": "P-1", "title": "Information security policy", "kind": "policy", "owner": "mara",
        "slot": "information_security_policy", "approvers": ["mara", "cleo"], "audience": ["sam", "mara"],
    });
    let answer = tenant.post("/documents", policy).await;
    assert_eq!((answer.status.as_u16(), answer.json()["id"].as_str()), (201, Some("P-1")), "{answer:?}");
}

async fn draft(tenant: &Tenant<'_>, text: &str) {
    let answer = tenant.post("/documents/P-1/versions", json!({"text": text})).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
}

async fn publish(tenant: &Tenant<'_>, version: u32, next_review: &str) {
    for person in ["mara", "cleo"] {
        let approved = tenant.by(person).post("/documents/P-1/approvals", json!({"version": version})).await;
        assert_eq!(approved.status.as_u16(), 200, "{approved:?}");
    }
    let body = json!({"version": version, "next_review": next_review});
    let published = tenant.put("/documents/P-1/publication", body).await;
    assert_eq!(published.status.as_u16(), 200, "{published:?}");
}

async fn refused(tenant: &Tenant<'_>, method: &str, path: &str, body: Value) -> String {
    let answer = if method == "PUT" { tenant.put(path, body).await } else { tenant.post(path, body).await };
    let (status, code, detail) = answer.problem();
    assert_eq!(status, 409, "{detail}");
    code
}

#[tokio::test]
async fn what_all_approvers_approved_is_published_and_a_newer_version_needs_them_again() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    registered(&tenant).await;
    draft(&tenant, "We protect what is entrusted to us.").await;
    let approvals = "/documents/P-1/approvals";
    assert_eq!(refused(&tenant.by("sam"), "POST", approvals, json!({"version": 1})).await, "not_an_approver");
    tenant.post(approvals, json!({"version": 1})).await;
    let publication = json!({"version": 1, "next_review": "2999-01-01"});
    assert_eq!(refused(&tenant, "PUT", "/documents/P-1/publication", publication).await, "not_approved");
    publish(&tenant, 1, "2999-01-01").await;
    let shown = tenant.get("/documents/P-1").await.json();
    assert_eq!((&shown["state"], &shown["published"], &shown["newest"]), (&json!("published"), &json!(1), &json!(1)));
    assert_eq!((&shown["approved_by"], &shown["review_overdue"]), (&json!(["cleo", "mara"]), &json!(false)));

    draft(&tenant, "We protect what is entrusted to us, in the cloud too.").await;
    let shown = tenant.get("/documents/P-1").await.json();
    assert_eq!(
        (&shown["state"], &shown["published"], &shown["approved_by"]),
        (&json!("published"), &json!(1), &json!([]))
    );
    assert_eq!(refused(&tenant, "POST", approvals, json!({"version": 1})).await, "not_newest");
    let publication = json!({"version": 2, "next_review": "2999-01-01"});
    assert_eq!(refused(&tenant, "PUT", "/documents/P-1/publication", publication).await, "not_approved");
    publish(&tenant, 2, "2999-01-01").await;

    let versions = tenant.get("/documents/P-1/versions").await.json();
    assert_eq!(ids(&versions["items"]), ["P-1/1", "P-1/2"]);
    let first = &versions["items"][0];
    let approvers: Vec<_> = first["approvals"].as_array().expect("some").iter().map(|one| &one["approver"]).collect();
    assert_eq!(
        (&first["text"], approvers),
        (&json!("We protect what is entrusted to us."), vec![&json!("mara"), &json!("cleo")])
    );
    assert_eq!(first["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(ids(&tenant.get("/documents/P-1/versions?number=2").await.json()["items"]), ["P-1/2"]);
    assert_eq!(tenant.get("/documents/P-2/versions").await.status.as_u16(), 404);
    for query in
        ["state=published", "kind=policy", "owner=mara", "slot=information_security_policy", "sort=-next_review"]
    {
        assert_eq!(ids(&tenant.get(&format!("/documents?{query}")).await.json()["items"]), ["P-1"], "{query}");
    }
    let history = tenant.get("/documents/P-1/history").await.json();
    let types: Vec<_> = history["items"].as_array().expect("items").iter().map(|item| &item["type"]).collect();
    let one = ["document.drafted", "document.approved", "document.approved", "document.published"];
    assert_eq!(types, [&["document.registered"][..], &one, &one].concat());
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn who_knew_which_version_is_told_as_of_then() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    registered(&tenant).await;
    draft(&tenant, "First").await;
    let path = "/documents/P-1/acknowledgements";
    assert_eq!(refused(&tenant, "POST", path, json!({"version": 1})).await, "not_published");
    publish(&tenant, 1, "2999-01-01").await;
    assert_eq!(tenant.get(path).await.json()["missing"], json!(["mara", "sam"]));
    let known = tenant.by("sam").post(path, json!({"version": 1})).await.json();
    assert_eq!((&known["id"], &known["changed"]), (&json!("P-1/sam"), &json!(true)));
    assert_eq!(tenant.by("sam").post(path, json!({"version": 1})).await.json()["changed"], false);
    assert_eq!(tenant.get(path).await.json()["missing"], json!(["mara"]));

    draft(&tenant, "Second").await;
    publish(&tenant, 2, "2999-01-01").await;
    let told = tenant.get(path).await.json();
    assert_eq!((&told["missing"], &told["published"]), (&json!(["mara", "sam"]), &json!(2)));
    assert_eq!((ids(&told["items"]), &told["items"][0]["knows"]), (vec!["P-1/sam"], &json!(1)));
    assert_eq!(refused(&tenant, "POST", path, json!({"version": 1})).await, "not_published_version");
    for person in ["sam", "mara"] {
        tenant.by(person).post(path, json!({"version": 2})).await;
    }
    let told = tenant.get(path).await.json();
    assert_eq!((&told["missing"], ids(&told["items"])), (&json!([]), vec!["P-1/mara", "P-1/sam"]));
    let then = tenant.get(&format!("{path}?as_of={}", known["position"])).await.json();
    let knew = (&then["items"][0]["knows"], &then["items"][0]["person"], &then["missing"]);
    assert_eq!(knew, (&json!(1), &json!("sam"), &json!(["mara"])));
    assert_eq!(ids(&tenant.get(&format!("{path}?person=sam&sort=-knows")).await.json()["items"]), ["P-1/sam"]);
    assert_eq!(tenant.get("/documents/P-2/acknowledgements").await.status.as_u16(), 404);
    assert_eq!(tenant.post("/documents/P-2/acknowledgements", json!({"version": 1})).await.status.as_u16(), 404);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn whoever_has_a_role_is_of_the_audience_as_long_as_they_have_it() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let (contributor, viewer) = (("contributor", Term::ALWAYS), ("viewer", Term::ALWAYS));
    let later = Term { from: Some("2999-01-01T00:00:00Z".parse().expect("an instant")), ..Term::ALWAYS };
    tenant.assign("olga", &[contributor]).await;
    tenant.assign("vera", &[viewer]).await;
    tenant.assign("otto", &[("contributor", later), viewer]).await;
    let policy = json!({"ref": "P-1", "title": "Policy", "kind": "policy", "approvers": ["mara", "cleo"],
        "audience": ["sam"], "audience_roles": ["contributor", "contributor"]});
    assert_eq!(tenant.post("/documents", policy.clone()).await.status.as_u16(), 201);
    assert_eq!(tenant.get("/documents/P-1").await.json()["audience_roles"], json!(["contributor"]));
    draft(&tenant, "First").await;
    publish(&tenant, 1, "2999-01-01").await;
    let path = "/documents/P-1/acknowledgements";
    let missing = async |query: &str| tenant.get(&format!("{path}{query}")).await.json()["missing"].clone();
    assert_eq!(missing("").await, json!(["olga", "sam"]));

    let known = tenant.by("olga").post(path, json!({"version": 1})).await.json();
    tenant.assign("olga", &[]).await;
    tenant.assign("vera", &[contributor]).await;
    assert_eq!(missing("").await, json!(["sam", "vera"]));
    let before = known["position"].as_i64().expect("a position") - 1;
    assert_eq!(missing(&format!("?as_of={before}")).await, json!(["olga", "sam"]));

    let course = json!({"ref": "K-1", "title": "Course", "kind": "awareness", "criterion": "Its test", "roles": ["contributor"]});
    assert_eq!(tenant.post("/competences", course).await.status.as_u16(), 201);
    assert_eq!(tenant.get("/competences/K-1/people").await.json()["gap"], json!(["vera"]));
    let stranger = json!({"title": "Policy", "kind": "policy", "audience_roles": ["viewer", "emperor"]});
    let (status, _, detail) = tenant.put("/documents/P-1", stranger).await.problem();
    assert!(status == 400 && detail.starts_with("audience_roles: `emperor` is no role here"), "{detail}");
    views_equal_a_rebuild(&house, &tenant).await;
}

/// Reading goes on after a review is due; only what it shows is another.
#[tokio::test]
async fn a_review_that_is_due_is_told_by_the_day_of_what_is_read() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    registered(&tenant).await;
    draft(&tenant, "First").await;
    let review = |next: &str| json!({"version": 1, "reviewed_on": "2026-01-01", "result": "fit", "next_review": next});
    assert_eq!(refused(&tenant, "POST", "/documents/P-1/reviews", review("2999-01-01")).await, "not_published");
    publish(&tenant, 1, "2998-01-01").await;
    let answer = tenant.post("/documents/P-1/reviews", review("2999-01-01")).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let shown = tenant.get("/documents/P-1").await.json();
    assert_eq!((&shown["next_review"], &shown["last_review"]["result"]), (&json!("2999-01-01"), &json!("fit")));
    for (body, field) in [(review("2020-01-01"), "next_review"), (review("soon"), "next_review")] {
        let (status, _, detail) = tenant.post("/documents/P-1/reviews", body).await.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{detail}");
    }
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn each_mandatory_document_has_its_slot_and_the_missing_ones_are_named() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let all = tenant.get("/mandatory-documents").await.json();
    assert_eq!((all["items"].as_array().map(Vec::len), all["missing"].as_array().map(Vec::len)), (Some(18), Some(18)));
    registered(&tenant).await;
    let state = async |slot: &str| {
        let all = tenant.get("/mandatory-documents").await.json();
        let item =
            all["items"].as_array().expect("items").iter().find(|item| item["slot"] == slot).expect("it").clone();
        let is_missing = all["missing"].as_array().expect("some").contains(&json!(slot));
        (item["state"].as_str().expect("a state").to_owned(), is_missing, item["clause"].clone())
    };
    assert_eq!(state("information_security_policy").await, ("draft".to_owned(), true, json!("5.2")));
    draft(&tenant, "First").await;
    publish(&tenant, 1, "2999-01-01").await;
    assert_eq!(state("information_security_policy").await, ("published".to_owned(), false, json!("5.2")));

    // The statement is made here: issuing it is what counts.
    assert_eq!(state("statement_of_applicability").await, ("missing".to_owned(), true, json!("6.1.3")));
    let decided = json!({"applicable": true, "basis": "law", "justification": "We must"});
    tenant.post("/controls", json!({"filter": {}, "applicability": decided, "reason": "x"})).await;
    let digest = tenant.get("/soa").await.json()["digest"].clone();
    tenant.post("/soa/approvals", json!({"digest": digest})).await;
    let issued = tenant.post("/soa/issues", json!({})).await.json();
    assert_eq!(state("statement_of_applicability").await, ("published".to_owned(), false, json!("6.1.3")));

    tenant.put("/documents/P-1/retirement", json!({"reason": "replaced"})).await;
    assert_eq!(state("information_security_policy").await, ("missing".to_owned(), true, json!("5.2")));
    assert_eq!(refused(&tenant, "POST", "/documents/P-1/versions", json!({"text": "Second"})).await, "retired");
    let then = tenant.get(&format!("/mandatory-documents?as_of={}", issued["position"])).await.json();
    assert_eq!(then["missing"].as_array().map(Vec::len), Some(16));
}

#[tokio::test]
async fn bad_input_about_a_document_names_its_field() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    registered(&tenant).await;
    for (method, path, body, field) in [
        ("POST", "/documents", json!({"ref": 2, "title": "x", "kind": "policy"}), "ref"),
        ("POST", "/documents", json!({"ref": "P 2", "title": "x", "kind": "policy"}), "ref"),
        ("POST", "/documents", json!({"ref": "P-2", "title": "x", "kind": "poem"}), "kind"),
        ("POST", "/documents", json!({"ref": "P-2", "title": " ", "kind": "policy"}), "title"),
        ("POST", "/documents", json!({"ref": "P-2", "title": "x", "kind": "policy", "slot": "diary"}), "slot"),
        (
            "POST",
            "/documents",
            json!({"ref": "P-2", "title": "x", "kind": "policy", "approvers": ["Mara"]}),
            "approvers",
        ),
        ("PUT", "/documents/P-1", json!({"ref": "P-1", "title": "x", "kind": "policy"}), "ref"),
        ("POST", "/documents/P-1/versions", json!({}), "text"),
        ("POST", "/documents/P-1/versions", json!({"text": "x", "link": "https://example.org"}), "text"),
        ("POST", "/documents/P-1/versions", json!({"link": "file.pdf"}), "link"),
        ("POST", "/documents/P-1/versions", json!({"link": "https://example.org", "sha256": "x"}), "sha256"),
        ("PUT", "/documents/P-1/publication", json!({"version": 1, "next_review": "2020-01-01"}), "next_review"),
        ("PUT", "/documents/P-1/retirement", json!({}), "reason"),
    ] {
        let answer = if method == "PUT" { tenant.put(path, body).await } else { tenant.post(path, body).await };
        let (status, _, detail) = answer.problem();
        assert!(status == 400 && detail.starts_with(&format!("{field}: ")), "{path} {status} {detail}");
    }
    let taken = json!({"ref": "P-1", "title": "Another", "kind": "policy"});
    assert_eq!(refused(&tenant, "POST", "/documents", taken).await, "taken");
    for path in ["/documents/P-2", "/documents/P-2/history"] {
        assert_eq!(tenant.get(path).await.status.as_u16(), 404, "{path}");
    }
    assert_eq!(tenant.put("/documents/P-2", json!({"title": "x", "kind": "policy"})).await.status.as_u16(), 404);
}
