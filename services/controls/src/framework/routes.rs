//! What is asked of frameworks.

use super::UploadedFramework;
use super::coverage::{Coverage, coverage};
use super::list::{Frameworks, list, one};
use super::remove::RemoveFramework;
use super::upload::{MOST_BYTES, begin, describe, map};
use access::Action::{Read, WriteControls};
use axum::http::Method;
use service::{Answered, Object, Route, Routes};

pub fn routes(routes: Routes) -> Routes {
    let described = |route: Route| {
        route
            .takes_table(MOST_BYTES)
            .parameter("title", "What people call the framework; as before where it is not given")
            .parameter("version", "Its edition, such as a year; nothing behind `version=` takes it away")
            .parameter("reason", "Why: it is kept with the event")
            .parameter("occurred_at", "When it happened, where that was not now")
    };
    let first = Route::tenant(
        Method::POST,
        "/frameworks",
        WriteControls,
        "Upload a framework beside Annex A: ref_id,name,description,parent_ref",
    );
    let again = Route::tenant(Method::PUT, "/frameworks/{id}", WriteControls, "Upload a framework anew, whole");
    routes
        .with(
            Route::tenant(Method::GET, "/frameworks", Read, "The frameworks that are built in and those that were uploaded")
                .as_of()
                .gives::<Frameworks>(200)
                .answered_by(list),
        )
        .with(
            described(first)
                .parameter("ref", "What people call it for short: it is its id for good")
                .begins::<Answered>()
                .answered_by(begin),
        )
        .with(described(again).gives::<Answered>(200).answered_by(describe))
        .command::<RemoveFramework>(Method::DELETE, "/frameworks/{id}")
        .with(
            Route::tenant(Method::GET, "/frameworks/{id}", Read, "A framework that was uploaded, and what answers it")
                .as_of()
                .gives::<Object<UploadedFramework>>(200)
                .answered_by(one),
        )
        .history::<UploadedFramework>("/frameworks/{id}/history", "Who changed a framework, when, why, and what")
        .with(
            Route::tenant(
                Method::PUT,
                "/frameworks/{id}/mappings",
                WriteControls,
                "Upload what answers the requirements of a framework, whole: requirement,answered_by,framework,strength",
            )
            .takes_table(MOST_BYTES)
            .parameter("reason", "Why: it is kept with the event")
            .parameter("occurred_at", "When it happened, where that was not now")
            .gives::<Answered>(200)
            .answered_by(map),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/frameworks/{id}/coverage",
                Read,
                "Which controls answer each requirement, how far they are, and what nothing answers",
            )
            .as_of()
            .gives::<Coverage>(200)
            .answered_by(coverage),
        )
}
