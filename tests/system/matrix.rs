//! Who may do what, in one file that an auditor can read: every operation of the API, asked for as everybody there is.

use crate::auditor_grants;
use crate::house::root;
use crate::isolation::{Operation, fill, operations, right};
use crate::provisioning;
use crate::system::{Answer, Client, System, until};
use access::Role;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

const FILE: &str = "tests/system/matrix.txt";
const UPDATE: &str = "STELE_UPDATE_MATRIX";
const ABOUT: &str = "\
# Who may do what, as the running system answers it: a row an operation, a column for each who may ask for it.
#
#   +              may
#   own            may, for themselves
#   401, 403, 404  is refused so, before anything of the request is read
#
# administrator: of the organisation that owns the tenant, without a role in it. The roles: each held alone.
# own_role: one that the tenant defined for itself, of the actions read and write_controls.
# grant: an auditor's, of every area, live. provider: a key that provisions the organisation's people. colleague: of the same organisation, with a role in another of its tenants. stranger: another organisation's administrator.
#
# Generated: STELE_UPDATE_MATRIX=1 ./dev test -E 'test(matrix)'. Read the difference.
";

/// No operation has a parameter of this name: who hears that was let in, and nothing was done.
const PROBE: &str = "nothing-of-the-kind";

/// Everybody there is, by the name of their column.
async fn everybody(system: &System, tenant: &str) -> Vec<(String, Client)> {
    let mut everybody = vec![("administrator".to_owned(), system.as_admin())];
    for role in Role::all() {
        let name: &str = role.into();
        everybody.push((name.to_owned(), system.person(tenant, &name.replace('_', "-"), &[name]).await));
    }
    let own_role = json!({ "actions": ["read", "write_controls"] });
    system.as_admin().put(&format!("/v1/tenants/{tenant}/roles/keeper"), own_role).await;
    everybody.push(("own_role".to_owned(), system.person(tenant, "own-role", &["keeper"]).await));
    everybody.push(("grant".to_owned(), auditor_grants::granted(system, tenant, json!({})).await.1));
    everybody.push(("provider".to_owned(), provisioning::provider(system, json!({"name": "Matrix"})).await));
    let other = system.tenant("Another").await;
    everybody.push(("colleague".to_owned(), system.person(&other, "colleague", &["isms_manager"]).await));
    everybody.push(("stranger".to_owned(), system.as_organisation("Fernhill").await.as_admin()));
    everybody.push(("anonymous".to_owned(), system.with("nonsense".to_owned())));
    for (name, client) in everybody.iter().filter(|(name, _)| name.ends_with("_auditor")) {
        let trail = format!("/v1/tenants/{tenant}/trail");
        until(&format!("{name} to arrive at audit"), async || {
            client.send(reqwest::Method::GET, &trail, None, &[]).await.status == 200
        })
        .await;
    }
    everybody
}

/// An id of the tenant's that the operation is about.
fn id_for<'a>(operation: &Operation, ids: &'a [String]) -> &'a str {
    let kinds =
        [("/risks/", 0), ("/assets/", 1), ("/evidence/", 2), ("/people/", 3), ("/contacts/", 3), ("/roles/", 5)];
    let kind = kinds.iter().find(|(part, _)| operation.path.contains(part)).map_or(4, |(_, kind)| *kind);
    &ids[kind]
}

/// How the system takes the operation from this client: whether it lets them in, and what it does with a request that is right.
async fn mark(client: &Client, operation: &Operation, path: &str, id: &str, strange: &Answer) -> String {
    let method = || operation.method.clone();
    // Wrong in its query and its body: who is refused must not hear of either.
    let wrong = operation.body().map(|_| "{".to_owned());
    let probed = client.send(method(), &format!("{path}?{PROBE}=1"), wrong, &[]).await;
    let asked =
        client.send(method(), path, operation.body().map(|body| right(operation, id).unwrap_or(body)), &[]).await;
    let told = format!("{} {path}: {} {}, then {} {}", method(), probed.status, probed.body, asked.status, asked.body);
    // To the letter; SCIM has the same sentence in other words around it.
    let in_scim = operation.path.contains("/scim/");
    let is_strange = |answer: &Answer| {
        if in_scim { answer.json["detail"] == strange.json["detail"] } else { answer.body == strange.body }
    };
    let is_told = match probed.json["errors"][0]["field"].as_str() {
        None if in_scim => probed.json["detail"].as_str().is_some_and(|detail| detail.starts_with(PROBE)),
        field => field == Some(PROBE),
    };
    if probed.status == 400 && is_told {
        assert!(asked.status != 401 && asked.status.as_u16() < 500 && !is_strange(&asked), "{told}");
        return if asked.status == 403 { "own" } else { "+" }.to_owned();
    }
    assert!([401, 403, 404].contains(&probed.status.as_u16()), "{told}");
    assert_eq!(
        (asked.status, &asked.body),
        (probed.status, &probed.body),
        "it read the request before it refused it: {told}"
    );
    assert!(probed.status != 404 || is_strange(&probed), "{told}");
    probed.status.as_str().to_owned()
}

fn row(method: &str, path: &str, marks: &[String], widths: &[usize]) -> String {
    let marks = marks.iter().zip(widths).map(|(mark, width)| format!("  {mark:<width$}"));
    let row = marks.fold(format!("{method:<6} {path:<62}"), |row, mark| row + &mark);
    format!("{}\n", row.trim_end())
}

/// The names of the columns, a word a line.
fn heading(names: &[String], widths: &[usize]) -> String {
    let word = |name: &String, at: usize| name.split('_').nth(at).unwrap_or_default().to_owned();
    let line = |at| row("#", "", &names.iter().map(|name| word(name, at)).collect::<Vec<_>>(), widths);
    line(0) + &line(1)
}

/// What the file says that is not so, and what is so and not in it.
fn differences(agreed: &str, now: &str) -> Vec<String> {
    let rows = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect();
    let (agreed, now): (BTreeSet<String>, BTreeSet<String>) = (rows(agreed), rows(now));
    let gone = agreed.difference(&now).map(|row| format!("- {row}"));
    gone.chain(now.difference(&agreed).map(|row| format!("+ {row}"))).collect()
}

#[tokio::test]
async fn the_matrix_of_operations_and_roles_is_as_agreed() {
    // Hundreds of strangers within seconds would be told to wait.
    let rates = ["STELE_CALLER_RATE", "STELE_TENANT_RATE", "STELE_STRANGER_RATE"].map(|rate| (rate, "0"));
    let system = System::start_with(&rates).await;
    let tenant = system.tenant("Ours").await;
    let mut ids = fill(&system, &tenant, "matrix").await;
    ids.push("spare".to_owned());
    let everybody = everybody(&system, &tenant).await;
    let (_, stranger) = everybody.iter().find(|(name, _)| name == "stranger").expect("one");
    let nowhere = format!("/v1/tenants/{}/risks", uuid::Uuid::new_v4());
    let strange = stranger.send(reqwest::Method::GET, &nowhere, None, &[]).await;
    assert_eq!(strange.status, 404, "{}", strange.body);

    let names: Vec<String> = everybody.iter().map(|(name, _)| name.clone()).collect();
    let longest_word = |name: &String| name.split('_').map(str::len).max().unwrap_or_default();
    let widths: Vec<usize> = names.iter().map(longest_word).collect();
    let mut matrix = format!("{ABOUT}{}", heading(&names, &widths));
    for operation in operations(&system).await {
        let id = id_for(&operation, &ids);
        let path = operation.at(&tenant, &system.organisation, id);
        let mut marks = Vec::new();
        for (_, client) in &everybody {
            marks.push(mark(client, &operation, &path, id, &strange).await);
        }
        assert!(marks.iter().any(|mark| mark == "+"), "nobody may {} {path}", operation.method);
        matrix += &row(operation.method.as_str(), &operation.path, &marks, &widths);
    }
    let path = root().join(FILE);
    if std::env::var_os(UPDATE).is_some_and(|value| value == "1") {
        fs::write(&path, &matrix).expect("written");
    }
    let agreed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        agreed == matrix,
        "{FILE} is not what the system answers:\n  {}\nWhere that is meant, write it anew with `{UPDATE}=1 ./dev test -E \
         'test(matrix)'` and read the difference: each row says who may do what.",
        differences(&agreed, &matrix).join("\n  ")
    );
}

#[test]
fn a_row_that_is_missing_or_another_is_told() {
    let agreed = "# about\nGET /a  +  403\nGET /b  +  403\n";
    assert_eq!(differences(agreed, "# anything\nGET /a  +  403\nGET /b  +  403\n"), Vec::<String>::new());
    let now = "GET /a  +  403\nGET /b  +  +\nGET /c  +  403\n";
    assert_eq!(differences(agreed, now), ["- GET /b  +  403", "+ GET /b  +  +", "+ GET /c  +  403"]);
}
