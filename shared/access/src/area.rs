use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};
use utoipa::ToSchema;

/// A part of a tenant that an auditor's grant may show. What is in no area is shown by no grant.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema, EnumIter, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Area {
    Assets,
    /// The communication plan.
    Communications,
    /// What people must be able to do or be aware of, and who is.
    Competences,
    /// What the ISMS is about, its objectives and planned changes.
    Context,
    Controls,
    /// Policies, procedures and records, and who knows them.
    Documents,
    Evidence,
    /// What is done without, until when, and by whose leave.
    Exceptions,
    /// What audits and reviews found.
    Findings,
    Methodology,
    /// Who has which roles, and what the roles allow.
    People,
    Risks,
    /// The Statement of Applicability.
    Soa,
    Suppliers,
    /// The tenant's settings.
    Tenant,
    /// Everything that was done, by everybody, in all areas.
    Trail,
}

impl Area {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The area of the paths that begin with `noun` behind the tenant's id.
    pub fn of(noun: &str) -> Option<Self> {
        Some(match noun {
            "" | "history" => Self::Tenant,
            "assets" => Self::Assets,
            "context" | "objectives" | "planned-changes" => Self::Context,
            "communications" => Self::Communications,
            "competences" => Self::Competences,
            "controls" | "frameworks" => Self::Controls,
            "documents" | "mandatory-documents" => Self::Documents,
            "evidence" => Self::Evidence,
            "exceptions" => Self::Exceptions,
            "findings" => Self::Findings,
            "methodology" => Self::Methodology,
            "people" | "roles" => Self::People,
            "risks" | "heat-map" | "risk-trend" | "quantifications" | "actions" | "assessment-rounds"
            | "reassessments" | "treatment-plan" => Self::Risks,
            "soa" => Self::Soa,
            "suppliers" => Self::Suppliers,
            "trail" => Self::Trail,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Area;

    #[test]
    fn every_area_has_a_path_and_what_is_in_none_is_nobodys() {
        for area in Area::all() {
            let name: &str = area.into();
            let noun = if area == Area::Tenant { "" } else { name };
            assert_eq!(Area::of(noun), Some(area));
            assert_eq!(serde_json::to_value(area).expect("written"), name);
        }
        for noun in ["tenant", "notifications", "contacts", "permissions", "api-keys", "auditor-grants", "imports"] {
            assert_eq!(Area::of(noun), None, "{noun}");
        }
    }
}
