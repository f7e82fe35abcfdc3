//! The documents and records that clauses 4 to 10 of ISO/IEC 27001:2022 ask for, in the standard's order.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator};

/// One of them, by a name of ours.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, EnumIter, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Slot {
    IsmsScope,
    InformationSecurityPolicy,
    RiskAssessmentProcess,
    RiskTreatmentProcess,
    StatementOfApplicability,
    RiskTreatmentPlan,
    InformationSecurityObjectives,
    Competence,
    OwnDocuments,
    ExternalDocuments,
    OperationalRecords,
    RiskAssessmentResults,
    RiskTreatmentResults,
    MonitoringResults,
    AuditResults,
    ManagementReviewResults,
    Nonconformities,
    CorrectiveActions,
}

/// What the standard asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentDuty {
    /// A document that is kept current.
    Maintain,
    /// A record that is kept as evidence.
    Retain,
    /// What comes from outside: identified and controlled.
    Control,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandatoryDocument {
    pub slot: Slot,
    /// The clause that asks for it.
    pub clause: String,
    /// What it is, in a few words.
    pub what: String,
    pub duty: DocumentDuty,
}

/// All 18, in the standard's order.
pub fn mandatory_documents() -> &'static [MandatoryDocument] {
    static DOCUMENTS: LazyLock<Vec<MandatoryDocument>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct File {
            clauses: Vec<Clause>,
        }
        #[derive(Deserialize)]
        struct Clause {
            id: String,
            mandatory_documented_information: Vec<Asked>,
        }
        #[derive(Deserialize)]
        struct Asked {
            kind: DocumentDuty,
            what: String,
        }
        let File { clauses } =
            serde_json::from_str(include_str!("../data/clauses_2022.json")).expect("the embedded clauses are valid");
        let asked = clauses.into_iter().flat_map(|clause| {
            let id = clause.id;
            clause.mandatory_documented_information.into_iter().map(move |asked| (id.clone(), asked))
        });
        let named = Slot::iter().zip(asked);
        named
            .map(|(slot, (clause, Asked { kind, what }))| MandatoryDocument { slot, clause, what, duty: kind })
            .collect()
    });
    &DOCUMENTS
}

#[cfg(test)]
mod tests {
    use super::{DocumentDuty, Slot, mandatory_documents};

    #[test]
    fn each_of_the_18_has_its_slot_and_stands_in_its_clause() {
        let all: Vec<(Slot, &str)> =
            mandatory_documents().iter().map(|document| (document.slot, document.clause.as_str())).collect();
        assert_eq!(all.len(), 18);
        for expected in [
            (Slot::IsmsScope, "4.3"),
            (Slot::InformationSecurityPolicy, "5.2"),
            (Slot::StatementOfApplicability, "6.1.3"),
            (Slot::RiskTreatmentPlan, "6.1.3"),
            (Slot::Competence, "7.2"),
            (Slot::ExternalDocuments, "7.5.3"),
            (Slot::MonitoringResults, "9.1"),
            (Slot::ManagementReviewResults, "9.3.3"),
            (Slot::CorrectiveActions, "10.2"),
        ] {
            assert!(all.contains(&expected), "{expected:?} in {all:?}");
        }
        let external = mandatory_documents().iter().find(|document| document.slot == Slot::ExternalDocuments);
        assert_eq!(external.map(|document| document.duty), Some(DocumentDuty::Control));
    }
}
