//! What audits found, and what happened, all of it: the trail holds every event of every service, and nobody can change it.

mod finding;
mod page;
mod trail;

pub use trail::{Held, held, last_held};

use access::{Action, when_access_changes_then_copy_it};
use axum::http::Method;
use finding::RaisedFinding;
use page::Page;
use service::{KeptImport, Route, Routes, Service};
use trail::when_anything_happens_then_keep_it;

/// The services whose events the trail holds, this one among them: keeping an event is not an event.
const SOURCES: [&str; 5] = ["audit", "controls", "notifications", "risk", "tenancy"];

pub fn service() -> Service {
    let service = Service::new(
        "audit",
        "What audits found; and the trail: every event of every service, by person, object, time and kind",
        sqlx::migrate!("../../migrations/audit"),
        routes(),
    )
    .records::<finding::Event>()
    .records::<service::upload::Event>()
    .view::<RaisedFinding>()
    .view::<KeptImport>()
    .table("trail_heads")
    .table("trail");
    SOURCES.into_iter().fold(service, |service, source| {
        let mut reactions = vec![when_anything_happens_then_keep_it(source)];
        if source == "tenancy" {
            reactions.push(when_access_changes_then_copy_it());
        }
        service.reacts_to(source, reactions)
    })
}

fn routes() -> Routes {
    finding::routes(trail(Routes::new())).with(
        Route::tenant(
            Method::GET,
            "/auditor-grants/{id}/looks",
            Action::ManageTenant,
            "What an auditor looked at by a grant, and when, oldest first",
        )
        .parameter("newest", "`true`: newest first")
        .limit()
        .parameter("cursor", "`next` of the page before; the other parameters stay as they were")
        .gives::<Page>(200)
        .answered_by(page::looks),
    )
}

fn trail(routes: Routes) -> Routes {
    routes.with(
        Route::tenant(Method::GET, "/trail", Action::ReadTrail, "Everything that happened, oldest first")
            .choice("service", "Only events of this service", SOURCES.to_vec())
            .parameter("type", "Only events of this type, such as risk.assessed")
            .parameter("object", "Only events of this object: its id (R-7), or kind and id (risk-R-7)")
            .parameter("person", "Only what this person did")
            .parameter(
                "q",
                "Only events that say each of these words, or one that begins so: in their object, their reason or their \
                 texts, in whichever case",
            )
            .parameter("from", "Only what was recorded at this instant or later, or from this day (2026-03-01) on, of what has arrived by now")
            .parameter("to", "Only what was recorded before this instant or day, of what has arrived by now")
            .parameter(
                "as_of",
                "An instant (2026-03-01T09:30:00Z): shows what was recorded until then, of what has arrived by now. \
                 Or a number of the trail: shows the trail up to it, which never changes",
            )
            .parameter("newest", "`true`: newest first")
            .limit()
            .parameter("cursor", "`next` of the page before; the other parameters stay as they were")
            .gives::<Page>(200)
            .answered_by(page::answer),
    )
}
