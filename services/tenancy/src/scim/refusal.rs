//! How SCIM tells what is wrong (RFC 7644, 3.12).

use axum::http::StatusCode;
use serde_json::{Value, json};
use service::{Dialect, Problem};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub const MEDIA: &str = "application/scim+json";

pub const DIALECT: Dialect = Dialect { kind: MEDIA, refused, refusal };

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// For the document: what `refused` gives.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is read")]
struct ScimError {
    schemas: Vec<String>,
    /// The status, as a text.
    status: String,
    /// What kind of mistake a 400 or 409 is, in the standard's words.
    #[schema(rename = "scimType")]
    scim_type: Option<String>,
    detail: String,
}

fn refusal() -> RefOr<Schema> {
    ScimError::schema()
}

fn refused(problem: &Problem) -> Value {
    let mut told = json!({"schemas": [ERROR], "status": problem.status().to_string(), "detail": problem.to_string()});
    if let Some(kind) = scim_type(problem.code()) {
        told["scimType"] = json!(kind);
    }
    told
}

fn scim_type(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid" => "invalidValue",
        "invalid_filter" => "invalidFilter",
        "invalid_path" => "invalidPath",
        "invalid_syntax" => "invalidSyntax",
        "no_target" => "noTarget",
        "mutability" => "mutability",
        "uniqueness" => "uniqueness",
        _ => return None,
    })
}

pub fn invalid_value(attribute: &str, detail: &str) -> Problem {
    Problem::field(attribute, detail)
}

pub fn required(attribute: &str) -> Problem {
    invalid_value(attribute, "it is missing, and must be there")
}

pub fn invalid_filter(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_filter", format!("filter: {detail}"))
}

pub fn invalid_path(path: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_path", format!("path: `{path}` {detail}"))
}

pub fn invalid_syntax(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_syntax", detail)
}

pub fn no_target(path: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "no_target", format!("path: there is nothing at `{path}`"))
}

pub fn unique(detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "uniqueness", detail)
}

#[cfg(test)]
mod tests {
    use super::{invalid_filter, refused, unique};
    use serde_json::json;
    use service::Problem;

    #[test]
    fn a_problem_is_told_in_the_standards_words() {
        let told = refused(&unique("userName: it is taken"));
        assert_eq!((&told["status"], &told["scimType"]), (&json!("409"), &json!("uniqueness")));
        assert_eq!(told["detail"], "userName: it is taken");
        assert_eq!(refused(&invalid_filter("so"))["scimType"], "invalidFilter");
        assert_eq!(refused(&Problem::not_found("x")).get("scimType"), None);
    }
}
