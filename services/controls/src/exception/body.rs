use super::{Command, Exception, Waiver};
use crate::checks::{LONGEST_TEXT, LONGEST_TITLE, to_come};
use crate::control::Control;
use crate::document::Document;
use access::Action;
use eventstore::{Aggregate, Stream, Work};
use serde::Deserialize;
use service::{Faults, Problem, checked_ref, checked_refs, checked_text};
use utoipa::ToSchema;

/// What is asked for, whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestException {
    #[schema(example = "The old accounting system without a second factor")]
    title: String,
    /// What is not done.
    waived: String,
    /// Ids of the controls that it is about.
    #[serde(default)]
    #[schema(example = json!(["A.8.5"]))]
    controls: Vec<String>,
    /// Ref of the document whose rule is not followed.
    document: Option<String>,
    justification: String,
    /// What is done instead.
    compensating_measure: String,
    /// The last day on which it holds.
    #[schema(format = Date)]
    expires_on: String,
}

/// Gives leave. Who asked for it cannot.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveException {}

/// Gives no leave.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseException {}

/// It is not needed any more, or nobody asks for it any more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndException {}

impl RequestException {
    async fn waiver(self, work: &mut Work) -> Result<Waiver, Problem> {
        let mut faults = Faults::default();
        let title = faults.keep(checked_text("title", &self.title, LONGEST_TITLE));
        let waived = faults.keep(checked_text("waived", &self.waived, LONGEST_TEXT));
        let justification = faults.keep(checked_text("justification", &self.justification, LONGEST_TEXT));
        let measure = &self.compensating_measure;
        let compensating_measure = faults.keep(checked_text("compensating_measure", measure, LONGEST_TEXT));
        let expires_on = faults.keep(to_come("expires_on", &self.expires_on, work.cx()));
        let controls = faults.keep_list(checked_refs("controls", &self.controls));
        let document = self.document.and_then(|document| faults.keep(checked_ref("document", &document)));
        if self.controls.is_empty() && document.is_none() {
            faults.wrong("controls", "say what it is about: controls, a document, or both");
        }
        work.preload(controls.iter().map(|control| Stream::new(Control::TYPE, control)).collect()).await?;
        for control in &controls {
            if work.load::<Control>(control).await?.1 == 0 {
                faults.wrong("controls", format!("there is no control {control} here: GET /controls lists them"));
            }
        }
        if let Some(document) = &document
            && work.load::<Document>(document).await?.1 == 0
        {
            faults.wrong("document", format!("there is no document {document} here: GET /documents lists them"));
        }
        let texts = title.zip(waived).zip(justification).zip(compensating_measure).zip(expires_on);
        let made = texts.map(|((((title, waived), justification), compensating_measure), expires_on)| Waiver {
            title,
            waived,
            controls,
            document,
            justification,
            compensating_measure,
            expires_on,
        });
        faults.settle(made)
    }
}

impl service::Command for RequestException {
    type Of = Exception;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "Change what an exception is asked for: it needs approval anew";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Change(self.waiver(work).await?))
    }
}

impl service::Register for RequestException {
    const REGISTERS: &'static str = "Ask for an exception";
    const LETTERS: &'static str = "E";

    async fn register(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Request(self.waiver(work).await?))
    }
}

impl service::Command for ApproveException {
    type Of = Exception;
    const ACTION: Action = Action::DecideApplicability;
    const SUMMARY: &'static str = "Approve an exception that somebody else asked for";

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Approve)
    }
}

impl service::Command for RefuseException {
    type Of = Exception;
    const ACTION: Action = Action::DecideApplicability;
    const SUMMARY: &'static str = "Refuse an exception that somebody else asked for";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::Refuse)
    }
}

impl service::Command for EndException {
    type Of = Exception;
    const ACTION: Action = Action::WriteControls;
    const SUMMARY: &'static str = "End an exception before its day";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::End)
    }
}
