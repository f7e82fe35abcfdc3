//! What the unit tests share.

use eventstore::{Actor, Cx, TenantId};

pub fn cx(tenant: TenantId) -> Cx {
    let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
    Cx::new(tenant, Actor::Person("mara".to_owned()), now)
}
