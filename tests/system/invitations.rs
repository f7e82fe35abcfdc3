//! Somebody is invited to a tenant, and is let in as who they were invited to be and as nobody else.

use crate::accounts::{OTHER, PASSWORD, account, anybody, ask, at, recorded, sign_in, signed_in, told};
use crate::system::{Answer, Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use testkit::{Oidc, Smtp, servers};
use tokio::time::timeout;

fn invitations(tenant: &str) -> String {
    format!("/v1/tenants/{tenant}/invitations")
}

fn to(person: &str, roles: &[&str]) -> Value {
    json!({"person": person, "email": format!("{person}@canary.example.org"), "roles": roles})
}

async fn invited(client: &Client, tenant: &str, body: Value) -> Answer {
    let made = client.post(&invitations(tenant), body).await;
    assert_eq!((made.status.as_u16(), made.headers["cache-control"].as_str()), (201, "no-store"), "{}", made.body);
    made
}

async fn join(system: &System, invitation: &str) -> Answer {
    join_as(system, &anybody(system), json!({"invitation": invitation, "password": PASSWORD})).await
}

async fn join_as(system: &System, client: &Client, body: Value) -> Answer {
    ask(client, Method::POST, &at(system, "/join"), body).await
}

async fn status(client: &Client, path: &str) -> u16 {
    client.send(Method::GET, path, None, &[]).await.status.as_u16()
}

/// Rows that hold an address, and everything that was recorded.
async fn kept(system: &System) -> (i64, String) {
    let mut connection = system.superuser("tenancy").await;
    let rows =
        sqlx::query_scalar("select count(*) from invitations").fetch_one(&mut connection).await.expect("a count");
    let bodies: Vec<String> =
        sqlx::query_scalar("select body from events").fetch_all(&mut connection).await.expect("read");
    (rows, bodies.join("\n"))
}

/// Everything that happens to an invitation, once.
pub async fn live_through(system: &System, tenant: &str) {
    let admin = system.as_admin();
    let mut body = to("ines", &["viewer"]);
    body["terms"] = json!({"viewer": {"from": "2020-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}});
    let made = invited(&admin, tenant, body).await;
    let revoked = format!("{}/{}", invitations(tenant), made.text("id"));
    assert_eq!(ask(&admin, Method::DELETE, &revoked, json!({})).await.status, 200);
    let made = invited(&admin, tenant, to("ines", &["viewer"])).await;
    if made.json["mailed"] == false {
        assert_eq!(join(system, &made.text("invitation")).await.status, 200);
    }
}

#[tokio::test]
async fn who_is_invited_sets_a_password_and_has_the_roles() {
    let system = System::start_apart().await;
    let (tenant, other) = (system.tenant("Ours").await, system.tenant("Other").await);
    let admin = system.as_admin();
    let mut body = to("olga", &["risk_owner", "viewer"]);
    body["terms"] = json!({"viewer": {"until": "2999-01-01T00:00:00Z"}});
    let made = invited(&admin, &tenant, body).await;
    assert_eq!(
        (made.text("person").as_str(), &made.json["mailed"]),
        ("olga", &json!(false)),
        "an administrator says who"
    );
    let listed = admin.get(&invitations(&tenant)).await;
    assert_eq!(
        (&listed.json["items"][0]["state"], &listed.json["items"][0]["person"]),
        (&json!("made"), &json!("olga"))
    );
    assert_eq!(kept(&system).await.0, 1);

    let weak = json!({"invitation": made.text("invitation"), "password": "password1234"});
    let weak = join_as(&system, &anybody(&system), weak).await;
    assert_eq!(weak.json["errors"][0]["field"], "password", "{}", weak.body);
    let none = join_as(&system, &anybody(&system), json!({"invitation": made.text("invitation")})).await;
    assert_eq!(none.json["errors"][0]["field"], "password", "{}", none.body);
    let joined = join(&system, &made.text("invitation")).await;
    assert_eq!((joined.status.as_u16(), &joined.json["person"]), (200, &json!("olga")), "{}", joined.body);
    let olga = signed_in(&system, "olga", PASSWORD).await;
    for path in ["risks", "controls", "notifications"] {
        let path = format!("/v1/tenants/{tenant}/{path}");
        until("her roles to arrive", async || status(&olga, &path).await == 200).await;
    }
    assert_eq!(status(&olga, &format!("/v1/tenants/{other}/risks")).await, 404);
    assert_eq!(status(&olga, &at(&system, "/tenants")).await, 404, "she administers nothing");
    let people = admin.get(&format!("/v1/tenants/{tenant}/people")).await;
    assert_eq!(people.json["items"][0]["terms"]["viewer"]["until"], "2999-01-01T00:00:00Z");
    // Who gave the roles is who invited; who accepted is who accepted.
    let history = admin.get(&format!("/v1/tenants/{tenant}/roles/history")).await;
    assert_eq!(history.json["items"][1]["actor"], "admin", "{}", history.body);
    assert_eq!(admin.get(&invitations(&tenant)).await.json["items"][0]["state"], "accepted");
    // The address is gone, and never was in an event; nor was what she sent.
    let (rows, bodies) = kept(&system).await;
    assert_eq!(rows, 0);
    for secret in ["canary", &made.text("invitation")[50..], PASSWORD] {
        assert!(!bodies.contains(secret), "{secret} is in an event");
    }
    let kinds: Vec<String> = recorded(&system, "account").await;
    assert!(kinds[0].starts_with("account.opened") && kinds[1].starts_with("account.password_set"), "{kinds:?}");
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

#[tokio::test]
async fn an_invitation_that_does_not_count_cannot_be_told_from_none() {
    let system = System::start().await;
    let other = system.as_organisation("Fernhill").await;
    let (ours, theirs) = (system.tenant("Ours").await, other.tenant("Theirs").await);
    let admin = system.as_admin();
    let none = told(&join(&system, "stele-invitation_nonsense").await);
    assert_eq!(none.0, 404);
    let used = invited(&admin, &ours, to("used", &["viewer"])).await.text("invitation");
    assert_eq!(join(&system, &used).await.status, 200);

    let revoked = invited(&admin, &ours, to("revoked", &["viewer"])).await;
    let path = format!("{}/{}", invitations(&ours), revoked.text("id"));
    assert_eq!(ask(&other.as_admin(), Method::DELETE, &path, json!({})).await.status, 404, "nobody else revokes it");
    let elsewhere = format!("{}/{}", invitations(&theirs), revoked.text("id"));
    assert_eq!(ask(&other.as_admin(), Method::DELETE, &elsewhere, json!({})).await.status, 404);
    assert_eq!(ask(&admin, Method::DELETE, &path, json!({})).await.status, 200);

    let foreign = invited(&other.as_admin(), &theirs, to("foreign", &["viewer"])).await.text("invitation");
    let expired = invited(&admin, &ours, to("expired", &["viewer"])).await;
    // Who invited may not any more.
    let mara = system.person(&ours, "mara", &["isms_manager"]).await;
    system.person(&ours, "jo", &["isms_manager"]).await;
    let orphan = invited(&mara, &ours, to("orphan", &["viewer"])).await.text("invitation");
    admin.put(&format!("/v1/tenants/{ours}/people/mara"), json!({"roles": ["viewer"]})).await;
    // The secret is another tenant's.
    let moved = expired.text("invitation").replace(&ours.replace('-', ""), &theirs.replace('-', ""));
    // Nobody waits a day for a test: what the row forgets at its time is forgotten now.
    let forget = sqlx::query("delete from invitations where id = $1").bind(expired.text("id"));
    forget.execute(&mut system.superuser("tenancy").await).await.expect("forgotten");
    for (what, invitation) in [
        ("used", &used),
        ("revoked", &revoked.text("invitation")),
        ("foreign", &foreign),
        ("expired", &expired.text("invitation")),
        ("orphan", &orphan),
        ("moved", &moved),
    ] {
        assert_eq!(told(&join(&system, invitation).await), none, "{what}");
    }
    // The positive control: it is good where it is from, once, and its tenant's new owner has nothing of it.
    assert_eq!(join(&other, &foreign).await.status, 200);
    let late = invited(&admin, &ours, to("late", &["viewer"])).await.text("invitation");
    let (done, report) = system.tool(&["hand-over", "--tenant", &ours, "--to", &other.organisation], &[]).await;
    assert!(done, "{report}");
    assert_eq!(told(&join(&system, &late).await), none);
    assert_eq!(told(&join(&other, &late).await), none);
    assert_eq!(kept(&system).await.0, 0, "no address is kept");
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_may_give_nor_to_be_somebody_else() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let admin = system.as_admin();
    let keeper = json!({"actions": ["read", "manage_tenant"]});
    admin.put(&format!("/v1/tenants/{tenant}/roles/keeper"), keeper).await;
    let kim = system.person(&tenant, "kim", &["keeper"]).await;
    let path = invitations(&tenant);
    for (body, status, code) in [
        (to("olga", &["isms_manager"]), 409, "beyond_own_rights"),
        (to("olga", &["emperor"]), 400, "invalid"),
        (json!({"person": "olga", "email": "olga", "roles": ["viewer"]}), 400, "invalid"),
    ] {
        let refused = ask(&kim, Method::POST, &path, body).await;
        assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (status, code), "{}", refused.body);
    }
    let viewer = system.person(&tenant, "vera", &["viewer"]).await;
    assert_eq!(ask(&viewer, Method::POST, &path, to("olga", &["viewer"])).await.status, 403);
    assert_eq!(status(&viewer, &path).await, 403);

    // For a role that is gone meanwhile nobody becomes anybody.
    let guide = format!("/v1/tenants/{tenant}/roles/guide");
    admin.put(&guide, json!({"actions": ["read"]})).await;
    let made = invited(&admin, &tenant, to("gus", &["guide"])).await;
    assert_eq!(ask(&admin, Method::DELETE, &guide, json!({})).await.status, 200);
    assert_eq!(join(&system, &made.text("invitation")).await.status, 404);
    assert_eq!(recorded(&system, "account").await, Vec::<String>::new(), "there is no account");
    admin.put(&guide, json!({"actions": ["read"]})).await;
    assert_eq!(join(&system, &made.text("invitation")).await.status, 200, "the invitation waited");

    // Who manages one tenant makes nobody anybody whom the organisation knows.
    account(&system, "mara", true).await;
    let made = invited(&kim, &tenant, to("mara", &["viewer"])).await;
    assert!(made.text("person").starts_with("mara-") && made.text("person").len() == 13, "{}", made.body);
    let joined = join(&system, &made.text("invitation")).await;
    assert_eq!(joined.json["person"], made.json["person"]);
    signed_in(&system, &made.text("person"), PASSWORD).await;

    // An administrator's invitation to somebody who is there is theirs alone to accept.
    let made = invited(&admin, &tenant, to("mara", &["viewer"])).await;
    let wrong =
        join_as(&system, &anybody(&system), json!({"invitation": made.text("invitation"), "password": OTHER})).await;
    assert_eq!((wrong.status.as_u16(), wrong.problem().0.as_str()), (409, "sign_in_first"), "{}", wrong.body);
    assert_eq!(sign_in(&system, json!({"person": "mara", "password": OTHER})).await.status, 401, "it is not hers now");
    let taken = join_as(&system, &kim, json!({"invitation": made.text("invitation")})).await;
    assert_eq!(taken.status, 404, "kim is somebody else: {}", taken.body);
    let mara = signed_in(&system, "mara", PASSWORD).await;
    assert_eq!(join_as(&system, &mara, json!({"invitation": made.text("invitation")})).await.status, 200);

    // A tenant in which nothing is written lets nobody in; its managers' invitations wait.
    let made = invited(&admin, &tenant, to("paul", &["viewer"])).await;
    let state = format!("/v1/tenants/{tenant}/state");
    admin.put(&state, json!({"state": "suspended", "reason": "a pause"})).await;
    let waits = join(&system, &made.text("invitation")).await;
    assert_eq!((waits.status.as_u16(), waits.problem().0.as_str()), (409, "suspended"), "{}", waits.body);
    assert_eq!(ask(&admin, Method::POST, &path, to("rosa", &["viewer"])).await.status, 409);
    admin.put(&state, json!({"state": "active", "reason": "it goes on"})).await;
    assert_eq!(join(&system, &made.text("invitation")).await.status, 200);
}

#[tokio::test]
async fn an_invitation_is_mailed_where_there_is_a_server_and_handed_over_where_that_fails() {
    let smtp = Smtp::start().await;
    let system = System::start_with(&[("STELE_SMTP", &format!("smtp://{}", smtp.address()))]).await;
    let tenant = system.tenant("Ours").await;
    let made = invited(&system.as_admin(), &tenant, to("olga", &["viewer"])).await;
    assert_eq!((&made.json["mailed"], &made.json["invitation"]), (&json!(true), &Value::Null), "{}", made.body);
    let mail = smtp.until(1).await.remove(0);
    let text = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    assert!(text.contains("olga@canary.example.org") && text.contains(&system.organisation), "{text}");
    let begin = text.find("stele-invitation_").expect("an invitation in the mail");
    let invitation: String =
        text[begin..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    assert_eq!(join(&system, &invitation).await.status, 200, "{text}");
    drop(smtp);

    let nobody = format!("smtp://{}", Smtp::nobody().await);
    let system = System::start_with(&[("STELE_SMTP", &nobody)]).await;
    let tenant = system.tenant("Ours").await;
    let made = invited(&system.as_admin(), &tenant, to("olga", &["viewer"])).await;
    assert_eq!(made.json["mailed"], false, "{}", made.body);
    assert_eq!(join(&system, &made.text("invitation")).await.status, 200);
}

/// Who is invited may come with the organisation's own provider: the invitation says who its subject is.
#[tokio::test]
async fn who_comes_with_a_provider_is_linked_by_the_invitation() {
    let provider = Oidc::start().await;
    let options = [("STELE_LOCAL_ACCOUNTS", "false")];
    let mut system = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &options).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), provider.trusted(&system.organisation)).expect("written");
    system.set("STELE_PROVIDERS", file.path().to_str().expect("a path"));
    system.serve(&SERVICES).await;
    system.ready().await;
    let tenant = system.tenant("Ours").await;
    let made = invited(&system.as_admin(), &tenant, to("olga", &["risk_owner"])).await;
    let invitation = json!({"invitation": made.text("invitation")});
    // There are no passwords here, and what is no token of the provider is none.
    let refused = join(&system, &made.text("invitation")).await;
    assert_eq!(refused.json["errors"][0]["field"], "password", "{}", refused.body);
    let misdirected = system.with(provider.token("ada", "another", "ES256", 600).await);
    assert_eq!(join_as(&system, &misdirected, invitation.clone()).await.status, 400);

    let olga = system.with(provider.token("ada", "stele", "ES256", 600).await);
    let joined = join_as(&system, &olga, invitation.clone()).await;
    assert_eq!((joined.status.as_u16(), &joined.json["person"]), (200, &json!("olga")), "{}", joined.body);
    for path in ["risks", "controls", "notifications"] {
        let path = format!("/v1/tenants/{tenant}/{path}");
        until("every service to know who it is", async || status(&olga, &path).await == 200).await;
    }
    assert_eq!(join_as(&system, &olga, invitation).await.status, 404, "it counts once");
    // Another subject does not become her by another invitation.
    let again = invited(&system.as_admin(), &tenant, to("olga", &["viewer"])).await;
    let other = system.with(provider.token("mara", "stele", "ES256", 600).await);
    let refused = join_as(&system, &other, json!({"invitation": again.text("invitation")})).await;
    assert_eq!((refused.status.as_u16(), refused.problem().0.as_str()), (409, "sign_in_first"), "{}", refused.body);
    assert_eq!(join_as(&system, &olga, json!({"invitation": again.text("invitation")})).await.status, 200);
}

/// The person is made in one partition and the roles are given in another: who is cut off in between sends the same again.
#[tokio::test]
async fn who_is_cut_off_in_the_middle_sends_the_same_again() {
    let mut system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let made = invited(&system.as_admin(), &tenant, to("olga", &["viewer"])).await;
    let (path, body) = (at(&system, "/join"), json!({"invitation": made.text("invitation"), "password": PASSWORD}));
    let mut opened = Vec::new();
    // The first of the two is done, and nobody hears it. What was still to be done from before may die first.
    for _ in 0..5 {
        system.processes.clear();
        system.serve_until("tenancy:committed").await;
        until("an answer, or none ever", async || {
            let answer = anybody(&system).try_send(Method::POST, &path, Some(body.to_string()), &[]).await;
            !matches!(answer, Ok(answer) if answer.status == 503)
        })
        .await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        assert!(ended.expect("it was reached").expect("waited").signal().is_some());
        opened = recorded(&system, "account").await;
        if !opened.is_empty() {
            break;
        }
    }
    system.processes.clear();
    system.serve(&SERVICES).await;
    system.ready().await;
    assert_eq!(opened.len(), 2, "the account is there: {opened:?}");
    assert_eq!(system.as_admin().get(&invitations(&tenant)).await.json["items"][0]["state"], "made");

    let joined = join(&system, &made.text("invitation")).await;
    assert_eq!(joined.status, 200, "{}", joined.body);
    assert_eq!(recorded(&system, "account").await, opened, "nothing is done twice");
    let olga = signed_in(&system, "olga", PASSWORD).await;
    let risks = format!("/v1/tenants/{tenant}/risks");
    until("her role", async || status(&olga, &risks).await == 200).await;
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}
