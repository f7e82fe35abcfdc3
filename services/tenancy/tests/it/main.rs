//! Tenancy's own rows in a real PostgreSQL: founding, opening a tenant, isolation.

mod directory;
mod http;
mod imports;
mod libraries;
mod lifecycle;
mod membership;
mod own_roles;
mod scim;

use access::{Caller, Issuer, KEY, Roster};
use eventstore::{Actor, Cx, EventStore, NOW, Recorded, Stream, TenantId};
use messaging::{Errand, Reaction};
use std::sync::Arc;
use tenancy::{Kind, OTHER_SERVICES, TenantProfile, found};
use testkit::Database;
use uuid::Uuid;
use views::{View, ViewSet};

async fn store() -> (EventStore, Arc<ViewSet>) {
    let (issuer, _) = Issuer::from_seed(&"a".repeat(64)).expect("a key");
    let service = tenancy::service(Some(issuer));
    let database = Database::new("tenancy", &service.migrations).await.expect("a database");
    let views = Arc::new(service.views);
    (database.store(views.clone()).await.expect("a store"), views)
}

fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Operator("test".to_owned()), now)
}

async fn founded(store: &EventStore, name: &str) -> TenantId {
    let organisation = TenantId::random();
    found(store, organisation, name, Kind::Consultancy, cx(organisation)).await.expect("founded");
    organisation
}

/// The event of a tenant that was added, as another position of the organisation's log would carry it.
async fn tenant_added(store: &EventStore, organisation: TenantId, tenant: Uuid) -> Recorded {
    let mut session = store.session(organisation).await.expect("a session");
    let stream = Stream::new("organisation", organisation);
    let founding = session.stream(&stream, NOW).await.expect("read").remove(0);
    Recorded {
        id: Uuid::now_v7(),
        event_type: "organisation.tenant_added".to_owned(),
        data: serde_json::json!({ "tenant": tenant, "name": "Acme", "language": "de", "time_zone": "Europe/Berlin" }),
        ..founding
    }
}

async fn run(store: &EventStore, errand: &Errand, event: &Recorded) {
    errand.run(store, caused_by(event), event).await.expect("done");
}

/// As the consumer has it: this service acts, and the event is the cause.
fn caused_by(event: &Recorded) -> Cx {
    let actor = Actor::Service("tenancy".to_owned());
    Cx { actor, causation_id: Some(event.id), ..cx(event.tenant) }
}

async fn react(store: &EventStore, reaction: &Reaction, event: &Recorded) {
    let mut work = store.work(caused_by(event));
    reaction.react(&mut work, event).await.expect("taken");
    work.finish().await.expect("recorded");
}

async fn log(store: &EventStore, tenant: TenantId) -> Vec<Recorded> {
    store.session(tenant).await.expect("a session").events_after(0, 100).await.expect("read")
}

async fn row<V: View>(store: &EventStore, tenant: TenantId, key: &str) -> Option<V> {
    let mut session = store.session(tenant).await.expect("a session");
    views::get::<V>(&mut session, key, NOW - 1).await.expect("read").map(|row| row.data)
}

#[tokio::test]
async fn an_organisation_is_founded_once_and_owns_itself() {
    let (store, _) = store().await;
    let organisation = founded(&store, "Nordlicht").await;
    let again = found(&store, organisation, " Nordlicht ", Kind::Consultancy, cx(organisation)).await;

    assert_eq!(again.expect("so already"), 2);
    let types: Vec<String> = log(&store, organisation).await.into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["organisation.founded", "access.opened"]);
    let otherwise = found(&store, organisation, "Südwind", Kind::Consultancy, cx(organisation)).await;
    assert_eq!(otherwise.map_err(|problem| problem.status()), Err(409));
    let roster: Roster = row(&store, organisation, KEY).await.expect("a roster");
    let now = cx(organisation).now;
    let admin = |organisation| Caller { person: "ada".to_owned(), organisation, administrator: true };
    assert!(roster.knows(&admin(organisation.0), now));
    assert!(!roster.knows(&admin(Uuid::new_v4()), now));
}

#[tokio::test]
async fn a_tenant_that_was_added_is_opened_once_however_often_it_is_heard_of() {
    let (store, views) = store().await;
    let organisation = founded(&store, "Nordlicht").await;
    let tenant = TenantId::random();
    let event = tenant_added(&store, organisation, tenant.0).await;
    let open_it = tenancy::when_tenant_added_then_open_it();

    run(&store, &open_it, &event).await;
    let once = log(&store, tenant).await;
    run(&store, &open_it, &event).await;

    assert_eq!(log(&store, tenant).await, once);
    let types: Vec<&str> = once.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["tenant.created", "access.opened"]);
    for recorded in &once {
        assert_eq!(recorded.metadata.causation_id, Some(event.id));
        assert_eq!(recorded.metadata.actor, Actor::Service("tenancy".to_owned()));
        assert_eq!(recorded.id.get_version_num(), 5, "derived from its cause");
    }
    let roster: Roster = row(&store, tenant, KEY).await.expect("a roster");
    assert_eq!(roster.organisation, Some(organisation.0));
    assert_eq!(log(&store, organisation).await.len(), 2, "the organisation's own log took nothing from it");

    for source in OTHER_SERVICES {
        let note = tenancy::when_a_service_opened_then_note_it(source);
        // What another service says of its part, and of the organisation's own partition, which is no tenant.
        let opened = once.last().expect("opened").clone();
        react(&store, &note, &opened).await;
        react(&store, &note, &opened).await;
        react(&store, &note, log(&store, organisation).await.last().expect("opened")).await;
    }
    let profile: TenantProfile = row(&store, tenant, &tenant.to_string()).await.expect("a tenant");
    assert!(profile.ready);
    assert_eq!((profile.name.as_str(), profile.time_zone.as_str()), ("Acme", "Europe/Berlin"));
    assert_eq!(log(&store, tenant).await.len(), 6);
    assert_eq!(log(&store, organisation).await.len(), 2);
    for view in views.names() {
        assert_eq!(views.compare(&store, tenant, view).await.expect("compared"), None, "{view}");
    }
}

/// The process ended between the organisation's part of a new name and the tenant's.
#[tokio::test]
async fn a_tenant_is_called_as_its_organisation_calls_it_now() {
    let (store, _) = store().await;
    let organisation = founded(&store, "Nordlicht").await;
    let tenant = TenantId::random();
    let added = tenant_added(&store, organisation, tenant.0).await;
    run(&store, &tenancy::when_tenant_added_then_open_it(), &added).await;
    let name_it = tenancy::when_tenant_renamed_then_name_it();
    let renamed = Recorded {
        id: Uuid::now_v7(),
        event_type: "organisation.tenant_renamed".to_owned(),
        data: serde_json::json!({ "tenant": tenant, "name": "Birch" }),
        ..added
    };
    // An organisation that does not list it has nothing to say about it.
    run(&store, &name_it, &renamed).await;
    assert_eq!(log(&store, tenant).await.len(), 2);
}

#[tokio::test]
async fn an_organisation_sees_nothing_of_another() {
    let (store, _) = store().await;
    let (ours, theirs) = (founded(&store, "Nordlicht").await, founded(&store, "Südwind").await);
    assert!(row::<Roster>(&store, theirs, KEY).await.is_some());

    let mut session = store.session(ours).await.expect("a session");
    // The policy holds where a statement forgets the tenant.
    let keys: Vec<String> =
        sqlx::query_scalar("select key from view_organisation").fetch_all(session.connection()).await.expect("read");
    assert_eq!(keys, [ours.to_string()]);
}
