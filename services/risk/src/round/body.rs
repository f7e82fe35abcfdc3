use super::{Command, Included, Plan, Round};
use crate::checks::{Faults, LONGEST_NAME, tidy};
use crate::risk::Risk;
use access::Action;
use eventstore::{Aggregate, Stream, Work};
use serde::Deserialize;
use service::{Called, Problem, checked_day, checked_ref, checked_text};
use utoipa::ToSchema;

/// More are several rounds.
const MOST_RISKS: usize = 2000;

/// Starts a round of assessments.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRound {
    /// What people call it; its id for good. The next number, such as AR-13, where it is not given.
    #[serde(default, rename = "ref")]
    #[schema(example = "2027-spring")]
    reference: Option<String>,
    #[schema(example = "Spring review")]
    name: String,
    /// The last day, in UTC.
    #[schema(example = "2027-04-30")]
    due: String,
    /// Refs of the risks that are to be assessed.
    risks: Vec<String>,
}

/// Ends a round: what it came to is kept as it is. Risks that nobody assessed meanwhile take a reason.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteRound {}

impl service::Command for StartRound {
    type Of = Round;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "Start a round of assessments: which risks, by when";
    const BEGINS: bool = true;

    fn id(&self, _: &str) -> Result<Called, Problem> {
        Ok(Called::by(self.reference.as_deref(), "AR")?)
    }

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let mut faults = Faults::default();
        let name = faults.keep(checked_text("name", &self.name, LONGEST_NAME));
        let due = faults.keep(checked_day("due", &self.due));
        let refs = tidy(self.risks.iter().filter_map(|risk| faults.keep(checked_ref("risks", risk))));
        if self.risks.is_empty() || refs.len() > MOST_RISKS {
            faults.wrong("risks", format!("name one risk at least, and {MOST_RISKS} at most"));
        }
        let named = faults.settle(name.zip(due))?;
        let mut faults = Faults::default();
        let mut risks = Vec::with_capacity(refs.len());
        work.preload(refs.iter().map(|risk| Stream::new(Risk::TYPE, risk)).collect()).await?;
        for risk in refs {
            match work.load::<Risk>(&risk).await? {
                (known, _) if known.is_there() => risks.push(Included { assessments: known.looked_at(), risk }),
                _ => faults.wrong("risks", format!("there is no risk {risk} here")),
            }
        }
        let (name, due) = named;
        faults.settle(Some(Command::Start(Plan { name, due, risks })))
    }
}

impl service::Command for CompleteRound {
    type Of = Round;
    const ACTION: Action = Action::ManageTenant;
    const SUMMARY: &'static str = "End a round of assessments, and keep what it came to";

    async fn prepare(self, work: &mut Work, id: &str) -> Result<Command, Problem> {
        let included = work.load::<Round>(id).await?.0.plan().map(|plan| plan.risks.clone()).unwrap_or_default();
        work.preload(included.iter().map(|one| Stream::new(Risk::TYPE, &one.risk)).collect()).await?;
        let mut unassessed = Vec::new();
        for Included { risk, assessments } in included {
            if work.load::<Risk>(&risk).await?.0.looked_at() <= assessments {
                unassessed.push(risk);
            }
        }
        Ok(Command::Complete { unassessed })
    }
}
