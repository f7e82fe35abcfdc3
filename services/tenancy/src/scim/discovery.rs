//! What of SCIM is offered (RFC 7644, 4).

use super::schema::{GROUP, Kind, RESOURCE_TYPE, SCHEMA, USER};
use super::{answer, listed};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use service::{Call, Problem};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

static KINDS: [&Kind; 2] = [&USER, &GROUP];

/// `GET /{id}`. Whatever else is asked for there is nothing.
pub async fn show(call: Call) -> Result<Response, Problem> {
    let position = call.session().await?.head().await?;
    match call.id() {
        "ServiceProviderConfig" => {
            Ok(answer(StatusCode::OK, position, &located(&call, "ServiceProviderConfig", config())))
        }
        "ResourceTypes" => Ok(all(&call, position, "ResourceType", resource_types())),
        "Schemas" => Ok(all(&call, position, "Schema", schemas())),
        other => Err(Problem::not_found(format!("endpoint {other} of SCIM"))),
    }
}

/// `GET /ResourceTypes/{id}`
pub async fn resource_type(call: Call) -> Result<Response, Problem> {
    one(&call, "ResourceType", resource_types()).await
}

/// `GET /Schemas/{id}`
pub async fn schema(call: Call) -> Result<Response, Problem> {
    one(&call, "Schema", schemas()).await
}

fn all(call: &Call, position: i64, kind: &str, resources: Vec<Value>) -> Response {
    let resources: Vec<Value> = resources.into_iter().map(|one| located(call, kind, one)).collect();
    listed(position, i64::try_from(resources.len()).unwrap_or_default(), 1, &resources)
}

async fn one(call: &Call, kind: &str, resources: Vec<Value>) -> Result<Response, Problem> {
    let found = resources.into_iter().find(|one| one["id"] == call.id());
    let found = found.ok_or_else(|| Problem::not_found(format!("{kind} {} of SCIM", call.id())))?;
    let position = call.session().await?.head().await?;
    Ok(answer(StatusCode::OK, position, &located(call, kind, found)))
}

fn located(call: &Call, kind: &str, mut resource: Value) -> Value {
    let tail = match resource["id"].as_str() {
        Some(id) => format!("{kind}s/{id}"),
        None => kind.to_owned(),
    };
    let location = format!("/v1/organisations/{}/scim/v2/{tail}", call.cx.tenant);
    resource["meta"] = json!({"resourceType": kind, "location": location});
    resource
}

fn resource_types() -> Vec<Value> {
    KINDS.iter().map(|kind| kind.resource_type()).collect()
}

/// Those of the resources, and those that these are described by.
fn schemas() -> Vec<Value> {
    KINDS.iter().map(|kind| kind.published()).chain(described()).collect()
}

fn config() -> Value {
    let supported = |is: bool| json!({ "supported": is });
    json!({
        "schemas": [CONFIG],
        "patch": supported(true),
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": 200},
        "changePassword": supported(false), "sort": supported(false), "etag": supported(true),
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "A key of the organisation", "primary": true,
            "description": "Authorization: Bearer, and the key that an administrator was given at POST /provisioning-keys",
        }],
    })
}

/// An attribute of the descriptions themselves, which nobody writes.
fn told(name: &str, kind: &str, many: bool, parts: &[Value]) -> Value {
    let mut attribute = json!({
        "name": name, "type": kind, "multiValued": many, "description": name, "required": false, "caseExact": true,
        "mutability": "readOnly", "returned": "default", "uniqueness": "none"
    });
    if !parts.is_empty() {
        attribute["subAttributes"] = json!(parts);
    }
    attribute
}

fn described() -> Vec<Value> {
    let text = |name: &str| told(name, "string", false, &[]);
    let flag = |name: &str| told(name, "boolean", false, &[]);
    let number = |name: &str| told(name, "integer", false, &[]);
    let supported = |name: &str, more: &[Value]| told(name, "complex", false, &[&[flag("supported")], more].concat());
    let schemes = ["type", "name", "description", "specUri", "documentationUri"].map(text);
    let parts: Vec<Value> =
        ["name", "type", "description", "mutability", "returned", "uniqueness"].iter().map(|name| text(name)).collect();
    let more = [
        flag("multiValued"),
        flag("required"),
        flag("caseExact"),
        told("canonicalValues", "string", true, &[]),
        told("referenceTypes", "string", true, &[]),
    ];
    let parts = [parts, more.to_vec()].concat();
    let nested = told("subAttributes", "complex", true, &parts);
    let schema = |id: &str, name: &str, attributes: &[Value]| json!({"schemas": [SCHEMA], "id": id, "name": name, "description": name, "attributes": attributes});
    vec![
        schema(
            CONFIG,
            "ServiceProviderConfig",
            &[
                supported("patch", &[]),
                supported("bulk", &[number("maxOperations"), number("maxPayloadSize")]),
                supported("filter", &[number("maxResults")]),
                supported("changePassword", &[]),
                supported("sort", &[]),
                supported("etag", &[]),
                told("authenticationSchemes", "complex", true, &[&schemes[..], &[flag("primary")]].concat()),
            ],
        ),
        schema(RESOURCE_TYPE, "ResourceType", &["id", "name", "description", "endpoint", "schema"].map(text)),
        schema(
            SCHEMA,
            "Schema",
            &[
                text("id"),
                text("name"),
                text("description"),
                told("attributes", "complex", true, &[parts, vec![nested]].concat()),
            ],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::{resource_types, schemas};

    #[test]
    fn every_type_has_its_schema_and_the_descriptions_are_described() {
        let ids: Vec<String> = schemas().iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
        for kind in resource_types() {
            assert!(ids.iter().any(|id| kind["schema"] == **id), "{kind}");
        }
        for name in ["ServiceProviderConfig", "ResourceType", "Schema"] {
            assert!(ids.iter().any(|id| id.ends_with(&format!(":{name}"))), "{name}");
        }
    }
}
