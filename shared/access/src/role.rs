use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};
use utoipa::ToSchema;

/// What a person is in one tenant: the roles that every tenant has. The administrators of the owning organisation need none.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    IsmsManager,
    RiskOwner,
    ControlOwner,
    /// Writes in the registers, and decides nothing.
    Contributor,
    InternalAuditor,
    /// Of a certification body or a client: looks, and writes nowhere.
    ExternalAuditor,
    Viewer,
}

/// What a route asks for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema, EnumIter, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    /// See registers, the Statement of Applicability, histories.
    Read,
    /// See the trail of everything that was done.
    ReadTrail,
    /// Identify and assess risks, keep assets.
    WriteRisks,
    /// Decide how a risk is treated.
    DecideTreatment,
    /// Set how far a control is implemented, attach evidence.
    WriteControls,
    /// Decide which controls apply.
    DecideApplicability,
    /// Raise findings, follow them and close them.
    WriteFindings,
    /// People and their roles, the tenant's settings, uploads of whole registers.
    ManageTenant,
}

impl Role {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The one table of roles and actions. What is not listed is refused.
    pub fn may(self, action: Action) -> bool {
        use Action::{
            DecideApplicability, DecideTreatment, ManageTenant, Read, ReadTrail, WriteControls, WriteFindings,
            WriteRisks,
        };
        let allowed: &[Action] = match self {
            Self::IsmsManager => &[
                Read,
                ReadTrail,
                WriteRisks,
                DecideTreatment,
                WriteControls,
                DecideApplicability,
                WriteFindings,
                ManageTenant,
            ],
            Self::RiskOwner => &[Read, WriteRisks, DecideTreatment],
            Self::ControlOwner => &[Read, WriteControls],
            Self::Contributor => &[Read, WriteRisks, WriteControls],
            Self::InternalAuditor => &[Read, ReadTrail, WriteFindings],
            Self::ExternalAuditor => &[Read, ReadTrail],
            Self::Viewer => &[Read],
        };
        allowed.contains(&action)
    }
}

impl Action {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Role};
    use std::fmt::Write;
    use strum::IntoEnumIterator;

    #[test]
    fn the_table_reads_as_agreed() {
        let table = Role::iter().fold(String::new(), |mut table, role| {
            let allowed: Vec<&str> =
                Action::iter().filter(|action| role.may(*action)).map(<&'static str>::from).collect();
            let _ = writeln!(table, "{}: {}", <&'static str>::from(role), allowed.join(" "));
            table
        });
        assert_eq!(
            table,
            "isms_manager: read read_trail write_risks decide_treatment write_controls decide_applicability write_findings manage_tenant\n\
             risk_owner: read write_risks decide_treatment\n\
             control_owner: read write_controls\n\
             contributor: read write_risks write_controls\n\
             internal_auditor: read read_trail write_findings\n\
             external_auditor: read read_trail\n\
             viewer: read\n"
        );
    }
}
