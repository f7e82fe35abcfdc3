//! What an organisation's papers carry at their head.

mod picture;

use crate::organisation::Organisation;
use crate::tenant_id;
use access::logo::{Command, PictureKind};
use access::{Action, Admission, KnownLogo, Logo};
use axum::http::header::ETAG;
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use eventstore::Work;
use picture::{MOST_BYTES, checked};
use service::{Answered, Call, Outcome, Problem, Route, Routes};

pub fn routes(routes: Routes) -> Routes {
    use Action::ManageTenant;
    routes
        .with(
            Route::organisation(
                Method::GET,
                "/logo",
                ManageTenant,
                "What the organisation's papers carry at their head",
            )
            .as_of()
            .gives_bytes("image/png")
            .gives_bytes("image/svg+xml")
            .answered_by(show),
        )
        .with(
            Route::organisation(
                Method::PUT,
                "/logo",
                ManageTenant,
                "Put a logo on the organisation's papers: PNG or SVG",
            )
            .takes_bytes("application/octet-stream", MOST_BYTES)
            .parameter("reason", "Why: it is kept with the event")
            .parameter("occurred_at", "When it happened, where that was not now")
            .gives::<Answered>(200)
            .answered_by(put),
        )
        .with(
            Route::organisation(Method::DELETE, "/logo", ManageTenant, "Take the logo from the organisation's papers")
                .parameter("reason", "Why: it is kept with the event")
                .parameter("occurred_at", "When it happened, where that was not now")
                .gives::<Answered>(200)
                .answered_by(remove),
        )
        .with(
            Route::organisation(
                Method::GET,
                "/logo/history",
                ManageTenant,
                "Who put and removed the logo, when and why",
            )
            .history_of::<KnownLogo>(tenant_id),
        )
}

/// `GET /logo`
async fn show(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<KnownLogo>(&mut session).await?;
    let row = views::get::<KnownLogo>(&mut session, &tenant_id(&call), position).await?;
    let (version, KnownLogo(picture)) =
        row.map(|row| (row.version, row.data)).ok_or_else(|| Problem::not_found("logo"))?;
    let kind = match picture.kind {
        PictureKind::Png => "image/png",
        PictureKind::Svg => "image/svg+xml",
    };
    let bytes = picture.bytes().ok_or_else(Problem::internal)?;
    let mut response = service::bytes(position, kind, bytes);
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
    Ok(response)
}

/// `PUT /logo`: the body is the file.
async fn put(call: Call) -> Result<Response, Problem> {
    let picture = checked(&call.body).map_err(|why| Problem::field("body", why))?;
    say(call, Command::Put(picture)).await
}

/// `DELETE /logo`
async fn remove(call: Call) -> Result<Response, Problem> {
    say(call, Command::Remove).await
}

async fn say(call: Call, command: Command) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let cx = call.upload()?;
    let lane = format!("logo-{}", cx.tenant);
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, command.clone())));
    Ok(call.carried_out(&done.await?, false))
}

async fn decide(work: &mut Work, expected: Option<i64>, command: Command) -> Result<Outcome, Problem> {
    let id = work.cx().tenant.to_string();
    // The other half of a letterhead: an organisation that was founded before services were told its name is named so.
    if let Some(name) = work.load::<Organisation>(&id).await?.0.name().map(ToOwned::to_owned) {
        work.execute::<Admission>(&id, None, access::Command::Name { name }).await?;
    }
    let changed = work.execute::<Logo>(&id, expected, command).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}
