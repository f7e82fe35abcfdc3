use super::{Command, LETTERS, Profile, Risk};
use crate::asset;
use crate::checks::{Faults, LONGEST_LABEL, LONGEST_NAME, LONGEST_TEXT, checked_refs};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Called, Problem, checked_person, checked_text, checked_text_if_given};
use utoipa::ToSchema;

/// Puts a risk into the register.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IdentifyRisk)]
pub struct Identify {
    /// What people call it; its id for good. The next number, such as R-13, where it is not given.
    #[serde(default, rename = "ref")]
    #[schema(example = "R-7")]
    reference: Option<String>,
    #[schema(example = "A query without its tenant filter shows one customer another's data")]
    name: String,
    #[serde(default)]
    description: String,
    /// Refs of the assets that it threatens.
    #[serde(default)]
    assets: Vec<String>,
    /// By which the methodology may accept more or less of it.
    #[serde(default)]
    #[schema(example = "Confidentiality")]
    category: Option<String>,
    /// What may bring it about.
    #[serde(default)]
    threat: Option<String>,
    /// What lets that happen.
    #[serde(default)]
    vulnerability: Option<String>,
    /// A person's id.
    #[serde(default)]
    owner: Option<String>,
}

/// Says anew what the risk is, whole: what is left out is no longer so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribeRisk)]
pub struct Describe {
    name: String,
    #[serde(default)]
    description: String,
    /// Refs of the assets that it threatens.
    #[serde(default)]
    assets: Vec<String>,
    /// By which the methodology may accept more or less of it.
    #[serde(default)]
    #[schema(example = "Confidentiality")]
    category: Option<String>,
    /// What may bring it about.
    #[serde(default)]
    threat: Option<String>,
    /// What lets that happen.
    #[serde(default)]
    vulnerability: Option<String>,
}

impl service::Command for Identify {
    type Of = Risk;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Identify a risk";
    const BEGINS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::by(self.reference.as_deref(), LETTERS)?)
    }

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let owner = self.owner.clone().and_then(|owner| faults.keep(checked_person("owner", &owner)));
        let Self { reference: _, name, description, assets, category, threat, vulnerability, owner: _ } = self;
        let profile = Describe { name, description, assets, category, threat, vulnerability }.checked(faults)?;
        asset::refuse_unknown(work, "assets", &profile.assets).await?;
        Ok(Command::Identify { profile, owner })
    }
}

impl service::Command for Describe {
    type Of = Risk;
    const ACTION: Action = Action::WriteRisks;
    const SUMMARY: &'static str = "Describe a risk anew";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let profile = self.checked(Faults::default())?;
        asset::refuse_unknown(work, "assets", &profile.assets).await?;
        Ok(Command::Describe(profile))
    }
}

impl Describe {
    fn checked(self, mut faults: Faults) -> Result<Profile, Problem> {
        let name = faults.keep(checked_text("name", &self.name, LONGEST_NAME));
        let description = faults.keep(checked_text_if_given("description", &self.description, LONGEST_TEXT));
        let assets = faults.keep_list(checked_refs("assets", &self.assets));
        let mut short = |field: &str, text: Option<String>, most: usize| {
            faults.keep(checked_text_if_given(field, &text.unwrap_or_default(), most)).flatten()
        };
        let category = short("category", self.category, LONGEST_LABEL);
        let threat = short("threat", self.threat, LONGEST_TEXT);
        let vulnerability = short("vulnerability", self.vulnerability, LONGEST_TEXT);
        let made = name.zip(description).map(|(name, description)| Profile {
            name,
            description: description.unwrap_or_default(),
            assets,
            category,
            threat,
            vulnerability,
        });
        faults.settle(made)
    }
}

#[cfg(test)]
mod tests {
    use super::Describe;
    use crate::checks::Faults;

    #[test]
    fn every_wrong_field_is_named() {
        let described = |name: &str, assets: Vec<String>| Describe {
            name: name.to_owned(),
            description: String::new(),
            assets,
            category: Some(" Safety ".to_owned()),
            threat: Some(" ".to_owned()),
            vulnerability: None,
        };
        let wrong = described("", vec!["a b".to_owned()]);
        assert_eq!(
            wrong.checked(Faults::default()).expect_err("refused").to_string(),
            "2 fields are wrong: see errors"
        );
        let right = described(" x ", vec![]).checked(Faults::default()).expect("checked");
        assert_eq!((right.name.as_str(), right.category.as_deref(), right.threat), ("x", Some("Safety"), None));
    }
}
