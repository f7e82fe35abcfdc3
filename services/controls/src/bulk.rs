use crate::control::{Command, Control, Implementation, ImplementationState};
use crate::requests::DecideApplicability;
use crate::requirement::requirements;
use crate::soa::{MOST_CONTROLS, word};
use crate::statement::Statement;
use access::Action;
use axum::http::StatusCode;
use axum::response::Response;
use catalogue::Theme;
use chrono::NaiveDate;
use eventstore::Work;
use serde::{Deserialize, Serialize};
use service::{Call, Faults, FieldError, Problem, SaidOfMany, Which, checked_day, checked_person};
use utoipa::ToSchema;
use views::{Column, Filter, Listing, View, list, shown};

/// What is to be said of many controls, with one reason. What is not given stays as it is.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeControls {
    /// Ids of the controls; or `filter`.
    #[schema(example = json!(["A.8.13", "A.8.14"]))]
    pub controls: Option<Vec<String>>,
    pub filter: Option<ControlFilter>,
    pub applicability: Option<DecideApplicability>,
    /// A person's id.
    pub owner: Option<String>,
    /// How far they are implemented. In what way, each says as before.
    pub state: Option<ImplementationState>,
    /// The day by which they are looked at again.
    #[schema(format = Date)]
    pub next_review: Option<String>,
}

/// The controls of which all that is given is so. Nothing given: all of them.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlFilter {
    #[schema(value_type = Option<String>, example = "technological")]
    theme: Option<Theme>,
    state: Option<ImplementationState>,
    /// `undecided` are those that neither anybody decided nor a treatment relies on.
    applicability: Option<Applicability>,
    /// A person's id; empty: nobody's.
    owner: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Applicability {
    Included,
    Excluded,
    Undecided,
}

/// `POST /controls`: one append over all of them, so a handler of its own.
pub async fn change(call: Call) -> Result<Response, Problem> {
    let (body, cx) = call.command::<ChangeControls>()?;
    let said = body.said()?;
    if said.needs_write() && !call.may(Action::WriteControls).await? {
        let detail = "owner, state and next_review take the action write_controls too: leave them out";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let controls = match Which::of("controls", body.controls, body.filter)? {
        Which::Named(controls) => controls,
        Which::So(filter) => filter.chosen(&call).await?,
    };
    call.change_many(cx, "controls", controls, said).await
}

/// What a request says, once it is checked.
#[derive(Clone)]
struct Said {
    applicability: Option<Command>,
    owner: Option<String>,
    state: Option<ImplementationState>,
    next_review: Option<NaiveDate>,
}

impl ChangeControls {
    fn said(&self) -> Result<Said, Problem> {
        let mut faults = Faults::default();
        let applicability = self.applicability.clone().and_then(|decision| match decision.decision() {
            Ok(decision) => Some(Command::Decide(decision)),
            Err(errors) => {
                for FieldError { field, detail, .. } in errors {
                    faults.wrong(&format!("applicability.{field}"), detail);
                }
                None
            }
        });
        let owner = self.owner.as_deref().and_then(|owner| faults.keep(checked_person("owner", owner)));
        let next_review =
            self.next_review.as_deref().and_then(|written| faults.keep(checked_day("next_review", written)));
        let says_something =
            self.applicability.is_some() || self.owner.is_some() || self.state.is_some() || self.next_review.is_some();
        if !says_something {
            faults.wrong("body", "say something of them: applicability, owner, state or next_review");
        }
        faults.settle(Some(Said { applicability, owner, state: self.state, next_review }))
    }
}

impl Said {
    fn needs_write(&self) -> bool {
        self.owner.is_some() || self.state.is_some() || self.next_review.is_some()
    }
}

impl SaidOfMany for Said {
    type Of = Control;

    /// What is excluded is not implemented, so the decision comes first.
    async fn commands(&self, work: &mut Work, id: &str) -> Result<Vec<Command>, Problem> {
        let how = work.load::<Control>(id).await?.0.how().map(ToOwned::to_owned);
        let implementation = |state| Command::SetImplementation(Implementation { state, how });
        let owner = self.owner.clone().map(|owner| Command::AssignOwner { owner });
        let review = self.next_review.map(|day| Command::PlanReview { next_review: Some(day) });
        let state = self.state.map(implementation);
        Ok([self.applicability.clone(), owner, state, review].into_iter().flatten().collect())
    }
}

impl ControlFilter {
    /// The controls that are so now.
    async fn chosen(&self, call: &Call) -> Result<Vec<String>, Problem> {
        let mut session = call.session().await?;
        let position = shown::<Statement>(&mut session).await?;
        let listing = Listing {
            filters: self.filters(),
            sort: Statement::ORDER,
            descending: false,
            after: None,
            limit: MOST_CONTROLS,
        };
        let rows = list::<Statement>(&mut session, position, &listing).await?.rows;
        let mut chosen: Vec<String> = rows.into_iter().map(|row| row.key).collect();
        if matches!(self.applicability, Some(Applicability::Undecided)) {
            // What a treatment relies on applies for its sake, as the statement says: it is not decided over.
            let names: Vec<&str> = chosen.iter().map(String::as_str).collect();
            let required = requirements(&mut session, &names, position).await?;
            chosen.retain(|id| !required.contains_key(id));
        }
        Ok(chosen)
    }

    fn filters(&self) -> Vec<Filter> {
        let given = [
            ("theme", self.theme.as_ref().map(word)),
            ("state", self.state.as_ref().map(word)),
            ("applicability", self.applicability.as_ref().map(word)),
            ("owner", self.owner.clone()),
        ];
        given.into_iter().filter_map(|(name, value)| Some(Filter::Is(Column::text(name), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeControls;
    use serde_json::{Value, json};
    use views::Filter;

    fn wrong(body: Value) -> String {
        let body: ChangeControls = serde_json::from_value(body).expect("a body");
        body.said().err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_is_named_where_it_stands() {
        assert!(wrong(json!({"filter": {}})).starts_with("body: say something"));
        let unjustified = json!({"applicability": {"applicable": false, "justification": " "}});
        assert!(wrong(unjustified).starts_with("applicability.justification: "));
        assert!(wrong(json!({"next_review": "soon"})).starts_with("next_review: `soon` is not a day"));
        assert_eq!(wrong(json!({"state": "planned"})), "");
    }

    #[test]
    fn a_filter_asks_for_what_lists_are_asked_for() {
        let body = json!({"filter": {"theme": "people", "applicability": "undecided", "owner": ""}});
        let body: ChangeControls = serde_json::from_value(body).expect("a body");
        let filters = body.filter.expect("a filter").filters();
        let told = filters.iter().map(|filter| match filter {
            Filter::Is(column, value) => (column.name, value.as_str()),
            Filter::From(..) | Filter::Below(..) | Filter::Says(_) => panic!("a filter is of values"),
        });
        assert_eq!(told.collect::<Vec<_>>(), [("theme", "people"), ("applicability", "undecided"), ("owner", "")]);
    }
}
