//! The risk service (ISO/IEC 27001 clauses 4, 6.1 to 6.3, 8.2, 8.3): what the ISMS is about, how risk is measured, assets, the
//! risk register, what is decided on risks, and uploads of registers.

mod asset;
mod bulk;
mod change;
mod checks;
mod context;
mod control;
mod control_state;
mod from_library;
mod import;
mod methodology;
mod objective;
mod plan;
mod quantification;
mod reactions;
mod register;
mod risk;
mod round;

#[cfg(test)]
mod fixture;

pub use asset::RegisteredAsset;
pub use import::{Assets, Risks};
pub use reactions::{when_a_control_changes_then_note_it, when_tenant_created_then_adopt_methodology};
pub use register::RegisteredRisk;

use access::{Action, when_access_changes_then_copy_it};
use asset::{DescribeAsset, ValuedAsset, valued_asset, valued_assets};
use axum::http::Method;
use bulk::ChangeRisks;
use change::{CarryOutChange, DropChange, PlanChange, PlannedChange};
use context::{
    ApproveContext, DetermineIssues, DetermineParties, DetermineScope, NameManagement, PreviewScope, ScopeChanges,
    UnderstoodContext, scope_changes, scope_preview,
};
use control_state::ControlState;
use from_library::Scenarios;
use library::{ProposedLibrary, when_a_library_is_pushed_then_propose_it};
use methodology::{AdoptMethodology, AdoptedMethodology};
use objective::{DropObjective, EvaluateObjective, PursuedObjective, SetObjective};
use plan::{ApprovePlan, TreatmentPlan};
use quantification::{QuantifiedRisk, Quantify};
use register::{
    RegisteredAction, RiskWithControls, WholeRegister, heat_map, reassessments, registered_risks, risk_with_controls,
    trend,
};
use risk::{
    Accept, Assess, AssignOwner, Close, Confirm, DecideTreatment, Describe, DropAction, FinishAction, Identify,
    NoteExistingControls, PlanAction, Reopen, Withdraw,
};
use round::{AssessmentRound, CompleteRound, RoundInFull, StartRound, round_in_full};
use service::{
    Call, KeptImport, Listed, ManyChanged, OF_MANY, OF_NONE, Object, PDF, Route, Routes, Service, WORKBOOK,
    object_answer,
};

const ABOUT: &str = "Context and objectives, assets, risks, their assessment, treatment and acceptance";

pub fn service() -> Service {
    Service::new("risk", ABOUT, sqlx::migrate!("../../migrations/risk"), routes())
        .records::<asset::Event>()
        .records::<service::upload::Event>()
        .records::<change::Event>()
        .records::<context::Event>()
        .records::<control::Event>()
        .records::<methodology::Event>()
        .records::<quantification::Event>()
        .records::<objective::Event>()
        .records::<library::proposal::Event>()
        .records::<risk::Event>()
        .records::<round::Event>()
        .view::<AdoptedMethodology>()
        .view::<RegisteredAsset>()
        .view::<RegisteredRisk>()
        .view::<RegisteredAction>()
        .view::<ControlState>()
        .view::<QuantifiedRisk>()
        .view::<UnderstoodContext>()
        .view::<PursuedObjective>()
        .view::<PlannedChange>()
        .view::<AssessmentRound>()
        .view::<KeptImport>()
        .view::<ProposedLibrary>()
        .reacts_to(
            "tenancy",
            vec![
                when_access_changes_then_copy_it(),
                when_tenant_created_then_adopt_methodology(),
                when_a_library_is_pushed_then_propose_it::<Scenarios>(),
            ],
        )
        .reacts_to("controls", vec![when_a_control_changes_then_note_it()])
}

fn routes() -> Routes {
    let routes = of_the_context(Routes::new());
    let routes = of_methodology_and_assets(routes);
    let routes = of_risks(routes);
    let routes = of_treatment(routes);
    library::routes::<Scenarios>(of_rounds(routes))
        .upload("/imports/assets", "Upload a list of assets", |_| Ok(Assets))
        .upload("/imports/risks", "Upload a risk register", |_| Ok(Risks))
        .uploads::<Assets>("/imports/assets", "/imports/assets/{id}", "/imports/assets/{id}/undo", |_| Ok(Assets))
        .uploads::<Risks>("/imports/risks", "/imports/risks/{id}", "/imports/risks/{id}/undo", |_| Ok(Risks))
}

/// Clauses 4.1 to 4.3, 6.2 and 6.3.
fn of_the_context(routes: Routes) -> Routes {
    routes
        .with(understood_context())
        .history_of::<UnderstoodContext>("/context/history", "Who changed or approved what the ISMS is about", |_| {
            context::ID.to_owned()
        })
        .command::<DetermineIssues>(Method::PUT, "/context/issues")
        .command::<DetermineParties>(Method::PUT, "/context/parties")
        .command::<DetermineScope>(Method::PUT, "/context/scope")
        .with(changes_of_scope())
        .with(preview_of_scope())
        .command::<NameManagement>(Method::PUT, "/context/management")
        .command::<ApproveContext>(Method::POST, "/context/approvals")
        .list::<PursuedObjective>("/objectives", "The objectives of the ISMS")
        .register::<SetObjective>("/objectives", "/objectives/{id}")
        .object::<PursuedObjective>("/objectives/{id}", "An objective")
        .command::<DropObjective>(Method::DELETE, "/objectives/{id}")
        .history::<PursuedObjective>("/objectives/{id}/history", "Who changed or evaluated an objective, when and why")
        .command::<EvaluateObjective>(Method::POST, "/objectives/{id}/evaluations")
        .list::<PlannedChange>("/planned-changes", "Changes of the ISMS that were planned")
        .register::<PlanChange>("/planned-changes", "/planned-changes/{id}")
        .object::<PlannedChange>("/planned-changes/{id}", "A planned change")
        .command::<DropChange>(Method::DELETE, "/planned-changes/{id}")
        .history::<PlannedChange>("/planned-changes/{id}/history", "Who planned or carried out a change, when and why")
        .command::<CarryOutChange>(Method::POST, "/planned-changes/{id}/outcome")
}

fn of_methodology_and_assets(routes: Routes) -> Routes {
    routes
        .with(methodology_in_force())
        .command::<AdoptMethodology>(Method::PUT, "/methodology")
        .history_of::<AdoptedMethodology>("/methodology/history", "Who changed how risk is measured", |_| {
            methodology::ID.to_owned()
        })
        .with(asset_register())
        .sheet::<RegisteredAsset>("/assets.csv", "The asset register as a file that can be uploaded again")
        .register::<DescribeAsset>("/assets", "/assets/{id}")
        .with(asset_with_its_value())
        .history::<RegisteredAsset>("/assets/{id}/history", "Who changed an asset, when, why and how")
}

fn of_risks(routes: Routes) -> Routes {
    routes
        .with(risks("/risks", "The risk register").answered_by(registered_risks))
        .with(
            risks("/reassessments", "The risks to assess again, by the methodology in force")
                .answered_by(reassessments),
        )
        .command::<Identify>(Method::POST, "/risks")
        .with(same_of_many_risks())
        .with(whole_register("/risks.csv").gives_text("text/csv").answered_by(register::as_csv))
        .with(whole_register("/risks.json").gives::<WholeRegister>(200).answered_by(register::as_json))
        .with(whole_register("/risks.xlsx").gives_bytes(WORKBOOK).answered_by(register::as_workbook))
        .with(whole_register("/risks.pdf").gives_bytes(PDF).answered_by(register::as_pdf))
        .with(
            drawn("/heat-map.svg", "Where the risks lie: likelihood by impact")
                .parameter("stage", "inherent, current or residual; current where it is not given")
                .answered_by(heat_map),
        )
        .with(
            drawn("/risk-trend.svg", "How many risks there were at which level, at the ends of the last 12 months")
                .answered_by(trend),
        )
        .with(risk_in_full())
        .history::<RegisteredRisk>("/risks/{id}/history", "Who changed a risk, when, why and how")
        .command::<Describe>(Method::PUT, "/risks/{id}/description")
        .command::<Assess>(Method::POST, "/risks/{id}/assessments")
        .command::<AssignOwner>(Method::PUT, "/risks/{id}/owner")
        .command::<NoteExistingControls>(Method::PUT, "/risks/{id}/existing-controls")
        .command::<Close>(Method::POST, "/risks/{id}/close")
        .command::<Reopen>(Method::POST, "/risks/{id}/reopen")
}

fn of_treatment(routes: Routes) -> Routes {
    routes
        .command::<DecideTreatment>(Method::PUT, "/risks/{id}/treatment")
        .list::<QuantifiedRisk>("/quantifications", "What risks may cost in a year")
        .command::<Quantify>(Method::POST, "/quantifications")
        .object::<QuantifiedRisk>("/quantifications/{id}", "What a risk may cost in a year")
        .history::<QuantifiedRisk>("/quantifications/{id}/history", "Who quantified a risk, when, why and how")
        .list::<RegisteredAction>("/actions", "The actions of all treatments")
        .command::<PlanAction>(Method::PUT, "/risks/{id}/actions")
        .command::<DropAction>(Method::DELETE, "/risks/{id}/actions")
        .command::<FinishAction>(Method::POST, "/risks/{id}/actions/done")
        .command::<Accept>(Method::PUT, "/risks/{id}/acceptance")
        .command::<Withdraw>(Method::DELETE, "/risks/{id}/acceptance")
        .command::<Confirm>(Method::POST, "/risks/{id}/acceptance/confirmation")
        .with(treatment_plan("/treatment-plan").gives::<TreatmentPlan>(200).answered_by(plan::as_json))
        .with(treatment_plan("/treatment-plan.csv").gives_text("text/csv").answered_by(plan::as_csv))
        .with(treatment_plan("/treatment-plan.xlsx").gives_bytes(WORKBOOK).answered_by(plan::as_workbook))
        .with(treatment_plan("/treatment-plan.pdf").gives_bytes(PDF).answered_by(plan::as_pdf))
        .with(approval_of_the_plan())
}

fn of_rounds(routes: Routes) -> Routes {
    routes
        .list::<AssessmentRound>("/assessment-rounds", "Rounds of assessments")
        .command::<StartRound>(Method::POST, "/assessment-rounds")
        .with(round_with_its_result())
        .history::<AssessmentRound>(
            "/assessment-rounds/{id}/history",
            "Who started and completed a round, when and why",
        )
        .command::<CompleteRound>(Method::POST, "/assessment-rounds/{id}/completion")
}

fn understood_context() -> Route {
    Route::tenant(Method::GET, "/context", Action::Read, "What the ISMS is about: issues, parties, scope")
        .as_of()
        .gives::<Object<UnderstoodContext>>(200)
        .answered_by(
            |call: Call| async move { Ok(object_answer(&call.object::<UnderstoodContext>(context::ID).await?)) },
        )
}

fn changes_of_scope() -> Route {
    let summary = "What came into the scope and what left it, and which assets, risks and controls that touches";
    Route::tenant(Method::GET, "/context/scope/changes", Action::Read, summary)
        .as_of()
        .parameter("since", "The position of the log to compare with; that of the last approval where it is not given")
        .gives::<ScopeChanges>(200)
        .answered_by(scope_changes)
}

fn preview_of_scope() -> Route {
    let summary = "What a scope would touch that nobody has decided yet; nothing is recorded";
    Route::tenant(Method::POST, "/context/scope/preview", Action::WriteRisks, summary)
        .takes::<PreviewScope>()
        .versionless(OF_NONE)
        .keyless("nothing is recorded that could be repeated: send the request without an Idempotency-Key")
        .gives::<ScopeChanges>(200)
        .answered_by(scope_preview)
}

fn asset_register() -> Route {
    Route::tenant(Method::GET, "/assets", Action::Read, "The asset register")
        .pages::<RegisteredAsset>()
        .gives::<Listed<ValuedAsset>>(200)
        .answered_by(valued_assets)
}

fn asset_with_its_value() -> Route {
    Route::tenant(Method::GET, "/assets/{id}", Action::Read, "An asset")
        .as_of()
        .gives::<Object<ValuedAsset>>(200)
        .answered_by(valued_asset)
}

fn approval_of_the_plan() -> Route {
    let summary = "Approve how your risks are treated, and accept what is left of them";
    Route::tenant(Method::POST, "/treatment-plan/approvals", Action::DecideTreatment, summary)
        .takes::<ApprovePlan>()
        .versionless(OF_MANY)
        .gives::<plan::Answered>(200)
        .answered_by(plan::approve)
}

fn round_with_its_result() -> Route {
    Route::tenant(Method::GET, "/assessment-rounds/{id}", Action::Read, "A round, and what its risks came to")
        .as_of()
        .gives::<Object<RoundInFull>>(200)
        .answered_by(round_in_full)
}

fn methodology_in_force() -> Route {
    Route::tenant(Method::GET, "/methodology", Action::Read, "How risk is measured here")
        .as_of()
        .gives::<Object<AdoptedMethodology>>(200)
        .answered_by(|call: Call| async move {
            Ok(object_answer(&call.object::<AdoptedMethodology>(methodology::ID).await?))
        })
}

fn risks(tail: &'static str, summary: &'static str) -> Route {
    Route::tenant(Method::GET, tail, Action::Read, summary)
        .pages::<RegisteredRisk>()
        .gives::<Listed<RegisteredRisk>>(200)
}

fn treatment_plan(tail: &'static str) -> Route {
    Route::tenant(Method::GET, tail, Action::Read, "The risk treatment plan, and which owners approved it")
        .as_of()
        .parameter("owner", "Only the risks of this person")
}

fn risk_in_full() -> Route {
    Route::tenant(Method::GET, "/risks/{id}", Action::Read, "A risk, and how its controls stand")
        .as_of()
        .gives::<Object<RiskWithControls>>(200)
        .answered_by(risk_with_controls)
}

fn same_of_many_risks() -> Route {
    let summary = "Say the same of many risks, all of them or none";
    Route::tenant(Method::POST, "/risks/changes", Action::WriteRisks, summary)
        .takes_with_reason::<ChangeRisks>()
        .versionless(OF_MANY)
        .parameter("dry_run", "true: tell what would happen, and every refusal, and record nothing")
        .gives::<ManyChanged>(200)
        .answered_by(bulk::change)
}

/// As CSV it can be uploaded again.
fn whole_register(tail: &'static str) -> Route {
    Route::tenant(Method::GET, tail, Action::Read, "The whole risk register as a file").as_of()
}

fn drawn(tail: &'static str, summary: &'static str) -> Route {
    Route::tenant(Method::GET, tail, Action::Read, summary).as_of().gives_text("image/svg+xml")
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
        assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(68));
    }
}
