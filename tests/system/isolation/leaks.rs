//! What is another tenant's and what never was are one and the same, in every place that an operation reads: to a member of
//! another tenant of the same organisation, and to the administrator of another organisation.

use super::{Operation, fill, items, operations, recorded, right};
use crate::export::{export, files};
use crate::provisioning;
use crate::system::{Answer, Client, System, until};
use crate::wire::{self, Heard};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::Smtp;
use tokio::time::sleep;

const OURS: &str = "ourcanary";
/// Nobody has it. As long as the other, so that answers are as long too.
const NOBODYS: &str = "nonecanry";
const THEIRS: &str = "theircanary";

/// Paging and writing: nothing there names anything of anybody.
const NEVER_A_NAME: [&str; 9] =
    ["limit", "newest", "dry_run", "reason", "occurred_at", "attributes", "excludedAttributes", "startIndex", "count"];

/// Headers that are another in every answer.
const EACH_ITS_OWN: [&str; 2] = ["date", "trace-id"];

/// Who asks, and where they are at home.
struct Stranger {
    client: Client,
    tenant: String,
    organisation: String,
}

/// What would be right for the operations of an organisation, about this id.
fn right_of_organisation(operation: &Operation, id: &str) -> String {
    let (_, tail) = operation.path.split_once("{organisation}").expect("an organisation's");
    let body = match (operation.method.as_str(), tail) {
        ("POST", "/accounts") => json!({"person": id}),
        ("PUT", "/people/{id}") => json!({"name": "New", "email": null}),
        ("DELETE", "/people/{id}") => json!({"reason": "so"}),
        ("POST", "/identities") => json!({"issuer": "https://id.example.org", "subject": id, "person": "sam"}),
        ("PUT", "/people/{id}/user-name") => json!({"user_name": "new"}),
        ("POST", "/scim/v2/Users") => json!({"userName": id}),
        ("PUT", "/scim/v2/Users/{id}") => json!({"userName": "new"}),
        ("POST", "/scim/v2/Groups") => json!({"displayName": "new", "members": [{"value": id}]}),
        ("PUT", "/scim/v2/Groups/{id}") => json!({"displayName": "new"}),
        ("PATCH", "/scim/v2/Users/{id}" | "/scim/v2/Groups/{id}") => {
            json!({"Operations": [{"op": "add", "path": "externalId", "value": "new"}]})
        }
        ("POST", "/scim/v2/.search") => json!({"filter": format!("id eq \"{id}\"")}),
        (
            "DELETE",
            "/scim/v2/Users/{id}"
            | "/scim/v2/Groups/{id}"
            | "/provisioning-keys/{id}"
            | "/identities/{id}"
            | "/accounts/{id}"
            | "/logo",
        )
        | ("PUT", "/tenants/{id}")
        | ("POST", "/accounts/{id}/links") => {
            json!({})
        }
        ("POST", "/tenants" | "/provisioning-keys") => json!({"name": id}),
        ("POST", "/libraries") => json!({"ref": id, "name": "New"}),
        ("PUT", "/libraries/{id}") => json!({"name": "New"}),
        ("PUT", "/libraries/{id}/contents") => json!({"items": []}),
        ("POST", "/libraries/{id}/versions") => json!({}),
        ("POST", "/libraries/{id}/pushes") => json!({"version": 1, "tenants": [uuid::Uuid::nil()]}),
        ("PUT", "/logo") => return format!(r#"<svg xmlns="http://www.w3.org/2000/svg"><title>{id}</title></svg>"#),
        ("POST", "/tokens") => json!({"person": "sam", "administrator": false}),
        (method, tail) => panic!("say here what would be right for {method} {tail}"),
    };
    body.to_string()
}

fn body(operation: &Operation, id: &str) -> Option<String> {
    let is_read = operation.method == Method::GET;
    (!is_read).then(|| right(operation, id).unwrap_or_else(|| right_of_organisation(operation, id)))
}

/// Every request of the operation in which something is named: as a part of the path, in the body, in a parameter.
fn requests(operation: &Operation, stranger: &Stranger, id: &str) -> Vec<(String, Option<String>)> {
    let path = operation.at(&stranger.tenant, &stranger.organisation, id);
    let body = body(operation, id);
    let mut requests = Vec::new();
    // Whoever and whatever is named there becomes one of theirs: there is no foreign one to reach.
    let makes = [
        "/people/{id}",
        "/contacts/{id}",
        "/roles/{id}",
        "/tenants",
        "/identities",
        "/accounts",
        "/provisioning-keys",
        "/libraries",
        "/Users",
        "/logo",
    ];
    let makes = operation.method != Method::GET && makes.iter().any(|tail| operation.path.ends_with(tail));
    let named = operation.path.contains("{id}") || body.as_ref().is_some_and(|body| body.contains(id));
    if named && !makes {
        requests.push((path.clone(), body.clone()));
    }
    // What was asked for, and when, stands packed on a paper: what it is made of is asked for as CSV.
    let is_paper = [".pdf", ".xlsx"].iter().any(|ending| operation.path.ends_with(ending));
    let parameters = operation.parameters.iter().map(String::as_str);
    for name in parameters.filter(|name| !NEVER_A_NAME.contains(name) && (!is_paper || *name == "as_of")) {
        let value = if name == "filter" { format!("id%20eq%20%22{id}%22") } else { id.to_owned() };
        requests.push((format!("{path}?{name}={value}"), body.clone()));
    }
    requests
}

/// All that is told, but for what stands in the request itself.
fn told(answer: &Answer, id: &str) -> (u16, BTreeMap<String, String>, String) {
    let id = id.to_lowercase();
    // Where a cell or a word is quoted, so much of it is.
    let quoted: String = id.chars().take(60).collect();
    let plain = |text: &str| text.to_lowercase().replace(&id, "?").replace(&quoted, "?");
    let headers = answer.headers.iter().filter(|(name, _)| !EACH_ITS_OWN.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.clone(), plain(value))).collect();
    (answer.status.as_u16(), headers, plain(&answer.body))
}

/// The same kind of name as nobody has it: one with the canary, an id, or a key's id, which is shorter.
fn nobodys(id: &str) -> String {
    let random = uuid::Uuid::new_v4();
    match id {
        id if id.contains(OURS) => id.replace(OURS, NOBODYS),
        // Of a user or a group.
        id if id.contains('-') && id.len() == 12 => format!("{}{}", &id[..2], &random.simple().to_string()[..10]),
        id if id.contains('-') => random.to_string(),
        // With a letter: of digits alone it would read as a position where one may be given.
        id => format!("f{}{}", random.simple(), random.simple()).chars().take(id.len()).collect(),
    }
}

/// Names of one form are answered alike where nobody has them.
fn form(id: &str) -> String {
    id.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect()
}

/// Texts and addresses that `fill` wrote have the canary after one of these; ids, which strangers send, have not.
fn carries(text: &str, canary: &str) -> bool {
    [" ", "@"].iter().any(|before| text.contains(&format!("{before}{canary}")))
}

/// Something of ours for every kind of thing that has an id.
async fn ours(system: &System, tenant: &str) -> Vec<String> {
    let admin = system.as_admin();
    let mut ids = fill(system, tenant, OURS).await;
    // The controls are the same in every tenant.
    ids.retain(|id| id != "A.8.13");
    let olga = system.person(tenant, &format!("olga-{OURS}"), &[]).await;
    let inbox = format!("/v1/tenants/{tenant}/notifications");
    until("the owner's notification", async || !items(&olga, &inbox).await.is_empty()).await;
    ids.push(items(&olga, &inbox).await[0]["id"].as_str().expect("an id").to_owned());
    let key = json!({"name": format!("Import {OURS}"), "roles": ["viewer"]});
    ids.push(admin.post(&format!("/v1/tenants/{tenant}/api-keys"), key).await.text("id"));
    let grant = json!({"auditor": "New", "scope": ["soa"], "expires_at": crate::auditor_grants::in_a_week()});
    ids.push(admin.post(&format!("/v1/tenants/{tenant}/auditor-grants"), grant).await.text("id"));
    ids.push(tenant.to_owned());
    ids.extend(provisioned(system, OURS).await.1);
    ids.extend(proposed(system, tenant, OURS).await);
    ids
}

/// A library whose texts carry the canary, and what it proposes in the tenant.
async fn proposed(system: &System, tenant: &str, canary: &str) -> [String; 2] {
    let (admin, library) = (system.as_admin(), format!("L-{canary}"));
    let path = format!("/v1/organisations/{}/libraries", system.organisation);
    admin.post(&path, json!({"ref": library, "name": format!("Baseline {canary}")})).await;
    let asset = json!({"asset": {"ref": "A-1", "name": format!("Files {canary}"), "kind": "primary"}});
    admin.put(&format!("{path}/{library}/contents"), json!({"items": [asset]})).await;
    admin.post(&format!("{path}/{library}/versions"), json!({})).await;
    admin.post(&format!("{path}/{library}/pushes"), json!({"version": 1, "tenants": [tenant]})).await;
    let list = format!("/v1/tenants/{tenant}/risk-proposals");
    until("the proposal", async || !items(&admin, &list).await.is_empty()).await;
    let proposal = items(&admin, &list).await[0]["id"].as_str().expect("an id").to_owned();
    [library, proposal]
}

/// A key that provisions the organisation's people, and the ids of a user and a group whose texts carry the canary.
async fn provisioned(system: &System, canary: &str) -> (Client, [String; 2]) {
    let provider = provisioning::provider(system, json!({"name": format!("Okta {canary}")})).await;
    let user = json!({"userName": format!("otto {canary}"), "displayName": format!("Otto {canary}")});
    let user = provider.post(&provisioning::at(system, "/Users"), user).await.text("id");
    let group = json!({"displayName": format!("Owners {canary}"), "members": [{"value": user}]});
    let group = provider.post(&provisioning::at(system, "/Groups"), group).await.text("id");
    (provider, [user, group])
}

/// Waits until everything that follows from what was done has arrived everywhere, and gives where each service is.
async fn settled(system: &System, tenant: &str) -> Vec<Value> {
    let mut before = Vec::new();
    loop {
        let now = recorded(system, tenant).await;
        if now == before {
            return now;
        }
        before = now;
        sleep(Duration::from_secs(2)).await;
    }
}

/// Those that go on on a next page, of what belongs to the tenant itself.
fn lists(operations: &[Operation]) -> impl Iterator<Item = &Operation> {
    let goes_on = |one: &&Operation| one.parameters.iter().any(|name| name == "cursor");
    operations.iter().filter(goes_on).filter(|one| !one.path.contains("{id}"))
}

/// Each list of ours on its first page: where it goes on.
async fn cursors(system: &System, tenant: &str, operations: &[Operation]) -> BTreeMap<String, String> {
    let mut cursors = BTreeMap::new();
    for list in lists(operations) {
        let path = format!("{}?limit=1", list.at(tenant, &system.organisation, ""));
        if let Some(next) = system.as_admin().get(&path).await.json["next"].as_str() {
            cursors.insert(list.path.clone(), next.to_owned());
        }
    }
    assert!(cursors.len() > 2, "{cursors:?}");
    cursors
}

async fn asked(stranger: &Stranger, operation: &Operation, path: &str, body: Option<String>) -> Answer {
    let answer = stranger.client.send(operation.method.clone(), path, body, &[]).await;
    assert!(answer.status.as_u16() < 500, "{} {path}: {}", operation.method, answer.body);
    assert!(!carries(&answer.body, OURS), "{} {path}: {}", operation.method, answer.body);
    answer
}

/// Gives how many requests were made, and what was seen without any foreign name.
async fn ask_for_everything(
    stranger: &Stranger,
    operations: &[Operation],
    ids: &[String],
    cursors: &BTreeMap<String, String>,
) -> (usize, String) {
    let (mut count, mut seen) = (0, String::new());
    for operation in operations {
        // What was told of names of this form that nobody has. Where that is no more so, it is asked for again.
        let mut expected = BTreeMap::new();
        for id in ids {
            let missing = nobodys(id);
            let controls = requests(operation, stranger, &missing);
            for ((path, body), (control, other)) in requests(operation, stranger, id).into_iter().zip(controls) {
                let answer = asked(stranger, operation, &path, body).await;
                let (is_told, asked_for) = (told(&answer, id), (form(id), path.replace(id, "?")));
                if expected.get(&asked_for) != Some(&is_told) {
                    let unknown = told(&asked(stranger, operation, &control, other).await, &missing);
                    assert_eq!(is_told, unknown, "{} {path}", operation.method);
                    expected.insert(asked_for, unknown);
                }
                if operation.path.contains("{id}") && !path.contains('?') && answer.status != 403 {
                    assert_eq!(answer.status, 404, "{} {path}: {}", operation.method, answer.body);
                }
                count += 1;
            }
        }
        let path = operation.at(&stranger.tenant, &stranger.organisation, "");
        if let Some(cursor) = cursors.get(&operation.path) {
            seen += &asked(stranger, operation, &format!("{path}?cursor={cursor}"), None).await.body;
        }
        if operation.method == Method::GET && !operation.path.contains("{id}") {
            seen += &asked(stranger, operation, &path, None).await.body;
        }
    }
    (count, seen)
}

/// One sends each command under a key, and then a stranger the same under the same key: it is the stranger's own first.
async fn the_same_keys(system: &System, tenant: &str, stranger: &Stranger, operations: &[Operation]) {
    let writes = operations.iter().filter(|one| one.method != Method::GET && one.path.contains("{tenant}"));
    let mut repeated = 0;
    // What suspends or gives a tenant away would end the test.
    for operation in writes.filter(|one| !["/state", "/offer"].iter().any(|tail| one.path.ends_with(tail))) {
        let key = format!("{} {}", operation.method, operation.path);
        let send = async |client: &Client, tenant: &str, id: &str| {
            let path = operation.at(tenant, "", id);
            let headers = [("idempotency-key", key.as_str())];
            client.send(operation.method.clone(), &path, body(operation, "A.8.13"), &headers).await
        };
        for id in ["R-ourcanary", "A-ourcanary", "A.8.13", "spare"] {
            let first = send(&system.as_admin(), tenant, id).await;
            if first.status.is_success() {
                let again = send(&system.as_admin(), tenant, id).await;
                repeated += usize::from(again.headers.contains_key("idempotency-replayed"));
                break;
            }
        }
        let answer = send(&stranger.client, &stranger.tenant, "A.8.13").await;
        let is_first = !answer.headers.contains_key("idempotency-replayed") && answer.problem().0 != "key_reused";
        assert!(is_first && !carries(&answer.body, OURS), "{key}: {}", answer.body);
        let stale = [("if-match", "\"1\"")];
        let path = operation.at(&stranger.tenant, "", &format!("R-{OURS}"));
        let answer = stranger.client.send(operation.method.clone(), &path, body(operation, "A.8.13"), &stale).await;
        assert!(!carries(&answer.body, OURS) && answer.status.as_u16() < 500, "{key}: {}", answer.body);
    }
    assert!(repeated > 5, "only {repeated} commands were repeated: nothing was shown");
}

#[tokio::test]
async fn what_is_anothers_and_what_never_was_are_answered_alike() {
    let smtp = Smtp::start().await;
    let server = format!("smtp://{}", smtp.address());
    let unlimited = [("STELE_CALLER_RATE", "0"), ("STELE_TENANT_RATE", "0"), ("STELE_SMTP", server.as_str())];
    let system = System::start_with(&unlimited).await;
    let heard = wire::overhear(&system.prefix).await;
    let (mine, other) = (system.tenant("Ours").await, system.as_organisation("Fernhill").await);
    let (beside, theirs) = (system.tenant("Beside").await, other.tenant("Theirs").await);
    let ids = ours(&system, &mine).await;
    fill(&system, &beside, THEIRS).await;
    fill(&other, &theirs, THEIRS).await;
    let sam = system.person(&beside, "sam", &["isms_manager"]).await;
    let mut operations = operations(&system).await;
    // What anybody may send changes what is the sender's own: tests/system/accounts.rs and invitations.rs.
    operations.retain(|operation| operation.method == Method::GET || !operation.is_for_many());
    let cursors = cursors(&system, &mine, &operations).await;
    for (house, tenant, canary) in [(&system, &mine, OURS), (&system, &beside, THEIRS), (&other, &theirs, THEIRS)] {
        // Its owner has an address by now, and is mailed.
        let treatment = json!({"option": "mitigate", "controls": ["A.8.14"], "reason": format!("decided {canary}")});
        house.as_admin().put(&format!("/v1/tenants/{tenant}/risks/R-{canary}/treatment"), treatment).await;
    }
    let mails = smtp.until(3).await;
    assert!(mails.iter().all(|mail| mail.contains(OURS) != mail.contains(THEIRS)), "{mails:#?}");
    settled(&other, &theirs).await;
    settled(&system, &beside).await;
    let before = settled(&system, &mine).await;

    let outsider =
        Stranger { client: other.as_admin(), tenant: theirs.clone(), organisation: other.organisation.clone() };
    let colleague = Stranger { client: sam, tenant: beside.clone(), organisation: system.organisation.clone() };
    let (client, _) = provisioned(&other, THEIRS).await;
    let provider = Stranger { client, tenant: theirs.clone(), organisation: other.organisation.clone() };
    for stranger in [&colleague, &outsider, &provider] {
        let (count, seen) = ask_for_everything(stranger, &operations, &ids, &cursors).await;
        assert!(count > 500, "only {count} requests were made");
        assert!(carries(&seen, THEIRS), "nobody saw what is their own");
        assert_eq!(recorded(&system, &mine).await, before, "something of theirs was recorded here");
    }
    the_same_keys(&system, &mine, &outsider, &operations).await;

    nothing_elsewhere(&system, &heard, [&mine, &beside, &theirs]).await;
    assert_eq!(smtp.mails().iter().filter(|mail| mail.contains(OURS)).count(), 1, "{:#?}", smtp.mails());
}

/// What was said elsewhere meanwhile: messages, an archive, metrics, the log.
async fn nothing_elsewhere(system: &System, heard: &Heard, [mine, beside, theirs]: [&String; 3]) {
    for message in heard.lock().expect("what was heard").iter() {
        let text = wire::text(message);
        for (tenant, canary) in [(mine, THEIRS), (beside, OURS), (theirs, OURS)] {
            assert!(!(message.subject.contains(tenant.as_str()) && carries(&text, canary)), "{text}");
        }
    }
    assert!(heard.lock().expect("what was heard").iter().any(|message| carries(&wire::text(message), OURS)));
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("theirs.tar.gz");
    export(system, theirs, &archive).await;
    let taken: String = files(&archive).iter().map(|(_, content)| String::from_utf8_lossy(content)).collect();
    assert!(carries(&taken, THEIRS) && !carries(&taken, OURS) && !taken.contains(mine), "{taken}");
    let (_, metrics) = system.processes[0].get("/metrics").await.expect("metrics");
    let log = system.processes[0].log.lock().expect("the log").join("\n");
    for canary in [OURS, THEIRS] {
        assert!(!metrics.contains(canary) && !metrics.contains(mine), "{metrics}");
        assert!(!carries(&log, canary), "{log}");
    }
    assert!(log.contains("answered") && metrics.contains("stele_http_request_seconds"));
}
