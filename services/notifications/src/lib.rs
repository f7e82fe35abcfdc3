//! Who is told what: reactions to what happens elsewhere, an inbox for each person, and mail where a server is set.

mod address_book;
mod contact;
mod delivery;
mod inbox;
mod notification;
mod reactions;
mod responsibility;

use access::{Action, when_access_changes_then_copy_it};
use axum::http::Method;
use inbox::{Inbox, MarkRead};
use mail::Mail;
use reactions::{
    when_a_finding_has_an_owner_then_tell_them, when_a_person_is_erased_then_forget_them,
    when_an_owner_is_taken_back_then_tell_them, when_control_is_required_then_tell_its_owner,
    when_control_owner_is_assigned_then_tell_them, when_risk_owner_is_assigned_then_tell_them,
    when_role_changes_then_tell_the_person, when_tenant_is_handed_over_then_forget_addresses,
    when_treatment_is_decided_then_tell_the_owner, when_treatment_is_taken_back_then_tell_the_owner,
};
use service::{Answered, Listed, Route, Routes, Service};

/// Without `mail`, people are told in the app only.
pub fn service(mail: Option<Mail>) -> Service {
    let mails = mail.is_some();
    let service = Service::new(
        "notifications",
        "What each person is told, in the app and by mail",
        sqlx::migrate!("../../migrations/notifications"),
        routes(),
    )
    .records::<contact::Event>()
    .records::<notification::Event>()
    .records::<responsibility::Event>()
    .view::<Inbox>()
    .table("contacts")
    .table("person_keys")
    .table("deliveries")
    .reacts_to(
        "tenancy",
        vec![
            when_access_changes_then_copy_it(),
            when_role_changes_then_tell_the_person(mails),
            when_tenant_is_handed_over_then_forget_addresses(),
            when_a_person_is_erased_then_forget_them(),
        ],
    )
    .reacts_to(
        "risk",
        vec![
            when_risk_owner_is_assigned_then_tell_them(mails),
            when_treatment_is_decided_then_tell_the_owner(mails),
            when_an_owner_is_taken_back_then_tell_them(mails),
            when_treatment_is_taken_back_then_tell_the_owner(mails),
        ],
    )
    .reacts_to(
        "controls",
        vec![
            when_control_owner_is_assigned_then_tell_them(mails),
            when_control_is_required_then_tell_its_owner(mails),
            when_an_owner_is_taken_back_then_tell_them(mails),
        ],
    )
    .reacts_to("audit", vec![when_a_finding_has_an_owner_then_tell_them(mails)]);
    match mail {
        Some(mail) => service.worker(delivery::worker(mail)),
        None => service,
    }
}

fn routes() -> Routes {
    Routes::new()
        .with(
            Route::tenant(Method::GET, "/notifications", Action::Read, "Your own notifications, newest first")
                .pages::<Inbox>()
                .gives::<Listed<Inbox>>(200)
                .answered_by(inbox::own),
        )
        .command::<MarkRead>(Method::POST, "/notifications/{id}/read")
        .with(
            Route::tenant(Method::GET, "/contacts", Action::ManageTenant, "Where people are reached, as it is now")
                .parameter("after", "Only people after this one, in the order of their ids")
                .limit()
                .gives::<address_book::AddressBook>(200)
                .answered_by(address_book::list),
        )
        .with(
            Route::tenant(Method::PUT, "/contacts/{id}", Action::Read, "Say where a person is reached, or erase it")
                .takes::<address_book::ChangeContact>()
                .keyless(
                    "nothing of an address is kept in the clear, not even its digest: send the request without a key",
                )
                .gives::<Answered>(200)
                .answered_by(address_book::change),
        )
}
