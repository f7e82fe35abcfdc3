use crate::route::{LetsIn, Scope};
use crate::{Problem, Route};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How a request is refused: the status, what the document calls it, and when it is given.
struct Refusal {
    status: u16,
    name: &'static str,
    about: &'static str,
    /// A header that always comes with it, and what it says.
    header: Option<(&'static str, &'static str)>,
    given: fn(&Route) -> bool,
}

const WAIT: Option<(&str, &str)> = Some(("Retry-After", "After how many seconds the same request makes sense"));

const REFUSALS: [Refusal; 12] = [
    refusal(400, "Invalid", "A field, parameter or header is wrong: `errors` names it, with the remedy", |_| true),
    Refusal {
        header: Some(("WWW-Authenticate", "The scheme to come by")),
        ..refusal(401, "Unauthenticated", "The token is missing, has ended, or is none of this installation", |_| true)
    },
    refusal(403, "Forbidden", "No role of the caller allows it", |route| {
        route.scope == Scope::Tenant || route.lets_in == LetsIn::Provisioners
    }),
    refusal(404, "NotFound", "It is not there, or not the caller's to see: the two cannot be told apart", |_| true),
    refusal(409, "Broken", "A rule, or the tenant's state, is against it: `type` ends in its code", Route::writes),
    refusal(412, "Stale", "The object changed since it was seen: read it again and decide anew", Route::writes),
    refusal(413, "TooLarge", "The body is larger than is taken here", Route::writes),
    refusal(422, "KeyReused", "The Idempotency-Key came with another request before", |route| {
        route.writes() && route.keyless.is_none()
    }),
    Refusal { header: WAIT, ..refusal(429, "TooMany", "The caller, or the tenant, sends too much", |_| true) },
    refusal(500, "Fault", "A fault of ours: it is in the log under the trace id of the answer", |_| true),
    refusal(501, "NoPrinter", "This process prints no papers: take it in another form", Route::prints),
    Refusal { header: WAIT, ..refusal(503, "Unavailable", "Something that is needed does not answer now", |_| true) },
];

const fn refusal(status: u16, name: &'static str, about: &'static str, given: fn(&Route) -> bool) -> Refusal {
    Refusal { status, name, about, header: None, given }
}

impl Refusal {
    fn response(&self) -> Response {
        self.written("application/problem+json", Ref::from_schema_name(Problem::name()).into())
    }

    fn written(&self, kind: &str, schema: RefOr<Schema>) -> Response {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(self.about).content(kind, content);
        let Some((name, about)) = self.header else { return response.build() };
        let header = HeaderBuilder::new().schema(Some(String::schema())).description(Some(about)).build();
        response.header(name, header).build()
    }
}

/// What operations refer to, by name.
pub fn responses() -> impl Iterator<Item = (&'static str, Response)> {
    REFUSALS.iter().map(|refusal| (refusal.name, refusal.response()))
}

/// Each way in which a route may refuse: its status and what it refers to; a dialect's stands with the operation.
pub fn of(route: &Route) -> impl Iterator<Item = (String, RefOr<Response>)> {
    let given = REFUSALS.iter().filter(|refusal| (refusal.given)(route));
    given.map(|refusal| {
        let told = match route.dialect {
            None => Ref::from_response_name(refusal.name).into(),
            Some(dialect) => refusal.written(dialect.kind, (dialect.refusal)()).into(),
        };
        (refusal.status.to_string(), told)
    })
}
