use super::old::OldRow;
use crate::control::{Basis, Decision, ImplementationState};
use catalogue::predecessors;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an old statement means for a control of 2022.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    pub id: String,
    title: String,
    relation: Relation,
    /// Its predecessors of 2013.
    from: Vec<String>,
    /// Those of them that were split: the other part is another control's.
    split: Vec<String>,
    pub outlook: Outlook,
    /// Why somebody has to decide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What the old statement means for it, where that is clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Proposed>,
    /// How far the old statement says that it is. Of a control that is decided by it: nothing where somebody said so here, which stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ImplementationState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// Whose the old statement says that it is; as with the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// What it was in 2013.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Relation {
    /// One control.
    Carried,
    /// Several.
    Merged,
    /// None.
    New,
}

/// What becomes of the proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It is decided so.
    Decided,
    /// Somebody has to decide it.
    ToDecide,
    /// Somebody has decided it already, and it stays so.
    Kept,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proposed {
    applicable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basis: Option<Basis>,
    justification: String,
}

impl From<Proposed> for Decision {
    fn from(Proposed { basis, justification, .. }: Proposed) -> Self {
        match basis {
            Some(basis) => Self::Included { basis, justification },
            None => Self::Excluded { justification },
        }
    }
}

impl Proposal {
    pub fn of(control: &catalogue::Control, rows: &[OldRow], basis: Option<Basis>) -> Self {
        let known = predecessors(&control.id);
        let from: Vec<String> = known.iter().map(|one| one.id.clone()).collect();
        let split = known.iter().filter(|one| one.became.len() > 1).map(|one| one.id.clone()).collect();
        let relation = match known.len() {
            0 => Relation::New,
            1 => Relation::Carried,
            _ => Relation::Merged,
        };
        let said: Vec<&OldRow> = from.iter().filter_map(|id| rows.iter().find(|row| row.id == *id)).collect();
        let (decision, why) = match decided(&said, &from, basis) {
            Ok(decision) => (Some(decision), None),
            Err(why) => (None, Some(why)),
        };
        let outlook = if decision.is_some() { Outlook::Decided } else { Outlook::ToDecide };
        let counts = decision.as_ref().is_some_and(|decision| decision.applicable);
        let included = || said.iter().filter(|_| counts);
        // No more is implemented than of the part that is least so.
        let state = included().map(|row| row.state).min().flatten();
        let how = joined(included().map(|row| (row.id.as_str(), row.how.as_deref())));
        let mut owners: Vec<&String> = included().filter_map(|row| row.owner.as_ref()).collect();
        owners.dedup();
        // Two of them are for somebody to choose from.
        let owner = if let [owner] = owners[..] { Some(owner.clone()) } else { None };
        let how = how.filter(|_| state.is_some());
        let (id, title) = (control.id.clone(), control.title.clone());
        Self { id, title, relation, from, split, outlook, why, decision, state, how, owner }
    }

    /// Somebody has decided it already.
    pub fn keep(&mut self) {
        self.outlook = Outlook::Kept;
    }

    /// It cannot be decided so.
    pub fn leave(&mut self, why: String) {
        (self.outlook, self.why) = (Outlook::ToDecide, Some(why));
    }
}

/// What the predecessors agree on, or why there is nothing.
fn decided(said: &[&OldRow], from: &[String], otherwise: Option<Basis>) -> Result<Proposed, String> {
    if from.is_empty() {
        return Err("it is new in 2022".to_owned());
    }
    let missing: Vec<&str> =
        from.iter().filter(|id| !said.iter().any(|row| row.id == **id)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(format!("the old statement does not say anything of {}", missing.join(", ")));
    }
    let ids = |applicable| {
        let of = said.iter().filter(|row| row.applicable == applicable);
        of.map(|row| row.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (included, excluded) = (ids(true), ids(false));
    if !included.is_empty() && !excluded.is_empty() {
        return Err(format!("it merges what was included ({included}) and what was excluded ({excluded})"));
    }
    let applicable = excluded.is_empty();
    let justification = joined(said.iter().map(|row| (row.id.as_str(), row.justification.as_deref())));
    let justification = justification.unwrap_or_else(|| format!("As in the statement of 2013: {included}"));
    if !applicable {
        return Ok(Proposed { applicable, basis: None, justification });
    }
    let basis = said.iter().find_map(|row| row.basis).or(otherwise);
    let basis =
        basis.ok_or("no basis is given: fill in the column basis, or say one for all by the parameter basis")?;
    Ok(Proposed { applicable, basis: Some(basis), justification })
}

/// What is said of one alone as it stands, and of several each after its id.
fn joined<'a>(said: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<String> {
    let said: Vec<(&str, &str)> = said.filter_map(|(id, text)| Some((id, text?))).collect();
    match said[..] {
        [] => None,
        [(_, only)] => Some(only.to_owned()),
        _ => Some(said.iter().map(|(id, text)| format!("{id}: {text}")).collect::<Vec<_>>().join("\n")),
    }
}
