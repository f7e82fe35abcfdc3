//! The risk service: how risk is measured, the assets, the risk register, and uploads of both.

mod asset;
mod checks;
mod control;
mod control_state;
pub mod import;
mod methodology;
mod quantification;
mod reactions;
mod register;
mod risk;

#[cfg(test)]
mod fixture;

pub use asset::RegisteredAsset;
pub use reactions::{when_a_control_changes_then_note_it, when_tenant_created_then_adopt_methodology};
pub use register::RegisteredRisk;

use access::{Action, when_access_changes_then_copy_it};
use asset::{AddAsset, ChangeAsset};
use axum::http::Method;
use control_state::ControlState;
use import::{Imported, MOST_BYTES};
use methodology::AdoptedMethodology;
use quantification::{QuantifiedRisk, Quantify};
use register::{RiskWithControls, register_as_csv, risk_with_controls};
use risk::{Assess, AssignOwner, DecideTreatment, Describe, Identify, NoteExistingControls};
use service::{Call, Object, Route, Routes, Service, object_answer};

const ABOUT: &str = "Assets, risks, their assessment and treatment";

pub fn service() -> Service {
    Service::new("risk", ABOUT, sqlx::migrate!("../../migrations/risk"), routes())
        .records::<asset::Event>()
        .records::<control::Event>()
        .records::<methodology::Event>()
        .records::<quantification::Event>()
        .records::<risk::Event>()
        .view::<AdoptedMethodology>()
        .view::<RegisteredAsset>()
        .view::<RegisteredRisk>()
        .view::<ControlState>()
        .view::<QuantifiedRisk>()
        .reacts_to("tenancy", vec![when_access_changes_then_copy_it(), when_tenant_created_then_adopt_methodology()])
        .reacts_to("controls", vec![when_a_control_changes_then_note_it()])
}

fn routes() -> Routes {
    Routes::new()
        .with(methodology_in_force())
        .history_of::<AdoptedMethodology>("/methodology/history", "Who changed how risk is measured", |_| {
            methodology::ID.to_owned()
        })
        .list::<RegisteredAsset>("/assets", "The asset register")
        .command::<AddAsset>(Method::POST, "/assets")
        .object::<RegisteredAsset>("/assets/{id}", "An asset")
        .command::<ChangeAsset>(Method::PUT, "/assets/{id}")
        .history::<RegisteredAsset>("/assets/{id}/history", "Who changed an asset, when, why and how")
        .list::<RegisteredRisk>("/risks", "The risk register")
        .command::<Identify>(Method::POST, "/risks")
        .with(register_for_a_spreadsheet())
        .with(risk_in_full())
        .history::<RegisteredRisk>("/risks/{id}/history", "Who changed a risk, when, why and how")
        .command::<Describe>(Method::PUT, "/risks/{id}/description")
        .command::<Assess>(Method::POST, "/risks/{id}/assessments")
        .command::<AssignOwner>(Method::PUT, "/risks/{id}/owner")
        .command::<NoteExistingControls>(Method::PUT, "/risks/{id}/existing-controls")
        .command::<DecideTreatment>(Method::PUT, "/risks/{id}/treatment")
        .list::<QuantifiedRisk>("/quantifications", "What risks may cost in a year")
        .command::<Quantify>(Method::POST, "/quantifications")
        .object::<QuantifiedRisk>("/quantifications/{id}", "What a risk may cost in a year")
        .history::<QuantifiedRisk>("/quantifications/{id}/history", "Who quantified a risk, when, why and how")
        .with(upload("/imports/assets", "Upload a list of assets").answered_by(import::assets))
        .with(upload("/imports/risks", "Upload a risk register").answered_by(import::risks))
}

fn methodology_in_force() -> Route {
    Route::tenant(Method::GET, "/methodology", Action::Read, "How risk is measured here")
        .as_of()
        .gives::<Object<AdoptedMethodology>>(200)
        .answered_by(|call: Call| async move {
            Ok(object_answer(&call.object::<AdoptedMethodology>(methodology::ID).await?))
        })
}

fn risk_in_full() -> Route {
    Route::tenant(Method::GET, "/risks/{id}", Action::Read, "A risk, and how its controls stand")
        .as_of()
        .gives::<Object<RiskWithControls>>(200)
        .answered_by(risk_with_controls)
}

fn register_for_a_spreadsheet() -> Route {
    Route::tenant(Method::GET, "/risks.csv", Action::Read, "The risk register as a table, which can be uploaded again")
        .as_of()
        .gives_text("text/csv")
        .answered_by(register_as_csv)
}

fn upload(tail: &'static str, summary: &'static str) -> Route {
    Route::tenant(Method::POST, tail, Action::ManageTenant, summary)
        .takes_text("text/csv", MOST_BYTES)
        .parameter("dry_run", "true: tell what would happen, and every mistake, and record nothing")
        .parameter(
            "reason",
            "Why; recorded with everything that the upload changes, `as imported` where it is not given",
        )
        .parameter("occurred_at", "When it happened, where that was not now")
        .gives::<Imported>(200)
        .tells::<Imported>()
}

#[cfg(test)]
mod tests {
    use super::service;

    #[test]
    fn the_api_reference_has_every_schema_that_it_refers_to() {
        let service = service();
        let document = service::document(std::iter::once((service.name, service.about, &service.routes)));
        let document = serde_json::to_value(&document).expect("json");
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name} is missing");
        }
        assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(19));
    }
}
