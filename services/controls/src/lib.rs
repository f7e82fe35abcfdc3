//! Controls (ISO/IEC 27001 clauses 6.1.3 and 8.1, Annex A): which apply and why, how far they are implemented, the
//! evidence for it, and the Statement of Applicability as of any position.

mod acknowledgement;
mod attainment;
mod bulk;
mod checks;
mod collect;
mod communication;
mod competence;
mod control;
mod document;
mod edition;
mod evidence;
mod exception;
mod exhibit;
mod file;
mod framework;
mod from_library;
mod having;
mod holders;
mod import;
mod issued;
mod issuing;
mod keeping;
mod knowing;
mod reactions;
mod requests;
mod requirement;
mod soa;
mod stated;
mod statement;
mod supplier;
mod transition;

pub use keeping::all as all_files;
pub use reactions::{when_a_treatment_changes_then_link_controls, when_tenant_created_then_add_annex_a};

use access::Action::{self, Read, WriteControls};
use axum::http::Method;
use bulk::ChangeControls;
use collect::CollectEvidence;
use communication::{DescribeCommunication, NoteCommunication, PlannedCommunication, StopCommunication};
use competence::{DescribeCompetence, RegisteredCompetence, RetireCompetence};
use document::{
    ApproveVersion, DescribeDocument, DraftVersion, MandatoryDocuments, PublishVersion, RetireDocument, ReviewDocument,
    ShelvedDocument, Version,
};
use exception::{ApproveException, EndException, RefuseException, RegisteredException, RequestException};
use exhibit::Exhibit;
use files::Files;
use framework::UploadedFramework;
use from_library::Measures;
use having::{Attainments, Having, ShowCompetence};
use import::{Controls, Exceptions, Suppliers};
use issued::{IssuedSoa, LastEditions};
use issuing::{ApproveSoa, IssueSoa, SoaDifferences};
use keeping::ReceivedFile;
use knowing::{AcknowledgeDocument, Acknowledgements, Knowing};
use library::{ProposedLibrary, when_a_library_is_pushed_then_propose_it};
use requests::{
    AssessMaturity, AssignControlOwner, DecideApplicability, PlanControlReview, SetImplementation, TestControl,
};
use requirement::Requirement;
use service::{Answered, KeptImport, Listed, ManyChanged, OF_MANY, Object, PDF, Route, Routes, Service, WORKBOOK};
use soa::Soa;
use stated::ShownControl;
use statement::Statement;
use std::sync::Arc;
use supplier::{AgreeWithSupplier, AssessSupplier, DescribeSupplier, EndSupplier, PlanExit, RegisteredSupplier};
use transition::Transition;

const ABOUT: &str =
    "Which controls apply and why, how far they are implemented, evidence, the Statement of Applicability";

/// Files are kept where it is told; without a place no file is taken or given.
pub fn service(files: Option<Files>) -> Service {
    let service = Service::new("controls", ABOUT, sqlx::migrate!("../../migrations/controls"), routes(files.as_ref()))
        .records::<acknowledgement::Event>()
        .records::<attainment::Event>()
        .records::<communication::Event>()
        .records::<competence::Event>()
        .records::<control::Event>()
        .records::<document::Event>()
        .records::<edition::Event>()
        .records::<evidence::Event>()
        .records::<exception::Event>()
        .records::<file::Event>()
        .records::<framework::Event>()
        .records::<library::proposal::Event>()
        .records::<service::upload::Event>()
        .records::<supplier::Event>()
        .view::<Statement>()
        .view::<Requirement>()
        .view::<Exhibit>()
        .view::<LastEditions>()
        .view::<IssuedSoa>()
        .view::<ShelvedDocument>()
        .view::<Version>()
        .view::<Knowing>()
        .view::<RegisteredSupplier>()
        .view::<RegisteredException>()
        .view::<RegisteredCompetence>()
        .view::<Having>()
        .view::<PlannedCommunication>()
        .view::<ReceivedFile>()
        .view::<UploadedFramework>()
        .view::<ProposedLibrary>()
        .view::<KeptImport>()
        .reacts_to(
            "tenancy",
            vec![
                access::when_access_changes_then_copy_it(),
                when_tenant_created_then_add_annex_a(),
                when_a_library_is_pushed_then_propose_it::<Measures>(),
            ],
        )
        .reacts_to("risk", vec![when_a_treatment_changes_then_link_controls()]);
    match files {
        Some(files) => service.worker(Arc::new(move |store| Box::pin(keeping::sweep(store, files.clone())))),
        None => service,
    }
}

fn routes(files: Option<&Files>) -> Routes {
    let routes = file_routes(framework::routes(control_routes(Routes::new())), files);
    let routes = exception_routes(supplier_routes(document_routes(soa_files(soa_routes(evidence_routes(routes))))));
    library::routes::<Measures>(communication_routes(competence_routes(routes)))
}

fn control_routes(routes: Routes) -> Routes {
    routes
        .with(
            Route::tenant(Method::GET, "/controls", Read, "All controls, in the standard's order")
                .pages::<Statement>()
                .gives::<Listed<ShownControl>>(200)
                .answered_by(stated::list),
        )
        .sheet::<Statement>("/controls.csv", "How controls are implemented, as a file that can be uploaded again")
        .with(
            Route::tenant(
                Method::POST,
                "/controls",
                Action::DecideApplicability,
                "Say the same of many controls, all of them or none",
            )
            .takes_with_reason::<ChangeControls>()
            .versionless(OF_MANY)
            .parameter("dry_run", "true: tell what would happen, and every refusal, and record nothing")
            .gives::<ManyChanged>(200)
            .answered_by(bulk::change),
        )
        .with(
            Route::tenant(Method::GET, "/controls/{id}", Read, "One control")
                .as_of()
                .gives::<Object<ShownControl>>(200)
                .answered_by(stated::object),
        )
        .with(
            Route::tenant(Method::GET, "/controls/{id}/history", Read, "Who changed a control, when, why, and what")
                .history_beside::<Statement, Requirement>(requirement::changes),
        )
        .command::<DecideApplicability>(Method::PUT, "/controls/{id}/applicability")
        .command::<SetImplementation>(Method::PUT, "/controls/{id}/implementation")
        .command::<AssignControlOwner>(Method::PUT, "/controls/{id}/owner")
        .command::<PlanControlReview>(Method::PUT, "/controls/{id}/next-review")
        .command::<AssessMaturity>(Method::PUT, "/controls/{id}/maturity")
        .command::<TestControl>(Method::POST, "/controls/{id}/tests")
}

fn file_routes(routes: Routes, files: Option<&Files>) -> Routes {
    // Without a place it is refused for that, whatever its size.
    let most_bytes = files.map_or(u64::MAX, Files::most_bytes);
    let most_bytes = usize::try_from(most_bytes).unwrap_or(usize::MAX);
    let (taken, shown, drafted) = (files.cloned(), files.cloned(), files.cloned());
    routes
        .with(
            Route::tenant(Method::POST, "/files", WriteControls, "Send a file, for evidence or a document to refer to")
                .takes_file(most_bytes)
                .parameter("name", "What it is called, such as restore-test.pdf")
                .parameter("sha256", "Its SHA-256, 64 hexadecimal digits: where it arrives otherwise it is refused")
                .parameter("reason", "Why: it is kept with the event")
                .parameter("occurred_at", "When it happened, where that was not now")
                .begins::<Answered>()
                .answered_by(move |call| keeping::receive(call, taken.clone())),
        )
        .list::<ReceivedFile>("/files", "All files that were received, under their SHA-256")
        .object::<ReceivedFile>("/files/{id}", "What is known of a file")
        .history::<ReceivedFile>("/files/{id}/history", "Who sent a file, when and why")
        .with(
            Route::tenant(Method::GET, "/evidence/{id}/file", Read, "The file of a piece of evidence")
                .as_of()
                .gives_file()
                .answered_by(move |call| keeping::of_evidence(call, shown.clone())),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/documents/{id}/versions/{number}/file",
                Read,
                "The file of a version of a document",
            )
            .as_of()
            .gives_file()
            .answered_by(move |call| keeping::of_version(call, drafted.clone())),
        )
}

fn evidence_routes(routes: Routes) -> Routes {
    routes
        .with(
            Route::tenant(
                Method::POST,
                "/evidence",
                WriteControls,
                "Keep a note, a link or a file as evidence for one or more controls",
            )
            .takes::<CollectEvidence>()
            .begins::<Answered>()
            .answered_by(collect::collect),
        )
        .list::<Exhibit>("/evidence", "All evidence, oldest first")
        .object::<Exhibit>("/evidence/{id}", "One piece of evidence")
        .history::<Exhibit>("/evidence/{id}/history", "Who collected a piece of evidence, when, why, and what")
}

fn soa_routes(routes: Routes) -> Routes {
    routes
        .with(
            Route::tenant(Method::GET, "/soa", Read, "The Statement of Applicability")
                .as_of()
                .gives::<Soa>(200)
                .answered_by(soa::as_json),
        )
        .with(transition_route())
        .upload("/imports/controls", "Upload how controls are implemented, and whose they are", |_| Ok(Controls))
        .uploads("/imports/controls", "/imports/controls/{id}", "/imports/controls/{id}/undo", |_| Ok(Controls))
        .history_of::<LastEditions>("/soa/history", "Who approved and issued the Statement of Applicability", |_| {
            soa::ID.to_owned()
        })
        .with(
            Route::tenant(
                Method::POST,
                "/soa/approvals",
                Action::DecideApplicability,
                "Approve the Statement of Applicability as it was read",
            )
            .takes::<ApproveSoa>()
            .gives::<Answered>(200)
            .answered_by(issuing::approve),
        )
        .with(
            Route::tenant(
                Method::POST,
                "/soa/issues",
                Action::DecideApplicability,
                "Issue the Statement of Applicability as it was approved",
            )
            .takes::<IssueSoa>()
            .begins::<Answered>()
            .answered_by(issuing::issue),
        )
        .list::<IssuedSoa>("/soa/issues", "The Statements of Applicability that were issued")
        .object::<IssuedSoa>(
            "/soa/issues/{id}",
            "When, by whom and as of which position one was issued, and its digest",
        )
        .with(
            Route::tenant(
                Method::GET,
                "/soa/differences",
                Read,
                "What differs between two Statements of Applicability",
            )
            .as_of()
            .parameter("from", "The number of an issue")
            .parameter("to", "The number of another; where it is not given, the statement as it stands")
            .gives::<SoaDifferences>(200)
            .answered_by(issuing::differences),
        )
}

/// The statement as it stands and as it was issued, each for a program, a spreadsheet and a printer.
fn soa_files(routes: Routes) -> Routes {
    let standing = |tail| Route::tenant(Method::GET, tail, Read, "The Statement of Applicability as a file").as_of();
    let issued =
        |tail| Route::tenant(Method::GET, tail, Read, "An issued Statement of Applicability as a file").as_of();
    let document = "The Statement of Applicability, the bytes of its digest";
    let issued_document = "An issued Statement of Applicability, the bytes of its digest";
    routes
        .with(standing("/soa.csv").gives_text("text/csv").answered_by(soa::as_csv))
        .with(standing("/soa.xlsx").gives_bytes(WORKBOOK).answered_by(soa::as_workbook))
        .with(standing("/soa.pdf").gives_bytes(PDF).answered_by(soa::as_pdf))
        .with(
            Route::tenant(Method::GET, "/soa.oscal.json", Read, "The Statement of Applicability in OSCAL")
                .as_of()
                .gives::<soa::Oscal>(200)
                .answered_by(soa::as_oscal),
        )
        .with(
            Route::tenant(Method::GET, "/soa/document", Read, document)
                .as_of()
                .gives::<soa::Document>(200)
                .answered_by(soa::document),
        )
        .with(
            Route::tenant(Method::GET, "/soa/issues/{id}/document", Read, issued_document)
                .as_of()
                .gives::<soa::Document>(200)
                .answered_by(issuing::document),
        )
        .with(issued("/soa/issues/{id}/document.csv").gives_text("text/csv").answered_by(soa::issued_as_csv))
        .with(issued("/soa/issues/{id}/document.xlsx").gives_bytes(WORKBOOK).answered_by(soa::issued_as_workbook))
        .with(issued("/soa/issues/{id}/document.pdf").gives_bytes(PDF).answered_by(soa::issued_as_pdf))
}

fn transition_route() -> Route {
    Route::tenant(
        Method::POST,
        "/imports/soa-2013",
        Action::DecideApplicability,
        "Upload a Statement of Applicability of ISO/IEC 27001:2013: what is clear is decided, the rest is told",
    )
    .takes_table(transition::MOST_BYTES)
    .versionless(OF_MANY)
    .parameter("dry_run", "true: tell what would happen, and every mistake, and record nothing")
    .parameter("basis", "The basis of what was included without one: risk_treatment, law, contract or good_practice")
    .parameter("reason", "Why; `as in the statement of 2013` where it is not given")
    .parameter("occurred_at", "When it happened, where that was not now")
    .gives::<Transition>(200)
    .answered_by(transition::upload)
}

fn document_routes(routes: Routes) -> Routes {
    routes
        .dated_list::<ShelvedDocument>("/documents", "Policies, procedures and records")
        .register::<DescribeDocument>("/documents", "/documents/{id}")
        .dated_object::<ShelvedDocument>("/documents/{id}", "One document")
        .history::<ShelvedDocument>("/documents/{id}/history", "Who changed a document, when, why, and what")
        .with(
            Route::tenant(
                Method::GET,
                "/documents/{id}/versions",
                Read,
                "All versions of a document, with their texts",
            )
            .pages::<Version>()
            .gives::<Listed<Version>>(200)
            .answered_by(document::versions),
        )
        .command::<DraftVersion>(Method::POST, "/documents/{id}/versions")
        .command::<ApproveVersion>(Method::POST, "/documents/{id}/approvals")
        .command::<PublishVersion>(Method::PUT, "/documents/{id}/publication")
        .command::<ReviewDocument>(Method::POST, "/documents/{id}/reviews")
        .command::<RetireDocument>(Method::PUT, "/documents/{id}/retirement")
        .with(
            Route::tenant(Method::POST, "/documents/{id}/acknowledgements", Read, "Say that one knows a document")
                .takes::<AcknowledgeDocument>()
                .gives::<Answered>(200)
                .answered_by(knowing::acknowledge),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/documents/{id}/acknowledgements",
                Read,
                "Who knows which version of a document, since when, and who of its audience does not",
            )
            .pages::<Knowing>()
            .gives::<Acknowledgements>(200)
            .answered_by(knowing::list),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/mandatory-documents",
                Read,
                "The documents that the standard asks for, and which are missing",
            )
            .as_of()
            .gives::<MandatoryDocuments>(200)
            .answered_by(document::mandatory_documents),
        )
}

fn supplier_routes(routes: Routes) -> Routes {
    routes
        .upload("/imports/suppliers", "Upload a list of suppliers", |_| Ok(Suppliers))
        .uploads("/imports/suppliers", "/imports/suppliers/{id}", "/imports/suppliers/{id}/undo", |_| Ok(Suppliers))
        .dated_list::<RegisteredSupplier>("/suppliers", "Suppliers, and what there is to do about them")
        .sheet::<RegisteredSupplier>("/suppliers.csv", "All suppliers as a file that can be uploaded again")
        .register::<DescribeSupplier>("/suppliers", "/suppliers/{id}")
        .dated_object::<RegisteredSupplier>("/suppliers/{id}", "One supplier")
        .history::<RegisteredSupplier>("/suppliers/{id}/history", "Who changed a supplier, when, why, and what")
        .command::<AssessSupplier>(Method::POST, "/suppliers/{id}/assessments")
        .command::<AgreeWithSupplier>(Method::POST, "/suppliers/{id}/agreements")
        .command::<PlanExit>(Method::PUT, "/suppliers/{id}/exit-plan")
        .command::<EndSupplier>(Method::PUT, "/suppliers/{id}/end")
}

fn exception_routes(routes: Routes) -> Routes {
    routes
        .upload("/imports/exceptions", "Upload a list of exceptions that are asked for", |_| Ok(Exceptions))
        .uploads("/imports/exceptions", "/imports/exceptions/{id}", "/imports/exceptions/{id}/undo", |_| Ok(Exceptions))
        .dated_list::<RegisteredException>("/exceptions", "What is done without, until when, and by whose leave")
        .sheet::<RegisteredException>("/exceptions.csv", "All exceptions as a file that can be uploaded again")
        .register::<RequestException>("/exceptions", "/exceptions/{id}")
        .dated_object::<RegisteredException>("/exceptions/{id}", "One exception")
        .history::<RegisteredException>("/exceptions/{id}/history", "Who changed an exception, when, why, and what")
        .command::<ApproveException>(Method::PUT, "/exceptions/{id}/approval")
        .command::<RefuseException>(Method::PUT, "/exceptions/{id}/refusal")
        .command::<EndException>(Method::PUT, "/exceptions/{id}/end")
}

fn competence_routes(routes: Routes) -> Routes {
    routes
        .list::<RegisteredCompetence>("/competences", "What people must be able to do or be aware of")
        .register::<DescribeCompetence>("/competences", "/competences/{id}")
        .object::<RegisteredCompetence>("/competences/{id}", "One competence")
        .history::<RegisteredCompetence>("/competences/{id}/history", "Who changed a competence, when, why, and what")
        .command::<RetireCompetence>(Method::PUT, "/competences/{id}/retirement")
        .with(
            Route::tenant(
                Method::POST,
                "/competences/{id}/people",
                WriteControls,
                "Record that a person has shown a competence",
            )
            .takes::<ShowCompetence>()
            .gives::<Answered>(200)
            .answered_by(having::show),
        )
        .with(
            Route::tenant(
                Method::GET,
                "/competences/{id}/people",
                Read,
                "Who has a competence, by what and until when, and who of those who must does not",
            )
            .pages::<Having>()
            .gives::<Attainments>(200)
            .answered_by(having::list),
        )
}

fn communication_routes(routes: Routes) -> Routes {
    routes
        .dated_list::<PlannedCommunication>("/communications", "The communication plan")
        .register::<DescribeCommunication>("/communications", "/communications/{id}")
        .dated_object::<PlannedCommunication>("/communications/{id}", "One line of the communication plan")
        .history::<PlannedCommunication>(
            "/communications/{id}/history",
            "Who changed a line of the communication plan, when, why, and what",
        )
        .command::<NoteCommunication>(Method::POST, "/communications/{id}/records")
        .command::<StopCommunication>(Method::PUT, "/communications/{id}/end")
}
