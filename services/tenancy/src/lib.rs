//! Who owns which ISMS: organisations, their tenants, the people in them, and the tokens that people come with.
//!
//! An organisation has a partition of its own, named by its id, whose roster has the organisation as its owner: that
//! is what lets its administrators through `/v1/organisations/{organisation}`.

mod account;
mod accounts;
mod add_tenant;
mod api_keys;
mod auditor_grants;
mod checked;
mod client;
mod counted;
mod describe_person;
mod directory;
mod erase_person;
mod erasure;
mod exported;
mod figure;
mod found;
mod group;
mod group_roles;
mod grouping;
mod hand_over;
mod identities;
mod import;
mod invitation;
mod invitations;
mod known_group;
mod known_invitation;
mod known_library;
mod known_member;
mod libraries;
mod library;
mod logo;
mod member;
mod offer;
mod one_time;
mod organisation;
mod organisation_profile;
mod oversight;
mod owned_tenant;
mod people;
mod permissions;
mod person;
mod portfolio;
mod provisioning_keys;
mod reactions;
mod release;
mod roles;
mod scim;
mod settings;
mod state;
mod tenant;
mod tenant_profile;
#[cfg(test)]
mod testing;
mod tokens;

pub use accounts::first_link;
pub use erase_person::{erase_again, erased, when_a_person_is_erased_then_tell_the_tenants};
pub use exported::note_export;
pub use found::found;
pub use hand_over::hand_over;
pub use libraries::when_a_library_is_pushed_then_hand_it_over;
pub use organisation::Kind;
pub use oversight::{
    when_a_tenant_changed_then_report_it, when_a_tenant_is_listed_then_report_it,
    when_something_that_counts_happened_then_note_it,
};
pub use reactions::{
    when_a_service_opened_then_note_it, when_tenant_added_then_open_it, when_tenant_renamed_then_name_it,
};
pub use tenant::{Archived, OTHER_SERVICES};
pub use tenant_profile::TenantProfile;
pub use tokens::{IssuedToken, issue_token};

use access::{Action, Issuer, KEY, KeyDetails, KnownKey, KnownPerson, Roster};
use accounts::Accounts;
use add_tenant::{AddTenant, TenantAdded};
use api_keys::{CreateKey, KeyCreated, RevokeKey};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use counted::Counted;
use directory::SealedPerson;
use group_roles::{GroupRoles, when_a_group_changed_then_settle_its_roles};
use identities::{EndIdentity, LinkIdentity};
use known_group::KnownGroup;
use known_invitation::KnownInvitation;
use known_library::{KnownContents, KnownLibrary};
use known_member::KnownMember;
use mail::Mail;
use offer::{AcceptTenant, OfferTenant, TenantAccepted};
use organisation_profile::OrganisationProfile;
use owned_tenant::OwnedTenant;
use people::{People, SetRoles};
use permissions::Permissions;
use portfolio::OverseenTenant;
use roles::{DefineRole, Roles};
use service::{Answered, Call, KeptImport, Listed, Object, Problem, Route, Routes, Service, json, object_answer};
use settings::ChangeSettings;
use state::ChangeState;
use std::sync::Arc;
use tokens::{IssueToken, TokenIssued};

/// How people come to an installation.
#[derive(Clone)]
pub struct Entrance {
    /// Signs tokens. Without it they are checked, and issued elsewhere.
    pub issuer: Option<Issuer>,
    /// Whether people sign in with passwords of ours, where there is an issuer.
    pub passwords: bool,
    /// Sends invitations. Without it who invites hands them over.
    pub mail: Option<Mail>,
}

impl Entrance {
    /// As it is where nothing else is said.
    pub fn by(issuer: Option<Issuer>) -> Self {
        Self { issuer, passwords: true, mail: None }
    }
}

/// The service with the usual [`Entrance`].
pub fn service(issuer: Option<Issuer>) -> Service {
    service_behind(Entrance::by(issuer))
}

pub fn service_behind(entrance: Entrance) -> Service {
    let migrations = sqlx::migrate!("../../migrations/tenancy");
    let service = Service::new("tenancy", "Organisations, tenants, people, tokens", migrations, routes(entrance))
        .records::<account::Event>()
        .records::<invitation::Event>()
        .records::<organisation::Event>()
        .records::<tenant::Event>()
        .records::<figure::Event>()
        .records::<client::Event>()
        .records::<person::Event>()
        .records::<erasure::Event>()
        .records::<member::Event>()
        .records::<group::Event>()
        .records::<grouping::Event>()
        .records::<library::Event>()
        .records::<release::Event>()
        .records::<::library::push::Event>()
        .records::<service::upload::Event>()
        .view::<OrganisationProfile>()
        .view::<OwnedTenant>()
        .view::<OverseenTenant>()
        .view::<Counted>()
        .view::<TenantProfile>()
        .patient()
        .view::<KnownInvitation>()
        .worker(invitations::worker())
        .view::<SealedPerson>()
        .view::<KnownMember>()
        .view::<KnownGroup>()
        .view::<GroupRoles>()
        .view::<KnownLibrary>()
        .view::<KnownContents>()
        .view::<KeptImport>()
        .table("person_keys")
        .table("member_names")
        .runs_errands_for(
            "tenancy",
            vec![
                when_tenant_added_then_open_it(),
                when_tenant_renamed_then_name_it(),
                when_a_tenant_is_listed_then_report_it(),
                when_a_tenant_changed_then_report_it(),
                when_a_person_is_erased_then_tell_the_tenants(),
                when_a_group_changed_then_settle_its_roles(),
                when_a_library_is_pushed_then_hand_it_over(),
            ],
        );
    OTHER_SERVICES.into_iter().fold(service, |service, other| {
        let count = when_something_that_counts_happened_then_note_it();
        service.reacts_to(other, vec![when_a_service_opened_then_note_it(other), count])
    })
}

fn routes(entrance: Entrance) -> Routes {
    use Action::ManageTenant;
    let routes = directory::routes(auditor_grants::routes(credentials(people_and_roles(tenants(organisations())))));
    let routes = logo::routes(routes);
    let routes = libraries::routes(scim::routes(provisioning_keys::routes(group_roles::routes(routes))));
    let routes = routes
        .with(
            Route::organisation(
                Method::GET,
                "/history",
                ManageTenant,
                "Who changed the organisation, when, why and how",
            )
            .history_of::<OrganisationProfile>(tenant_id),
        )
        .history_of::<TenantProfile>("/history", "Who changed the tenant's settings, when, why and how", tenant_id)
        .history_of::<Roster>("/roles/history", "Who gave, took and defined which roles, when and why", |_| {
            KEY.to_owned()
        });
    let Entrance { issuer, passwords, mail } = entrance;
    let accounts = issuer.clone().filter(|_| passwords).map(|issuer| Arc::new(Accounts::new(issuer)));
    let routes = invitations::routes(routes, mail, accounts.clone());
    let routes = match &accounts {
        Some(accounts) => accounts::routes(routes, accounts),
        None => routes,
    };
    let Some(issuer) = issuer else { return routes };
    let issuer = Arc::new(issuer);
    routes.with(
        Route::organisation(Method::POST, "/tokens", ManageTenant, "Issue a bearer token for a person")
            .takes::<IssueToken>()
            .keyless("a token is kept nowhere, so it cannot be given again: send the request without a key")
            .gives::<TokenIssued>(201)
            .answered_by(move |call| tokens::answer(call, issuer.clone())),
    )
}

fn organisations() -> Routes {
    use Action::{ManageTenant, Read};
    Routes::new()
        .with(
            Route::organisation(Method::GET, "", ManageTenant, "Show the organisation")
                .as_of()
                .gives::<Object<OrganisationProfile>>(200)
                .answered_by(show_organisation),
        )
        .with(
            Route::organisation(Method::GET, "/tenants", ManageTenant, "List the organisation's tenants")
                .pages::<OwnedTenant>()
                .gives::<Listed<OwnedTenant>>(200)
                .answered_by(list_tenants),
        )
        .with(
            Route::organisation(Method::GET, "/portfolio", Read, "How the tenants stand that the caller may see")
                .for_members()
                .pages::<OverseenTenant>()
                .gives::<Listed<OverseenTenant>>(200)
                .answered_by(portfolio::list),
        )
        .with(
            Route::organisation(Method::POST, "/tenants", ManageTenant, "Add a tenant, an ISMS of its own")
                .takes::<AddTenant>()
                .gives::<TenantAdded>(201)
                .answered_by(add_tenant::answer),
        )
        .with(
            Route::organisation(Method::PUT, "/tenants/{id}", ManageTenant, "Take over a tenant that is offered")
                .takes::<AcceptTenant>()
                .keyless("taking over again changes nothing: send the request without a key")
                .gives::<TenantAccepted>(200)
                .answered_by(offer::accept),
        )
}

fn tenants(routes: Routes) -> Routes {
    use Action::{ManageTenant, Read};
    routes
        .with(
            Route::tenant(Method::GET, "", Read, "Show the tenant")
                .as_of()
                .gives::<Object<TenantProfile>>(200)
                .answered_by(show_tenant),
        )
        .with(
            Route::tenant(Method::PUT, "/settings", ManageTenant, "Change the tenant's settings, all of them")
                .takes::<ChangeSettings>()
                .gives::<Answered>(200)
                .answered_by(settings::change),
        )
        .with(
            Route::tenant(Method::PUT, "/state", ManageTenant, "Suspend the tenant, resume it, or close it for ever")
                .for_administrators()
                .in_any_state()
                .takes_with_reason::<ChangeState>()
                .gives::<Answered>(200)
                .answered_by(state::change),
        )
        .with(
            Route::tenant(Method::PUT, "/offer", ManageTenant, "Offer the tenant to another organisation")
                .for_administrators()
                .takes::<OfferTenant>()
                .gives::<Answered>(200)
                .answered_by(offer::offer),
        )
}

fn people_and_roles(routes: Routes) -> Routes {
    use Action::{ManageTenant, Read};
    routes
        .with(
            Route::tenant(Method::GET, "/people", Read, "List the tenant's people and their roles")
                .as_of()
                .gives::<People>(200)
                .answered_by(people::list),
        )
        .with(
            Route::tenant(Method::PUT, "/people/{id}", ManageTenant, "Say which roles a person has, all of them")
                .takes::<SetRoles>()
                .gives::<Answered>(200)
                .answered_by(people::set_roles),
        )
        .upload("/imports/people", "Upload the tenant's people and all of their roles", import::People::asked)
        .uploads("/imports/people", "/imports/people/{id}", "/imports/people/{id}/undo", import::People::asked)
        .with(
            Route::tenant(Method::GET, "/permissions", Read, "Say what the caller may do here")
                .gives::<Permissions>(200)
                .answered_by(permissions::show),
        )
        .with(
            Route::tenant(Method::GET, "/roles", Read, "List the roles that can be given, and what each allows")
                .as_of()
                .gives::<Roles>(200)
                .answered_by(roles::list),
        )
        .with(
            Route::tenant(Method::PUT, "/roles/{id}", ManageTenant, "Define a role of the tenant's own, or change it")
                .takes::<DefineRole>()
                .gives::<Answered>(200)
                .answered_by(roles::define),
        )
        .with(
            Route::tenant(Method::DELETE, "/roles/{id}", ManageTenant, "Remove a role that nobody holds")
                .parameter("reason", "Why: it is kept with the event")
                .parameter("occurred_at", "When it happened, where that was not now")
                .gives::<Answered>(200)
                .answered_by(roles::remove),
        )
}

/// By what else than a token of ours people and programs come.
fn credentials(routes: Routes) -> Routes {
    use Action::ManageTenant;
    routes
        .with(
            Route::organisation(
                Method::GET,
                "/identities",
                ManageTenant,
                "List who the identity provider's subjects are",
            )
            .pages::<KnownPerson>()
            .gives::<Listed<KnownPerson>>(200)
            .answered_by(identities::list),
        )
        .with(
            Route::organisation(
                Method::POST,
                "/identities",
                ManageTenant,
                "Say who a subject of the identity provider is",
            )
            .takes::<LinkIdentity>()
            .begins::<Answered>()
            .answered_by(identities::link),
        )
        .with(
            Route::organisation(Method::DELETE, "/identities/{id}", ManageTenant, "Let a subject be nobody any more")
                .takes::<EndIdentity>()
                .gives::<Answered>(200)
                .answered_by(identities::end),
        )
        .with(
            Route::tenant(Method::GET, "/api-keys", ManageTenant, "List the tenant's API keys, also those that ended")
                .pages::<KnownKey>()
                .gives::<Listed<KeyDetails>>(200)
                .answered_by(api_keys::list),
        )
        .with(
            Route::tenant(Method::POST, "/api-keys", ManageTenant, "Create an API key, by which a program comes")
                .takes::<CreateKey>()
                .keyless(
                    "a key is kept nowhere, so it cannot be given again: send the request without an Idempotency-Key",
                )
                .gives::<KeyCreated>(201)
                .answered_by(api_keys::create),
        )
        .with(
            Route::tenant(Method::DELETE, "/api-keys/{id}", ManageTenant, "Revoke an API key")
                .takes::<RevokeKey>()
                .gives::<Answered>(200)
                .answered_by(api_keys::revoke),
        )
}

async fn show_organisation(call: Call) -> Result<Response, Problem> {
    let object = call.object::<OrganisationProfile>(&call.cx.tenant.to_string()).await?;
    Ok(object_answer(&object))
}

async fn list_tenants(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<OwnedTenant>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

async fn show_tenant(call: Call) -> Result<Response, Problem> {
    let object = call.object::<TenantProfile>(&call.cx.tenant.to_string()).await?;
    Ok(object_answer(&object))
}

/// The row of a view that is about the partition itself.
fn tenant_id(call: &Call) -> String {
    call.cx.tenant.to_string()
}
