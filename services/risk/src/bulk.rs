//! The same said of many risks.

use crate::register::{RegisteredRisk, State};
use crate::risk::{AssignOwner, Close, Command, DecideTreatment, PlanAction, Reopen, Risk, TreatmentOption};
use access::Action;
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Work;
use serde::Deserialize;
use service::{Call, Command as _, Problem, SaidOfMany, Which, every};
use utoipa::ToSchema;
use views::{Column, Filter, shown};

/// What is to be said of many risks, with one reason. What is not given stays as it is.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRisks {
    /// Refs of the risks; or `filter`.
    #[schema(example = json!(["R-1", "R-2"]))]
    risks: Option<Vec<String>>,
    filter: Option<RiskFilter>,
    /// A person's id.
    #[schema(example = "mara")]
    owner: Option<String>,
    treatment: Option<DecideTreatment>,
    /// Planned for each of them.
    action: Option<PlanAction>,
    /// true: close them. false: reopen them.
    closed: Option<bool>,
}

/// The risks of which all that is given is so. Nothing given: all of them.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskFilter {
    state: Option<State>,
    /// A person's id; empty: nobody's.
    owner: Option<String>,
    /// Empty: those without one.
    category: Option<String>,
    treatment: Option<TreatmentOption>,
    /// Rank of the level as things are.
    level: Option<u8>,
}

/// `POST /risks/changes`: one append over all of them.
pub async fn change(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<ChangeRisks>()?;
    let ChangeRisks { risks, filter, owner, treatment, action, closed } = body;
    if treatment.is_none() && closed.is_none() && owner.is_none() && action.is_none() {
        return Err(Problem::field("body", "say something of them: owner, treatment, action or closed"));
    }
    if (treatment.is_some() || closed.is_some()) && !call.may(Action::DecideTreatment).await? {
        let detail = "treatment and closed take the action decide_treatment too: leave them out";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let risks = match Which::of("risks", risks, filter)? {
        Which::Named(risks) => risks,
        Which::So(filter) => filter.chosen(&call).await?,
    };
    let said = Said { owner: owner.map(AssignOwner::to), treatment, action, closed };
    call.change_many(cx, "risks", risks, said).await
}

#[derive(Clone)]
struct Said {
    owner: Option<AssignOwner>,
    treatment: Option<DecideTreatment>,
    action: Option<PlanAction>,
    closed: Option<bool>,
}

impl SaidOfMany for Said {
    type Of = Risk;

    /// What is closed is not treated, and an action is of a treatment.
    async fn commands(&self, work: &mut Work, id: &str) -> Result<Vec<Command>, Problem> {
        let Self { owner, treatment, action, closed } = self.clone();
        let mut commands = Vec::new();
        if closed == Some(false) {
            commands.push(Reopen {}.prepare(work, id).await?);
        }
        if let Some(assign) = owner {
            commands.push(assign.prepare(work, id).await?);
        }
        if let Some(decide) = treatment {
            commands.push(decide.prepare(work, id).await.map_err(|problem| problem.within("treatment"))?);
        }
        if let Some(plan) = action {
            commands.push(plan.prepare(work, id).await.map_err(|problem| problem.within("action"))?);
        }
        if closed == Some(true) {
            commands.push(Close {}.prepare(work, id).await?);
        }
        Ok(commands)
    }
}

impl RiskFilter {
    /// The risks that are so now.
    async fn chosen(&self, call: &Call) -> Result<Vec<String>, Problem> {
        let mut session = call.session().await?;
        let position = shown::<RegisteredRisk>(&mut session).await?;
        let rows = every::<RegisteredRisk>(&mut session, position, self.filters()).await?;
        Ok(rows.into_iter().map(|row| row.key).collect())
    }

    fn filters(&self) -> Vec<Filter> {
        let text = [
            ("state", self.state.map(|state| <&str>::from(state).to_owned())),
            ("owner", self.owner.clone()),
            ("category", self.category.clone()),
            ("treatment", self.treatment.map(|option| <&str>::from(option).to_owned())),
        ];
        let level = self.level.map(|level| Filter::Is(Column::int("level"), level.to_string()));
        text.into_iter().filter_map(|(name, value)| Some(Filter::Is(Column::text(name), value?))).chain(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeRisks;
    use serde_json::json;
    use views::Filter;

    #[test]
    fn a_filter_asks_for_what_lists_are_asked_for() {
        let body = json!({"filter": {"state": "in_treatment", "owner": "", "treatment": "avoid", "level": 2}});
        let body: ChangeRisks = serde_json::from_value(body).expect("a body");
        let filters = body.filter.expect("a filter").filters();
        let told = filters.iter().map(|filter| match filter {
            Filter::Is(column, value) => (column.name, value.as_str()),
            Filter::From(..) | Filter::Below(..) | Filter::Says(_) => panic!("a filter is of values"),
        });
        let expected = [("state", "in_treatment"), ("owner", ""), ("treatment", "avoid"), ("level", "2")];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
