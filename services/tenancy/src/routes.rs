//! What tenancy answers.

use crate::accounts::Accounts;
use crate::add_tenant::{AddTenant, TenantAdded};
use crate::api_keys::{CreateKey, KeyCreated, RevokeKey};
use crate::auditor_grants::{GrantAuditor, GrantCreated, RevokeGrant};
use crate::describe_person::DescribePerson;
use crate::directory::{DirectoryEntry, SealedPerson};
use crate::erase_person::ErasePerson;
use crate::identities::{EndIdentity, LinkIdentity};
use crate::invitations::{Invite, Invited, Join, Joined, RevokeInvitation};
use crate::known_invitation::KnownInvitation;
use crate::offer::{AcceptTenant, OfferTenant, TenantAccepted};
use crate::organisation_profile::OrganisationProfile;
use crate::owned_tenant::OwnedTenant;
use crate::people::{People, SetRoles};
use crate::permissions::Permissions;
use crate::portfolio::OverseenTenant;
use crate::roles::{DefineRole, Roles};
use crate::settings::ChangeSettings;
use crate::state::ChangeState;
use crate::tokens::{IssueToken, TokenIssued};
use crate::{
    Entrance, TenantProfile, accounts, add_tenant, api_keys, auditor_grants, describe_person, directory, erase_person,
    identities, invitations, offer, people, permissions, portfolio, roles, settings, state, tokens,
};
use access::{Action, GrantDetails, KEY, KeyDetails, KnownGrant, KnownKey, KnownPerson, Roster};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use mail::Mail;
use service::{Answered, Call, Listed, Object, Problem, Route, Routes, json, object_answer};
use std::sync::Arc;

pub fn routes(entrance: Entrance) -> Routes {
    use Action::ManageTenant;
    let routes = directory(grants(credentials(people_and_roles(tenants(organisations())))));
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
    let Entrance { issuer, passwords, mail, proxies } = entrance;
    let accounts = issuer.clone().filter(|_| passwords).map(|issuer| Arc::new(Accounts::new(issuer, proxies)));
    let routes = invited(routes, mail, accounts.clone());
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

/// How people come in whom the organisation does not know yet.
fn invited(routes: Routes, mail: Option<Mail>, accounts: Option<Arc<Accounts>>) -> Routes {
    use Action::{ManageTenant, Read};
    let post = mail.map(|mail| Arc::new(mail.open()));
    routes
        .with(
            Route::tenant(
                Method::GET,
                "/invitations",
                ManageTenant,
                "List the tenant's invitations, also those that ended",
            )
            .pages::<KnownInvitation>()
            .gives::<Listed<KnownInvitation>>(200)
            .answered_by(invitations::list),
        )
        .with(
            Route::tenant(Method::POST, "/invitations", ManageTenant, "Invite somebody to have roles in the tenant")
                .takes::<Invite>()
                .keyless(
                    "an invitation is kept nowhere, so it cannot be given again: send the request without an Idempotency-Key",
                )
                .gives::<Invited>(201)
                .answered_by(move |call| invitations::invite(call, post.clone())),
        )
        .with(
            Route::tenant(Method::DELETE, "/invitations/{id}", ManageTenant, "Revoke an invitation")
                .takes::<RevokeInvitation>()
                .gives::<Answered>(200)
                .answered_by(invitations::revoke),
        )
        .with(
            Route::organisation(Method::POST, "/join", Read, "Accept an invitation")
                .for_anybody()
                .takes::<Join>()
                .keyless("an invitation counts once: send the request without a key")
                .gives::<Joined>(200)
                .answered_by(move |call| invitations::join(call, accounts.clone())),
        )
}

/// By what auditors look who have no account.
fn grants(routes: Routes) -> Routes {
    use Action::ManageTenant;
    let (noun, one) = ("/auditor-grants", "/auditor-grants/{id}");
    routes
        .with(
            Route::tenant(Method::GET, noun, ManageTenant, "List the auditors' grants, also those that ended")
                .pages::<KnownGrant>()
                .gives::<Listed<GrantDetails>>(200)
                .answered_by(auditor_grants::list),
        )
        .with(
            Route::tenant(Method::POST, noun, ManageTenant, "Let an auditor look, each look recorded")
                .takes::<GrantAuditor>()
                .keyless(
                    "a grant is kept nowhere, so it cannot be given again: send the request without an Idempotency-Key",
                )
                .gives::<GrantCreated>(201)
                .answered_by(auditor_grants::create),
        )
        .with(
            Route::tenant(Method::GET, one, ManageTenant, "Show an auditor's grant")
                .as_of()
                .gives::<Object<GrantDetails>>(200)
                .answered_by(auditor_grants::show),
        )
        .with(
            Route::tenant(Method::DELETE, one, ManageTenant, "Revoke an auditor's grant")
                .takes::<RevokeGrant>()
                .gives::<Answered>(200)
                .answered_by(auditor_grants::revoke),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/auditor-grants/{id}/history",
                ManageTenant,
                "Who gave an auditor's grant and took it back, when and why",
            )
            .history_of::<KnownGrant>(|call| call.id().to_owned()),
        )
}

/// What people are called and where mail reaches them.
fn directory(routes: Routes) -> Routes {
    use Action::ManageTenant;
    routes
        .with(
            Route::organisation(
                Method::GET,
                "/people",
                ManageTenant,
                "List the organisation's people by name and address",
            )
            .pages::<SealedPerson>()
            .gives::<Listed<DirectoryEntry>>(200)
            .answered_by(directory::list),
        )
        .with(
            Route::organisation(Method::GET, "/people/{id}", ManageTenant, "Show a person's name and address")
                .as_of()
                .gives::<Object<DirectoryEntry>>(200)
                .answered_by(directory::show),
        )
        .with(
            Route::organisation(
                Method::PUT,
                "/people/{id}",
                ManageTenant,
                "Say what a person is called and their address",
            )
            .takes::<DescribePerson>()
            .keyless("nothing of a name is kept in the clear, not even its digest: send the request without a key")
            .gives::<Answered>(200)
            .answered_by(describe_person::describe),
        )
        .with(
            Route::organisation(
                Method::DELETE,
                "/people/{id}",
                ManageTenant,
                "Erase a person's name and address for ever",
            )
            .takes_with_reason::<ErasePerson>()
            .gives::<Answered>(200)
            .answered_by(erase_person::erase),
        )
        .with(
            Route::organisation(
                Method::GET,
                "/people/{id}/history",
                ManageTenant,
                "Who changed a person's name and address, when and why",
            )
            .history_read::<SealedPerson>(directory::read),
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
