use crate::Role;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A role as it is given: one that every tenant has, or one of the tenant's own, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RoleName {
    Common(Role),
    Own(String),
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        Self::Common(role)
    }
}

impl From<String> for RoleName {
    fn from(name: String) -> Self {
        name.parse().map_or(Self::Own(name), Self::Common)
    }
}

impl From<RoleName> for String {
    fn from(role: RoleName) -> Self {
        role.to_string()
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Common(role) => role.into(),
            Self::Own(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RoleName;
    use crate::Role;

    #[test]
    fn a_role_is_written_and_read_as_its_name() {
        for role in Role::all().map(RoleName::Common).chain([RoleName::Own("keeper".to_owned())]) {
            let written = serde_json::to_string(&role).expect("written");
            assert_eq!(written, format!("\"{role}\""));
            assert_eq!(serde_json::from_str::<RoleName>(&written).expect("read"), role);
        }
    }
}
