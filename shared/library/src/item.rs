use crate::words::{
    AssetKind, Basis, Criticality, DocumentKind, ImplementationState, SecurityObjectives, Stage, TreatmentOption,
};
use catalogue::{Scales, Slot};
use eventstore::Stream;
use serde::{Deserialize, Serialize};
use service::{Faults, FieldError, checked_ref, checked_refs, checked_text, checked_text_if_given, field_error, tidy};
use utoipa::ToSchema;

const LONGEST_LABEL: usize = 60;
const LONGEST_NAME: usize = 200;
const LONGEST_TEXT: usize = 4000;
/// What a document's version may have.
const LONGEST_DOCUMENT: usize = 10_000;
const MOST_SERVICES: usize = 100;

/// One thing that a library says. What it leaves out stays at the client as it is: people, dates and whatever happened are the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LibraryItem)]
pub enum Item {
    /// How risk is measured, with the fields of `PUT /methodology`.
    #[schema(value_type = Object)]
    Methodology(Scales),
    Asset(Asset),
    Control(Control),
    Risk(Risk),
    Document(Document),
    Supplier(Supplier),
}

/// Whether a control of Annex A applies, why, and how far it is implemented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibraryControl)]
pub struct Control {
    /// Of Annex A.
    #[serde(rename = "ref")]
    #[schema(example = "A.8.13")]
    pub reference: String,
    pub applicable: bool,
    /// On what basis it is included; not given where it is excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    #[schema(example = "Every client relies on what it can restore")]
    pub justification: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ImplementationState>,
    /// In what way, in a few sentences; with a `state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibraryAsset)]
pub struct Asset {
    #[serde(rename = "ref")]
    #[schema(example = "A-1")]
    pub reference: String,
    #[schema(example = "Customer records")]
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub kind: AssetKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(default)]
    pub security_objectives: SecurityObjectives,
    /// Refs of assets of this library that rely on this one.
    #[serde(default)]
    pub supports: Vec<String>,
}

/// A risk scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibraryRisk)]
pub struct Risk {
    #[serde(rename = "ref")]
    #[schema(example = "R-1")]
    pub reference: String,
    #[schema(example = "Ransomware encrypts the file server")]
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
    /// Refs of assets of this library.
    #[serde(default)]
    pub assets: Vec<String>,
    /// Ids of the controls that are in place against it.
    #[serde(default)]
    pub existing_controls: Vec<String>,
    /// One for each stage at most.
    #[serde(default)]
    pub assessments: Vec<Assessment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treatment: Option<Treatment>,
}

/// Scores on the scales of the methodology: the library's own, or that which a tenant begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibraryAssessment)]
pub struct Assessment {
    pub stage: Stage,
    #[schema(example = 4)]
    pub likelihood: u8,
    #[schema(example = 3)]
    pub impact: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibraryTreatment)]
pub struct Treatment {
    pub option: TreatmentOption,
    /// Ids of the controls that it relies on. Mitigating takes at least one.
    #[serde(default)]
    pub controls: Vec<String>,
}

/// A policy, a procedure or a record, with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibraryDocument)]
pub struct Document {
    #[serde(rename = "ref")]
    #[schema(example = "backup-policy")]
    pub reference: String,
    #[schema(example = "Backup policy")]
    pub title: String,
    pub kind: DocumentKind,
    /// Which of the documents that the standard asks for it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "information_security_policy")]
    pub slot: Option<Slot>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LibrarySupplier)]
pub struct Supplier {
    #[serde(rename = "ref")]
    #[schema(example = "payroll")]
    pub reference: String,
    #[schema(example = "Payroll bureau")]
    pub name: String,
    pub criticality: Criticality,
    /// What it does for the organisation.
    #[serde(default)]
    pub services: Vec<String>,
    /// What of the organisation's information it comes to see or keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub information: Option<String>,
}

impl Item {
    /// What it is, and its ref: the same thing of two versions has the same name.
    pub fn key(&self) -> String {
        let kind = self.kind();
        match self {
            Self::Methodology(_) => kind.to_owned(),
            Self::Asset(Asset { reference, .. })
            | Self::Control(Control { reference, .. })
            | Self::Risk(Risk { reference, .. })
            | Self::Document(Document { reference, .. })
            | Self::Supplier(Supplier { reference, .. }) => format!("{kind}:{reference}"),
        }
    }

    /// As it is written before what it says.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Methodology(_) => "methodology",
            Self::Asset(_) => "asset",
            Self::Control(_) => "control",
            Self::Risk(_) => "risk",
            Self::Document(_) => "document",
            Self::Supplier(_) => "supplier",
        }
    }

    /// What it becomes at a client, where there may be many of its kind.
    pub(crate) fn stream(&self) -> Option<Stream> {
        let key = self.key();
        key.split_once(':').map(|(kind, reference)| Stream::new(kind, reference))
    }

    /// What others of it rely on comes first.
    pub(crate) fn place(&self) -> u8 {
        match self {
            Self::Methodology(_) => 0,
            Self::Asset(_) => 1,
            Self::Control(_) => 2,
            Self::Risk(_) => 3,
            Self::Document(_) => 4,
            Self::Supplier(_) => 5,
        }
    }

    /// As it is kept, or every mistake of its own.
    pub(crate) fn checked(self) -> Result<Self, Vec<FieldError>> {
        let mut faults = Faults::default();
        let checked = match self {
            Self::Methodology(scales) => {
                if let Err(error) = scales.validate() {
                    faults.wrong(error.field(), error.to_string());
                }
                Self::Methodology(scales)
            }
            Self::Asset(asset) => Self::Asset(asset.checked(&mut faults)),
            Self::Control(control) => Self::Control(control.checked(&mut faults)),
            Self::Risk(risk) => Self::Risk(risk.checked(&mut faults)),
            Self::Document(document) => Self::Document(document.checked(&mut faults)),
            Self::Supplier(supplier) => Self::Supplier(supplier.checked(&mut faults)),
        };
        let errors = faults.into_errors();
        if errors.is_empty() { Ok(checked) } else { Err(errors) }
    }
}

/// A text that may be empty.
fn loose(faults: &mut Faults, field: &str, written: &str, most: usize) -> String {
    faults.keep(checked_text_if_given(field, written, most)).flatten().unwrap_or_default()
}

/// A text that is not said where it is empty.
fn given(faults: &mut Faults, field: &str, written: Option<String>, most: usize) -> Option<String> {
    written.and_then(|text| faults.keep(checked_text_if_given(field, &text, most))).flatten()
}

fn named(faults: &mut Faults, field: &str, written: &str) -> String {
    faults.keep(checked_text(field, written, LONGEST_NAME)).unwrap_or_default()
}

fn reference(faults: &mut Faults, written: &str) -> String {
    faults.keep(checked_ref("ref", written)).unwrap_or_default()
}

fn annex_a(field: &str, written: &str) -> Result<String, FieldError> {
    let known = catalogue::control(written.trim()).map(|control| control.id.clone());
    known.ok_or_else(|| {
        let written: String = written.trim().chars().take(20).collect();
        let detail = format!("`{written}` is no control of ISO/IEC 27001:2022 Annex A: write an id such as A.8.13");
        field_error(field, detail)
    })
}

fn controls(faults: &mut Faults, field: &str, written: &[String]) -> Vec<String> {
    tidy(written.iter().filter_map(|id| faults.keep(annex_a(field, id))).collect::<Vec<_>>())
}

impl Asset {
    fn checked(self, faults: &mut Faults) -> Self {
        if !self.security_objectives.in_bounds() {
            faults.wrong("security_objectives", format!("each is a number from 0 to {}", SecurityObjectives::HIGHEST));
        }
        Self {
            reference: reference(faults, &self.reference),
            name: named(faults, "name", &self.name),
            description: loose(faults, "description", &self.description, LONGEST_TEXT),
            domain: given(faults, "domain", self.domain, LONGEST_NAME),
            supports: faults.keep_list(checked_refs("supports", &self.supports)),
            ..self
        }
    }
}

impl Control {
    fn checked(self, faults: &mut Faults) -> Self {
        match (self.applicable, self.basis) {
            (true, None) => faults.wrong("basis", "say why it applies: risk_treatment, law, contract or good_practice"),
            (false, Some(_)) => faults.wrong("basis", "an excluded control has none: leave it out"),
            (true, Some(_)) | (false, None) => {}
        }
        if !self.applicable && self.state.is_some_and(|state| state != ImplementationState::NotStarted) {
            faults.wrong("state", "an excluded control is not implemented: leave it out");
        }
        if self.state.is_none() && self.how.is_some() {
            faults.wrong("state", "say how far it is implemented, where you say how");
        }
        Self {
            reference: faults.keep(annex_a("ref", &self.reference)).unwrap_or_default(),
            justification: faults
                .keep(checked_text("justification", &self.justification, LONGEST_TEXT))
                .unwrap_or_default(),
            how: given(faults, "how", self.how, LONGEST_TEXT),
            ..self
        }
    }
}

impl Risk {
    fn checked(self, faults: &mut Faults) -> Self {
        let mut assessments = self.assessments;
        assessments.sort_by_key(|assessment| assessment.stage);
        if assessments.windows(2).any(|two| two[0].stage == two[1].stage) {
            faults.wrong("assessments", "a stage is assessed once: leave one of the two out");
        }
        let treatment = self.treatment.map(|Treatment { option, controls: relied }| {
            let relied = controls(faults, "treatment.controls", &relied);
            if option == TreatmentOption::Mitigate && relied.is_empty() {
                faults.wrong("treatment.controls", "mitigating takes at least one control: name it");
            }
            if !assessments.iter().any(|assessment| assessment.stage != Stage::Residual) {
                faults.wrong(
                    "assessments",
                    "a risk is assessed before it is treated: say its current or inherent scores",
                );
            }
            Treatment { option, controls: relied }
        });
        Self {
            reference: reference(faults, &self.reference),
            name: named(faults, "name", &self.name),
            description: loose(faults, "description", &self.description, LONGEST_TEXT),
            category: given(faults, "category", self.category, LONGEST_LABEL),
            threat: given(faults, "threat", self.threat, LONGEST_TEXT),
            vulnerability: given(faults, "vulnerability", self.vulnerability, LONGEST_TEXT),
            assets: faults.keep_list(checked_refs("assets", &self.assets)),
            existing_controls: controls(faults, "existing_controls", &self.existing_controls),
            assessments,
            treatment,
        }
    }
}

impl Document {
    fn checked(self, faults: &mut Faults) -> Self {
        Self {
            reference: reference(faults, &self.reference),
            title: named(faults, "title", &self.title),
            text: faults.keep(checked_text("text", &self.text, LONGEST_DOCUMENT)).unwrap_or_default(),
            ..self
        }
    }
}

impl Supplier {
    fn checked(self, faults: &mut Faults) -> Self {
        if self.services.len() > MOST_SERVICES {
            faults.wrong("services", format!("{MOST_SERVICES} are the most"));
        }
        let services = self.services.iter().take(MOST_SERVICES);
        Self {
            reference: reference(faults, &self.reference),
            name: named(faults, "name", &self.name),
            services: services.filter_map(|one| faults.keep(checked_text("services", one, LONGEST_NAME))).collect(),
            information: given(faults, "information", self.information, LONGEST_TEXT),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Item;
    use serde_json::{Value, json};

    fn wrong(item: Value) -> Vec<String> {
        let item: Item = serde_json::from_value(item).expect("an item");
        item.checked().err().unwrap_or_default().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn every_wrong_field_of_an_item_is_named() {
        let control = |more: Value| {
            let mut control = json!({"ref": "A.8.13", "applicable": true, "justification": "so"});
            control.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
            json!({"control": control})
        };
        assert_eq!(wrong(control(json!({"basis": "law", "state": "planned", "how": "nightly"}))), [""; 0]);
        assert_eq!(wrong(control(json!({"ref": "A.9.9", "justification": " "}))), ["basis", "ref", "justification"]);
        assert_eq!(
            wrong(control(json!({"applicable": false, "state": "partial", "basis": "law"}))),
            ["basis", "state"]
        );
        assert_eq!(wrong(control(json!({"basis": "law", "how": "nightly"}))), ["state"]);

        let assessed = json!({"stage": "residual", "likelihood": 1, "impact": 1});
        let risk = json!({"risk": {"ref": "R 1", "name": "", "assessments": [assessed, assessed],
            "treatment": {"option": "mitigate", "controls": ["8.13"]}}});
        let told = ["assessments", "treatment.controls", "treatment.controls", "assessments", "ref", "name"];
        assert_eq!(wrong(risk), told);
        let asset =
            json!({"asset": {"ref": "A-1", "name": "x", "kind": "primary", "security_objectives": {"integrity": 5}}});
        assert_eq!(wrong(asset), ["security_objectives"]);
        assert_eq!(wrong(json!({"document": {"ref": "p", "title": "x", "kind": "policy", "text": " "}})), ["text"]);
        assert_eq!(wrong(json!({"supplier": {"ref": "s", "name": " ", "criticality": "low"}})), ["name"]);
    }

    #[test]
    fn an_item_is_called_by_its_kind_and_ref() {
        let item: Item = serde_json::from_value(json!({"supplier": {"ref": "s", "name": "x", "criticality": "low"}}))
            .expect("an item");
        assert_eq!(item.key(), "supplier:s");
        assert_eq!(item.stream().expect("one of many").as_str(), "supplier-s");
        assert!(serde_json::from_value::<Item>(json!({"supplier": {"ref": "s", "colour": 1}})).is_err());
    }
}
