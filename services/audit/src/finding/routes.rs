//! What is asked of findings.

use super::RaisedFinding;
use super::body::{CloseFinding, DescribeFinding, ReopenFinding};
use super::import::Findings;
use axum::http::Method;
use service::Routes;

pub fn routes(routes: Routes) -> Routes {
    routes
        .dated_list::<RaisedFinding>("/findings", "What audits and reviews found, and what of it is overdue")
        .sheet::<RaisedFinding>("/findings.csv", "All findings as a file that can be uploaded again")
        .register::<DescribeFinding>("/findings", "/findings/{id}")
        .dated_object::<RaisedFinding>("/findings/{id}", "One finding")
        .history::<RaisedFinding>("/findings/{id}/history", "Who changed a finding, when, why, and what")
        .command::<CloseFinding>(Method::POST, "/findings/{id}/close")
        .command::<ReopenFinding>(Method::POST, "/findings/{id}/reopen")
        .upload("/imports/findings", "Upload a list of findings", |_| Ok(Findings))
        .uploads::<Findings>("/imports/findings", "/imports/findings/{id}", "/imports/findings/{id}/undo", |_| {
            Ok(Findings)
        })
}
