//! A store with the service's own views, and tenants in it that begin as tenancy has them begin.

use chrono::{DateTime, Utc};
use eventstore::{Actor, Cx, EventStore, Metadata, NOW, Recorded, Stream, TenantId};
use messaging::Reaction;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::Database;
use uuid::Uuid;
use views::ViewSet;

pub struct Fixture {
    pub store: EventStore,
    pub views: Arc<ViewSet>,
    pub tenant: TenantId,
}

impl Fixture {
    pub async fn new() -> Self {
        let service = risk::service();
        let database = Database::new("risk", &service.migrations).await.expect("a database");
        let views = Arc::new(service.views);
        let store = database.store(views.clone()).await.expect("a store");
        let fixture = Self { store, views, tenant: TenantId::random() };
        fixture.begin(fixture.tenant).await;
        fixture
    }

    /// Tenancy's event that a tenant was created reaches this service.
    pub async fn begin(&self, tenant: TenantId) {
        let stream = format!("tenant-{tenant}");
        let data = json!({"organisation": Uuid::nil(), "name": "Larkspur", "baseline": "iso27001_2022"});
        self.hear(&risk::when_tenant_created_then_adopt_methodology(), &heard(tenant, &stream, "tenant.created", data))
            .await;
    }

    /// An event of the controls service about one control reaches this service.
    pub async fn control(&self, id: &str, event_type: &str, data: Value) {
        let event = heard(self.tenant, &format!("control-{id}"), event_type, data);
        self.hear(&risk::when_a_control_changes_then_note_it(), &event).await;
    }

    async fn hear(&self, reaction: &Reaction, event: &Recorded) {
        let mut work = self.store.work(cx(event.tenant));
        reaction.react(&mut work, event).await.expect("taken");
        work.finish().await.expect("recorded");
    }

    pub async fn head(&self) -> i64 {
        self.store.session(self.tenant).await.expect("a session").head().await.expect("read")
    }

    /// No view differs from a fold of the log from its beginning.
    pub async fn views_are_true(&self) {
        for view in self.views.names() {
            assert_eq!(self.views.compare(&self.store, self.tenant, view).await.expect("compared"), None, "{view}");
        }
    }

    pub async fn risk(&self, id: &str) -> risk::RegisteredRisk {
        let mut session = self.store.session(self.tenant).await.expect("a session");
        let row = views::get::<risk::RegisteredRisk>(&mut session, id, NOW - 1).await.expect("read");
        row.expect("a risk").data
    }
}

pub fn cx(tenant: TenantId) -> Cx {
    Cx::new(tenant, Actor::Person("mara".to_owned()), when())
}

pub fn when() -> DateTime<Utc> {
    "2026-03-01T09:30:00Z".parse().expect("an instant")
}

pub fn heard(tenant: TenantId, stream: &str, event_type: &str, data: Value) -> Recorded {
    let cx = cx(tenant);
    Recorded {
        tenant,
        position: 1,
        stream: Stream::try_from(stream.to_owned()).expect("a stream's name"),
        version: 1,
        id: Uuid::now_v7(),
        event_type: event_type.to_owned(),
        schema: 1,
        occurred_at: cx.now,
        recorded_at: cx.now,
        data,
        metadata: Metadata {
            actor: cx.actor,
            reason: None,
            command_id: None,
            correlation_id: cx.correlation_id,
            causation_id: None,
            traceparent: None,
        },
        hash: String::new(),
    }
}
