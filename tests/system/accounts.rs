//! People sign in with passwords of ours: who may, who may not, and what nobody is told.

use crate::system::{Answer, Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout};
use totp_rs::{Algorithm, Secret, TOTP};

pub const PASSWORD: &str = "nine green bottles on a wall";
pub const OTHER: &str = "hanging there ever since";
/// Refusals come at its multiples.
const BEAT: Duration = Duration::from_millis(250);

pub fn at(system: &System, tail: &str) -> String {
    format!("/v1/organisations/{}{tail}", system.organisation)
}

/// Somebody without a token.
pub fn anybody(system: &System) -> Client {
    system.with(String::new())
}

pub async fn ask(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    client.send(method, path, Some(body.to_string()), &[]).await
}

pub async fn sign_in(system: &System, body: Value) -> Answer {
    ask(&anybody(system), Method::POST, &at(system, "/sign-in"), body).await
}

async fn set_password(system: &System, link: &str, password: &str) -> Answer {
    ask(&anybody(system), Method::POST, &at(system, "/password"), json!({"link": link, "password": password})).await
}

/// An account with a password.
pub async fn account(system: &System, person: &str, administrator: bool) {
    let body = json!({"person": person, "administrator": administrator});
    let link = system.as_admin().post(&at(system, "/accounts"), body).await.text("link");
    let set = set_password(system, &link, PASSWORD).await;
    assert_eq!((set.status.as_u16(), &set.json["person"]), (200, &json!(person)), "{}", set.body);
}

pub async fn signed_in(system: &System, person: &str, password: &str) -> Client {
    let answer = sign_in(system, json!({"person": person, "password": password})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    system.with(answer.text("token"))
}

fn app(secret: &str) -> TOTP {
    let secret = Secret::Encoded(secret.to_owned()).to_bytes().expect("a secret");
    TOTP::new(Algorithm::SHA1, 6, 1, 30, secret, None, "mara".to_owned()).expect("an app")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Confirms an authenticator; gives the app and the recovery codes.
async fn with_app(system: &System, client: &Client, password: &str) -> (TOTP, Vec<String>) {
    let factor = at(system, "/account/second-factor");
    let begun = client.post(&factor, json!({ "password": password })).await;
    assert_eq!(begun.headers["cache-control"], "no-store");
    assert!(begun.text("url").contains(&begun.text("secret")), "{}", begun.body);
    let app = app(&begun.text("secret"));
    let confirmed = client.put(&factor, json!({"code": app.generate(now())})).await;
    let codes = confirmed.json["recovery_codes"].as_array().expect("codes").iter();
    (app, codes.map(|code| code.as_str().expect("a code").to_owned()).collect())
}

/// Everything that happens to an account, once.
pub async fn live_through(system: &System, person: &str) {
    account(system, person, false).await;
    assert_eq!(sign_in(system, json!({"person": person, "password": OTHER})).await.status, 401);
    let client = signed_in(system, person, PASSWORD).await;
    with_app(system, &client, PASSWORD).await;
    let factor = at(system, "/account/second-factor");
    assert_eq!(ask(&client, Method::DELETE, &factor, json!({"password": PASSWORD})).await.status, 200);
    let closed = ask(&system.as_admin(), Method::DELETE, &at(system, &format!("/accounts/{person}")), json!({})).await;
    assert_eq!(closed.status, 200, "{}", closed.body);
}

/// What stands of it in the log, by type, newest last.
pub async fn recorded(system: &System, kind: &str) -> Vec<String> {
    let events =
        "select event_type || ' ' || (body::json->>'data') from events where stream like $1 || '-%' order by position";
    let events = sqlx::query_scalar(events).bind(kind);
    events.fetch_all(&mut system.superuser("tenancy").await).await.expect("read")
}

#[tokio::test]
async fn a_person_sets_a_password_signs_in_and_works() {
    let system = System::start().await;
    let tenant = system.tenant("Ours").await;
    let admin = system.as_admin();
    admin.put(&format!("/v1/tenants/{tenant}/people/mara"), json!({"roles": ["risk_owner"]})).await;
    let opened = admin.post(&at(&system, "/accounts"), json!({"person": "mara"})).await;
    assert_eq!((opened.status.as_u16(), opened.headers["cache-control"].as_str()), (201, "no-store"));
    let link = opened.text("link");
    let again = ask(&admin, Method::POST, &at(&system, "/accounts"), json!({"person": "mara"})).await;
    assert_eq!((again.status.as_u16(), again.problem().0.as_str()), (409, "account_exists"), "{}", again.body);

    // What is guessed first is no password, and the link waits for a better one.
    for weak in
        ["short", "password1234", "aaaaaaaaaaaaaaaa", "larkspur for ever", "mara mara mara m", &"x y z ".repeat(30)]
    {
        let answer = set_password(&system, &link, weak).await;
        assert_eq!((answer.status.as_u16(), &answer.json["errors"][0]["field"]), (400, &json!("password")), "{weak}");
        assert!(!answer.body.contains(weak), "{}", answer.body);
    }
    assert_eq!(set_password(&system, &link, PASSWORD).await.status, 200);
    let used = set_password(&system, &link, OTHER).await;
    let never = set_password(&system, "stele-link_AAAA", OTHER).await;
    assert_eq!((used.status.as_u16(), &used.body), (404, &never.body), "a link counts once");

    let answer = sign_in(&system, json!({"person": "mara", "password": PASSWORD})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.headers["cache-control"].as_str()),
        (200, "no-store"),
        "{}",
        answer.body
    );
    assert_eq!(answer.json["administrator"], false);
    let mara = system.with(answer.text("token"));
    for path in ["risks", "controls", "notifications"] {
        let path = format!("/v1/tenants/{tenant}/{path}");
        until("her role to arrive", async || mara.send(Method::GET, &path, None, &[]).await.status == 200).await;
    }
    assert_eq!(
        mara.send(Method::GET, &at(&system, "/accounts"), None, &[]).await.status,
        404,
        "she administers nothing"
    );

    // Who has her token alone changes nothing.
    let change = |old: &str, new: &str| json!({"old_password": old, "new_password": new});
    let password = at(&system, "/account/password");
    let wrong = ask(&mara, Method::PUT, &password, change(OTHER, OTHER)).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json["errors"][0]["field"]), (400, &json!("old_password")));
    mara.put(&password, change(PASSWORD, OTHER)).await;
    assert_eq!(sign_in(&system, json!({"person": "mara", "password": PASSWORD})).await.status, 401);
    signed_in(&system, "mara", OTHER).await;

    // An administrator never sees a password: they give a link, and can take the account away.
    let links = at(&system, "/accounts/mara/links");
    let first = admin.post(&links, json!({})).await.text("link");
    let second = admin.post(&links, json!({})).await.text("link");
    assert_eq!(set_password(&system, &first, PASSWORD).await.body, never.body, "a later link replaces it");
    assert_eq!(set_password(&system, &second, PASSWORD).await.status, 200);
    let listed = admin.get(&at(&system, "/accounts")).await;
    assert_eq!(listed.json["items"][0]["has_password"], true);
    ask(&admin, Method::DELETE, &at(&system, "/accounts/mara"), json!({})).await;
    assert_eq!(sign_in(&system, json!({"person": "mara", "password": PASSWORD})).await.status, 401);
    assert_eq!(ask(&admin, Method::POST, &links, json!({})).await.status, 404);

    let events = recorded(&system, "account").await;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event.split(' ').next()).collect();
    let expected = "opened link_made password_set signed_in sign_in_refused password_set sign_in_refused signed_in link_made \
                    link_made password_set closed";
    assert_eq!(kinds, expected.split(' ').map(|kind| format!("account.{kind}")).collect::<Vec<_>>());
    let log = system.processes[0].log.lock().expect("the log").join("\n");
    for secret in [PASSWORD, OTHER, &link[11..], &second[11..], "argon2id", &mara.token] {
        assert!(!events.join("\n").contains(secret) && !log.contains(secret), "{secret} is where it must not be");
    }
}

#[tokio::test]
async fn a_code_of_the_app_counts_once_and_so_does_a_recovery_code() {
    let mut system = System::start().await;
    account(&system, "mara", true).await;
    let mara = signed_in(&system, "mara", PASSWORD).await;
    let factor = at(&system, "/account/second-factor");
    let wrong = ask(&mara, Method::POST, &factor, json!({"password": OTHER})).await;
    assert_eq!(wrong.json["errors"][0]["field"], "password", "{}", wrong.body);
    let early = ask(&mara, Method::PUT, &factor, json!({"code": "123456"})).await;
    assert_eq!(early.problem().0, "second_factor_not_begun");
    let (app, codes) = with_app(&system, &mara, PASSWORD).await;
    let shown = mara.get(&at(&system, "/account")).await;
    assert_eq!((&shown.json["second_factor"], &shown.json["recovery_codes"]), (&json!(true), &json!(10)));

    let missing = sign_in(&system, json!({"person": "mara", "password": PASSWORD})).await;
    assert_eq!((missing.status.as_u16(), missing.problem().0.as_str()), (401, "second_factor"), "{}", missing.body);
    // Whoever has not the password does not hear that there is a second factor.
    let unknown = sign_in(&system, json!({"person": "mara", "password": OTHER})).await;
    assert_eq!(unknown.problem().0, "unauthenticated");
    let with = |code: &str| json!({"person": "mara", "password": PASSWORD, "code": code});
    // The code that confirmed the app was taken with that, and no earlier one counts.
    let next = app.generate(now() + 30);
    let first = sign_in(&system, with(&next)).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let replayed = sign_in(&system, with(&next)).await;
    assert_eq!((replayed.status.as_u16(), &replayed.body), (401, &unknown.body));
    // Of many at once that send the same recovery code, one is let in.
    let at_once = (0..4).map(|_| sign_in(&system, with(&codes[0])));
    let statuses: Vec<u16> =
        futures::future::join_all(at_once).await.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");

    // What was taken stays so when the process is another.
    system.processes.clear();
    system.serve(&SERVICES).await;
    system.ready().await;
    assert_eq!(sign_in(&system, with(&next)).await.status, 401);
    assert_eq!(sign_in(&system, with(&codes[0])).await.status, 401);
    let second = sign_in(&system, with(&codes[1].to_uppercase())).await;
    assert_eq!((second.status.as_u16(), &second.json["recovery_codes"]), (200, &json!(8)), "{}", second.body);

    // Who lost both gets a link, and the authenticator is removed.
    let lost = json!({"remove_second_factor": true});
    let link = system.as_admin().post(&at(&system, "/accounts/mara/links"), lost).await.text("link");
    assert_eq!(set_password(&system, &link, OTHER).await.status, 200);
    signed_in(&system, "mara", OTHER).await;
    let events = recorded(&system, "account").await.join("\n");
    let sealed: Vec<u8> = sqlx::query_scalar("select coalesce(totp, '') from accounts")
        .fetch_one(&mut system.superuser("tenancy").await)
        .await
        .expect("a row");
    assert!(sealed.is_empty() && !events.contains(&codes[1]) && !events.contains(&app.get_secret_base32()));
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

/// What an answer says, without what is of each answer alone.
pub fn told(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let own = ["date", "trace-id"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
    headers.sort();
    (answer.status.as_u16(), answer.body.clone(), headers)
}

#[tokio::test]
async fn nobody_is_told_who_is_there() {
    let system = System::start().await;
    account(&system, "mara", false).await;
    account(&system, "gone", false).await;
    ask(&system.as_admin(), Method::DELETE, &at(&system, "/accounts/gone"), json!({})).await;
    system.as_admin().post(&at(&system, "/accounts"), json!({"person": "waits"})).await;
    let other = system.as_organisation("Fernhill").await;
    let mut nowhere = system.apart();
    nowhere.organisation = uuid::Uuid::new_v4().to_string();
    let cases = [
        (&system, "mara"),
        (&system, "gone"),
        (&system, "waits"),
        (&system, "nobody"),
        (&other, "mara"),
        (&nowhere, "mara"),
    ];
    let mut answers = Vec::new();
    for (place, person) in cases {
        let began = Instant::now();
        let answer = sign_in(place, json!({"person": person, "password": OTHER})).await;
        assert!(began.elapsed() >= BEAT, "{person}: a refusal came after {:?}", began.elapsed());
        assert_eq!(answer.status, 401, "{}", answer.body);
        answers.push(told(&answer));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    // Nor by being asked to wait.
    let mut waits = Vec::new();
    for person in ["mara", "nobody"] {
        let mut heard = Vec::new();
        for _ in 0..5 {
            heard.push(sign_in(&system, json!({"person": person, "password": OTHER})).await.status.as_u16());
        }
        waits.push(heard);
    }
    assert_eq!(waits[0], waits[1]);
    assert_eq!(waits[0], [401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn who_is_wrong_too_often_waits_longer_each_time_and_is_never_locked_out() {
    let system = System::start_with(&[("STELE_PROXIES", "1")]).await;
    account(&system, "mara", false).await;
    account(&system, "olga", false).await;
    let path = at(&system, "/sign-in");
    let from = async |address: &str, person: &str, password: &str| {
        let body = json!({"person": person, "password": password}).to_string();
        anybody(&system).send(Method::POST, &path, Some(body), &[("x-forwarded-for", address)]).await
    };
    for _ in 0..5 {
        assert_eq!(from("192.0.2.1", "mara", OTHER).await.status, 401);
    }
    let mut seconds = Vec::new();
    for _ in 0..2 {
        // Not even the right one is looked at.
        let refused = from("192.0.2.2", "mara", PASSWORD).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().0.as_str()),
            (429, "too_many_requests"),
            "{}",
            refused.body
        );
        let wait_s: u64 = refused.headers["retry-after"].parse().expect("seconds");
        tokio::time::sleep(Duration::from_secs(wait_s)).await;
        assert_eq!(from("192.0.2.1", "mara", OTHER).await.status, 401);
        seconds.push(wait_s);
    }
    assert_eq!(seconds, [1, 2]);
    assert_eq!(from("192.0.2.1", "olga", PASSWORD).await.status, 200, "nobody else waits");
    let refused = recorded(&system, "account").await.into_iter().filter(|event| event.contains("refused"));
    assert_eq!(refused.count(), 7, "what was not looked at is not recorded");
    // A link lets in who is kept waiting by others.
    let link = system.as_admin().post(&at(&system, "/accounts/mara/links"), json!({})).await.text("link");
    assert_eq!(set_password(&system, &link, OTHER).await.status, 200);
    assert_eq!(from("192.0.2.3", "mara", OTHER).await.status, 200);

    // Who tries one password with many people waits by the address, whatever they write before it.
    let spray = async |n: usize| from(&format!("198.51.100.{n}, 192.0.2.9"), &format!("person-{n}"), PASSWORD).await;
    let tried = futures::future::join_all((0..60).map(spray)).await;
    let waiting = tried.iter().filter(|answer| answer.status == 429).count();
    assert!((5..=15).contains(&waiting), "{waiting} of 60 had to wait");
    assert_eq!(from("192.0.2.10", "olga", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_account_is_one_organisations() {
    let system = System::start().await;
    let other = system.as_organisation("Fernhill").await;
    account(&system, "mara", true).await;
    account(&other, "mara", true).await;
    // Theirs is no link of ours, and the two cannot be told apart from none.
    let link = other.as_admin().post(&at(&other, "/accounts/mara/links"), json!({})).await.text("link");
    let foreign = set_password(&system, &link, OTHER).await;
    let missing = set_password(&system, &link.replace("link_", "link_A"), OTHER).await;
    assert_eq!((foreign.status.as_u16(), told(&foreign)), (404, told(&missing)));
    assert_eq!(set_password(&other, &link, OTHER).await.status, 200);

    let (ours, theirs) = (signed_in(&system, "mara", PASSWORD).await, signed_in(&other, "mara", OTHER).await);
    assert_eq!(sign_in(&system, json!({"person": "mara", "password": OTHER})).await.status, 401);
    other.as_admin().post(&at(&other, "/accounts"), json!({"person": "olga"})).await;
    for (method, tail) in [
        (Method::GET, "/accounts"),
        (Method::POST, "/accounts"),
        (Method::DELETE, "/accounts/olga"),
        (Method::POST, "/accounts/olga/links"),
        (Method::GET, "/account"),
        (Method::PUT, "/account/password"),
        (Method::POST, "/account/second-factor"),
        (Method::PUT, "/account/second-factor"),
        (Method::DELETE, "/account/second-factor"),
    ] {
        let answer = ask(&ours, method.clone(), &at(&other, tail), json!({})).await;
        assert_eq!(answer.status, 404, "{method} {tail}: {}", answer.body);
        assert!(answer.problem().1.starts_with("there is no tenant or organisation"), "{tail}: {}", answer.body);
    }
    let people = |answer: Answer| answer.json["items"].as_array().map(Vec::len);
    assert_eq!(people(ours.get(&at(&system, "/accounts")).await), Some(1));
    assert_eq!(people(theirs.get(&at(&other, "/accounts")).await), Some(2));
    // An API key is nobody of the organisation, and a tenant is no organisation.
    let tenant = system.tenant("Ours").await;
    let key = json!({"name": "Import", "roles": ["isms_manager"]});
    let key = system.as_admin().post(&format!("/v1/tenants/{tenant}/api-keys"), key).await.text("key");
    assert_eq!(ask(&system.with(key), Method::GET, &at(&system, "/account"), json!({})).await.status, 404);
    let inside = format!("/v1/organisations/{tenant}/accounts");
    assert_eq!(ask(&system.as_admin(), Method::POST, &inside, json!({"person": "jo"})).await.status, 404);
}

/// What an account is signed in with and what is recorded of it are one transaction.
#[tokio::test]
async fn a_process_that_dies_leaves_both_or_neither() {
    let mut system = System::start().await;
    for (point, was_set) in [("appended", false), ("committed", true)] {
        let person = format!("mara-{point}");
        let link = system.as_admin().post(&at(&system, "/accounts"), json!({ "person": person })).await.text("link");
        system.processes.clear();
        system.serve_until(&format!("tenancy:{point}")).await;
        let (path, body) = (at(&system, "/password"), json!({"link": link, "password": PASSWORD}).to_string());
        until("an answer, or none ever", async || {
            let answer = anybody(&system).try_send(Method::POST, &path, Some(body.clone()), &[]).await;
            !matches!(answer, Ok(answer) if answer.status == 503)
        })
        .await;
        let ended = timeout(Duration::from_secs(30), system.processes[0].child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{point} was not reached")).expect("waited");
        assert!(ended.signal().is_some(), "{point}: {ended}");
        system.processes.clear();
        system.serve(&SERVICES).await;
        system.ready().await;
        let of = format!("tenancy says of {person}");
        let events =
            "select count(*) from events where stream = 'account-' || $1 and event_type = 'account.password_set'";
        let set: i64 = sqlx::query_scalar(events)
            .bind(&person)
            .fetch_one(&mut system.superuser("tenancy").await)
            .await
            .expect(&of);
        assert_eq!(set == 1, was_set, "{point}");
        let again = set_password(&system, &link, PASSWORD).await;
        assert_eq!(again.status, if was_set { 404 } else { 200 }, "{point}: {}", again.body);
        signed_in(&system, &person, PASSWORD).await;
    }
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}

#[tokio::test]
async fn where_only_providers_are_wanted_there_are_no_passwords() {
    let system = System::start_with(&[("STELE_LOCAL_ACCOUNTS", "false")]).await;
    for tail in ["/sign-in", "/password", "/accounts"] {
        let answer = ask(&system.as_admin(), Method::POST, &at(&system, tail), json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0.as_str()),
            (404, "not_found"),
            "{tail}: {}",
            answer.body
        );
        assert!(answer.problem().1.starts_with("nothing is offered at"), "{tail}: {}", answer.body);
    }
    // The positive control: the rest is there.
    assert_eq!(system.as_admin().send(Method::GET, &at(&system, "/tenants"), None, &[]).await.status, 200);
}
