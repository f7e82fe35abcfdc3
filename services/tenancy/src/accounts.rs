//! Accounts of people who sign in with a password of ours, where no identity provider does it: passwords, one-time links,
//! authenticator apps. What they sign in with stands beside the log, and in no event.

mod attempt;
mod hashing;
mod link;
mod manage;
mod opened;
mod own;
mod password;
mod row;
mod sealed;
mod sign_in;
mod throttle;
mod totp;

pub use manage::first_link;
pub use opened::is_open;

use crate::account::{Account, Command, Factor};
use crate::organisation::Organisation;
use access::{Action, Caller, Issuer};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use chrono::{DateTime, Duration, Utc};
use eventstore::{Actor, Cx, TenantId, Work};
use hashing::Hasher;
use row::Row;
use sealed::Sealer;
use service::{Answered, Call, OF_NONE, Problem, Route, Routes};
use std::net::IpAddr;
use std::sync::Arc;
use throttle::Throttle;
use uuid::Uuid;

/// What a one-time link begins with, so that who finds one lying about knows what it is.
const LINK: &str = "stele-link_";

/// How often a person may be wrong before anybody who tries to be them waits, and how often who comes from one address may; and
/// after how long one time is forgotten. From one address a whole office may come.
const BY_PERSON: (u32, Duration) = (5, Duration::hours(1));
const BY_ADDRESS: (u32, Duration) = (50, Duration::minutes(1));

const KEYLESS: &str = "what it answers is kept nowhere, so it cannot be given again: send the request without a key";

/// What all of it needs.
pub struct Accounts {
    issuer: Issuer,
    hasher: Hasher,
    sealer: Sealer,
    people: Throttle<(TenantId, String)>,
    addresses: Throttle<IpAddr>,
}

impl Accounts {
    pub fn new(issuer: Issuer) -> Self {
        let (hasher, sealer) = (Hasher::new(), Sealer::of(&issuer));
        let (people, addresses) = (Throttle::new(BY_PERSON), Throttle::new(BY_ADDRESS));
        Self { issuer, hasher, sealer, people, addresses }
    }

    fn issue(&self, id: Uuid, caller: &Caller, now: DateTime<Utc>, lifetime: Duration) -> Result<String, Problem> {
        self.issuer.issue_as(id, caller, now, lifetime).map_err(|error| {
            tracing::error!(%error, "a token could not be issued");
            Problem::internal()
        })
    }

    /// Records that somebody tried to be this person. Whoever that was has said nothing of themselves.
    async fn note_refusal(&self, call: &Call, person: &str, factor: Factor, wait_s: u32) -> Result<(), Problem> {
        let actor = Actor::Service(call.store.service().to_owned());
        let (cx, lane) = (Cx { actor, ..call.cx.clone() }, format!("account-{person}"));
        call.store.perform(&cx, &lane, |work| Box::pin(refuse(work, person.to_owned(), factor, wait_s))).await.map(drop)
    }
}

async fn refuse(work: &mut Work, person: String, factor: Factor, wait_s: u32) -> Result<(), Problem> {
    // It may have been closed meanwhile.
    if Row::held(work, &person).await?.is_some() {
        work.execute::<Account>(&person, None, Command::Refuse { factor, wait_s }).await?;
    }
    Ok(())
}

/// What the organisation is called; nothing where there is none.
async fn organisation_name(call: &Call) -> Result<String, Problem> {
    let mut work = call.store.work(call.cx.clone());
    let (organisation, _) = work.load::<Organisation>(&call.cx.tenant.to_string()).await?;
    Ok(organisation.name().unwrap_or_default().to_owned())
}

/// What nobody on the way may keep.
fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn routes(routes: Routes, accounts: &Arc<Accounts>) -> Routes {
    own_routes(managed(for_anybody(routes, accounts)), accounts)
}

fn for_anybody(routes: Routes, accounts: &Arc<Accounts>) -> Routes {
    let (signing, setting) = (accounts.clone(), accounts.clone());
    routes
        .with(
            Route::organisation(Method::POST, "/sign-in", Action::Read, "Sign in by password: gives a bearer token")
                .for_anybody()
                .takes::<sign_in::SignIn>()
                .versionless(OF_NONE)
                .keyless(KEYLESS)
                .gives::<sign_in::SignedIn>(200)
                .answered_by(move |call| sign_in::sign_in(call, signing.clone())),
        )
        .with(
            Route::organisation(Method::POST, "/password", Action::Read, "Set a password by a one-time link")
                .for_anybody()
                .takes::<link::SetPassword>()
                .versionless(OF_NONE)
                .keyless("a link counts once: send the request without a key")
                .gives::<link::PasswordSet>(200)
                .answered_by(move |call| link::set_password(call, setting.clone())),
        )
}

fn managed(routes: Routes) -> Routes {
    use Action::ManageTenant;
    routes
        .with(
            Route::organisation(Method::GET, "/accounts", ManageTenant, "List who signs in by password, as it is now")
                .parameter("after", "Only people after this one, in the order of their ids")
                .limit()
                .gives::<manage::Accounts>(200)
                .answered_by(manage::list),
        )
        .with(
            Route::organisation(
                Method::POST,
                "/accounts",
                ManageTenant,
                "Open an account: gives a link to set its password",
            )
            .takes::<manage::OpenAccount>()
            .versionless(OF_NONE)
            .keyless(KEYLESS)
            .gives::<manage::LinkMade>(201)
            .answered_by(manage::open),
        )
        .with(
            Route::organisation(Method::DELETE, "/accounts/{id}", ManageTenant, "Close an account")
                .takes::<manage::CloseAccount>()
                .versionless(OF_NONE)
                .gives::<Answered>(200)
                .answered_by(manage::close),
        )
        .with(
            Route::organisation(
                Method::POST,
                "/accounts/{id}/links",
                ManageTenant,
                "Give a person a new link to set their password",
            )
            .takes::<manage::MakeLink>()
            .versionless(OF_NONE)
            .keyless(KEYLESS)
            .gives::<manage::LinkMade>(201)
            .answered_by(manage::make_link),
        )
}

fn own_routes(routes: Routes, accounts: &Arc<Accounts>) -> Routes {
    use Action::Read;
    let [changing, beginning, confirming, removing] = [(); 4].map(|()| accounts.clone());
    routes
        .with(
            Route::organisation(Method::GET, "/account", Read, "Show one's own account")
                .for_members()
                .gives::<own::OwnAccount>(200)
                .answered_by(own::show),
        )
        .with(
            Route::organisation(Method::PUT, "/account/password", Read, "Change one's own password")
                .for_members()
                .takes::<own::ChangePassword>()
                .versionless(OF_NONE)
                .keyless("a password is kept nowhere: send the request without a key")
                .gives::<own::AccountChanged>(200)
                .answered_by(move |call| own::change_password(call, changing.clone())),
        )
        .with(
            Route::organisation(Method::POST, "/account/second-factor", Read, "Begin with an authenticator app (TOTP)")
                .for_members()
                .takes::<own::BeginSecondFactor>()
                .versionless(OF_NONE)
                .keyless(KEYLESS)
                .gives::<own::SecondFactorBegun>(200)
                .answered_by(move |call| own::begin(call, beginning.clone())),
        )
        .with(
            Route::organisation(Method::PUT, "/account/second-factor", Read, "Confirm the app by its first code")
                .for_members()
                .takes::<own::ConfirmSecondFactor>()
                .versionless(OF_NONE)
                .keyless(KEYLESS)
                .gives::<own::SecondFactorConfirmed>(200)
                .answered_by(move |call| own::confirm(call, confirming.clone())),
        )
        .with(
            Route::organisation(Method::DELETE, "/account/second-factor", Read, "Sign in without the app from now on")
                .for_members()
                .takes::<own::RemoveSecondFactor>()
                .versionless(OF_NONE)
                .keyless("a password is kept nowhere: send the request without a key")
                .gives::<own::AccountChanged>(200)
                .answered_by(move |call| own::remove(call, removing.clone())),
        )
}
