use catalogue::Theme;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use service::natural;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A control of a framework in one tenant: whether it applies, how far it is implemented, which treatments rely on it.
#[derive(Default, Serialize, Deserialize)]
pub struct Control {
    added: bool,
    decision: Option<Decision>,
    implementation: Implementation,
    owner: Option<String>,
    required_by: BTreeMap<String, TreatmentOption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Framework {
    #[serde(rename = "iso27001_2022")]
    Iso27001_2022,
}

/// On what basis a control is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    RiskTreatment,
    Law,
    Contract,
    GoodPractice,
}

/// How far a control is implemented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImplementationState {
    #[default]
    NotStarted,
    Planned,
    Partial,
    Implemented,
    Operating,
}

/// How the risk that requires a control is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequiringOption)]
pub enum TreatmentOption {
    Mitigate,
    Transfer,
    Accept,
    Avoid,
}

/// What somebody decided about a control's applicability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    Included { basis: Basis, justification: String },
    Excluded { justification: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Implementation {
    pub state: ImplementationState,
    pub how: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Add {
        framework: Framework,
        title: String,
        theme: Theme,
    },
    Decide(Decision),
    SetImplementation(Implementation),
    AssignOwner {
        owner: String,
    },
    /// A treatment of the risk relies on this control from now on.
    Require {
        risk: String,
        option: TreatmentOption,
    },
    /// No treatment of the risk relies on it any more.
    Release {
        risk: String,
    },
    /// Evidence that was just collected supports it.
    AttachEvidence {
        evidence: Uuid,
        title: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Added {
        framework: Framework,
        title: String,
        theme: Theme,
    },
    Included {
        basis: Basis,
        justification: String,
    },
    Excluded {
        justification: String,
    },
    ImplementationSet {
        state: ImplementationState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<String>,
    },
    OwnerAssigned {
        owner: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_owner: Option<String>,
    },
    Required {
        risk: String,
        option: TreatmentOption,
    },
    Released {
        risk: String,
    },
    EvidenceAttached {
        evidence: Uuid,
        title: String,
    },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("this tenant has no such control")]
    NotAdded,
    #[error("the treatment of {} relies on this control: decide that treatment without it first, then exclude it", .0.join(", "))]
    ReliedOn(Vec<String>),
    #[error("an excluded control is not implemented: include it first")]
    ExcludedControl,
}

impl Control {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        match command {
            Command::Add { .. } if self.added => Ok(vec![]),
            Command::Add { framework, title, theme } => Ok(vec![Event::Added { framework, title, theme }]),
            _ if !self.added => Err(Broken::NotAdded),
            Command::Decide(decision) => self.decide_applicability(decision),
            Command::SetImplementation(implementation) => self.set_implementation(implementation),
            Command::AssignOwner { owner } if self.owner.as_ref() == Some(&owner) => Ok(vec![]),
            Command::AssignOwner { owner } => {
                Ok(vec![Event::OwnerAssigned { owner, former_owner: self.owner.clone() }])
            }
            Command::Require { risk, option } if self.required_by.get(&risk) == Some(&option) => Ok(vec![]),
            // What risk decided is a fact here, on an excluded control too: the view shows the conflict.
            Command::Require { risk, option } => Ok(vec![Event::Required { risk, option }]),
            Command::Release { risk } if !self.required_by.contains_key(&risk) => Ok(vec![]),
            Command::Release { risk } => Ok(vec![Event::Released { risk }]),
            Command::AttachEvidence { evidence, title } => Ok(vec![Event::EvidenceAttached { evidence, title }]),
        }
    }

    fn decide_applicability(&self, decision: Decision) -> Result<Vec<Event>, Broken> {
        if self.decision.as_ref() == Some(&decision) {
            return Ok(vec![]);
        }
        match decision {
            Decision::Included { basis, justification } => Ok(vec![Event::Included { basis, justification }]),
            Decision::Excluded { .. } if !self.required_by.is_empty() => Err(Broken::ReliedOn(self.relying_risks())),
            Decision::Excluded { justification } => Ok(vec![Event::Excluded { justification }]),
        }
    }

    fn set_implementation(&self, implementation: Implementation) -> Result<Vec<Event>, Broken> {
        if self.implementation == implementation {
            return Ok(vec![]);
        }
        let excluded = matches!(self.decision, Some(Decision::Excluded { .. }));
        if excluded && implementation.state != ImplementationState::NotStarted {
            return Err(Broken::ExcludedControl);
        }
        let Implementation { state, how } = implementation;
        Ok(vec![Event::ImplementationSet { state, how }])
    }

    fn relying_risks(&self) -> Vec<String> {
        let mut risks: Vec<String> = self.required_by.keys().cloned().collect();
        risks.sort_by_cached_key(|risk| natural(risk));
        risks
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Added { .. } => self.added = true,
            Event::Included { basis, justification } => {
                self.decision = Some(Decision::Included { basis, justification });
            }
            Event::Excluded { justification } => self.decision = Some(Decision::Excluded { justification }),
            Event::ImplementationSet { state, how } => self.implementation = Implementation { state, how },
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::Required { risk, option } => {
                self.required_by.insert(risk, option);
            }
            Event::Released { risk } => {
                self.required_by.remove(&risk);
            }
            Event::EvidenceAttached { .. } => {}
        }
    }
}

aggregate!(Control, "control", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{
        Basis, Broken, Command, Control, Decision, Event, Framework, Implementation, ImplementationState,
        TreatmentOption,
    };
    use catalogue::Theme;
    use eventstore::{Actor, Cx, TenantId};
    use uuid::Uuid;

    /// An added control to which `events` happened.
    fn given(events: Vec<Event>) -> Control {
        let mut control = Control::default();
        for event in std::iter::once(added()).chain(events) {
            control.apply(event);
        }
        control
    }

    fn when(control: &Control, command: Command) -> Result<Vec<Event>, Broken> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        control.decide(command, &Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now))
    }

    fn added() -> Event {
        Event::Added {
            framework: Framework::Iso27001_2022,
            title: "Information backup".to_owned(),
            theme: Theme::Technological,
        }
    }

    fn add() -> Command {
        let title = "Information backup".to_owned();
        Command::Add { framework: Framework::Iso27001_2022, title, theme: Theme::Technological }
    }

    fn include(basis: Basis, why: &str) -> Command {
        Command::Decide(Decision::Included { basis, justification: why.to_owned() })
    }

    fn exclude(why: &str) -> Command {
        Command::Decide(Decision::Excluded { justification: why.to_owned() })
    }

    fn excluded(why: &str) -> Event {
        Event::Excluded { justification: why.to_owned() }
    }

    fn implement(state: ImplementationState) -> Command {
        Command::SetImplementation(Implementation { state, how: None })
    }

    fn required(risk: &str, option: TreatmentOption) -> Event {
        Event::Required { risk: risk.to_owned(), option }
    }

    fn require(risk: &str, option: TreatmentOption) -> Command {
        Command::Require { risk: risk.to_owned(), option }
    }

    #[test]
    fn a_control_is_added_once_and_before_anything_else() {
        assert_eq!(when(&Control::default(), add()), Ok(vec![added()]));
        assert_eq!(when(&given(vec![]), add()), Ok(vec![]));
        assert_eq!(when(&Control::default(), require("R-1", TreatmentOption::Mitigate)), Err(Broken::NotAdded));
        assert_eq!(when(&Control::default(), exclude("no premises")), Err(Broken::NotAdded));
    }

    #[test]
    fn a_decision_may_be_made_anew_and_the_same_one_is_no_event() {
        let control = given(vec![excluded("no premises")]);
        assert_eq!(when(&control, exclude("no premises")), Ok(vec![]));
        assert_eq!(when(&control, exclude("no offices")), Ok(vec![excluded("no offices")]));
        assert_eq!(
            when(&control, include(Basis::Law, "GDPR")),
            Ok(vec![Event::Included { basis: Basis::Law, justification: "GDPR".to_owned() }])
        );
    }

    #[test]
    fn a_control_that_treatments_rely_on_is_not_excluded() {
        let mitigate = TreatmentOption::Mitigate;
        let control = given(vec![required("R-10", mitigate), required("R-2", mitigate)]);
        let broken = when(&control, exclude("too dear")).expect_err("refused");
        assert_eq!(broken, Broken::ReliedOn(vec!["R-2".to_owned(), "R-10".to_owned()]));
        assert!(broken.to_string().contains("R-2, R-10"), "{broken}");

        let released = ["R-2", "R-10"].map(|risk| Event::Released { risk: risk.to_owned() });
        let control =
            given([required("R-10", mitigate), required("R-2", mitigate)].into_iter().chain(released).collect());
        assert_eq!(when(&control, exclude("too dear")), Ok(vec![excluded("too dear")]));
    }

    #[test]
    fn an_excluded_control_is_not_implemented() {
        let control = given(vec![excluded("no premises")]);
        assert_eq!(when(&control, implement(ImplementationState::Planned)), Err(Broken::ExcludedControl));
        assert_eq!(<&'static str>::from(&Broken::ExcludedControl), "excluded_control");
        assert_eq!(when(&control, implement(ImplementationState::NotStarted)), Ok(vec![]));
    }

    #[test]
    fn implementation_moves_freely_and_what_is_so_already_is_no_event() {
        let operating = Event::ImplementationSet { state: ImplementationState::Operating, how: None };
        let control = given(vec![operating.clone()]);
        assert_eq!(when(&given(vec![]), implement(ImplementationState::Operating)), Ok(vec![operating]));
        assert_eq!(when(&control, implement(ImplementationState::Operating)), Ok(vec![]));
        let partial = Event::ImplementationSet { state: ImplementationState::Partial, how: None };
        assert_eq!(when(&control, implement(ImplementationState::Partial)), Ok(vec![partial]));
    }

    #[test]
    fn a_new_owner_follows_the_former_one() {
        let assigned = |owner: &str, former: Option<&str>| Event::OwnerAssigned {
            owner: owner.to_owned(),
            former_owner: former.map(ToOwned::to_owned),
        };
        let control = given(vec![assigned("mara", None)]);
        assert_eq!(when(&control, Command::AssignOwner { owner: "mara".to_owned() }), Ok(vec![]));
        assert_eq!(
            when(&control, Command::AssignOwner { owner: "jo".to_owned() }),
            Ok(vec![assigned("jo", Some("mara"))])
        );
    }

    #[test]
    fn a_treatment_requires_a_control_once_and_an_excluded_one_too() {
        let (mitigate, avoid) = (TreatmentOption::Mitigate, TreatmentOption::Avoid);
        let control = given(vec![excluded("no premises"), required("R-1", mitigate)]);
        assert_eq!(when(&control, require("R-1", mitigate)), Ok(vec![]));
        assert_eq!(when(&control, require("R-1", avoid)), Ok(vec![required("R-1", avoid)]));
        assert_eq!(when(&control, require("R-2", mitigate)), Ok(vec![required("R-2", mitigate)]));
        assert_eq!(when(&control, Command::Release { risk: "R-2".to_owned() }), Ok(vec![]));
        assert_eq!(
            when(&control, Command::Release { risk: "R-1".to_owned() }),
            Ok(vec![Event::Released { risk: "R-1".to_owned() }])
        );
    }

    #[test]
    fn evidence_may_support_any_control() {
        let attach = Command::AttachEvidence { evidence: Uuid::nil(), title: "Restore test".to_owned() };
        let attached = Event::EvidenceAttached { evidence: Uuid::nil(), title: "Restore test".to_owned() };
        assert_eq!(when(&given(vec![]), attach), Ok(vec![attached]));
    }

    #[test]
    fn events_are_written_as_published() {
        let written = serde_json::to_value(required("R-1", TreatmentOption::Mitigate)).expect("written");
        assert_eq!(written, serde_json::json!({"type": "required", "data": {"risk": "R-1", "option": "mitigate"}}));
        let written = serde_json::to_value(added()).expect("written");
        assert_eq!(written["data"]["framework"], "iso27001_2022");
        assert_eq!(written["data"]["theme"], "technological");
    }
}
