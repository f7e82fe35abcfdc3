use crate::address::address;
use crate::admit::{admit, admit_member, admit_provisioner, for_administrators, strange, writable};
use crate::call::Call;
use crate::callers::identify;
use crate::grants::{self, refuse_beyond, refuse_too_long};
use crate::guarded::guard;
use crate::health::Vitals;
use crate::incoming::Incoming;
use crate::lines::Unfinished;
use crate::live::Live;
use crate::query::Parameters;
use crate::route::{LetsIn, Scope};
use crate::telemetry::{Trace, count, observe};
use crate::visitor::visitor;
use crate::{Problem, Route, Visitor, openapi};
use access::{Caller, KnownGrant, KnownKey, Verifier};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodFilter, get, on};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use eventstore::{Actor, Cx, TenantId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

const PATIENCE: Duration = Duration::from_secs(60);

/// For a file to come and be kept, over a slow line.
const PATIENCE_FOR_FILES: Duration = Duration::from_secs(30 * 60);

/// Health at once; everything else as soon as `api` is there.
pub fn outer(api: Arc<OnceLock<Router>>, vitals: Vitals) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(|State(vitals): State<Vitals>| async move { vitals.readyz().await }))
        .route("/metrics", get(|State(vitals): State<Vitals>| async move { vitals.metrics().await }))
        .with_state(vitals)
        .fallback(move |request: Request| {
            let api = api.get().cloned();
            async move {
                match api {
                    Some(api) => api.oneshot(request).await.unwrap_or_else(|never| match never {}),
                    None => Problem::unavailable("starting: /readyz says what is waited for").into_response(),
                }
            }
        })
        .layer(axum::middleware::from_fn(guard))
}

/// The routes of all `live` services, the API reference, and the answers for what is not there.
pub fn api(live: &[Arc<Live>], verifier: &Verifier, proxies: usize) -> Router {
    let mut router = Router::new();
    for live in live {
        for route in live.service.routes.iter() {
            let (live, verifier) = (live.clone(), verifier.clone());
            let door = Door { live, route: Arc::new(route.clone()), verifier, proxies };
            let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
            router = router.route(
                &route.path(),
                on(filter, move |path: Result<Path<_>, PathRejection>, request: Request| door.answer(path, request)),
            );
        }
    }
    let document =
        openapi::document(live.iter().map(|live| (live.service.name, live.service.about, &live.service.routes)));
    router
        .route("/", get(|| async { Redirect::temporary("/docs/") }))
        .merge(reference(document))
        .fallback(|request: Request| async move {
            let path: String = request.uri().path().chars().take(200).collect();
            let detail = format!("nothing is offered at {path}: /docs lists what is");
            Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let detail = format!("{} is not offered at {}: see /docs", request.method(), request.uri().path());
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
        .layer(axum::middleware::from_fn(observe))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            Problem::internal().into_response()
        }))
}

/// The page that shows the document; it asks nobody else, also not for a badge.
fn reference(document: OpenApi) -> SwaggerUi {
    let config = Config::new(["/openapi.json"]).validator_url("none");
    SwaggerUi::new("/docs").url("/openapi.json", document).config(config)
}

/// One route of one service, and who may come through it.
#[derive(Clone)]
struct Door {
    live: Arc<Live>,
    route: Arc<Route>,
    verifier: Verifier,
    proxies: usize,
}

impl Door {
    async fn answer(self, path: Result<Path<HashMap<String, String>>, PathRejection>, request: Request) -> Response {
        let Ok(Path(path)) = path else {
            return Problem::not_found("object of an id that is not UTF-8").into_response();
        };
        let (service, route) = (self.live.service.name, self.route.clone());
        let patience = if route.takes_files { PATIENCE_FOR_FILES } else { PATIENCE };
        let answered =
            timeout(patience, self.admitted(path, request)).await.unwrap_or_else(|_| Err(Problem::too_slow()));
        let response = match (answered, route.dialect) {
            (Err(problem), Some(dialect)) => problem.in_dialect(dialect),
            (answered, _) => answered.into_response(),
        };
        if route.writes() && response.extensions().get::<Unfinished>().is_none() {
            count(service, response.status().as_u16());
        }
        response
    }

    async fn admitted(self, path: HashMap<String, String>, request: Request) -> Result<Response, Problem> {
        let Self { live, route, verifier, proxies } = self;
        let (head, body) = request.into_parts();
        let now = now();
        let address = address(&head, proxies);
        let partition = match route.scope {
            Scope::Tenant => "tenant",
            Scope::Organisation => "organisation",
        };
        let tenant: Option<TenantId> = path.get(partition).and_then(|id| id.parse().ok());
        let comer = if route.lets_in == LetsIn::Anybody {
            let tenant = tenant.ok_or_else(strange)?;
            let visitor = visitor(&verifier, &live, &head.headers, address, now).await?;
            match &visitor {
                Visitor::Person(caller) => live.limits.by(caller)?,
                Visitor::Nobody | Visitor::Subject(_) => live.limits.from(address)?,
            }
            let actor = visitor.actor(live.service.name);
            Comer { tenant, actor, caller: visitor.caller(tenant), key: None, grant: None, visitor }
        } else {
            Self::let_in(&live, &route, &verifier, &head, address, tenant, now).await?
        };
        let Comer { tenant, actor, caller, key, grant, visitor } = comer;
        if path.values().any(|value| value.contains('\0')) {
            return Err(Problem::not_found("object of this id"));
        }
        let query = Parameters::read(&head.uri, &route)?;
        if let (Some(why), true) = (route.versionless, head.headers.contains_key(IF_MATCH)) {
            return Err(Problem::field("If-Match", why));
        }
        let mut incoming = Incoming::new(&head.method, &head.headers, body, route.most_bytes)?;
        let body = if route.takes_files { Bytes::new() } else { incoming.whole().await? };
        let trace = head.extensions.get::<Trace>().map(Trace::traceparent);
        let cx = Cx { traceparent: trace, ..Cx::new(tenant, actor, now) };
        let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let handler = route.handler.clone();
        let (store, route) = (live.store.clone(), Route::clone(&route));
        let looking = grant.as_ref().map(|_| (store.clone(), cx.clone(), target.clone()));
        looking.as_ref().map_or(Ok(()), |(_, _, target)| refuse_too_long(target))?;
        let (headers, press) = (head.headers, live.service.press.clone());
        let call = Call {
            store,
            cx,
            caller,
            visitor,
            address,
            key,
            grant,
            path,
            query,
            headers,
            body,
            incoming,
            press,
            route,
            target,
        };
        let answer = handler(call).await;
        match looking {
            Some((store, cx, target)) => grants::recorded(&store, &cx, target, answer).await,
            None => answer,
        }
    }

    /// Who sends the request, where they may do this here.
    async fn let_in(
        live: &Live,
        route: &Route,
        verifier: &Verifier,
        head: &Parts,
        address: IpAddr,
        tenant: Option<TenantId>,
        now: DateTime<Utc>,
    ) -> Result<Comer, Problem> {
        let sender = identify(verifier, live, &head.headers, address, now).await?;
        live.limits.by(&sender.caller)?;
        let tenant = tenant.ok_or_else(strange)?;
        let roster = match (route.lets_in, route.scope) {
            (LetsIn::Provisioners, _) => admit_provisioner(&live.rosters, &live.store, &sender, tenant, now).await?,
            // What provisions people is a stranger everywhere else.
            _ if sender.provisions() => return Err(strange()),
            (LetsIn::Members, Scope::Organisation) => admit_member(&live.rosters, &live.store, &sender, tenant).await?,
            _ => admit(&live.rosters, &live.store, &sender, tenant, route.action, now).await?,
        };
        live.limits.about(tenant)?;
        let grant = sender.grant.as_ref().map(|(_, grant)| grant.clone());
        grant.as_ref().map_or(Ok(()), |grant| refuse_beyond(grant, route))?;
        // An organisation's own partition is no ISMS: its log can be read like one, and nothing be kept in it.
        if route.scope == Scope::Tenant && route.writes() && roster.organisation == Some(tenant.0) {
            return Err(strange());
        }
        if route.for_administrators && !sender.caller.administrator {
            return Err(for_administrators(&sender.caller));
        }
        if route.scope == Scope::Tenant && route.writes() && !route.in_any_state {
            writable(roster.standing)?;
        }
        let (actor, key) = (sender.actor(), sender.key.map(|(_, key)| key));
        let visitor = Visitor::Person(sender.caller.clone());
        Ok(Comer { tenant, actor, caller: sender.caller, key, grant, visitor })
    }
}

/// Who was let in, and to which partition.
struct Comer {
    tenant: TenantId,
    actor: Actor,
    caller: Caller,
    key: Option<Arc<KnownKey>>,
    grant: Option<Arc<KnownGrant>>,
    visitor: Visitor,
}

/// The one clock of the edge.
#[expect(clippy::disallowed_methods, reason = "contexts get their time here")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
