use access::{Login, Providers, TokenError};
use std::time::Duration;
use testkit::Oidc;
use tokio::time::{Instant, sleep};

const ORGANISATION: &str = "018f0000-0000-7000-8000-000000000001";

fn trusting(provider: &Oidc) -> Providers {
    Providers::read(&provider.trusted(ORGANISATION)).expect("providers")
}

fn login(provider: &Oidc, subject: &str) -> Login {
    let organisation = ORGANISATION.parse().expect("an id");
    Login { organisation, issuer: provider.issuer(), subject: subject.to_owned() }
}

#[tokio::test]
async fn tokens_of_a_provider_count_whatever_key_signed_them() {
    let provider = Oidc::start().await;
    let providers = trusting(&provider);
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let token = provider.token("mara", "stele", algorithm, 600).await;
        assert!(Providers::concern(&token));
        assert_eq!(providers.verify(&token).await, Ok(login(&provider, "mara")), "{algorithm}");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let altered = format!("{signed}.{first}{}", &signature[1..]);
        assert_eq!(providers.verify(&altered).await, Err(TokenError::Foreign), "{algorithm}");
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_or_of_somebody_else_is_refused() {
    let (provider, stranger) = (Oidc::start().await, Oidc::start().await);
    let providers = trusting(&provider);
    let other = provider.token("mara", "other", "RS256", 600).await;
    assert_eq!(providers.verify(&other).await, Err(TokenError::Foreign));
    let foreign = stranger.token("mara", "stele", "RS256", 600).await;
    assert_eq!(providers.verify(&foreign).await, Err(TokenError::Foreign));
    // Two organisations' providers: each vouches for the people of its own.
    let theirs = stranger.trusted("018f0000-0000-7000-8000-000000000002");
    let both = format!("{},{}", provider.trusted(ORGANISATION).trim_end_matches(']'), theirs.trim_start_matches('['));
    let both = Providers::read(&both).expect("providers");
    let login = both.verify(&foreign).await.expect("theirs");
    assert_eq!(login.organisation.to_string(), "018f0000-0000-7000-8000-000000000002");
}

/// A key that nobody knew is asked for, a known one needs no provider, and one that was taken back ends.
#[tokio::test]
async fn keys_change_and_a_provider_that_is_away_ends_nothing() {
    let mut provider = Oidc::start().await;
    let providers = trusting(&provider);
    let old = provider.token("mara", "stele", "RS256", 600).await;
    assert_eq!(providers.verify(&old).await, Ok(login(&provider, "mara")));

    provider.stop().await;
    assert_eq!(providers.verify(&old).await, Ok(login(&provider, "mara")), "the known key stays");

    provider.start_again().await;
    let new = provider.token("olga", "stele", "RS256", 600).await;
    // It was asked a moment ago: a token of a key that nobody knows waits for no answer, and asks for none.
    let began = Instant::now();
    assert_eq!(providers.verify(&new).await, Err(TokenError::Foreign));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let deadline = Instant::now() + Duration::from_secs(20);
    while providers.verify(&new).await.is_err() {
        assert!(Instant::now() < deadline, "the new keys were never asked for");
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(providers.verify(&old).await, Err(TokenError::Foreign), "its key is published no more");
}

#[tokio::test]
async fn a_provider_that_never_answered_is_waited_for() {
    let mut provider = Oidc::start().await;
    let token = provider.token("mara", "stele", "ES256", 600).await;
    let issuer = provider.issuer();
    provider.stop().await;
    let providers = trusting(&provider);
    assert_eq!(providers.verify(&token).await, Err(TokenError::Unreachable(issuer)));
    provider.start_again().await;
    let token = provider.token("mara", "stele", "ES256", 600).await;
    tokio::select! {
        () = providers.keep_up() => {}
        () = async {
            while providers.verify(&token).await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
        } => {}
        () = sleep(Duration::from_secs(20)) => panic!("it was not asked again"),
    }
    assert_eq!(providers.verify(&token).await, Ok(login(&provider, "mara")));
}
