//! People come with the tokens of their own identity provider, and with its word alone they are nobody.

use crate::system::{Client, SERVICES, System, until};
use reqwest::Method;
use serde_json::json;
use testkit::{Oidc, servers};

/// A system that trusts the provider for the people of its organisation.
async fn trusting(provider: &Oidc) -> (System, tempfile::NamedTempFile) {
    let mut system = System::migrated(&servers::postgres_admin_url(), &servers::nats_url(), &[]).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), provider.trusted(&system.organisation)).expect("written");
    system.set("STELE_PROVIDERS", file.path().to_str().expect("a path"));
    system.serve(&SERVICES).await;
    system.ready().await;
    (system, file)
}

async fn status(client: &Client, path: &str) -> u16 {
    client.send(Method::GET, path, None, &[]).await.status.as_u16()
}

#[tokio::test]
async fn a_person_signs_in_with_the_organisations_own_provider() {
    let provider = Oidc::start().await;
    let (system, _file) = trusting(&provider).await;
    let tenant = system.tenant("Ours").await;
    system.person(&tenant, "mara", &["risk_owner"]).await;
    let mara = system.with(provider.token("mara", "stele", "ES256", 600).await);
    let risks = format!("/v1/tenants/{tenant}/risks");
    let answer = mara.send(Method::GET, &risks, None, &[]).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.problem().1.contains("subject mara, who is nobody here"), "{}", answer.body);

    let identities = format!("/v1/organisations/{}/identities", system.organisation);
    let link = json!({"issuer": provider.issuer(), "subject": "mara", "person": "mara"});
    let id = system.as_admin().post(&identities, link).await.text("id");
    for path in ["risks", "controls", "notifications"] {
        let path = format!("/v1/tenants/{tenant}/{path}");
        until("every service to know who it is", async || status(&mara, &path).await == 200).await;
    }
    let risk = json!({"ref": "R-1", "name": "Fire"});
    mara.post(&risks, risk).await;
    let history = mara.get(&format!("{risks}/R-1/history")).await;
    assert_eq!(history.json["items"][0]["actor"], "mara");
    // The subject stands in no log.
    let listed = system.as_admin().get(&identities).await;
    assert_eq!(listed.json["items"][0]["person"], "mara");
    assert_eq!(status(&mara, &identities).await, 404, "she administers nothing");

    system.as_admin().send(Method::DELETE, &format!("{identities}/{id}"), None, &[]).await;
    for path in ["risks", "controls", "notifications"] {
        let path = format!("/v1/tenants/{tenant}/{path}");
        until("every service to have heard of the end", async || status(&mara, &path).await == 401).await;
    }
}

/// What one organisation says of its provider's subjects counts for its own people, and for nobody else's.
#[tokio::test]
async fn a_provider_speaks_for_no_other_organisations_people() {
    let provider = Oidc::start().await;
    let (system, _file) = trusting(&provider).await;
    let other = system.as_organisation("Fernhill").await;
    let theirs = other.tenant("Theirs").await;
    other.person(&theirs, "mara", &["isms_manager"]).await;
    let link = json!({"issuer": provider.issuer(), "subject": "mara", "person": "mara", "administrator": true});
    // Fernhill links the same subject: nobody asks it, because the provider is Larkspur's.
    other.as_admin().post(&format!("/v1/organisations/{}/identities", other.organisation), link.clone()).await;
    let mara = system.with(provider.token("mara", "stele", "RS256", 600).await);
    let risks = format!("/v1/tenants/{theirs}/risks");
    assert_eq!(status(&mara, &risks).await, 401);

    system.as_admin().post(&format!("/v1/organisations/{}/identities", system.organisation), link).await;
    let ours = system.tenant("Ours").await;
    until("ours to know her", async || status(&mara, &format!("/v1/tenants/{ours}/risks")).await == 200).await;
    assert_eq!(status(&mara, &risks).await, 404);
    assert_eq!(status(&mara, &format!("/v1/organisations/{}", other.organisation)).await, 404);
}
