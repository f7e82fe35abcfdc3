use crate::item::Item;
use crate::line::{Decision, Line, Lines};
use crate::proposal::{Command, Proposal};
use crate::proposed::{ProposedLibrary, Summary};
use crate::receive::take_all;
use crate::takes::Takes;
use access::Action;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::{Cx, Done, Session, Work};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{
    Answered, Call, Change, FieldError, Listed, Object, Outcome, Problem, Route, Routes, changes, field_error, json,
    object_answer,
};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What was chosen by what no longer stands.
const OUTDATED: &str = "outdated";

/// So often lines are chosen while others record.
const ATTEMPTS: u32 = 5;

/// Decides on lines of a proposal: all of what is said, or nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideProposal {
    /// Keys of the lines that are carried out; `"all"`: every open line that is not in conflict.
    #[serde(default)]
    accept: Chosen,
    /// Keys of the lines that are not: they are not proposed again until the library says something else.
    #[serde(default)]
    #[schema(example = json!(["risk:R-2"]))]
    decline: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "write a list of keys, such as [\"risk:R-1\"], or \"all\"")]
#[schema(as = ChosenLines)]
enum Chosen {
    All(All),
    Lines(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AllLines)]
enum All {
    All,
}

impl Default for Chosen {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

/// A proposal with its lines, each held against what stands.
#[derive(Serialize, ToSchema)]
#[schema(as = ProposalInFull)]
struct InFull {
    #[serde(flatten)]
    proposal: Summary,
    lines: Vec<ShownLine>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProposalLine)]
struct ShownLine {
    #[schema(example = "risk:R-1")]
    key: String,
    decision: Decision,
    compared: Compared,
    /// What the library says; nothing where it has this no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed: Option<Item>,
    /// What accepting it would change: from what stands to what is proposed.
    changes: Vec<Change>,
}

/// How what a library says compares with what stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ComparedLine)]
enum Compared {
    /// There is no such thing here, or nobody has said anything of it.
    New,
    /// It stands as it is proposed.
    Same,
    /// It stands as it was accepted, and the library says it otherwise now.
    Changed,
    /// It stands neither as it was accepted nor as it is proposed: it was changed here.
    Conflict,
    /// The library has it no more. Nothing is deleted here.
    Removed,
}

impl Compared {
    fn of(line: &Line, standing: Option<&Item>) -> Self {
        match (line.says(), standing) {
            (None, _) => Self::Removed,
            (Some(_), None) => Self::New,
            (Some(said), Some(standing)) if said == standing => Self::Same,
            (Some(_), standing) if standing == line.accepted.as_ref() => Self::Changed,
            (Some(_), Some(_)) => Self::Conflict,
        }
    }
}

/// What stands of what the lines say, by their keys.
async fn standing<T: Takes>(
    session: &mut Session,
    position: i64,
    lines: &Lines,
) -> Result<BTreeMap<String, Item>, Problem> {
    let said = lines.values().filter_map(Line::says).cloned().collect();
    let standing = T::standing(session, position, said).await?;
    Ok(standing.into_iter().map(|item| (item.key(), item)).collect())
}

fn shown(key: String, line: &Line, standing: Option<&Item>) -> ShownLine {
    let value = |item: Option<&Item>| item.and_then(|item| serde_json::to_value(item).ok()).unwrap_or(Value::Null);
    let compared = Compared::of(line, standing);
    let changes = match line.says() {
        Some(said) => changes(&value(standing), &value(Some(said))),
        None => Vec::new(),
    };
    ShownLine { key, decision: line.decision, compared, proposed: line.says().cloned(), changes }
}

/// The proposal of the path as the query wants it, and the position that it and what stands are shown at.
async fn found<T: Takes>(call: &Call, session: &mut Session) -> Result<Object<ProposedLibrary>, Problem> {
    let reached = call.position::<ProposedLibrary>(session).await?;
    let position = T::position(call, session).await?.min(reached);
    let row = views::get::<ProposedLibrary>(session, call.id(), position).await?;
    let row = row.ok_or_else(|| Problem::not_found(format!("proposal {}", call.id())))?;
    Ok(Object { position, item: row.into() })
}

async fn list(call: Call) -> Result<Response, Problem> {
    let Listed { position, items, next } = call.list::<ProposedLibrary>(Vec::new()).await?;
    let items = items.into_iter().map(|item| item.map(ProposedLibrary::in_short)).collect();
    Ok(json(StatusCode::OK, position, &Listed { position, items, next }))
}

async fn show<T: Takes>(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let Object { position, item } = found::<T>(&call, &mut session).await?;
    let lines = item.data.proposal.lines.clone();
    let standing = standing::<T>(&mut session, position, &lines).await?;
    let lines = lines.into_iter().map(|(key, line)| {
        let stands = standing.get(&key);
        shown(key, &line, stands)
    });
    let lines = lines.collect();
    let item = item.map(|row| InFull { proposal: row.in_short(), lines });
    Ok(object_answer(&Object { position, item }))
}

/// The open lines that accepting changes nothing of which the client said otherwise, and the position at which that is so.
async fn harmless<T: Takes>(call: &Call) -> Result<(Vec<String>, i64), Problem> {
    let mut session = call.session().await?;
    let Object { position, item } = found::<T>(call, &mut session).await?;
    let lines = item.data.proposal.lines;
    let standing = standing::<T>(&mut session, position, &lines).await?;
    let open = lines.into_iter().filter(|(key, line)| {
        line.decision == Decision::Open && Compared::of(line, standing.get(key)) != Compared::Conflict
    });
    Ok((open.map(|(key, _)| key).collect(), position))
}

/// Refuses what was chosen by what no longer stands; nobody records anything from here on.
async fn refuse_outdated(work: &mut Work, seen: i64) -> Result<(), Problem> {
    work.lock().await?;
    if work.session().await?.head().await? == seen {
        return Ok(());
    }
    let detail = "something was recorded while the lines were chosen: try again in a moment";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, OUTDATED, detail))
}

/// One append over everything that the lines bring, so a handler of its own.
async fn decide<T: Takes>(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (decisions, cx) = call.command::<DecideProposal>()?;
    if cx.reason().is_none() {
        return Err(Problem::field("reason", "say why: an auditor will ask"));
    }
    let mut attempt = 1;
    loop {
        match decide_once::<T>(&call, &cx, expected, decisions.clone()).await {
            Err(problem) if problem.code() == OUTDATED && attempt < ATTEMPTS => attempt += 1,
            done => return Ok(call.carried_out(&done?, false)),
        }
    }
}

async fn decide_once<T: Takes>(
    call: &Call,
    cx: &Cx,
    expected: Option<i64>,
    DecideProposal { accept, decline }: DecideProposal,
) -> Result<Done<Outcome>, Problem> {
    let (accept, seen) = match accept {
        Chosen::All(All::All) => {
            let (open, seen) = harmless::<T>(call).await?;
            (open.into_iter().filter(|key| !decline.contains(key)).collect(), Some(seen))
        }
        Chosen::Lines(lines) => (lines, None),
    };
    let (id, lane) = (call.id().to_owned(), format!("proposal-{}", call.id()));
    let done = call.store.perform(cx, &lane, |work| {
        let (id, accept, decline) = (id.clone(), accept.clone(), decline.clone());
        Box::pin(async move {
            if work.load::<Proposal>(&id).await?.1 == 0 {
                return Err(Problem::not_found(format!("proposal {id}")));
            }
            if let Some(seen) = seen {
                refuse_outdated(work, seen).await?;
            }
            carry_out::<T>(work, &id, accept.clone()).await?;
            let changed = work.execute::<Proposal>(&id, expected, Command::Decide { accept, decline }).await?;
            Ok(Outcome { id, version: changed.version, changed: changed.changed })
        })
    });
    done.await
}

async fn carry_out<T: Takes>(work: &mut Work, id: &str, accept: Vec<String>) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for (key, refused) in take_all::<T>(work, id, accept).await? {
        match refused {
            None => {}
            Some(problem) if problem.status() < 500 => errors.extend(of_line(&key, &problem)),
            Some(problem) => return Err(problem),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

/// A refusal at the line that met it.
fn of_line(key: &str, problem: &Problem) -> Vec<FieldError> {
    if problem.errors().is_empty() {
        return vec![field_error(key, problem.to_string())];
    }
    let named = |error: &FieldError| FieldError { field: format!("{key}.{}", error.field), ..error.clone() };
    problem.errors().iter().map(named).collect()
}

/// The routes of a service's proposals.
pub fn routes<T: Takes>(routes: Routes) -> Routes {
    use Action::{ManageTenant, Read};
    routes
        .with(
            Route::tenant(Method::GET, T::LIST, Read, "What libraries propose here, each in short")
                .pages::<ProposedLibrary>()
                .gives::<Listed<Summary>>(200)
                .answered_by(list),
        )
        .with(
            Route::tenant(Method::GET, T::ONE, Read, "What a library proposes, line by line, and how it compares")
                .as_of()
                .gives::<Object<InFull>>(200)
                .answered_by(show::<T>),
        )
        .history::<ProposedLibrary>(T::HISTORY, "Which versions came, and who decided what on them")
        .with(
            Route::tenant(Method::POST, T::DECISIONS, ManageTenant, "Accept and decline lines, all of them or none")
                .takes_with_reason::<DecideProposal>()
                .gives::<Answered>(200)
                .answered_by(decide::<T>),
        )
}

#[cfg(test)]
mod tests {
    use super::{Chosen, Compared, DecideProposal};
    use crate::item::{Item, Supplier};
    use crate::line::{Decision, Line};
    use crate::words::Criticality;
    use serde_json::json;

    fn item(name: &str) -> Item {
        let reference = "s".to_owned();
        let name = name.to_owned();
        Item::Supplier(Supplier { reference, name, criticality: Criticality::Low, services: vec![], information: None })
    }

    #[test]
    fn a_line_is_held_against_what_stands() {
        let line = |accepted: Option<&str>, proposed: Option<&str>, removed| Line {
            accepted: accepted.map(item),
            proposed: proposed.map(item),
            decision: Decision::Open,
            removed,
        };
        for (line, standing, compared) in [
            (line(None, Some("a"), false), None, Compared::New),
            (line(None, Some("a"), false), Some("a"), Compared::Same),
            (line(None, Some("a"), false), Some("b"), Compared::Conflict),
            (line(Some("a"), Some("b"), false), Some("a"), Compared::Changed),
            (line(Some("a"), Some("b"), false), Some("c"), Compared::Conflict),
            (line(Some("a"), None, false), Some("a"), Compared::Same),
            (line(Some("a"), None, false), Some("c"), Compared::Conflict),
            (line(Some("a"), None, true), Some("a"), Compared::Removed),
        ] {
            assert_eq!(Compared::of(&line, standing.map(item).as_ref()), compared, "{line:?}");
        }
    }

    #[test]
    fn lines_are_chosen_by_their_keys_or_all() {
        let read = |body| serde_json::from_value::<DecideProposal>(body);
        assert!(matches!(read(json!({"accept": "all"})).expect("read").accept, Chosen::All(_)));
        assert!(matches!(read(json!({"accept": ["a"]})).expect("read").accept, Chosen::Lines(keys) if keys == ["a"]));
        assert!(read(json!({"accept": "some"})).expect_err("refused").to_string().starts_with("write a list of keys"));
    }
}
