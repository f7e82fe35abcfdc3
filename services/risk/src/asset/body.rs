use super::{
    Asset, Circles, Command, HIGHEST_OBJECTIVE, Kind, LETTERS, Profile, SecurityObjectives, circular, refuse_unknown,
};
use crate::checks::{Faults, LONGEST_NAME, LONGEST_TEXT, checked_refs};
use crate::context;
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Called, Problem, checked_person, checked_text, checked_text_if_given};
use utoipa::ToSchema;

/// Puts an asset into the register.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAsset {
    /// What people call it; its id for good. The next number, such as A-13, where it is not given.
    #[serde(default, rename = "ref")]
    #[schema(example = "A-1")]
    reference: Option<String>,
    #[schema(example = "Customer analytics data")]
    name: String,
    #[serde(default)]
    description: String,
    kind: Kind,
    #[serde(default)]
    domain: Option<String>,
    /// A person's id.
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    security_objectives: SecurityObjectives,
    /// Refs of the assets that rely on this one.
    #[serde(default)]
    supports: Vec<String>,
    /// Refs of the sites, units, systems and interfaces of the scope that it belongs to.
    #[serde(default)]
    scope: Vec<String>,
}

/// Says anew what is known about an asset, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAsset {
    name: String,
    #[serde(default)]
    description: String,
    kind: Kind,
    #[serde(default)]
    domain: Option<String>,
    /// A person's id.
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    security_objectives: SecurityObjectives,
    /// Refs of the assets that rely on this one.
    #[serde(default)]
    supports: Vec<String>,
    /// Refs of the sites, units, systems and interfaces of the scope that it belongs to.
    #[serde(default)]
    scope: Vec<String>,
}

impl service::Command for AddAsset {
    type Of = Asset;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Add an asset to the register";
    const BEGINS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::by(self.reference.as_deref(), LETTERS)?)
    }

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        let Self { reference: _, name, description, kind, domain, owner, security_objectives, supports, scope } = self;
        let said = ChangeAsset { name, description, kind, domain, owner, security_objectives, supports, scope };
        Ok(Command::Add(said.known(work, id).await?))
    }
}

impl service::Command for ChangeAsset {
    type Of = Asset;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Change what is known about an asset";

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        Ok(Command::Change(self.known(work, id).await?))
    }
}

impl ChangeAsset {
    async fn known(self, work: &mut Work, id: &str) -> Result<Profile, Problem> {
        let profile = self.checked(id)?;
        refuse_unknown(work, "supports", &profile.supports).await?;
        if let Some(circle) = Circles::default().find(work, id, Some(&profile.supports)).await? {
            return Err(Problem::field("supports", circular(&circle)));
        }
        refuse_outside(work, &profile.scope).await?;
        Ok(profile)
    }

    fn checked(self, id: &str) -> Result<Profile, Problem> {
        let mut faults = Faults::default();
        let name = faults.keep(checked_text("name", &self.name, LONGEST_NAME));
        let description = faults.keep(checked_text_if_given("description", &self.description, LONGEST_TEXT));
        let domain = self.domain.and_then(|domain| faults.keep(checked_text("domain", &domain, LONGEST_NAME)));
        let owner = self.owner.and_then(|owner| faults.keep(checked_person("owner", &owner)));
        let objectives = self.security_objectives;
        for (field, value) in [
            ("security_objectives.confidentiality", objectives.confidentiality),
            ("security_objectives.integrity", objectives.integrity),
            ("security_objectives.availability", objectives.availability),
        ] {
            if value.is_some_and(|value| value > HIGHEST_OBJECTIVE) {
                faults.wrong(field, format!("0 to {HIGHEST_OBJECTIVE} is expected"));
            }
        }
        let supports = faults.keep_list(checked_refs("supports", &self.supports));
        if supports.iter().any(|supported| supported == id) {
            faults.wrong("supports", format!("{id} does not support itself: leave it out"));
        }
        let scope = faults.keep_list(checked_refs("scope", &self.scope));
        let made = name.zip(description).map(|(name, description)| Profile {
            name,
            description: description.unwrap_or_default(),
            kind: self.kind,
            domain,
            owner,
            security_objectives: objectives,
            supports,
            scope,
        });
        faults.settle(made)
    }
}

/// Refuses what the scope does not name.
async fn refuse_outside(work: &mut Work, refs: &[String]) -> Result<(), Problem> {
    if refs.is_empty() {
        return Ok(());
    }
    let scope = context::scope(work).await?.unwrap_or_default();
    let mut faults = Faults::default();
    for name in refs.iter().filter(|name| scope.elements().all(|element| element.reference != **name)) {
        faults.wrong("scope", format!("{name} is not in the scope: leave it out, or add it to the scope first"));
    }
    faults.settle(Some(()))
}

#[cfg(test)]
mod tests {
    use super::ChangeAsset;
    use serde_json::json;

    fn said(body: serde_json::Value) -> ChangeAsset {
        serde_json::from_value(body).expect("a body")
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({
            "name": " ", "kind": "primary", "owner": "a b", "security_objectives": {"integrity": 5},
            "supports": ["A-1", "no/ref"]
        });
        let problem = said(body).checked("A-1").expect_err("refused");
        assert_eq!(problem.to_string(), "4 fields are wrong: see errors");
        let problem = said(json!({"name": "x", "kind": "primary", "supports": ["A-1"]})).checked("A-1");
        assert_eq!(problem.expect_err("refused").to_string(), "supports: A-1 does not support itself: leave it out");
    }

    #[test]
    fn supports_are_a_set_in_order() {
        let body = json!({"name": "x", "kind": "supporting", "supports": ["A-10", "A-2", "A-10"]});
        assert_eq!(said(body).checked("A-1").expect("checked").supports, ["A-2", "A-10"]);
    }
}
