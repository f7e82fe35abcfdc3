//! What the ISMS is about (clauses 4.1 to 4.3): issues, interested parties, scope. One stream a tenant, whose revisions top
//! management approves; a later revision makes the approval stale.

mod body;
mod changes;
mod understood;

pub use body::{ApproveContext, DetermineIssues, DetermineParties, DetermineScope, NameManagement, PreviewScope};
pub use changes::{ScopeChanges, scope_changes, scope_preview};
pub use understood::UnderstoodContext;

use eventstore::{Actor, Cx, Work, aggregate};
use serde::{Deserialize, Serialize};
use service::Problem;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// The one stream's id.
pub const ID: &str = "isms";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    Internal,
    External,
}

/// What bears on whether the ISMS can do what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    #[serde(rename = "ref")]
    #[schema(example = "I-1")]
    pub reference: String,
    pub kind: IssueKind,
    #[schema(example = "Half of the team works from home")]
    pub what: String,
}

/// Whether climate change is an issue here (Amd 1:2024): it is answered either way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Climate {
    pub relevant: bool,
    #[schema(example = "The data centre stands on a flood plain")]
    pub why: String,
}

/// Who has an interest, and what they require.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    #[serde(rename = "ref")]
    #[schema(example = "P-1")]
    pub reference: String,
    #[schema(example = "Customers")]
    pub name: String,
    pub requirements: Vec<PartyRequirement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartyRequirement {
    #[schema(example = "Notice of a breach within 24 hours")]
    pub what: String,
    /// Whether the ISMS addresses it.
    pub addressed: bool,
    /// By what it does, or why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
}

/// What the ISMS covers. Assets name the sites, units and systems that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    #[schema(example = "Development and operation of the analytics service")]
    pub statement: String,
    #[serde(default)]
    pub sites: Vec<ScopeElement>,
    #[serde(default)]
    pub units: Vec<ScopeElement>,
    #[serde(default)]
    pub systems: Vec<ScopeElement>,
    /// Between what is done here and what others do.
    #[serde(default)]
    pub interfaces: Vec<ScopeElement>,
    #[serde(default)]
    pub exclusions: Vec<Exclusion>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeElement {
    /// Once in the whole scope.
    #[serde(rename = "ref")]
    #[schema(example = "S-1")]
    pub reference: String,
    #[schema(example = "Office in Porto")]
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    #[schema(example = "The canteen's tills")]
    pub what: String,
    #[schema(example = "Run by the landlord")]
    pub reason: String,
}

impl Scope {
    pub fn elements(&self) -> impl Iterator<Item = &ScopeElement> {
        self.sites.iter().chain(&self.units).chain(&self.systems).chain(&self.interfaces)
    }
}

#[derive(Default, Serialize, Deserialize)]
pub struct Context {
    revision: u32,
    issues: Option<(Vec<Issue>, Climate)>,
    parties: Option<Vec<Party>>,
    scope: Option<Scope>,
    management: BTreeSet<String>,
    /// Who approved the revision that stands.
    approved_by: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    DetermineIssues { issues: Vec<Issue>, climate: Climate },
    DetermineParties(Vec<Party>),
    DetermineScope(Scope),
    NameManagement(BTreeSet<String>),
    Approve { revision: u32 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    IssuesDetermined {
        revision: u32,
        issues: Vec<Issue>,
        climate: Climate,
    },
    PartiesDetermined {
        revision: u32,
        parties: Vec<Party>,
    },
    ScopeDetermined {
        revision: u32,
        scope: Scope,
    },
    /// Who is top management here: their word approves.
    ManagementNamed {
        people: BTreeSet<String>,
    },
    Approved {
        revision: u32,
        by: String,
    },
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("only top management approves the context: {people}")]
    NotManagement { people: String },
    #[error("nobody is named as top management: PUT /context/management first")]
    NoManagement,
    #[error("revision: the context is at revision {standing} by now: read it again and decide anew")]
    OtherRevision { standing: u32 },
    #[error("the context is not whole, it lacks its {missing}: determine them first")]
    Incomplete { missing: String },
}

impl Context {
    /// The refs of all that the scope names; nothing where nobody determined it.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let revision = self.revision + 1;
        let news = |already: bool, event: Event| if already { vec![] } else { vec![event] };
        Ok(match command {
            Command::DetermineIssues { issues, climate } => {
                let already =
                    self.issues.as_ref().is_some_and(|standing| *standing == (issues.clone(), climate.clone()));
                news(already, Event::IssuesDetermined { revision, issues, climate })
            }
            Command::DetermineParties(parties) => {
                news(self.parties.as_ref() == Some(&parties), Event::PartiesDetermined { revision, parties })
            }
            Command::DetermineScope(scope) => {
                news(self.scope.as_ref() == Some(&scope), Event::ScopeDetermined { revision, scope })
            }
            Command::NameManagement(people) => news(self.management == people, Event::ManagementNamed { people }),
            Command::Approve { revision } => return self.approve(revision, cx),
        })
    }

    fn approve(&self, revision: u32, cx: &Cx) -> Result<Vec<Event>, Broken> {
        if self.management.is_empty() {
            return Err(Broken::NoManagement);
        }
        let by = match &cx.actor {
            Actor::Person(person) if self.management.contains(person) => person.clone(),
            Actor::Person(_) | Actor::Key(_) | Actor::Grant(_) | Actor::Service(_) | Actor::Operator(_) => {
                let people = self.management.iter().cloned().collect::<Vec<_>>().join(", ");
                return Err(Broken::NotManagement { people });
            }
        };
        let parts = [
            ("issues", self.issues.is_none()),
            ("interested parties", self.parties.is_none()),
            ("scope", self.scope.is_none()),
        ];
        let missing: Vec<&str> = parts.into_iter().filter(|(_, missing)| *missing).map(|(part, _)| part).collect();
        if !missing.is_empty() {
            return Err(Broken::Incomplete { missing: missing.join(" and ") });
        }
        if revision != self.revision {
            return Err(Broken::OtherRevision { standing: self.revision });
        }
        Ok(if self.approved_by.contains(&by) { vec![] } else { vec![Event::Approved { revision, by }] })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::IssuesDetermined { revision, issues, climate } => {
                self.begin(revision);
                self.issues = Some((issues, climate));
            }
            Event::PartiesDetermined { revision, parties } => {
                self.begin(revision);
                self.parties = Some(parties);
            }
            Event::ScopeDetermined { revision, scope } => {
                self.begin(revision);
                self.scope = Some(scope);
            }
            Event::ManagementNamed { people } => self.management = people,
            Event::Approved { by, .. } => {
                self.approved_by.insert(by);
            }
        }
    }

    fn begin(&mut self, revision: u32) {
        self.revision = revision;
        self.approved_by.clear();
    }
}

aggregate!(Context, "context", Command, Event, Broken);

/// The scope as this work sees it.
pub async fn scope(work: &mut Work) -> Result<Option<Scope>, Problem> {
    Ok(work.load::<Context>(ID).await?.0.scope().cloned())
}

#[cfg(test)]
pub mod tests {
    use super::{Broken, Climate, Command, Context, Event, Scope, ScopeElement};
    use crate::fixture::cx;
    use eventstore::{Actor, Cx};

    pub fn scope(sites: &[&str]) -> Scope {
        let element = |name: &&str| ScopeElement { reference: (*name).to_owned(), name: format!("Site {name}") };
        Scope { statement: "All of it".to_owned(), sites: sites.iter().map(element).collect(), ..Scope::default() }
    }

    pub fn whole() -> Vec<Event> {
        let climate = Climate { relevant: false, why: "No site at risk".to_owned() };
        vec![
            Event::IssuesDetermined { revision: 1, issues: vec![], climate },
            Event::PartiesDetermined { revision: 2, parties: vec![] },
            Event::ScopeDetermined { revision: 3, scope: scope(&["S-1"]) },
            Event::ManagementNamed { people: ["mara".to_owned()].into() },
        ]
    }

    fn given(events: impl IntoIterator<Item = Event>) -> Context {
        let mut context = Context::default();
        events.into_iter().for_each(|event| context.apply(event));
        context
    }

    fn approved(revision: u32) -> Event {
        Event::Approved { revision, by: "mara".to_owned() }
    }

    #[test]
    fn each_change_is_a_revision_and_what_is_so_already_is_none() {
        let context = given(whole());
        let same = Command::DetermineScope(scope(&["S-1"]));
        assert_eq!(context.decide(same, &cx()), Ok(vec![]));
        let wider = scope(&["S-1", "S-2"]);
        let determined = Event::ScopeDetermined { revision: 4, scope: wider.clone() };
        assert_eq!(context.decide(Command::DetermineScope(wider), &cx()), Ok(vec![determined]));
        let named = Command::NameManagement(["mara".to_owned()].into());
        assert_eq!(context.decide(named, &cx()), Ok(vec![]));
    }

    #[test]
    fn top_management_approves_the_revision_that_it_saw() {
        let approve = |revision| Command::Approve { revision };
        let context = given(whole());
        assert_eq!(context.decide(approve(3), &cx()), Ok(vec![approved(3)]));
        assert_eq!(context.decide(approve(2), &cx()), Err(Broken::OtherRevision { standing: 3 }));
        let refused = Err(Broken::NotManagement { people: "mara".to_owned() });
        for actor in [Actor::Person("jo".to_owned()), Actor::Key("mara".to_owned())] {
            assert_eq!(context.decide(approve(3), &Cx { actor, ..cx() }), refused);
        }
        assert_eq!(given(whole().into_iter().take(3)).decide(approve(3), &cx()), Err(Broken::NoManagement));
        let partly = given(whole().into_iter().skip(1));
        assert_eq!(partly.decide(approve(3), &cx()), Err(Broken::Incomplete { missing: "issues".to_owned() }));
    }

    #[test]
    fn a_later_revision_is_approved_anew() {
        let approve = |revision| Command::Approve { revision };
        let mut context = given(whole());
        context.apply(approved(3));
        assert_eq!(context.decide(approve(3), &cx()), Ok(vec![]));
        context.apply(Event::ScopeDetermined { revision: 4, scope: scope(&[]) });
        assert_eq!(context.decide(approve(4), &cx()), Ok(vec![approved(4)]));
    }
}
