//! Controls (ISO/IEC 27001 clauses 6.1.3 and 8.1, Annex A): which apply and why, how far they are implemented, the
//! evidence for it, and the Statement of Applicability as of any position.

mod collect;
mod control;
mod evidence;
mod exhibit;
mod reactions;
mod requests;
mod requirement;
mod soa;
mod stated;
mod statement;

pub use reactions::{when_tenant_created_then_add_annex_a, when_treatment_decided_then_link_controls};

use access::Action::{Read, WriteControls};
use axum::http::Method;
use collect::CollectEvidence;
use exhibit::Exhibit;
use requests::{AssignControlOwner, DecideApplicability, SetImplementation};
use requirement::Requirement;
use service::{Answered, Listed, Object, Route, Routes, Service};
use soa::Soa;
use stated::Stated;
use statement::Statement;

const ABOUT: &str =
    "Which controls apply and why, how far they are implemented, evidence, the Statement of Applicability";

pub fn service() -> Service {
    Service::new("controls", ABOUT, sqlx::migrate!("../../migrations/controls"), routes())
        .records::<control::Event>()
        .records::<evidence::Event>()
        .view::<Statement>()
        .view::<Requirement>()
        .view::<Exhibit>()
        .reacts_to("tenancy", vec![access::when_access_changes_then_copy_it(), when_tenant_created_then_add_annex_a()])
        .reacts_to("risk", vec![when_treatment_decided_then_link_controls()])
}

fn routes() -> Routes {
    Routes::new()
        .with(
            Route::tenant(Method::GET, "/controls", Read, "All controls, in the standard's order")
                .pages::<Statement>()
                .gives::<Listed<Stated>>(200)
                .answered_by(stated::list),
        )
        .with(
            Route::tenant(Method::GET, "/controls/{id}", Read, "One control")
                .as_of()
                .gives::<Object<Stated>>(200)
                .answered_by(stated::object),
        )
        .with(
            Route::tenant(Method::GET, "/controls/{id}/history", Read, "Who changed a control, when, why, and what")
                .history_beside::<Statement, Requirement>(requirement::changes),
        )
        .command::<DecideApplicability>(Method::PUT, "/controls/{id}/applicability")
        .command::<SetImplementation>(Method::PUT, "/controls/{id}/implementation")
        .command::<AssignControlOwner>(Method::PUT, "/controls/{id}/owner")
        .with(
            Route::tenant(Method::POST, "/evidence", WriteControls, "Keep a note as evidence for one or more controls")
                .takes::<CollectEvidence>()
                .begins::<Answered>()
                .answered_by(collect::collect),
        )
        .list::<Exhibit>("/evidence", "All evidence, oldest first")
        .object::<Exhibit>("/evidence/{id}", "One piece of evidence")
        .history::<Exhibit>("/evidence/{id}/history", "Who collected a piece of evidence, when, why, and what")
        .with(
            Route::tenant(Method::GET, "/soa", Read, "The Statement of Applicability")
                .as_of()
                .gives::<Soa>(200)
                .answered_by(soa::as_json),
        )
        .with(
            Route::tenant(Method::GET, "/soa.csv", Read, "The Statement of Applicability for a spreadsheet")
                .as_of()
                .gives_text("text/csv")
                .answered_by(soa::as_csv),
        )
}
