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
mod hand_over;
mod identities;
mod invitation;
mod invitations;
mod known_invitation;
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
mod reactions;
mod roles;
mod routes;
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

use access::Issuer;
use counted::Counted;
use directory::SealedPerson;
use known_invitation::KnownInvitation;
use mail::Mail;
use organisation_profile::OrganisationProfile;
use owned_tenant::OwnedTenant;
use portfolio::OverseenTenant;
use service::Service;

/// How people come to an installation.
#[derive(Clone)]
pub struct Entrance {
    /// Signs tokens. Without it they are checked, and issued elsewhere.
    pub issuer: Option<Issuer>,
    /// Whether people sign in with passwords of ours, where there is an issuer.
    pub passwords: bool,
    /// Sends invitations. Without it who invites hands them over.
    pub mail: Option<Mail>,
    /// How many proxies stand before the service, each of which adds to `X-Forwarded-For`.
    pub proxies: usize,
}

impl Entrance {
    /// As it is where nothing else is said.
    pub fn by(issuer: Option<Issuer>) -> Self {
        Self { issuer, passwords: true, mail: None, proxies: 0 }
    }
}

/// The service with the usual [`Entrance`].
pub fn service(issuer: Option<Issuer>) -> Service {
    service_behind(Entrance::by(issuer))
}

pub fn service_behind(entrance: Entrance) -> Service {
    let migrations = sqlx::migrate!("../../migrations/tenancy");
    let service =
        Service::new("tenancy", "Organisations, tenants, people, tokens", migrations, routes::routes(entrance))
            .records::<account::Event>()
            .records::<invitation::Event>()
            .records::<organisation::Event>()
            .records::<tenant::Event>()
            .records::<figure::Event>()
            .records::<client::Event>()
            .records::<person::Event>()
            .records::<erasure::Event>()
            .view::<OrganisationProfile>()
            .view::<OwnedTenant>()
            .view::<OverseenTenant>()
            .view::<Counted>()
            .view::<TenantProfile>()
            .patient()
            .view::<KnownInvitation>()
            .worker(invitations::worker())
            .view::<SealedPerson>()
            .table("person_keys")
            .runs_errands_for(
                "tenancy",
                vec![
                    when_tenant_added_then_open_it(),
                    when_tenant_renamed_then_name_it(),
                    when_a_tenant_is_listed_then_report_it(),
                    when_a_tenant_changed_then_report_it(),
                    when_a_person_is_erased_then_tell_the_tenants(),
                ],
            );
    OTHER_SERVICES.into_iter().fold(service, |service, other| {
        let count = when_something_that_counts_happened_then_note_it();
        service.reacts_to(other, vec![when_a_service_opened_then_note_it(other), count])
    })
}
