//! Wrong input gets a sentence that names the field and the remedy; nothing is half done, and nothing is a 500.

use crate::system::{Answer, Client, System, example};
use reqwest::Method;
use serde_json::{Value, json};

struct Bench {
    admin: Client,
    tenant: String,
}

impl Bench {
    fn at(&self, tail: &str) -> String {
        format!("/v1/tenants/{}{tail}", self.tenant)
    }

    async fn send(&self, method: Method, tail: &str, body: &str) -> Answer {
        self.admin.send(method, &self.at(tail), Some(body.to_owned()), &[]).await
    }

    /// Everything that was recorded, over all services that can be written to.
    async fn recorded(&self) -> Vec<i64> {
        let mut positions = Vec::new();
        for path in ["/risks", "/controls", "/notifications", ""] {
            positions.push(self.admin.get(&self.at(path)).await.json["position"].as_i64().expect("a position"));
        }
        positions
    }
}

async fn bench(system: &System) -> Bench {
    let tenant = system.tenant("Larkspur").await;
    let bench = Bench { admin: system.as_admin(), tenant };
    let assets = bench.admin.upload(&bench.at("/imports/assets"), example("assets.csv")).await;
    assert_eq!(assets.status, 200, "{}", assets.body);
    let risks = bench.admin.upload(&bench.at("/imports/risks"), example("risks.csv")).await;
    assert_eq!(risks.status, 200, "{}", risks.body);
    bench
}

#[tokio::test]
async fn each_mistake_in_a_command_names_its_field() {
    let system = System::start().await;
    let bench = bench(&system).await;
    // What the imports set off arrives first.
    crate::system::until("the links", async || {
        bench.admin.get(&bench.at("/controls/A.8.9")).await.json["required_by"]
            .as_array()
            .is_some_and(|risks| !risks.is_empty())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let before = bench.recorded().await;

    let assess = "/risks/R-7/assessments";
    for (method, path, body, field) in [
        (Method::POST, assess, "{\"stage\": ", "body"),
        (Method::POST, assess, "[1, 2]", "body"),
        (Method::POST, assess, "\u{fffd}", "body"),
        (Method::POST, assess, "{}", "stage"),
        (Method::POST, assess, r#"{"stage": "current", "likelihood": 4}"#, "impact"),
        (Method::POST, assess, r#"{"stage": "now", "likelihood": 4, "impact": 4}"#, "stage"),
        (Method::POST, assess, r#"{"stage": "current", "likelihood": "Likly", "impact": 4}"#, "likelihood"),
        (Method::POST, assess, r#"{"stage": "current", "likelihood": 4, "impact": 9}"#, "impact"),
        (Method::POST, assess, r#"{"stage": "current", "likelihood": -1, "impact": 4}"#, "likelihood"),
        (Method::POST, assess, r#"{"stage": "current", "likelihood": 4, "impact": 4, "impct": 4}"#, "impct"),
        (Method::POST, assess, r#"{"stage": "current", "likelihood": 4, "impact": 4, "reason": 7}"#, "reason"),
        (
            Method::POST,
            assess,
            r#"{"stage": "current", "likelihood": 4, "impact": 4, "occurred_at": "2999-01-01T00:00:00Z"}"#,
            "occurred_at",
        ),
        (
            Method::POST,
            assess,
            r#"{"stage": "current", "likelihood": 4, "impact": 4, "rationale": "a\u0000b"}"#,
            "rationale",
        ),
        (Method::POST, "/risks", r#"{"ref": "R 1", "name": "x"}"#, "ref"),
        (Method::POST, "/risks", r#"{"ref": "R-100", "name": "  "}"#, "name"),
        (Method::POST, "/risks", r#"{"ref": "R-100", "name": "x", "assets": ["A-99"]}"#, "assets"),
        (Method::PUT, "/risks/R-7/treatment", r#"{"option": "mitigate", "controls": ["A.8.13"]}"#, "reason"),
        (
            Method::PUT,
            "/risks/R-7/treatment",
            r#"{"option": "mitigate", "controls": ["A.12.6.1"], "reason": "x"}"#,
            "controls",
        ),
        (Method::PUT, "/risks/R-7/treatment", r#"{"option": "ignore", "controls": [], "reason": "x"}"#, "option"),
        (Method::PUT, "/controls/A.8.13/implementation", r#"{"state": "done"}"#, "state"),
        (
            Method::PUT,
            "/controls/A.5.7/applicability",
            r#"{"applicable": false, "justification": " "}"#,
            "justification",
        ),
        (Method::POST, "/evidence", r#"{"title": "x", "note": "y", "supports": ["A.9.9"]}"#, "supports"),
        (Method::PUT, "/people/mara", r#"{"roles": ["emperor"]}"#, "roles"),
        (
            Method::PUT,
            "/people/mara",
            r#"{"roles": ["viewer"], "terms": {"viewer": {"until": "x"}}}"#,
            "terms.viewer.until",
        ),
        (Method::PUT, "/roles/keeper", r#"{"actions": ["read", "rule"]}"#, "actions[1]"),
        (Method::PUT, "/roles/keeper", r#"{"actions": ["write_controls"]}"#, "actions"),
        (Method::PUT, "/roles/viewer", r#"{"actions": ["read"]}"#, "id"),
        (Method::PUT, "/contacts/mara", r#"{"email": "not an address"}"#, "email"),
    ] {
        let answer = bench.send(method, path, body).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json["errors"][0]["field"], field, "{path} {body}: {}", answer.body);
        assert!(answer.json["errors"][0]["detail"].as_str().is_some_and(|detail| detail.len() > 8), "{}", answer.body);
    }
    assert_eq!(bench.recorded().await, before, "something was recorded");
}

#[tokio::test]
async fn each_mistake_in_an_address_is_named() {
    let system = System::start().await;
    let bench = bench(&system).await;
    for (path, parameter) in [
        ("/risks?as_of=yesterday", "as_of"),
        ("/risks?as_of=99999999", "as_of"),
        ("/risks?as_of=2999-01-01T00:00:00Z", "as_of"),
        ("/risks?limit=0", "limit"),
        ("/risks?limit=many", "limit"),
        ("/risks?cursor=abc", "cursor"),
        ("/risks?sort=colour", "sort"),
        ("/risks?colour=red", "colour"),
        ("/risks?level=high", "level"),
        ("/trail?from=then", "from"),
    ] {
        let answer = bench.send(Method::GET, path, "").await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert_eq!(answer.json["errors"][0]["field"], parameter, "{path}: {}", answer.body);
    }
    for (method, path, body) in [
        (Method::GET, "/risks/R-999", ""),
        (Method::GET, "/risks/R-999/history", ""),
        (Method::GET, "/risks/%00", ""),
        (Method::GET, "/risks/%ff", ""),
        (Method::GET, "/controls/A.9.9", ""),
        (Method::GET, "/risks/R-1/nothing-of-the-kind", ""),
        (Method::POST, "/risks/R-999/assessments", r#"{"stage": "current", "likelihood": 4, "impact": 4}"#),
        (Method::PUT, "/controls/A.9.9/owner", r#"{"owner": "mara"}"#),
        (Method::POST, "/notifications/00000000-0000-0000-0000-000000000000/read", "{}"),
    ] {
        let answer = bench.send(method, path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0.as_str()),
            (404, "not_found"),
            "{path}: {}",
            answer.body
        );
    }
    let refused = bench.send(Method::DELETE, "/risks/R-7", "").await;
    assert_eq!(refused.status, 405, "{}", refused.body);
}

/// Every list that can be sorted, by every field that it offers, both ways.
#[tokio::test]
async fn every_list_can_be_sorted_by_what_it_offers() {
    let system = System::start().await;
    let bench = bench(&system).await;
    bench.admin.post(&bench.at("/evidence"), json!({"title": "x", "note": "y", "supports": ["A.8.13"]})).await;
    bench.admin.post(&bench.at("/documents"), json!({"ref": "P-1", "title": "x", "kind": "policy"})).await;
    let competence = json!({"ref": "K-1", "title": "x", "kind": "awareness", "criterion": "y"});
    bench.admin.post(&bench.at("/competences"), competence).await;
    let (_, text) = system.processes[0].get("/openapi.json").await.expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut sorted = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> =
            parameters.iter().filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str()).collect();
        if !names.contains(&"sort") {
            continue;
        }
        let place = path.replace("{tenant}", &bench.tenant).replace("{organisation}", &system.organisation);
        let place = place.replace("documents/{id}", "documents/P-1").replace("competences/{id}", "competences/K-1");
        // What only bounds a range of another field is no order.
        let bounds = |name: &str| {
            let of = ["_from", "_before", "_below"].iter().find_map(|end| name.strip_suffix(end));
            of.is_some_and(|of| names.contains(&of))
        };
        let is_order = |name: &&&str| !["as_of", "limit", "cursor", "q", "sort"].contains(name) && !bounds(name);
        if names.contains(&"q") {
            let found = bench.admin.get(&format!("{place}?q=nobody+wrote+this")).await;
            assert_eq!(found.json["items"], json!([]), "{place}");
        }
        for name in names.iter().filter(is_order) {
            for direction in ["", "-"] {
                let query = format!("{place}?sort={direction}{name}&limit=2");
                let first = bench.admin.get(&query).await;
                if let Some(next) = first.json["next"].as_str() {
                    bench.admin.get(&format!("{query}&cursor={next}")).await;
                }
                sorted += 1;
            }
        }
    }
    assert!(sorted > 20, "only {sorted} orders were tried");
}

#[tokio::test]
async fn rules_are_answered_by_their_code() {
    let system = System::start().await;
    let bench = bench(&system).await;
    let again = bench.send(Method::POST, "/risks", r#"{"ref": "R-7", "name": "x"}"#).await;
    assert_eq!(again.status, 409, "{}", again.body);
    bench.admin.post(&bench.at("/risks"), json!({"ref": "R-100", "name": "New"})).await;
    let early = json!({"option": "mitigate", "controls": ["A.8.13"], "reason": "x"}).to_string();
    let early = bench.send(Method::PUT, "/risks/R-100/treatment", &early).await;
    assert_eq!((early.status.as_u16(), early.problem().0.as_str()), (409, "not_assessed"), "{}", early.body);

    crate::system::until("the link", async || {
        bench.admin.get(&bench.at("/controls/A.8.9")).await.json["required_by"]
            .as_array()
            .is_some_and(|risks| !risks.is_empty())
    })
    .await;
    let excluded = bench
        .send(Method::PUT, "/controls/A.8.9/applicability", r#"{"applicable": false, "justification": "no"}"#)
        .await;
    assert_eq!((excluded.status.as_u16(), excluded.problem().0.as_str()), (409, "relied_on"), "{}", excluded.body);
    assert!(excluded.problem().1.contains("R-1"), "{}", excluded.body);
}

/// What a reference or one of several schemas says, too.
fn schemas<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let named = schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
    let several = ["allOf", "oneOf", "anyOf"].iter().filter_map(|several| schema[several].as_array()).flatten();
    let inner = named.into_iter().chain(several).flat_map(|inner| schemas(document, inner));
    [schema].into_iter().chain(inner).collect()
}

/// Where an item says one of a few words, a list is asked for no other.
#[tokio::test]
async fn a_filter_that_no_item_could_match_is_refused() {
    let system = System::start().await;
    let bench = bench(&system).await;
    let (_, text) = system.processes[0].get("/openapi.json").await.expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let answer = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let answers = schemas(&document, answer);
        let items: Vec<&Value> =
            answers.iter().flat_map(|answer| schemas(&document, &answer["properties"]["items"]["items"])).collect();
        let place = path.replace("{tenant}", &bench.tenant).replace("{organisation}", &system.organisation);
        for parameter in parameters.iter().filter(|one| one["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            let said = items.iter().map(|item| &item["properties"][name]);
            let has_words = said.flat_map(|said| schemas(&document, said)).any(|schema| schema["enum"].is_array());
            let Some(words) = parameter["schema"]["enum"].as_array() else {
                assert!(!has_words, "{path} takes any text for `{name}`, which is one of a few words");
                continue;
            };
            if place.contains('{') {
                continue;
            }
            for word in words.iter().filter_map(Value::as_str) {
                bench.admin.get(&format!("{place}?{name}={word}")).await;
            }
            let refused = bench.admin.send(Method::GET, &format!("{place}?{name}=opn"), None, &[]).await;
            assert_eq!(refused.status, 400, "{place}: {}", refused.body);
            assert_eq!(refused.json["errors"][0]["field"], name, "{place}: {}", refused.body);
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} filters have words");
    let states = document["paths"]["/v1/tenants/{tenant}/risks"]["get"]["parameters"].as_array().expect("parameters");
    let state = states.iter().find(|one| one["name"] == "state").expect("a state");
    assert!(state["schema"]["enum"].as_array().is_some_and(|words| words.contains(&json!("in_treatment"))), "{state}");
}

/// An upload of many objects has no version, and says so before anything is done.
#[tokio::test]
async fn no_version_is_expected_of_many() {
    let system = System::start().await;
    let bench = bench(&system).await;
    for (path, body) in [
        ("/imports/risks", example("risks.csv")),
        ("/risks/changes", json!({"risks": ["R-7"], "owner": "mara", "reason": "x"}).to_string()),
        ("/controls", json!({"controls": ["A.8.9"], "owner": "mara", "reason": "x"}).to_string()),
    ] {
        let refused =
            bench.admin.send(Method::POST, &bench.at(path), Some(body.clone()), &[("if-match", "\"1\"")]).await;
        assert_eq!((refused.status.as_u16(), &refused.json["errors"][0]["field"]), (400, &json!("If-Match")), "{path}");
    }
}

#[tokio::test]
async fn a_stale_etag_is_refused_and_a_key_gives_its_first_answer_again() {
    let system = System::start().await;
    let bench = bench(&system).await;
    let path = bench.at("/risks/R-7/owner");
    let read = bench.admin.get(&bench.at("/risks/R-7")).await;
    let etag = read.headers["etag"].clone();
    let put = |owner: &str, headers: Vec<(&'static str, String)>| {
        let (body, path) = (json!({"owner": owner}).to_string(), path.clone());
        let admin = bench.admin.clone();
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            admin.send(Method::PUT, &path, Some(body), &headers).await
        }
    };
    let first = put("mara", vec![("if-match", etag.clone()), ("idempotency-key", "k1".to_owned())]).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let stale = put("jo", vec![("if-match", etag)]).await;
    assert_eq!((stale.status.as_u16(), stale.problem().0.as_str()), (412, "stale"), "{}", stale.body);
    let fresh = put("jo", vec![("if-match", first.headers["etag"].clone())]).await;
    assert_eq!(fresh.status, 200, "{}", fresh.body);

    let key = || vec![("idempotency-key", "k1".to_owned())];
    let repeated = put("mara", key()).await;
    assert_eq!((repeated.status.as_u16(), &repeated.json), (200, &first.json));
    assert_eq!(repeated.headers["idempotency-replayed"], "true");
    let reused = put("eve", key()).await;
    assert_eq!((reused.status.as_u16(), reused.problem().0.as_str()), (422, "key_reused"), "{}", reused.body);
    assert_eq!(bench.admin.get(&bench.at("/risks/R-7")).await.json["owner"], "jo");
    let broken = put("mara", vec![("if-match", "three".to_owned())]).await;
    assert_eq!(broken.json["errors"][0]["field"], "If-Match", "{}", broken.body);
}

#[tokio::test]
async fn fifty_megabytes_are_refused_with_a_sentence() {
    let system = System::start().await;
    let bench = bench(&system).await;
    for path in ["/imports/risks", "/risks"] {
        let answer = bench.send(Method::POST, path, &"x".repeat(50 * 1024 * 1024)).await;
        assert_eq!(answer.status, 413, "{}", answer.body);
        assert_eq!(answer.problem().0, "too_large");
    }
}

#[tokio::test]
async fn an_upload_tells_every_wrong_cell_and_records_all_or_nothing() {
    let system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let early = admin.upload(&at("/imports/risks"), example("risks.csv")).await;
    assert_eq!(early.status, 400, "{}", early.body);
    assert_eq!(early.json["errors"][0]["field"], "assets");
    admin.upload(&at("/imports/assets"), example("assets.csv")).await;

    let dry = admin.upload(&at("/imports/risks?dry_run=true"), example("risks-with-errors.csv")).await;
    assert_eq!(dry.status, 200, "{}", dry.body);
    let errors = dry.json["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 6, "{errors:#?}");
    assert!(errors.iter().all(|error| error["row"].as_u64().is_some_and(|row| row > 1)), "{errors:#?}");
    let real = admin.upload(&at("/imports/risks"), example("risks-with-errors.csv")).await;
    assert_eq!(real.status, 400, "{}", real.body);
    assert_eq!(real.json["errors"], dry.json["errors"]);
    assert_eq!(admin.get(&at("/risks")).await.json["items"], json!([]));

    for (file, field) in [("", "ref_id"), ("name\nx\n", "ref_id"), ("\u{0}", "body"), ("ref_id,name\nR-1,\"x", "body")]
    {
        let answer = admin.upload(&at("/imports/risks"), file.to_owned()).await;
        assert_eq!(answer.status, 400, "{file:?}: {}", answer.body);
        assert!(!answer.problem().1.is_empty(), "{field} {}", answer.body);
    }
    let latin = admin.send(Method::POST, &at("/imports/risks"), None, &[]).await;
    assert_eq!(latin.status, 400, "{}", latin.body);
}

#[tokio::test]
async fn three_hundred_writers_on_one_risk_are_all_answered() {
    let system = System::start().await;
    let bench = bench(&system).await;
    let path = bench.at("/risks/R-7/assessments");
    let before = bench.admin.get(&bench.at("/risks/R-7")).await.json["version"].as_i64().expect("a version");
    let writers = (0..300).map(|number| {
        let body = json!({"stage": "current", "likelihood": 1 + number % 5, "impact": 3, "rationale": format!("writer {number}")});
        let (admin, path) = (bench.admin.clone(), path.clone());
        async move { admin.send(Method::POST, &path, Some(body.to_string()), &[]).await }
    });
    let answers = futures::future::join_all(writers).await;
    let mut versions: Vec<i64> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json["version"].as_i64().expect("a version")
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (before + 1..=before + 300).collect::<Vec<_>>());
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
    let history: Value = bench.admin.get(&bench.at("/risks/R-7/history?limit=1000")).await.json;
    assert_eq!(history["items"].as_array().map(Vec::len), usize::try_from(before + 300).ok());
}
