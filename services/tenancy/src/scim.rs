//! SCIM 2.0 (RFC 7643, RFC 7644): the organisation's identity provider says who is in it, and who no more.

mod discovery;
mod groups;
mod hand_on;
mod names;
mod patch;
mod provision;
mod query;
mod refusal;
mod schema;
mod search;
mod users;

pub use provision::end_if_any;

use access::Action;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use refusal::{DIALECT, MEDIA};
use schema::{Attributes, Kind};
use serde_json::{Value, json};
use service::{Call, OF_NONE, Problem, Route, Routes, with_etag};
use utoipa::ToSchema;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

const KEYLESS: &str = "nothing of a name is kept in the clear, not even its digest: send the request without a key";

/// A resource of SCIM: `GET /Schemas` tells its attributes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is read")]
struct ScimResource {
    schemas: Vec<String>,
}

/// A page of resources, or a change of one, as RFC 7644 has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is read")]
struct ScimMessage {
    schemas: Vec<String>,
}

/// A page of a list: how long the list is, from which on it shows it, and what it shows.
fn listed(position: i64, total: i64, start: i64, resources: &[Value]) -> Response {
    let body = json!({
        "schemas": [LIST], "totalResults": total, "startIndex": start, "itemsPerPage": resources.len(), "Resources": resources
    });
    answer(StatusCode::OK, position, &body)
}

fn answer(status: StatusCode, position: i64, body: &Value) -> Response {
    let mut response = service::json(status, position, body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    response
}

/// A resource as it is now: what is kept of it, and what is told of all.
struct Shown {
    id: String,
    version: i64,
    attributes: Attributes,
    created: chrono::DateTime<chrono::Utc>,
    changed: chrono::DateTime<chrono::Utc>,
}

impl Shown {
    fn resource(self, call: &Call, kind: &Kind) -> Attributes {
        let Self { id, version, mut attributes, created, changed } = self;
        let meta = json!({
            "resourceType": kind.name, "created": created, "lastModified": changed, "version": format!("\"{version}\""),
            "location": location(call, kind, &id)
        });
        attributes.extend([
            ("schemas".to_owned(), json!([kind.schema])),
            ("id".to_owned(), Value::String(id)),
            ("meta".to_owned(), meta),
        ]);
        attributes
    }
}

/// The answer that shows one resource.
fn shown(call: &Call, kind: &Kind, status: StatusCode, position: i64, one: Shown) -> Result<Response, Problem> {
    let version = one.version;
    let place = location(call, kind, &one.id);
    let body = query::Wanted::of(call)?.cut(one.resource(call, kind));
    let mut response = with_etag(answer(status, position, &body), version);
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// The path of a resource. Under which host this installation is asked, it does not know.
fn location(call: &Call, kind: &Kind, id: &str) -> String {
    format!("/v1/organisations/{}/scim/v2/{}/{id}", call.cx.tenant, kind.endpoint)
}

fn route(method: Method, tail: &'static str, summary: &'static str) -> Route {
    Route::organisation(method, tail, Action::ManageTenant, summary).for_provisioners()
}

pub fn routes(routes: Routes) -> Routes {
    hand_on::routes(groups_and_search(users_and_discovery(routes)))
}

fn users_and_discovery(routes: Routes) -> Routes {
    let get = |tail, summary| route(Method::GET, tail, summary);
    let discovery = |tail, summary| get(tail, summary).gives::<ScimMessage>(200);
    routes
        .with(
            discovery(
                "/scim/v2/{id}",
                "Say what of SCIM 2.0 is offered: ServiceProviderConfig, ResourceTypes, Schemas",
            )
            .in_dialect(DIALECT)
            .answered_by(discovery::show),
        )
        .with(
            discovery("/scim/v2/ResourceTypes/{id}", "Show a type of SCIM's resources")
                .in_dialect(DIALECT)
                .answered_by(discovery::resource_type),
        )
        .with(
            discovery("/scim/v2/Schemas/{id}", "Show what is kept of a SCIM resource")
                .in_dialect(DIALECT)
                .answered_by(discovery::schema),
        )
        .with(
            query::lists(get("/scim/v2/Users", "List whom the identity provider looks after"))
                .gives::<ScimMessage>(200)
                .in_dialect(DIALECT)
                .answered_by(users::list),
        )
        .with(
            query::shows(get("/scim/v2/Users/{id}", "Show somebody whom the identity provider looks after"))
                .gives::<ScimResource>(200)
                .in_dialect(DIALECT)
                .answered_by(users::show),
        )
        .with(writing(Method::POST, "/scim/v2/Users", "Provision somebody", 201).answered_by(users::create))
        .with(
            writing(Method::PUT, "/scim/v2/Users/{id}", "Replace what is known of somebody", 200)
                .answered_by(users::replace),
        )
        .with(
            writing(
                Method::PATCH,
                "/scim/v2/Users/{id}",
                "Change what is known of somebody, or let them in no more",
                200,
            )
            .answered_by(users::patch),
        )
        .with(
            route(Method::DELETE, "/scim/v2/Users/{id}", "Look after somebody no more: they are let in no more")
                .keyless(KEYLESS)
                .gives_nothing(204)
                .in_dialect(DIALECT)
                .answered_by(users::delete),
        )
}

fn groups_and_search(routes: Routes) -> Routes {
    routes
        .with(
            query::lists(route(Method::GET, "/scim/v2/Groups", "List the identity provider's groups"))
                .gives::<ScimMessage>(200)
                .in_dialect(DIALECT)
                .answered_by(groups::list),
        )
        .with(
            query::shows(route(Method::GET, "/scim/v2/Groups/{id}", "Show one of the identity provider's groups"))
                .gives::<ScimResource>(200)
                .in_dialect(DIALECT)
                .answered_by(groups::show),
        )
        .with(writing(Method::POST, "/scim/v2/Groups", "Make a group", 201).answered_by(groups::create))
        .with(
            writing(Method::PUT, "/scim/v2/Groups/{id}", "Replace a group's name and who is in it", 200)
                .answered_by(groups::replace),
        )
        .with(
            writing(Method::PATCH, "/scim/v2/Groups/{id}", "Change a group's name and who is in it", 200)
                .answered_by(groups::patch),
        )
        .with(
            route(Method::DELETE, "/scim/v2/Groups/{id}", "End a group: nobody has a role by it any more")
                .keyless(KEYLESS)
                .gives_nothing(204)
                .in_dialect(DIALECT)
                .answered_by(groups::delete),
        )
        .with(
            route(Method::POST, "/scim/v2/.search", "Search users and groups")
                .takes_document::<ScimMessage>()
                .keyless(KEYLESS)
                .versionless(OF_NONE)
                .gives::<ScimMessage>(200)
                .in_dialect(DIALECT)
                .answered_by(search::search),
        )
}

fn writing(method: Method, tail: &'static str, summary: &'static str, status: u16) -> Route {
    query::shows(route(method, tail, summary))
        .takes_document::<ScimResource>()
        .keyless(KEYLESS)
        .gives::<ScimResource>(status)
        .in_dialect(DIALECT)
}
