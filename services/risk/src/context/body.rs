use super::{Climate, Command, Context, Exclusion, ID, Issue, Party, PartyRequirement, Scope, ScopeElement};
use crate::checks::{Faults, LONGEST_NAME, LONGEST_TEXT};
use access::Action;
use eventstore::Work;
use serde::Deserialize;
use service::{Called, Problem, checked_person, checked_ref, checked_text, checked_text_if_given};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is listed of a kind; more is a mistake.
const MOST: usize = 200;

/// Says which issues bear on the ISMS, whole: what is left out is none any more. Whether climate change is one is answered
/// either way.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetermineIssues {
    issues: Vec<Issue>,
    climate: Climate,
}

/// Says who has an interest in the ISMS and what they require, whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetermineParties {
    parties: Vec<Party>,
}

/// Says what the ISMS covers, whole. `GET /context/scope/changes` shows what a change touches.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetermineScope {
    scope: Scope,
}

/// A scope that is thought of, whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewScope {
    scope: Scope,
}

/// Says who is top management here.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameManagement {
    /// People's ids.
    #[schema(example = json!(["mara"]))]
    people: Vec<String>,
}

/// Approves the context, as top management.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveContext {
    /// The revision that was read.
    #[schema(example = 3)]
    revision: u32,
}

impl service::Command for DetermineIssues {
    type Of = Context;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Say which issues bear on the ISMS, and whether climate change is one";
    const STANDS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(ID.to_owned()))
    }

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        self.checked()
    }
}

impl service::Command for DetermineParties {
    type Of = Context;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Say who has an interest in the ISMS, and which of their requirements it addresses";
    const STANDS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(ID.to_owned()))
    }

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        self.checked()
    }
}

impl service::Command for DetermineScope {
    type Of = Context;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Say what the ISMS covers, and why";
    const STANDS: bool = true;
    const NEEDS_REASON: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(ID.to_owned()))
    }

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::DetermineScope(checked_scope(self.scope)?))
    }
}

impl service::Command for NameManagement {
    type Of = Context;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Say who is top management here, and why";
    const STANDS: bool = true;
    const NEEDS_REASON: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(ID.to_owned()))
    }

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        self.checked()
    }
}

impl service::Command for ApproveContext {
    type Of = Context;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Approve the context, as top management";
    const STANDS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::As(ID.to_owned()))
    }

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Approve { revision: self.revision })
    }
}

impl PreviewScope {
    pub fn checked(self) -> Result<Scope, Problem> {
        checked_scope(self.scope)
    }
}

impl DetermineIssues {
    fn checked(self) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        refuse_too_many(&mut faults, "issues", self.issues.len());
        let mut refs = BTreeSet::new();
        let issues = self.issues.into_iter().enumerate().filter_map(|(n, Issue { reference, kind, what })| {
            let reference = once(&mut faults, &mut refs, &format!("issues[{n}].ref"), &reference);
            let what = faults.keep(checked_text(&format!("issues[{n}].what"), &what, LONGEST_TEXT));
            reference.zip(what).map(|(reference, what)| Issue { reference, kind, what })
        });
        let issues = issues.collect();
        let why = faults.keep(checked_text("climate.why", &self.climate.why, LONGEST_TEXT));
        let climate = why.map(|why| Climate { relevant: self.climate.relevant, why });
        faults.settle(climate.map(|climate| Command::DetermineIssues { issues, climate }))
    }
}

impl DetermineParties {
    fn checked(self) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        refuse_too_many(&mut faults, "parties", self.parties.len());
        let mut refs = BTreeSet::new();
        let mut parties = Vec::new();
        for (n, Party { reference, name, requirements }) in self.parties.into_iter().enumerate() {
            let at = format!("parties[{n}]");
            let reference = once(&mut faults, &mut refs, &format!("{at}.ref"), &reference);
            let name = faults.keep(checked_text(&format!("{at}.name"), &name, LONGEST_NAME));
            refuse_too_many(&mut faults, &format!("{at}.requirements"), requirements.len());
            let required = requirements.into_iter().enumerate();
            let requirements = required
                .filter_map(|(m, one)| checked_requirement(&mut faults, &format!("{at}.requirements[{m}]"), one))
                .collect();
            parties.extend(reference.zip(name).map(|(reference, name)| Party { reference, name, requirements }));
        }
        faults.settle(Some(Command::DetermineParties(parties)))
    }
}

fn checked_requirement(faults: &mut Faults, at: &str, required: PartyRequirement) -> Option<PartyRequirement> {
    let PartyRequirement { what, addressed, how } = required;
    let what = faults.keep(checked_text(&format!("{at}.what"), &what, LONGEST_TEXT));
    let field = format!("{at}.how");
    let how = faults.keep(checked_text_if_given(&field, &how.unwrap_or_default(), LONGEST_TEXT)).flatten();
    if !addressed && how.is_none() {
        faults.wrong(&field, "say why the ISMS does not address it");
    }
    what.map(|what| PartyRequirement { what, addressed, how })
}

impl NameManagement {
    fn checked(self) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        if self.people.is_empty() {
            faults.wrong("people", "name one person at least");
        }
        refuse_too_many(&mut faults, "people", self.people.len());
        let people = self.people.iter().filter_map(|person| faults.keep(checked_person("people", person))).collect();
        faults.settle(Some(Command::NameManagement(people)))
    }
}

fn checked_scope(said: Scope) -> Result<Scope, Problem> {
    let mut faults = Faults::default();
    let mut refs = BTreeSet::new();
    let statement = faults.keep(checked_text("scope.statement", &said.statement, LONGEST_TEXT));
    let mut elements = |kind: &str, listed: Vec<ScopeElement>| -> Vec<ScopeElement> {
        refuse_too_many(&mut faults, &format!("scope.{kind}"), listed.len());
        let mut checked = Vec::new();
        for (n, ScopeElement { reference, name }) in listed.into_iter().enumerate() {
            let reference = once(&mut faults, &mut refs, &format!("scope.{kind}[{n}].ref"), &reference);
            let name = faults.keep(checked_text(&format!("scope.{kind}[{n}].name"), &name, LONGEST_NAME));
            checked.extend(reference.zip(name).map(|(reference, name)| ScopeElement { reference, name }));
        }
        checked
    };
    let sites = elements("sites", said.sites);
    let units = elements("units", said.units);
    let systems = elements("systems", said.systems);
    let interfaces = elements("interfaces", said.interfaces);
    refuse_too_many(&mut faults, "scope.exclusions", said.exclusions.len());
    let mut exclusions = Vec::new();
    for (n, Exclusion { what, reason }) in said.exclusions.into_iter().enumerate() {
        let what = faults.keep(checked_text(&format!("scope.exclusions[{n}].what"), &what, LONGEST_TEXT));
        let reason = faults.keep(checked_text(&format!("scope.exclusions[{n}].reason"), &reason, LONGEST_TEXT));
        exclusions.extend(what.zip(reason).map(|(what, reason)| Exclusion { what, reason }));
    }
    faults.settle(statement.map(|statement| Scope { statement, sites, units, systems, interfaces, exclusions }))
}

/// A ref that nothing before in the same body has.
fn once(faults: &mut Faults, refs: &mut BTreeSet<String>, field: &str, written: &str) -> Option<String> {
    let reference = faults.keep(checked_ref(field, written))?;
    if refs.insert(reference.clone()) {
        return Some(reference);
    }
    faults.wrong(field, format!("{reference} is there already: each has its own"));
    None
}

fn refuse_too_many(faults: &mut Faults, field: &str, count: usize) {
    if count > MOST {
        faults.wrong(field, format!("it lists {count}, and {MOST} are the most"));
    }
}

#[cfg(test)]
mod tests {
    use super::{DetermineIssues, DetermineParties, DetermineScope, NameManagement, checked_scope};
    use serde_json::{Value, json};
    use service::Problem;

    fn told<T>(checked: Result<T, Problem>) -> Vec<String> {
        let problem = checked.err().map(|problem| serde_json::to_value(problem).expect("written"));
        let errors = problem.map(|problem| problem["errors"].as_array().cloned().unwrap_or_default());
        errors.into_iter().flatten().map(|error| error["field"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn read<T: serde::de::DeserializeOwned>(body: Value) -> T {
        serde_json::from_value(body).expect("a body")
    }

    #[test]
    fn every_wrong_field_is_named_with_its_place() {
        let issue = |id: &str, what: &str| json!({"ref": id, "kind": "internal", "what": what});
        let issues =
            json!({"issues": [issue("I-1", "a"), issue("I-1", " ")], "climate": {"relevant": false, "why": ""}});
        assert_eq!(told(read::<DetermineIssues>(issues).checked()), ["issues[1].ref", "issues[1].what", "climate.why"]);
        let requirement = json!({"what": "Notice", "addressed": false});
        let parties = json!({"parties": [{"ref": "P-1", "name": "Customers", "requirements": [requirement]}]});
        assert_eq!(told(read::<DetermineParties>(parties).checked()), ["parties[0].requirements[0].how"]);
        assert_eq!(told(read::<NameManagement>(json!({"people": []})).checked()), ["people"]);
        let site = |id: &str| json!({"ref": id, "name": "Porto"});
        let scope = json!({"scope": {"statement": " ", "sites": [site("S-1")], "units": [site("S-1"), site("a b")],
            "exclusions": [{"what": "Tills", "reason": ""}]}});
        assert_eq!(
            told(checked_scope(read::<DetermineScope>(scope).scope)),
            ["scope.statement", "scope.units[0].ref", "scope.units[1].ref", "scope.exclusions[0].reason"]
        );
    }

    #[test]
    fn what_is_right_is_taken_whole() {
        let parties = json!({"parties": [{"ref": " P-1 ", "name": "Customers", "requirements": [
            {"what": "Notice", "addressed": true}, {"what": "Escrow", "addressed": false, "how": "No contract asks for it"}]}]});
        assert!(told(read::<DetermineParties>(parties).checked()).is_empty());
        let many: Vec<Value> = (0..201).map(|n| json!({"ref": format!("S-{n}"), "name": "x"})).collect();
        let scope = json!({"scope": {"statement": "x", "sites": many}});
        assert_eq!(told(checked_scope(read::<DetermineScope>(scope).scope)), ["scope.sites"]);
    }
}
