//! Living with what is left of a risk: who may, on what, and until when.

use super::{Assessment, Broken, Command, Event, Risk, Stage, TreatmentOption};
use crate::checks::today;
use crate::methodology::{self, Level};
use access::Action;
use chrono::NaiveDate;
use eventstore::{Actor, Cx, Work};
use serde::{Deserialize, Serialize};
use service::{FieldError, Problem, checked_day, field_error};
use utoipa::ToSchema;

/// What was accepted, and by whom: bound to what the risk and the methodology were then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Acceptance)]
pub struct Acceptance {
    /// The owner who took it.
    pub owner: String,
    /// It holds to the end of this day, in UTC.
    pub until: NaiveDate,
    /// Which assessment it rests on: the residual one, or that of things as they are where nothing is done.
    pub stage: Stage,
    pub level: Level,
    /// Whether the methodology lets the owner live with that level alone.
    pub acceptable: bool,
    pub methodology_revision: u32,
    /// Of the risk.
    pub revision: u32,
    /// Who confirmed it, where the level is above acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
}

/// Until when, and the revision of the methodology that is in force.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    pub until: NaiveDate,
    pub in_force: u32,
}

impl Risk {
    pub(super) fn accept(&self, offered: Offered, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let acceptance = self.acceptable_as(offered, cx)?;
        let standing = self.acceptance.as_ref().map(|given| (given.confirmed, &given.acceptance));
        if acceptance.acceptable {
            let already = standing == Some((true, &acceptance));
            return Ok(if already { vec![] } else { vec![Event::Accepted(acceptance)] });
        }
        if cx.reason().is_none() {
            return Err(Broken::NoReason { level: acceptance.level.label });
        }
        // Confirmed or not: the owner has said this already.
        let said = |given: &Acceptance| Acceptance { confirmed_by: None, ..given.clone() } == acceptance;
        let already = standing.is_some_and(|(_, given)| said(given));
        Ok(if already { vec![] } else { vec![Event::AcceptanceAsked(acceptance)] })
    }

    fn acceptable_as(&self, Offered { until, in_force }: Offered, cx: &Cx) -> Result<Acceptance, Broken> {
        let owner = self.owner.clone().ok_or(Broken::NoOwner)?;
        if cx.actor != Actor::Person(owner.clone()) {
            return Err(Broken::NotTheOwner { owner });
        }
        let option = self.treatment.as_ref().ok_or(Broken::NotTreated)?.option;
        let Assessment { stage, rating, .. } = self.remaining(option)?;
        let made = rating.methodology_revision;
        if made != in_force {
            return Err(Broken::OldMethodology { made, in_force });
        }
        Ok(Acceptance {
            owner,
            until,
            stage: *stage,
            level: rating.level.clone(),
            acceptable: rating.acceptable,
            methodology_revision: made,
            revision: self.revision,
            confirmed_by: None,
        })
    }

    /// What is left: after treatment, or as it is where nothing is done about it.
    fn remaining(&self, option: TreatmentOption) -> Result<&Assessment, Broken> {
        let residual = self.assessments.get(&Stage::Residual);
        let current = || self.assessments.get(&Stage::Current).or(self.assessments.get(&Stage::Inherent));
        match option {
            TreatmentOption::Accept => current().ok_or(Broken::NotAssessed),
            TreatmentOption::Mitigate | TreatmentOption::Transfer | TreatmentOption::Avoid => {
                residual.ok_or(Broken::NoResidual)
            }
        }
    }

    pub(super) fn confirm(&self, in_force: u32, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let Actor::Person(second) = &cx.actor else { return Err(Broken::NotAPerson) };
        let given = self.acceptance.as_ref().ok_or(Broken::NothingAsked)?;
        let acceptance = given.acceptance.clone();
        if given.confirmed {
            let already = acceptance.confirmed_by.as_ref() == Some(second);
            return if already { Ok(vec![]) } else { Err(Broken::NothingAsked) };
        }
        if *second == acceptance.owner {
            return Err(Broken::SamePerson);
        }
        let made = acceptance.methodology_revision;
        if made != in_force {
            return Err(Broken::OldMethodology { made, in_force });
        }
        if acceptance.until < today(cx) {
            return Err(Broken::AskedTooLongAgo { until: acceptance.until });
        }
        Ok(vec![Event::Accepted(Acceptance { confirmed_by: Some(second.clone()), ..acceptance })])
    }

    /// The owner approves how the risk is treated, together with what is left of it.
    pub(super) fn approve_plan(&self, offered: Offered, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let accepted = self.accept(offered, cx)?;
        let approved = Event::PlanApproved { revision: self.revision };
        let news = (self.plan_approved != Some(self.revision)).then_some(approved);
        Ok(news.into_iter().chain(accepted).collect())
    }
}

/// Accepts what is left of a risk until a day. Only its owner does; what is above the acceptance level takes a reason, and
/// holds from when a second person confirms it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AcceptRisk)]
pub struct Accept {
    /// The last day, in UTC.
    #[schema(example = "2027-03-31")]
    until: String,
}

/// Confirms, as a second person, that the owner may live with a risk above the acceptance level.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmAcceptance)]
pub struct Confirm {}

/// Takes an acceptance back, or what was asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WithdrawAcceptance)]
pub struct Withdraw {}

impl service::Command for Accept {
    type Of = Risk;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Accept what is left of a risk, as its owner";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        let until = checked_until(&self.until, work.cx())?;
        Ok(Command::Accept(offered(work, until).await?))
    }
}

impl service::Command for Confirm {
    type Of = Risk;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Confirm, as a second person, that a risk above the acceptance level is accepted";

    async fn prepare(self, work: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::ConfirmAcceptance { in_force: methodology::in_force(work).await?.revision })
    }
}

impl service::Command for Withdraw {
    type Of = Risk;
    const ACTION: Action = Action::DecideTreatment;
    const SUMMARY: &'static str = "Withdraw the acceptance of a risk";
    const NEEDS_REASON: bool = true;

    async fn prepare(self, _: &mut Work, _: &str) -> Result<Command, Problem> {
        Ok(Command::WithdrawAcceptance)
    }
}

pub fn checked_until(written: &str, cx: &Cx) -> Result<NaiveDate, FieldError> {
    let until = checked_day("until", written)?;
    if until < today(cx) {
        return Err(field_error("until", "it has passed: say a day to come"));
    }
    Ok(until)
}

pub async fn offered(work: &mut Work, until: NaiveDate) -> Result<Offered, Problem> {
    Ok(Offered { until, in_force: methodology::in_force(work).await?.revision })
}
