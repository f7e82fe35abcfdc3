use crate::route::{LetsIn, Media, Parameter, Scope};
use crate::{Problem, Route, Routes, refusals};
use axum::http::Method;
use std::collections::BTreeMap;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder,
    OpenApiVersion, Paths, RefOr, Required, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

const ABOUT: &str = "An information security management system whose every change is an immutable event.\n\n\
    Every answer says in `stele-position` which position of the tenant's log it shows; every read takes `as_of`. \
    Every change may carry `reason` and `occurred_at` in its body, `If-Match` with the ETag last seen (412 when stale), \
    and an `Idempotency-Key` (the same key again gives the first answer) where the operation lists it. Errors are \
    problem details (RFC 9457).";

/// The OpenAPI document of some services: name, what it is for, routes.
pub fn document<'a>(services: impl Iterator<Item = (&'static str, &'static str, &'a Routes)>) -> OpenApi {
    let mut paths = Paths::new();
    let mut schemas = BTreeMap::new();
    let mut problem = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut problem);
    schemas.extend(problem);
    let mut tags = Vec::new();
    for (name, about, routes) in services {
        tags.push(TagBuilder::new().name(name).description(Some(about)).build());
        for route in routes.iter() {
            for (schema, content) in &route.schemas {
                let before = schemas.insert(schema.clone(), content.clone());
                debug_assert!(
                    before.is_none_or(|before| before == *content),
                    "two types are called {schema} in the API: give one another name by #[schema(as = ..)]"
                );
            }
            paths.add_path_operation(route.path(), vec![method(&route.method)], operation(name, route));
        }
    }
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components: Components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .responses_from_iter(refusals::responses())
        .security_scheme("bearer", bearer)
        .build();
    OpenApiBuilder::new()
        .openapi(OpenApiVersion::Version31)
        .info(
            InfoBuilder::new()
                .title("Stele")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .license(Some(utoipa::openapi::License::new("Apache-2.0")))
                .build(),
        )
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new::<_, [String; 0], String>("bearer", [])]))
        .build()
}

fn operation(service: &str, route: &Route) -> OperationBuilder {
    let path = route.path();
    let mut operation = OperationBuilder::new()
        .tag(service)
        .summary(Some(route.summary))
        .operation_id(Some(format!(
            "{}{}",
            route.method.as_str().to_lowercase(),
            path.replace(['/', '{', '}', '.'], "_")
        )))
        .description(Some(match route.lets_in {
            LetsIn::Anybody => "Open to anybody: it takes no token.".to_owned(),
            LetsIn::Provisioners => "Needs a key that provisions the organisation's people.".to_owned(),
            LetsIn::WhoMay | LetsIn::Members => format!("Needs the action `{}`.", <&'static str>::from(route.action)),
        }));
    if route.lets_in == LetsIn::Anybody {
        // The document says that everything needs a token; an empty list takes that back.
        operation = operation.securities(Some(Vec::<SecurityRequirement>::new()));
    }
    for name in path.split(['{', '}']).skip(1).step_by(2) {
        operation = operation.parameter(parameter(name, ParameterIn::Path, true, name_of(name, route.scope)));
    }
    for one in route.parameters() {
        operation = operation.parameter(queried(one));
    }
    if route.writes() {
        let key = "The same key with the same request gives the first answer again";
        let matches = "The ETag last seen; the object must still be at it";
        if route.keyless.is_none() {
            operation = operation.parameter(parameter("Idempotency-Key", ParameterIn::Header, false, key));
        }
        if route.versionless.is_none() {
            operation = operation.parameter(parameter("If-Match", ParameterIn::Header, false, matches));
        }
    }
    if let Some(Media { content, .. }) = route.bodies.first() {
        let required = if may_be_empty(content) { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new().required(Some(required));
        let forms = route.bodies.iter();
        let body = forms.fold(body, |body, Media { kind, content }| body.content(*kind, content.clone()));
        operation = operation.request_body(Some(body.build()));
    }
    let mut answers: BTreeMap<u16, ResponseBuilder> = BTreeMap::new();
    for (status, media) in &route.answers {
        let mut response = answers.remove(status).unwrap_or_else(|| ResponseBuilder::new().description("As asked"));
        if let Some(Media { kind, content }) = media {
            response = response.content(*kind, content.clone());
        }
        answers.insert(*status, response);
    }
    for (status, response) in answers {
        operation = operation.response(status.to_string(), response.build());
    }
    refusals::of(route).fold(operation, |operation, (status, refusal)| operation.response(status, refusal))
}

/// No body is an empty object.
fn may_be_empty(content: &Content) -> bool {
    matches!(&content.schema, Some(RefOr::T(Schema::Object(object))) if !object.properties.is_empty() && object.required.is_empty())
}

fn queried(one: &Parameter) -> utoipa::openapi::path::Parameter {
    let mut queried = parameter(&one.name, ParameterIn::Query, false, &one.about);
    if !one.choices.is_empty() {
        let choices = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(one.choices.clone()));
        queried.schema = Some(choices.build().into());
    }
    queried
}

fn parameter(name: &str, place: ParameterIn, required: bool, about: &str) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(Some(about))
        .schema(Some(String::schema()))
        .build()
}

fn name_of(parameter: &str, scope: Scope) -> &'static str {
    match (parameter, scope) {
        ("tenant", _) => "Id of the tenant",
        ("organisation", _) => "Id of the organisation",
        (_, Scope::Tenant | Scope::Organisation) => "Id of the object, such as R-7 or A.8.13",
    }
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}
