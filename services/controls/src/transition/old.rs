use crate::checks::LONGEST_TEXT;
use crate::control::{Basis, ImplementationState};
use catalogue::successors;
use service::{Cells, Columns, FieldError, Progress, Row, Seen, Table, field_error};

pub const COLUMNS: Columns = Columns::of(&["control", "applicable", "justification", "basis", "state", "how", "owner"]);

/// What an old statement says of a control of 2013.
#[derive(Clone, Debug, PartialEq)]
pub struct OldRow {
    pub id: String,
    pub applicable: bool,
    pub justification: Option<String>,
    pub basis: Option<Basis>,
    pub state: Option<ImplementationState>,
    pub how: Option<String>,
    pub owner: Option<String>,
}

/// All rows, or every mistake in them.
pub fn read(table: &Table) -> Result<Vec<OldRow>, Vec<FieldError>> {
    let (rows, mut errors) = table.each(&Progress::default(), old_row);
    errors.sort_by_key(|error| error.row);
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

fn old_row(row: &Row, seen: &mut Seen) -> Result<OldRow, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = control(row.cell("control")).and_then(|id| match seen.insert(id.clone(), row.number) {
        Some(before) => Err(field_error("control", format!("{id} is in row {before} already"))),
        None => Ok(id),
    });
    let id = cells.faults.keep(id);
    if cells.given("applicable").is_none() {
        cells.faults.wrong("applicable", "it is empty: write yes or no");
    }
    let applicable = cells.word("applicable", applicable);
    let justification = cells.text("justification", LONGEST_TEXT);
    if applicable == Some(false) && cells.given("justification").is_none() {
        cells.faults.wrong("justification", "say why it is excluded");
    }
    let basis = cells.word("basis", basis);
    let state = cells.word("state", state);
    let how = cells.text("how", LONGEST_TEXT);
    let owner = cells.person("owner");
    let made = id.zip(applicable);
    cells.settle(made.map(|(id, applicable)| OldRow { id, applicable, justification, basis, state, how, owner }))
}

/// `A.5.1.1`, also where it is written without its letter.
fn control(written: &str) -> Result<String, FieldError> {
    let id = written.trim().to_uppercase();
    let id = if id.starts_with("A.") { id } else { format!("A.{id}") };
    if successors().iter().any(|known| known.id == id) {
        return Ok(id);
    }
    let written: String = written.trim().chars().take(60).collect();
    Err(field_error(
        "control",
        format!("`{written}` is no control of ISO/IEC 27001:2013 Annex A: write an id such as A.12.3.1"),
    ))
}

fn applicable(word: &str) -> Result<bool, String> {
    match word {
        "yes" | "y" | "true" | "1" | "x" | "applicable" | "included" => Ok(true),
        "no" | "n" | "false" | "0" | "not applicable" | "n/a" | "excluded" => Ok(false),
        other => Err(format!("`{}` says neither: write yes or no", short(other))),
    }
}

/// In words, or in the letters that statements of 2013 explain in their legend.
pub fn basis(word: &str) -> Result<Basis, String> {
    match word.to_lowercase().replace(' ', "_").as_str() {
        "risk_treatment" | "rra" | "rt" => Ok(Basis::RiskTreatment),
        "law" | "lr" => Ok(Basis::Law),
        "contract" | "co" => Ok(Basis::Contract),
        "good_practice" | "br/bp" | "br" | "bp" => Ok(Basis::GoodPractice),
        other => Err(format!("`{}` is no basis: write risk_treatment, law, contract or good_practice", short(other))),
    }
}

fn state(word: &str) -> Result<ImplementationState, String> {
    match word.replace(' ', "_").as_str() {
        "not_started" | "not_implemented" | "no" => Ok(ImplementationState::NotStarted),
        "planned" => Ok(ImplementationState::Planned),
        "partial" | "partially_implemented" | "in_progress" => Ok(ImplementationState::Partial),
        "implemented" | "yes" => Ok(ImplementationState::Implemented),
        "operating" => Ok(ImplementationState::Operating),
        other => Err(format!(
            "`{}` is no state: write not_started, planned, partial, implemented or operating",
            short(other)
        )),
    }
}

fn short(word: &str) -> String {
    word.chars().take(60).collect()
}
