use super::{control, short};
use crate::checks::LONGEST_TEXT;
use crate::control::{Broken, Command, Control, Implementation, ImplementationState};
use access::Action;
use catalogue::annex_a;
use eventstore::{Aggregate, Stream, Work};
use service::upload::{Back, Read, Touched, changed_since};
use service::{Cells, Columns, Draft, FieldError, Problem, Progress, Row, Table, Undo, Upload, field_error};
use std::collections::{BTreeMap, HashMap};

/// How controls are implemented: by ids of Annex A, or as CISO Assistant lists applied controls, of which one control of
/// Annex A may have several.
#[derive(Debug)]
pub struct Controls;

/// How far each control of the tenant is, and in what way.
pub struct Known(HashMap<String, Implementation>);

/// What a row says of a control.
#[derive(Debug, PartialEq)]
struct Applied {
    row: u64,
    control: String,
    how: Option<String>,
    state: Option<ImplementationState>,
    owner: Option<String>,
}

impl Upload for Controls {
    type Of = Control;
    type Known = Known;

    const COLUMNS: Columns =
        Columns::of(&["reference_control", "ref_id", "name", "description", "observation", "status", "owner"])
            .any()
            .elsewhere(&[
                ("reference_control_ref_id", "reference_control"),
                ("control", "reference_control"),
                ("how", "description"),
                ("state", "status"),
            ]);
    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[Action::WriteControls];

    async fn look_up(&self, work: &mut Work, _: &Table) -> Result<Known, Problem> {
        work.preload(annex_a().iter().map(|control| Stream::new(Control::TYPE, &control.id)).collect()).await?;
        let mut known = HashMap::new();
        for control in annex_a() {
            let (standing, version) = work.load::<Control>(&control.id).await?;
            if version > 0 {
                known.insert(control.id.clone(), standing.implementation().clone());
            }
        }
        Ok(Known(known))
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        let (rows, mut errors) = table.each(progress, |row, _| applied(row, known));
        let mut by_control: BTreeMap<String, Vec<Applied>> = BTreeMap::new();
        for row in rows {
            by_control.entry(row.control.clone()).or_default().push(row);
        }
        let mut drafts = Vec::new();
        for (id, rows) in by_control {
            match together(&id, &rows, known) {
                Ok(draft) => drafts.push(draft),
                Err(error) => errors.push(error),
            }
        }
        (drafts, errors)
    }

    fn at_fault(broken: &Broken) -> &'static str {
        match broken {
            Broken::ExcludedControl => "status",
            Broken::NotAdded | Broken::ReliedOn(_) => "reference_control",
        }
    }
}

/// A file says how far a control is, and whose: what was decided of it beside that stays.
impl Undo for Controls {
    const REGISTER: &'static str = "controls";
    const IN_PART: bool = true;

    fn is_there(_: &Control) -> bool {
        true
    }

    fn back(&self, control: &Touched<'_, Control>) -> Back<Self> {
        let said = |control: &Control| (control.implementation().clone(), control.owner().map(ToOwned::to_owned));
        if said(control.left) != said(control.now) {
            return Err(vec![changed_since(control.id)]);
        }
        let (implementation, owner) = control.before.map(said).unwrap_or_default();
        let owner = owner.map_or(Command::TakeBackOwner, |owner| Command::AssignOwner { owner });
        Ok(vec![Command::SetImplementation(implementation), owner])
    }
}

fn applied(row: &Row, known: &Known) -> Result<Applied, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let control = named(&cells, known);
    let control = cells.faults.keep(control);
    let state = cells.word("status", state);
    let texts = ["name", "description", "observation"].map(|column| cells.text(column, LONGEST_TEXT));
    let owner = cells.person("owner");
    let [name, description, observation] = texts;
    let told: Vec<String> = [description, observation].into_iter().flatten().collect();
    let how = match (name, told.join("\n")) {
        (name, told) if told.is_empty() => name,
        (Some(name), told) => Some(format!("{name}: {told}")),
        (None, told) => Some(told),
    };
    cells.settle(control.map(|control| Applied { row: row.number, control, how, state, owner }))
}

/// The control of Annex A: the one that the row refers to, or else the one that it is called by.
fn named(cells: &Cells<'_>, known: &Known) -> Result<String, FieldError> {
    let given = ["reference_control", "ref_id"].map(|column| cells.given(column).map(|cell| control(column, cell)));
    let id = match given {
        [Some(Ok(id)), _] | [_, Some(Ok(id))] => id,
        [Some(Err(error)), _] | [None, Some(Err(error))] => return Err(error),
        [None, None] => return Err(field_error("reference_control", "it is empty: name a control such as A.5.1")),
    };
    if known.0.contains_key(&id) {
        return Ok(id);
    }
    Err(field_error("reference_control", format!("there is no control {id} here: GET /controls lists them")))
}

/// Of our words and theirs. One that does not say how far a control is, is for its sender to say.
fn state(word: &str) -> Result<ImplementationState, String> {
    match word.replace(' ', "_").as_str() {
        "not_started" => Ok(ImplementationState::NotStarted),
        "planned" | "to_do" => Ok(ImplementationState::Planned),
        "partial" | "in_progress" => Ok(ImplementationState::Partial),
        "implemented" | "active" => Ok(ImplementationState::Implemented),
        "operating" => Ok(ImplementationState::Operating),
        other => {
            let other = short(other);
            Err(format!(
                "`{other}` does not say how far it is: write not_started, planned (to_do), partial (in_progress), \
                 implemented (active) or operating, or say what it means, as in map=status:{other}=planned"
            ))
        }
    }
}

/// What all rows of one control say of it together.
fn together(id: &str, rows: &[Applied], known: &Known) -> Result<Draft<Command>, FieldError> {
    let first = rows.first().map_or(0, |row| row.row);
    let standing = known.0.get(id).cloned().unwrap_or_default();
    let owner = owner(id, rows)?;
    let state = combined(rows.iter().filter_map(|row| row.state));
    let state = match state {
        None => standing.state,
        // What operates is implemented: a file that says no more takes nothing away from it.
        Some(ImplementationState::Implemented) => standing.state.max(ImplementationState::Implemented),
        Some(state) => state,
    };
    let how: Vec<&str> = rows.iter().filter_map(|row| row.how.as_deref()).collect();
    let how = if how.is_empty() { standing.how } else { Some(how.join("\n\n")) };
    if let Some(length) = how.as_ref().map(|how| how.chars().count()).filter(|length| *length > LONGEST_TEXT) {
        let detail = format!("the rows of {id} have {length} characters together, and {LONGEST_TEXT} are the most");
        return Err(FieldError { row: Some(first), ..field_error("description", detail) });
    }
    let implemented = Command::SetImplementation(Implementation { state, how });
    let assigned = owner.map(|owner| Command::AssignOwner { owner });
    let commands = [implemented].into_iter().chain(assigned).collect();
    Ok(Draft { row: first, id: id.to_owned(), existed: true, reason: None, commands })
}

/// All are implemented, or it is in part; nothing is there yet where no part is.
fn combined(states: impl Iterator<Item = ImplementationState>) -> Option<ImplementationState> {
    states.reduce(|one, other| match (one.min(other), one.max(other)) {
        (least, most) if least == most || least >= ImplementationState::Implemented => least,
        (_, most) if most >= ImplementationState::Partial => ImplementationState::Partial,
        (_, most) => most,
    })
}

/// A control has one owner: who of several it is, the file says.
fn owner(id: &str, rows: &[Applied]) -> Result<Option<String>, FieldError> {
    let mut named = rows.iter().filter_map(|row| Some((row.row, row.owner.as_ref()?)));
    let Some((row, owner)) = named.next() else { return Ok(None) };
    match named.find(|(_, other)| *other != owner) {
        None => Ok(Some(owner.clone())),
        Some((at, other)) => {
            let detail =
                format!("{id} is {owner}'s by row {row} and {other}'s here: a control has one owner, name it once");
            Err(FieldError { row: Some(at), ..field_error("owner", detail) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Controls, Known, combined};
    use crate::control::ImplementationState::{Implemented, NotStarted, Operating, Partial, Planned};
    use crate::control::{Command, Implementation};
    use service::{Draft, Progress, Sent, Upload};

    const HEADING: &str = "ref_id,name,description,status,observation,reference_control,owner,priority\n";

    async fn read(rows: &str, words: &str) -> (Vec<Draft<Command>>, Vec<String>) {
        let sent = Sent { file: format!("{HEADING}{rows}").into(), words: Some(words.to_owned()), sheet: None };
        let table = sent.table(Controls::COLUMNS).await.expect("read").expect("a table");
        assert_eq!(table.ignored_columns, ["priority"]);
        let operating = Implementation { state: Operating, how: Some("Nightly".to_owned()) };
        let known = [("A.5.1", Implementation::default()), ("A.5.2", Implementation::default()), ("A.8.13", operating)];
        let known = Known(known.map(|(id, standing)| (id.to_owned(), standing)).into());
        let (drafts, errors) = Controls.read(&table, &known, &Progress::default());
        let told = errors.iter().map(|error| format!("{} {}: {}", error.row.unwrap_or(0), error.field, error.detail));
        (drafts, told.collect())
    }

    fn said(drafts: &[Draft<Command>]) -> Vec<String> {
        let command = |command: &Command| {
            if let Command::SetImplementation(Implementation { state, how }) = command {
                return format!("{state:?} {how:?}");
            }
            let Command::AssignOwner { owner } = command else { panic!("an upload says no {command:?}") };
            owner.clone()
        };
        let all = |draft: &Draft<Command>| draft.commands.iter().map(command).collect::<Vec<_>>().join(" ");
        drafts.iter().map(|draft| format!("{} {}", draft.id, all(draft))).collect()
    }

    #[tokio::test]
    async fn applied_controls_of_one_control_are_told_together() {
        let rows = "C-1,Rules,We wrote them,active,Approved,iso27001-2022:a.5.1,mara,1\n\
                    C-2,Leaflet,,to_do,,5.1,,2\n\
                    A.8.13,Backup,,active,,,,\n\
                    C-4,,,--,,A.5.2,jo,\n";
        let (drafts, errors) = read(rows, "").await;
        assert_eq!(errors, Vec::<String>::new());
        let expected = [
            r#"A.5.1 Partial Some("Rules: We wrote them\nApproved\n\nLeaflet") mara"#,
            "A.5.2 NotStarted None jo",
            r#"A.8.13 Operating Some("Backup")"#,
        ];
        assert_eq!(said(&drafts), expected);
    }

    #[tokio::test]
    async fn what_a_word_does_not_say_is_asked_for() {
        let rows = "C-1,Rules,,on_hold,,A.5.1,,\nC-2,x,,active,,doc-pol,,\nC-3,x,,,,,,\nC-4,a,,,,A.5.2,jo,\nC-5,b,,,,A.5.2,mara,\n";
        let (_, errors) = read(rows, "").await;
        let starts = [
            "2 status: `on_hold` does not say how far it is: write not_started, planned (to_do)",
            "3 reference_control: `doc-pol` is no control of ISO/IEC 27001:2022 Annex A",
            "4 ref_id: `C-3` is no control of ISO/IEC 27001:2022 Annex A",
            "6 owner: A.5.2 is jo's by row 5 and mara's here",
        ];
        assert_eq!(errors.len(), starts.len(), "{errors:?}");
        for (error, start) in errors.iter().zip(starts) {
            assert!(error.starts_with(start), "{error}");
        }
        let (drafts, errors) = read("C-1,,,on_hold,,doc-pol,,\n", "status:on_hold=planned;control:doc-pol=A.5.1").await;
        assert_eq!((said(&drafts), errors), (vec!["A.5.1 Planned None".to_owned()], vec![]));
    }

    #[test]
    fn a_control_is_as_far_as_all_that_implements_it() {
        let all = [
            (vec![Implemented, Operating], Some(Implemented)),
            (vec![Implemented, Planned], Some(Partial)),
            (vec![NotStarted, Operating, Operating], Some(Partial)),
            (vec![NotStarted, Planned], Some(Planned)),
            (vec![NotStarted, NotStarted], Some(NotStarted)),
            (vec![], None),
        ];
        for (states, together) in all {
            assert_eq!(combined(states.clone().into_iter()), together, "{states:?}");
        }
    }
}
