//! Files come in whole or not at all, evidence and documents refer to them, and they go out as they came.

use crate::house::{Answer, House, MOST_BYTES, Tenant};
use crate::views_equal_a_rebuild;
use futures::stream;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use uuid::Uuid;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async fn send(tenant: &Tenant<'_>, query: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let request = tenant.request(Method::POST, &format!("/files?{query}")).body(body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.expect("an answer")).await
}

async fn get(tenant: &Tenant<'_>, path: &str) -> reqwest::Response {
    tenant.request(Method::GET, path).send().await.expect("an answer")
}

/// All that lies in the house's folder.
fn lying(house: &House) -> Vec<PathBuf> {
    let within = |folder: PathBuf| fs::read_dir(folder).expect("read").map(|entry| entry.expect("an entry").path());
    within(house.folder.path().to_owned()).flat_map(within).collect()
}

async fn files(tenant: &Tenant<'_>) -> Value {
    tenant.get("/files").await.json()["items"].clone()
}

#[tokio::test]
async fn a_file_is_received_once_and_shows_what_evidence_says() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let answer = send(&tenant, "name=Pr%C3%BCfung%20%22M%C3%A4rz%22.txt", &[], "abc").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["id"]), (201, &json!(ABC)), "{answer:?}");
    let again = send(&tenant, "name=Pr%C3%BCfung%20%22M%C3%A4rz%22.txt", &[], "abc").await;
    assert_eq!((again.status.as_u16(), &again.json()["changed"]), (200, &json!(false)));
    let facts = tenant.get(&format!("/files/{ABC}")).await.json();
    assert_eq!(
        (&facts["name"], &facts["media_type"]),
        (&json!("Pr\u{fc}fung \"M\u{e4}rz\".txt"), &json!("text/plain"))
    );

    let body = json!({"title": "Restore test", "file": ABC.to_uppercase(), "note": "It worked", "supports": ["A.8.13"],
        "source": "Backup server"});
    let id = tenant.post("/evidence", body).await.json()["id"].as_str().expect("an id").to_owned();
    let shown = tenant.get(&format!("/evidence/{id}")).await.json();
    let file = json!({"sha256": ABC, "name": "Pr\u{fc}fung \"M\u{e4}rz\".txt", "media_type": "text/plain", "bytes": 3});
    assert_eq!((&shown["kind"], &shown["sha256"], &shown["file"]), (&json!("file"), &json!(ABC), &file));
    assert_eq!((&shown["note"], &shown["source"]), (&json!("It worked"), &json!("Backup server")));

    let given = get(&tenant, &format!("/evidence/{id}/file")).await;
    assert_eq!(given.status(), 200);
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-length", "3"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("etag", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
        (
            "content-disposition",
            "attachment; filename=\"Pr_fung _M_rz_.txt\"; filename*=UTF-8''Pr%C3%BCfung%20%22M%C3%A4rz%22.txt",
        ),
    ] {
        assert_eq!(given.headers()[name], value);
    }
    assert_eq!(given.text().await.expect("read"), "abc");

    // Before it was collected there is no such evidence, and a note has no file.
    let before = shown["position"].as_i64().expect("a position") - 3;
    assert_eq!(get(&tenant, &format!("/evidence/{id}/file?as_of={before}")).await.status(), 404);
    let note = json!({"title": "Note", "note": "abc", "supports": ["A.8.13"]});
    let note = tenant.post("/evidence", note).await.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(get(&tenant, &format!("/evidence/{note}/file")).await.status(), 404);
    let listed = tenant.get("/evidence?kind=file&source=Backup%20server").await.json();
    assert_eq!(listed["items"].as_array().expect("items").len(), 1);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn evidence_is_renewed_by_evidence_that_takes_its_place() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let first = json!({"title": "Log", "link": "https://example.org/1", "supports": ["A.8.13", "A.8.14"]});
    let first = tenant.post("/evidence", first).await.json()["id"].clone();
    let renewed = json!({"title": "Log", "note": "2026", "replaces": first, "valid_until": "2999-01-01T00:00:00Z"});
    let renewed = tenant.post("/evidence", renewed).await.json()["id"].clone();
    let show = async |id: &Value| tenant.get(&format!("/evidence/{}", id.as_str().expect("an id"))).await.json();
    let (old, new) = (show(&first).await, show(&renewed).await);
    assert_eq!(
        (&old["replaced_by"], &old["kind"], &old["link"]),
        (&renewed, &json!("link"), &json!("https://example.org/1"))
    );
    assert_eq!((&new["replaces"], &new["supports"]), (&first, &json!(["A.8.13", "A.8.14"])));
    let supports = async |control: &str| tenant.get(&format!("/controls/{control}")).await.json()["evidence"].clone();
    assert_eq!(supports("A.8.14").await, json!([{"id": renewed, "title": "Log"}]));
    // It says itself what it supports: the other control is left without.
    let narrower = json!({"title": "Log", "note": "2027", "replaces": renewed, "supports": ["A.8.13"]});
    let narrower = tenant.post("/evidence", narrower).await.json()["id"].clone();
    assert_eq!(supports("A.8.13").await, json!([{"id": narrower, "title": "Log"}]));
    assert_eq!(supports("A.8.14").await, json!([]));

    let twice = json!({"title": "Log", "note": "2027", "replaces": first});
    let (status, code, _) = tenant.post("/evidence", twice).await.problem();
    assert_eq!((status, code.as_str()), (409, "replaced_before"));
    let unknown = json!({"title": "Log", "note": "2027", "replaces": Uuid::new_v4()});
    let (status, _, detail) = tenant.post("/evidence", unknown).await.problem();
    assert!(status == 400 && detail.starts_with("replaces: there is no evidence"), "{detail}");
    let expiring = tenant.get("/evidence?valid_until_from=2998-01-01&valid_until_before=3000-01-01").await.json();
    assert_eq!((&expiring["items"][0]["id"], &expiring["items"][0]["replaced_by"]), (&renewed, &narrower));
    let expires = async |bound: &str| {
        let listed = tenant.get(&format!("/evidence?{bound}")).await;
        listed.json()["items"].as_array().map(Vec::len).ok_or_else(|| listed.problem().2)
    };
    assert_eq!((expires("replaced=true").await, expires("replaced=false").await), (Ok(2), Ok(1)));
    // An hour before midnight there is midnight here.
    assert_eq!(expires("valid_until_from=2998-12-31T23:00:00-01:00").await, Ok(1));
    assert_eq!(expires("valid_until_from=2998-12-31T23:00:01-01:00").await, Ok(0));
    let refused =
        "valid_until_before: `soon` is neither a day nor an instant: write 2026-03-01 or 2026-03-01T09:30:00Z";
    assert_eq!(expires("valid_until_before=soon").await, Err(refused.to_owned()));
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn a_version_of_a_document_may_be_a_file() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let document = json!({"ref": "P-1", "title": "Policy", "kind": "policy", "approvers": ["mara"]});
    tenant.post("/documents", document).await;
    let (status, _, detail) = tenant.post("/documents/P-1/versions", json!({"file": ABC})).await.problem();
    assert!(status == 400 && detail.starts_with(&format!("file: there is no file {ABC} here: send it to POST /files")));
    send(&tenant, "name=policy.md", &[], "abc").await;
    let both = json!({"file": ABC, "text": "abc"});
    assert_eq!(tenant.post("/documents/P-1/versions", both).await.status, 400);
    let drafted = tenant.post("/documents/P-1/versions", json!({"file": ABC})).await;
    assert_eq!(drafted.status, 200, "{drafted:?}");
    let versions = tenant.get("/documents/P-1/versions").await.json();
    assert_eq!(
        (&versions["items"][0]["sha256"], &versions["items"][0]["file"]["name"]),
        (&json!(ABC), &json!("policy.md"))
    );
    let given = get(&tenant, "/documents/P-1/versions/1/file").await;
    assert_eq!((given.status().as_u16(), given.text().await.expect("read").as_str()), (200, "abc"));
    for missing in ["P-1/versions/2", "P-1/versions/01", "P-1/versions/x", "P-2/versions/1"] {
        assert_eq!(get(&tenant, &format!("/documents/{missing}/file")).await.status(), 404, "{missing}");
    }
    tenant.post("/documents/P-1/approvals", json!({"version": 1})).await;
    let published = json!({"version": 1, "next_review": "2999-01-01"});
    assert_eq!(tenant.put("/documents/P-1/publication", published).await.status, 200);
    views_equal_a_rebuild(&house, &tenant).await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let pdf = [("content-type", "application/pdf")];
    let large = "a".repeat(usize::try_from(MOST_BYTES).expect("small") + 1);
    for (query, headers, body, status, told) in [
        ("", &[][..], "abc", 400, "name: say what the file is called, such as ?name=restore-test.pdf"),
        ("name=..%2Fx.txt", &[], "abc", 400, "name: a name without a path is expected"),
        ("name=x.txt", &[], "", 400, "body: it is empty"),
        ("name=x.exe", &[], "abc", 400, "Content-Type: it cannot be told what `x.exe` is"),
        ("name=x.pdf", &[("content-type", "text/html")], "abc", 400, "Content-Type: `text/html` is not kept here"),
        ("name=x.pdf", &pdf, "abc", 400, "body: it is said to be application/pdf, and its content is text"),
        ("name=x.txt", &[], &large, 413, "the body is larger than 3 MiB, which is the most here"),
        ("name=x.txt&sha256=00", &[], "abc", 400, "sha256: 64 hexadecimal digits are expected"),
        ("name=x.txt&occurred_at=now", &[], "abc", 400, "occurred_at: "),
        (
            "name=x.txt",
            &[("content-digest", "sha-256=x")],
            "abc",
            400,
            "Content-Digest: it is written sha-256=:BASE64:",
        ),
    ] {
        let answer = send(&tenant, query, headers, body.to_owned()).await;
        let (refused, _, detail) = answer.problem();
        assert!(refused == status && detail.starts_with(told), "{query}: {refused} {detail}");
    }
    let other = "0".repeat(64);
    let (status, _, detail) = send(&tenant, &format!("name=x.txt&sha256={other}"), &[], "abc").await.problem();
    assert!(status == 400 && detail.contains(&format!("is {ABC}, and {other} was announced")), "{detail}");
    assert_eq!((files(&tenant).await, lying(&house).len()), (json!([]), 0));

    let right = "sha-512=:AA==:, sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
    assert_eq!(send(&tenant, "name=x.txt", &[("content-digest", right)], "abc").await.status, 201);
    assert_eq!(lying(&house).len(), 1);
}

#[tokio::test]
async fn a_sender_that_goes_away_leaves_nothing_behind() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let half = stream::iter([Ok::<_, std::io::Error>("abc"), Err(std::io::Error::other("the line is cut"))]);
    let request = tenant.request(Method::POST, "/files?name=x.txt").body(Body::wrap_stream(half));
    assert!(request.send().await.is_err());
    assert_eq!((files(&tenant).await, lying(&house).len()), (json!([]), 0));
    // In pieces, and none of them lost.
    let pieces = stream::iter((0..2048).map(|_| Ok::<_, Infallible>("a".repeat(1024))));
    let request = tenant.request(Method::POST, "/files?name=x.txt").body(Body::wrap_stream(pieces));
    let answer = Answer::of(request.send().await.expect("an answer")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(files(&tenant).await[0]["bytes"], 2 << 20);
}

#[tokio::test]
async fn the_same_key_gives_the_first_answer_and_another_file_is_refused() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    let key = [("idempotency-key", "one")];
    let first = send(&tenant, "name=x.txt", &key, "abc").await;
    let again = send(&tenant, "name=x.txt", &key, "abc").await;
    assert_eq!((again.status.as_u16(), again.json()), (201, first.json()));
    let (status, code, _) = send(&tenant, "name=x.txt", &key, "abcd").await.problem();
    assert_eq!((status, code.as_str()), (422, "key_reused"));
    assert_eq!(files(&tenant).await.as_array().expect("items").len(), 1);
}

#[tokio::test]
async fn tenants_share_no_file_and_do_not_hear_of_each_others() {
    let house = House::new().await;
    let (ours, theirs) = (house.tenant().await, house.tenant().await);
    assert_eq!(send(&ours, "name=x.txt", &[], "abc").await.status, 201);
    // As new there as anything: that it is here shows nowhere.
    let body = json!({"title": "Log", "file": ABC, "supports": ["A.8.13"]});
    let (status, _, detail) = theirs.post("/evidence", body.clone()).await.problem();
    assert!(status == 400 && detail.starts_with("file: there is no file"), "{detail}");
    assert_eq!(theirs.get(&format!("/files/{ABC}")).await.status, 404);
    let answer = send(&theirs, "name=y.txt", &[], "abc").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["changed"]), (201, &json!(true)));
    assert_eq!(lying(&house).len(), 2);

    let id = ours.post("/evidence", body).await.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(get(&theirs, &format!("/evidence/{id}/file")).await.status(), 404);
    // Theirs is lost, and ours is not.
    fs::remove_file(house.folder.path().join(theirs.id.to_string()).join(ABC)).expect("removed");
    assert_eq!(get(&ours, &format!("/evidence/{id}/file")).await.status(), 200);
    let mut session = house.store.session(theirs.id).await.expect("a session");
    let seen: i64 =
        sqlx::query_scalar("select count(*) from view_file").fetch_one(session.connection()).await.expect("read");
    assert_eq!(seen, 1);
}

#[tokio::test]
async fn a_file_that_was_altered_is_never_given_as_if_it_were_whole() {
    let house = House::new().await;
    let tenant = house.tenant().await;
    send(&tenant, "name=x.txt", &[], "abc").await;
    let body = json!({"title": "Log", "file": ABC, "supports": ["A.8.13"]});
    let id = tenant.post("/evidence", body).await.json()["id"].as_str().expect("an id").to_owned();
    let path = house.folder.path().join(tenant.id.to_string()).join(ABC);
    fs::write(&path, "abd").expect("altered");
    let cut = async || match tenant.request(Method::GET, &format!("/evidence/{id}/file")).send().await {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(cut().await, "the connection ends before the last byte");
    fs::write(&path, "ab").expect("cut");
    let (status, code, detail) = Answer::of(get(&tenant, &format!("/evidence/{id}/file")).await).await.problem();
    assert_eq!((status, code.as_str()), (500, "damaged_file"), "{detail}");
    // Sending it again mends it.
    assert_eq!(send(&tenant, "name=x.txt", &[], "abc").await.status, 200);
    assert_eq!(get(&tenant, &format!("/evidence/{id}/file")).await.text().await.expect("read"), "abc");
}

#[tokio::test]
async fn without_a_place_no_file_is_taken_or_given() {
    let house = House::without_files().await;
    let tenant = house.tenant().await;
    let (status, code, detail) = send(&tenant, "name=x.txt", &[], "abc").await.problem();
    assert_eq!((status, code.as_str()), (503, "unavailable"));
    assert!(detail.contains("names a place by --files"), "{detail}");
}
