//! Frameworks and their mappings come as tables.

use super::answers::{OF_2013, OF_2022};
use super::list::{MOST, built_in, uploaded};
use super::{Asked, Command, Contents, Framework, Mapping, Strength};
use crate::checks::LONGEST_TITLE;
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{NOW, Work};
use service::{
    Call, Cells, Columns, FieldError, Outcome, Problem, Row, Table, checked_ref, checked_text_if_given, entries,
    field_error,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// No framework asks for more.
const MOST_REQUIREMENTS: usize = 2000;
const MOST_MAPPINGS: usize = 5000;
const LONGEST_DESCRIPTION: usize = 1000;

pub const COLUMNS: Columns = Columns::of(&["ref_id", "name", "description", "parent_ref"]);
pub const MAPPED: Columns = Columns::of(&["requirement", "answered_by", "framework", "strength"]);

/// `POST /frameworks`
pub async fn begin(call: Call) -> Result<Response, Problem> {
    let id = checked_ref("ref", call.query.get("ref").unwrap_or_default())?;
    if built_in(&id).is_some() {
        return Err(Problem::field("ref", format!("{id} is built in: choose another one")));
    }
    let Said { title, version, requirements } = Said::by(&call).await?;
    let title = title.ok_or_else(|| field_error("title", "say what people call it"))?;
    let version = version.filter(|version| !version.is_empty());
    carry_out(&call, id, true, Command::Register(Contents { title, version, requirements })).await
}

/// `PUT /frameworks/{id}`
pub async fn describe(call: Call) -> Result<Response, Problem> {
    let Said { title, version, requirements } = Said::by(&call).await?;
    carry_out(&call, call.id().to_owned(), false, Command::Describe { title, version, requirements }).await
}

/// `PUT /frameworks/{id}/mappings`
pub async fn map(call: Call) -> Result<Response, Problem> {
    let table = call.sent()?.table(MAPPED).await?.map_err(Problem::fields)?;
    let rows = mappings(&table, call.id()).map_err(Problem::fields)?;
    let command = Command::Map(rows.iter().map(|(_, mapping)| mapping.clone()).collect());
    perform(&call, call.id().to_owned(), false, command, Arc::new(rows)).await
}

async fn carry_out(call: &Call, id: String, begins: bool, command: Command) -> Result<Response, Problem> {
    perform(call, id, begins, command, Arc::default()).await
}

/// `rows` are looked up before the command is decided.
async fn perform(
    call: &Call,
    id: String,
    begins: bool,
    command: Command,
    rows: Arc<Vec<Mapped>>,
) -> Result<Response, Problem> {
    let (expected, cx) = (call.if_match()?, call.upload()?);
    let lane = format!("framework-{id}");
    let done = call.store.perform(&cx, &lane, |work| {
        let (id, command, rows) = (id.clone(), command.clone(), rows.clone());
        Box::pin(async move {
            let is_there = work.load::<Framework>(&id).await?.0.is_there();
            if !begins && !is_there {
                return Err(strange(&id));
            }
            if begins && !is_there && uploaded(work.session().await?, NOW - 1).await?.len() >= MOST {
                let detail =
                    format!("a tenant has {MOST} frameworks at most: remove one first, by DELETE /frameworks/ID");
                return Err(Problem::new(StatusCode::CONFLICT, "too_many_frameworks", detail));
            }
            look_up(work, &id, &rows).await?;
            let changed = work.execute::<Framework>(&id, expected, command).await?;
            Ok(Outcome { id, version: changed.version, changed: changed.changed })
        })
    });
    Ok(call.carried_out(&done.await?, begins))
}

/// No framework of this id was uploaded.
pub fn strange(id: &str) -> Problem {
    if built_in(id).is_none() {
        return Problem::not_found(format!("framework {id}"));
    }
    let detail = format!("{id} is built in, and is not uploaded: GET /frameworks/{id}/coverage tells what it asks for");
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// Each row maps what the framework asks for to what another one does, or all rows that do not are told.
async fn look_up(work: &mut Work, id: &str, rows: &[Mapped]) -> Result<(), Problem> {
    let named: BTreeSet<&str> = rows.iter().map(|(_, mapping)| mapping.framework.as_str()).chain([id]).collect();
    let mut asked: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for framework in named {
        let contents = match built_in(framework) {
            Some(contents) => Some(contents),
            None => work.load::<Framework>(framework).await?.0.contents.clone(),
        };
        if let Some(contents) = contents {
            asked.insert(framework, contents.requirements.into_iter().map(|asked| asked.id).collect());
        }
    }
    let mut errors: Vec<FieldError> = Vec::new();
    let mut wrong = |row: u64, field: &str, detail: String| {
        errors.push(FieldError { row: Some(row), ..field_error(field, detail) });
    };
    for (row, Mapping { requirement, framework, target, .. }) in rows {
        if asked.get(id).is_some_and(|asked| !asked.contains(requirement)) {
            wrong(
                *row,
                "requirement",
                format!("{id} does not ask for {requirement}: GET /frameworks/{id} tells what it does"),
            );
        }
        match asked.get(framework.as_str()) {
            None => {
                let detail = format!("there is no framework {framework} here: GET /frameworks lists them");
                wrong(*row, "framework", detail);
            }
            Some(asked) if asked.contains(target) => {}
            Some(_) => {
                let detail = format!(
                    "framework {framework} has no {target}: GET /frameworks/{framework}/coverage tells what it has"
                );
                wrong(*row, "answered_by", detail);
            }
        }
    }
    errors.sort_by_cached_key(|error| (error.row, error.field.clone(), error.detail.clone()));
    errors.dedup();
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

/// What a request says of a framework; what the query leaves out stays as it is.
struct Said {
    title: Option<String>,
    version: Option<String>,
    requirements: Vec<Asked>,
}

impl Said {
    async fn by(call: &Call) -> Result<Self, Problem> {
        let said = |name: &str| checked_text_if_given(name, call.query.get(name).unwrap_or_default(), LONGEST_TITLE);
        // Nothing behind `version=` takes it away.
        let none = call.query.get("version").filter(|said| said.trim().is_empty()).map(|_| String::new());
        let (title, version) = (said("title")?, said("version")?.or(none));
        let table = call.sent()?.table(COLUMNS).await?.map_err(Problem::fields)?;
        let requirements = requirements(&table).map_err(Problem::fields)?;
        Ok(Self { title, version, requirements })
    }
}

/// All rows, or every mistake in them.
pub fn requirements(table: &Table) -> Result<Vec<Asked>, Vec<FieldError>> {
    let all = within(table, MOST_REQUIREMENTS)?;
    if all.is_empty() && table.errors.is_empty() {
        return Err(vec![field_error("body", "it has no rows: a framework asks for something, a row each")]);
    }
    let mut seen = HashMap::new();
    let (mut errors, mut asked) = (table.errors.clone(), Vec::new());
    for row in all {
        let mut cells = Cells::of(row);
        let id = cells.reference(&mut seen);
        let name = cells.name();
        let description = cells.text("description", LONGEST_DESCRIPTION);
        let parent = cells.given("parent_ref").and_then(|parent| cells.faults.keep(checked_ref("parent_ref", parent)));
        let made = id.zip(name).map(|(id, name)| Asked { id, name, description, parent });
        match cells.settle(made) {
            Ok(made) => asked.push((row.number, made)),
            Err(wrong) => errors.extend(wrong),
        }
    }
    for (number, Asked { id, parent, .. }) in &asked {
        let Some(parent) = parent else { continue };
        // A part stands below its whole, so that nothing is a part of itself.
        if seen.get(parent).is_none_or(|above| above >= number) {
            let detail = format!("{parent} does not stand above {id}: begin with the whole, and its parts below");
            errors.push(FieldError { row: Some(*number), ..field_error("parent_ref", detail) });
        }
    }
    errors.sort_by_key(|error| error.row);
    if errors.is_empty() { Ok(asked.into_iter().map(|(_, asked)| asked).collect()) } else { Err(errors) }
}

/// A mapping, and the row that says it.
pub type Mapped = (u64, Mapping);

/// The same of mappings; what stands twice is one.
pub fn mappings(table: &Table, of: &str) -> Result<Vec<Mapped>, Vec<FieldError>> {
    let all = within(table, MOST_MAPPINGS)?;
    let (mut errors, mut made) = (table.errors.clone(), BTreeMap::new());
    for row in all {
        match mapping(row, of) {
            Ok((ends, strength)) => made.extend(ends.into_iter().map(|end| (end, (row.number, strength)))),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.row);
        return Err(errors);
    }
    if made.len() > MOST_MAPPINGS {
        let detail =
            format!("it says {} times what answers what, and {MOST_MAPPINGS} are the most: say less", made.len());
        return Err(vec![field_error("body", detail)]);
    }
    let mapping = |((requirement, framework, target), (row, strength))| {
        (row, Mapping { requirement, framework, target, strength })
    };
    Ok(made.into_iter().map(mapping).collect())
}

/// A requirement, a framework, and what in it answers the requirement.
type Ends = (String, String, String);

fn mapping(row: &Row, of: &str) -> Result<(Vec<Ends>, Strength), Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let requirement = cells.faults.keep(checked_ref("requirement", row.cell("requirement")));
    let framework = cells.given("framework").unwrap_or(OF_2022);
    let framework = cells.faults.keep(checked_ref("framework", framework));
    if framework.as_deref() == Some(of) {
        cells.faults.wrong("framework", "a framework does not answer itself: name another one");
    }
    let strength = cells.word("strength", strength).unwrap_or(Strength::Full);
    if cells.given("answered_by").is_none() {
        cells
            .faults
            .wrong("answered_by", "it is empty: name a control of Annex A, such as A.5.1, or what else answers it");
    }
    let is_annex = framework.as_deref().is_some_and(|framework| [OF_2022, OF_2013].contains(&framework));
    let target =
        |entry: &str| checked_ref("answered_by", &if is_annex { entry.to_uppercase() } else { entry.to_owned() });
    let targets: Vec<String> =
        entries(row.cell("answered_by")).filter_map(|entry| cells.faults.keep(target(entry))).collect();
    let made = requirement.zip(framework).map(|(requirement, framework)| {
        let end = |target| (requirement.clone(), framework.clone(), target);
        (targets.into_iter().map(end).collect(), strength)
    });
    cells.settle(made)
}

fn strength(word: &str) -> Result<Strength, String> {
    match word {
        "full" | "fully" => Ok(Strength::Full),
        "partial" | "partially" | "partly" => Ok(Strength::Partial),
        other => {
            let other: String = other.chars().take(60).collect();
            Err(format!("`{other}` is neither: write full or partial"))
        }
    }
}

/// The rows, where they are no more than these.
fn within(table: &Table, most: usize) -> Result<&[Row], Vec<FieldError>> {
    let count = table.rows.len();
    if count > most {
        return Err(vec![field_error("body", format!("it has {count} rows, and {most} are the most: split it"))]);
    }
    Ok(&table.rows)
}
