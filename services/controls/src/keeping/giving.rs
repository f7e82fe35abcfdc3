use super::receiving::unreachable;
use super::{KeptFile, place};
use crate::document::Version;
use crate::exhibit::Exhibit;
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::TenantId;
use files::{FileDigest, Files};
use futures::StreamExt;
use service::{Call, Download, Problem};

/// `GET /evidence/{id}/file`
pub async fn of_evidence(call: Call, files: Option<Files>) -> Result<Response, Problem> {
    let exhibit = call.object::<Exhibit>(call.id()).await?;
    let none = || Problem::not_found(format!("file of evidence {}", call.id()));
    give(&call, files.as_ref(), exhibit.position, exhibit.item.data.piece.file.ok_or_else(none)?).await
}

/// `GET /documents/{id}/versions/{number}/file`
pub async fn of_version(call: Call, files: Option<Files>) -> Result<Response, Problem> {
    let number = call.part("number");
    let none = || Problem::not_found(format!("file of version {number} of document {}", call.id()));
    // Written otherwise, such as 01, it is no version's number.
    let number: u32 = number.parse().ok().filter(|read: &u32| read.to_string() == number).ok_or_else(none)?;
    let version = call
        .object::<Version>(&format!("{}/{number}", call.id()))
        .await
        .map_err(|problem| if problem.status() == StatusCode::NOT_FOUND.as_u16() { none() } else { problem })?;
    give(&call, files.as_ref(), version.position, version.item.data.content.file.ok_or_else(none)?).await
}

async fn give(call: &Call, files: Option<&Files>, position: i64, file: KeptFile) -> Result<Response, Problem> {
    let tenant = call.cx.tenant;
    let digest: FileDigest = file.sha256.parse().map_err(|_| Problem::internal())?;
    let bytes = u64::from(file.bytes);
    let opened = place(files)?.open(tenant, &digest, bytes).await.map_err(|error| unreachable(&error))?;
    let chunks = opened.map_err(|fault| {
        damaged(tenant, &digest, &fault);
        let detail =
            format!("file {digest} is not what was recorded: {fault}. `stele verify` tells its operator the same");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged_file", detail)
    })?;
    let (name, media_type, sha256) = (file.name.as_str(), file.media_type.as_str(), digest.as_str());
    let told = digest.clone();
    let chunks = chunks.inspect(move |chunk| {
        if let Err(fault) = chunk {
            damaged(tenant, &told, fault);
        }
    });
    Ok(Download { position, name, media_type, sha256, bytes }.of(chunks))
}

fn damaged(tenant: TenantId, digest: &FileDigest, fault: &impl std::fmt::Display) {
    tracing::error!(tenant.id = %tenant, %digest, %fault, "a file is not what was recorded: bring it back from a backup");
}
