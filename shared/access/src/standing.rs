use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

/// Whether work goes on in a tenant.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = TenantState)]
pub enum Standing {
    #[default]
    Active,
    /// Everything can be read and exported, and nothing be written, until it is resumed.
    Suspended,
    /// It is over. Its organisation's administrators read and export it; nobody writes in it ever again.
    Closed,
}

impl Standing {
    pub fn is_active(&self) -> bool {
        *self == Self::Active
    }
}
