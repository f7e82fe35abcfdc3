//! Controls (ISO/IEC 27001 clauses 6.1.3 and 8.1, Annex A): which apply and why, how far they are implemented, the
//! evidence for it, and the Statement of Applicability as of any position.

mod bulk;
mod collect;
mod control;
mod edition;
mod evidence;
mod exhibit;
mod issued;
mod issuing;
mod reactions;
mod requests;
mod requirement;
mod soa;
mod stated;
mod statement;

pub use reactions::{when_tenant_created_then_add_annex_a, when_treatment_decided_then_link_controls};

use access::Action::{self, Read, WriteControls};
use axum::http::Method;
use bulk::{ChangeControls, ControlsChanged};
use collect::CollectEvidence;
use exhibit::Exhibit;
use issued::{IssuedSoa, LastEditions};
use issuing::{ApproveSoa, IssueSoa, SoaDifferences};
use requests::{
    AssessMaturity, AssignControlOwner, DecideApplicability, PlanControlReview, SetImplementation, TestControl,
};
use requirement::Requirement;
use service::{Answered, Listed, Object, Route, Routes, Service};
use soa::Soa;
use stated::ShownControl;
use statement::Statement;

const ABOUT: &str =
    "Which controls apply and why, how far they are implemented, evidence, the Statement of Applicability";

pub fn service() -> Service {
    Service::new("controls", ABOUT, sqlx::migrate!("../../migrations/controls"), routes())
        .records::<control::Event>()
        .records::<edition::Event>()
        .records::<evidence::Event>()
        .view::<Statement>()
        .view::<Requirement>()
        .view::<Exhibit>()
        .view::<LastEditions>()
        .view::<IssuedSoa>()
        .reacts_to("tenancy", vec![access::when_access_changes_then_copy_it(), when_tenant_created_then_add_annex_a()])
        .reacts_to("risk", vec![when_treatment_decided_then_link_controls()])
}

fn routes() -> Routes {
    soa_routes(evidence_routes(control_routes(Routes::new())))
}

fn control_routes(routes: Routes) -> Routes {
    routes
        .with(
            Route::tenant(Method::GET, "/controls", Read, "All controls, in the standard's order")
                .pages::<Statement>()
                .gives::<Listed<ShownControl>>(200)
                .answered_by(stated::list),
        )
        .with(
            Route::tenant(
                Method::POST,
                "/controls",
                Action::DecideApplicability,
                "Say the same of many controls, all of them or none",
            )
            .takes_with_reason::<ChangeControls>()
            .parameter("dry_run", "true: tell what would happen, and every refusal, and record nothing")
            .gives::<ControlsChanged>(200)
            .answered_by(bulk::change),
        )
        .with(
            Route::tenant(Method::GET, "/controls/{id}", Read, "One control")
                .as_of()
                .gives::<Object<ShownControl>>(200)
                .answered_by(stated::object),
        )
        .with(
            Route::tenant(Method::GET, "/controls/{id}/history", Read, "Who changed a control, when, why, and what")
                .history_beside::<Statement, Requirement>(requirement::changes),
        )
        .command::<DecideApplicability>(Method::PUT, "/controls/{id}/applicability")
        .command::<SetImplementation>(Method::PUT, "/controls/{id}/implementation")
        .command::<AssignControlOwner>(Method::PUT, "/controls/{id}/owner")
        .command::<PlanControlReview>(Method::PUT, "/controls/{id}/next-review")
        .command::<AssessMaturity>(Method::PUT, "/controls/{id}/maturity")
        .command::<TestControl>(Method::POST, "/controls/{id}/tests")
}

fn evidence_routes(routes: Routes) -> Routes {
    routes
        .with(
            Route::tenant(Method::POST, "/evidence", WriteControls, "Keep a note as evidence for one or more controls")
                .takes::<CollectEvidence>()
                .begins::<Answered>()
                .answered_by(collect::collect),
        )
        .list::<Exhibit>("/evidence", "All evidence, oldest first")
        .object::<Exhibit>("/evidence/{id}", "One piece of evidence")
        .history::<Exhibit>("/evidence/{id}/history", "Who collected a piece of evidence, when, why, and what")
}

fn soa_routes(routes: Routes) -> Routes {
    routes
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
        .history_of::<LastEditions>("/soa/history", "Who approved and issued the Statement of Applicability", |_| {
            soa::ID.to_owned()
        })
        .with(
            Route::tenant(
                Method::POST,
                "/soa/approvals",
                Action::DecideApplicability,
                "Approve the Statement of Applicability as it was read",
            )
            .takes::<ApproveSoa>()
            .gives::<Answered>(200)
            .answered_by(issuing::approve),
        )
        .with(
            Route::tenant(
                Method::POST,
                "/soa/issues",
                Action::DecideApplicability,
                "Issue the Statement of Applicability as it was approved",
            )
            .takes::<IssueSoa>()
            .begins::<Answered>()
            .answered_by(issuing::issue),
        )
        .list::<IssuedSoa>("/soa/issues", "The Statements of Applicability that were issued")
        .object::<IssuedSoa>(
            "/soa/issues/{id}",
            "When, by whom and as of which position one was issued, and its digest",
        )
        .with(
            Route::tenant(
                Method::GET,
                "/soa/issues/{id}/document",
                Read,
                "An issued Statement of Applicability, the bytes of its digest",
            )
            .as_of()
            .gives::<soa::Document>(200)
            .answered_by(issuing::document),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/soa/differences",
                Read,
                "What differs between two Statements of Applicability",
            )
            .as_of()
            .parameter("from", "The number of an issue")
            .parameter("to", "The number of another; where it is not given, the statement as it stands")
            .gives::<SoaDifferences>(200)
            .answered_by(issuing::differences),
        )
}
