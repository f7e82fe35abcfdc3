use super::cells::{Cells, entries};
use super::table::{Row, Table};
use super::{Taken, aside, decided};
use crate::checks::{LONGEST_LABEL, LONGEST_TEXT};
use crate::methodology::{self, InForce, Written};
use crate::risk::{Assessment, Broken, Command, Import, Risk, Stage, TreatmentOption};
use crate::{asset, control};
use eventstore::{Aggregate, Refused, Stream, Work};
use service::{FieldError, Problem, Progress, checked_ref, field_error};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub const COLUMNS: &[&str] = &[
    "ref_id",
    "name",
    "description",
    "inherent_proba",
    "inherent_impact",
    "existing_controls",
    "current_proba",
    "current_impact",
    "additional_controls",
    "residual_proba",
    "residual_impact",
    "treatment",
    "assets",
    "category",
    "threat",
    "vulnerability",
];

const STAGES: [(Stage, &str, &str); 3] = [
    (Stage::Inherent, "inherent_proba", "inherent_impact"),
    (Stage::Current, "current_proba", "current_impact"),
    (Stage::Residual, "residual_proba", "residual_impact"),
];

/// What the rows are held against.
struct Known {
    methodology: InForce,
    /// Those of the assets that the file names that there are.
    assets: BTreeSet<String>,
    /// Those of the controls that the file plans that do not apply.
    excluded: BTreeSet<String>,
    /// Of the risks that have one already.
    categories: HashMap<String, String>,
}

/// A row without a mistake of its own.
#[derive(Debug, PartialEq)]
struct Draft {
    row: u64,
    id: String,
    import: Import,
}

/// Decides on every row that is right.
pub async fn take(work: &mut Work, table: &Arc<Table>, progress: &Progress) -> Result<Taken, Problem> {
    let known = look_up(work, table).await?;
    let (checked, told) = (table.clone(), progress.clone());
    let (drafts, errors) = aside(move || check(&checked, &known, &told)).await?;
    let mut taken = Taken::of(table, errors);
    for (index, Draft { row, id, import }) in drafts.into_iter().enumerate() {
        decided(index, table, progress).await;
        let existed = work.load::<Risk>(&id).await?.1 > 0;
        match work.execute::<Risk>(&id, None, Command::Import(import)).await {
            Ok(changed) => taken.count(existed, &changed),
            Err(Refused::Rule(broken)) => taken.errors.push(at_fault(row, &broken)),
            Err(refused @ (Refused::Stale { .. } | Refused::Store(_))) => return Err(refused.into()),
        }
    }
    Ok(taken)
}

/// Reads everything that the file mentions in one query.
async fn look_up(work: &mut Work, table: &Table) -> Result<Known, Problem> {
    let risks = mentioned(table, "ref_id");
    let assets = mentioned(table, "assets");
    let controls = mentioned(table, "additional_controls");
    let mut streams = [asset::streams(&assets), control::streams(&controls)].concat();
    streams.extend(risks.iter().map(|id| Stream::new(Risk::TYPE, id)));
    work.preload(streams).await?;
    let methodology = methodology::in_force(work).await?;
    let mut known =
        Known { methodology, assets: BTreeSet::new(), excluded: BTreeSet::new(), categories: HashMap::new() };
    for id in risks {
        if let Some(category) = work.load::<Risk>(&id).await?.0.category().map(ToOwned::to_owned) {
            known.categories.insert(id, category);
        }
    }
    for id in assets {
        if asset::exists(work, &id).await? {
            known.assets.insert(id);
        }
    }
    for id in controls {
        if control::is_excluded(work, &id).await? {
            known.excluded.insert(id);
        }
    }
    Ok(known)
}

/// The well-formed refs of a column, each once.
pub fn mentioned(table: &Table, column: &'static str) -> Vec<String> {
    let cells = table.rows.iter().flat_map(|row| entries(row.cell(column)));
    cells.filter_map(|entry| checked_ref(column, entry).ok()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The rows that are right, and every mistake of those that are not.
fn check(table: &Table, known: &Known, progress: &Progress) -> (Vec<Draft>, Vec<FieldError>) {
    let mut seen = HashMap::new();
    let mut drafts = Vec::new();
    let mut errors = table.errors.clone();
    for (index, row) in table.rows.iter().enumerate() {
        progress.at("reading", index, table.rows.len());
        match draft(row, known, &mut seen) {
            Ok(draft) => drafts.push(draft),
            Err(wrong) => errors.extend(wrong),
        }
    }
    (drafts, errors)
}

fn draft(row: &Row, known: &Known, seen: &mut HashMap<String, u64>) -> Result<Draft, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let name = cells.name();
    let description = cells.text("description", LONGEST_TEXT);
    let existing_controls = cells.list("existing_controls", |id| control::checked_control("existing_controls", id));
    let controls = cells.list("additional_controls", |id| planned(id, known));
    let option = cells.word("treatment", option).flatten();
    let assets = cells.list("assets", |id| match known.assets.get(id) {
        Some(asset) => Ok(asset.clone()),
        None => Err(field_error("assets", asset::unknown(&id.chars().take(64).collect::<String>()))),
    });
    let [category, threat, vulnerability] =
        [("category", LONGEST_LABEL), ("threat", LONGEST_TEXT), ("vulnerability", LONGEST_TEXT)]
            .map(|(column, longest)| cells.text(column, longest));
    // The one that the row gives it, or that it has already.
    let of = category.as_ref().or_else(|| id.as_ref().and_then(|id| known.categories.get(id))).map(String::as_str);
    let assessments = STAGES.into_iter().filter_map(|stage| assessment(&mut cells, known, of, stage)).collect();
    let made = id.zip(name).map(|(id, name)| Draft {
        row: row.number,
        id,
        import: Import {
            name,
            description,
            assets,
            category,
            threat,
            vulnerability,
            existing_controls,
            assessments,
            option,
            controls,
        },
    });
    cells.settle(made)
}

fn planned(id: &str, known: &Known) -> Result<String, FieldError> {
    let id = control::checked_control("additional_controls", id)?;
    if known.excluded.contains(&id) {
        return Err(field_error("additional_controls", control::excluded(&id)));
    }
    Ok(id)
}

/// `open` says as little as an empty cell: a treatment that was decided is not undone by it.
fn option(written: &str) -> Result<Option<TreatmentOption>, String> {
    Ok(Some(match written {
        "open" => return Ok(None),
        "mitigate" => TreatmentOption::Mitigate,
        "transfer" => TreatmentOption::Transfer,
        "accept" => TreatmentOption::Accept,
        "avoid" => TreatmentOption::Avoid,
        other => {
            let other: String = other.chars().take(60).collect();
            return Err(format!("`{other}` is no treatment: write mitigate, transfer, accept, avoid, or open"));
        }
    }))
}

fn assessment(
    cells: &mut Cells<'_>,
    known: &Known,
    category: Option<&str>,
    stage: (Stage, &'static str, &'static str),
) -> Option<Assessment> {
    let (stage, proba, impact) = stage;
    let (likelihood, severity) = match (cells.given(proba), cells.given(impact)) {
        (None, None) => return None,
        (Some(likelihood), Some(severity)) => (likelihood, severity),
        (Some(_), None) => {
            cells.faults.wrong(impact, format!("it is empty, and {proba} is not: give both or neither"));
            return None;
        }
        (None, Some(_)) => {
            cells.faults.wrong(proba, format!("it is empty, and {impact} is not: give both or neither"));
            return None;
        }
    };
    let (likelihood, severity) =
        (Written { field: proba, text: likelihood }, Written { field: impact, text: severity });
    let rated = known.methodology.rate(likelihood, severity, category);
    match rated {
        Ok(rating) => Some(Assessment { stage, rating, rationale: None }),
        Err(errors) => {
            cells.faults.add_all(errors);
            None
        }
    }
}

/// The column in which a row breaks a rule of the register.
fn at_fault(row: u64, broken: &Broken) -> FieldError {
    let column = match broken {
        Broken::NotAssessed | Broken::NoOption => "treatment",
        Broken::NoControls(_) => "additional_controls",
        // The risk as a whole, and what no upload asks for.
        Broken::RefTaken
        | Broken::Closed
        | Broken::NotTreated
        | Broken::NoResidual
        | Broken::NoOwner
        | Broken::NotTheOwner { .. }
        | Broken::OldMethodology { .. }
        | Broken::NoReason { .. }
        | Broken::NothingAsked
        | Broken::SamePerson
        | Broken::NotAPerson
        | Broken::AskedTooLongAgo { .. }
        | Broken::NoSuchAction { .. }
        | Broken::ActionIsDone { .. }
        | Broken::TooManyActions
        | Broken::ActionsOpen { .. } => "ref_id",
    };
    FieldError { row: Some(row), ..field_error(column, broken.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Draft, Known, check};
    use crate::import::table::Table;
    use crate::methodology::InForce;
    use crate::risk::TreatmentOption;
    use service::{FieldError, Progress};
    use std::collections::HashMap;

    fn known() -> Known {
        Known {
            methodology: InForce::baseline(),
            assets: (1..=26).map(|n| format!("A-{n}")).collect(),
            excluded: ["A.7.4".to_owned()].into(),
            categories: HashMap::new(),
        }
    }

    fn checked(file: &str) -> (Vec<Draft>, Vec<FieldError>) {
        check(&Table::read(file.as_bytes(), COLUMNS).expect("a table"), &known(), &Progress::default())
    }

    fn told(file: &str) -> Vec<(Option<u64>, String, String)> {
        let told = |error: FieldError| {
            let start = error.detail.split([':', ',']).next().unwrap_or_default().to_owned();
            (error.row, error.field, start)
        };
        checked(file).1.into_iter().map(told).collect()
    }

    fn at(row: u64, field: &str, detail: &str) -> (Option<u64>, String, String) {
        (Some(row), field.to_owned(), detail.to_owned())
    }

    #[test]
    fn the_example_register_has_no_mistake() {
        let (drafts, errors) = checked(include_str!("../../../../examples/risks.csv"));
        assert_eq!((drafts.len(), errors), (48, vec![]));
        assert_eq!(drafts.iter().filter(|draft| draft.import.option.is_none()).count(), 13);
        let first = &drafts[0];
        assert_eq!((first.row, first.id.as_str(), first.import.assessments.len()), (2, "R-1", 3));
        assert_eq!(first.import.option, Some(TreatmentOption::Mitigate));
        assert_eq!(first.import.controls.as_deref(), Some(["A.8.9", "A.8.12", "A.8.16"].map(String::from).as_slice()));
    }

    #[test]
    fn the_example_with_errors_has_exactly_its_six() {
        assert_eq!(
            told(include_str!("../../../../examples/risks-with-errors.csv")),
            [
                at(3, "current_proba", "`Probable` is not on the likelihood scale"),
                at(5, "ref_id", "R-3 is in row 4 already"),
                at(6, "inherent_impact", "`7` is not on the impact scale"),
                at(7, "assets", "A-99 is not in the asset register"),
                at(8, "existing_controls", "`A.9.2.6` is no control of ISO/IEC 27001"),
                at(9, "treatment", "`reduce` is no treatment"),
            ]
        );
    }

    #[test]
    fn every_wrong_cell_of_a_row_is_told() {
        let long = "x".repeat(10_001);
        let file = format!(
            "ref_id,name,description,current_proba,current_impact,additional_controls,residual_proba,residual_impact\n\
             R 1,,{long},3,,A.7.4,,2\nR-2,a\0b,,0,9,,,\n"
        );
        assert_eq!(
            told(&file),
            [
                at(2, "ref_id", "`R 1` is not a short name"),
                at(2, "name", "it is empty"),
                at(2, "description", "it has 10001 characters"),
                at(2, "additional_controls", "A.7.4 is excluded as not applicable"),
                at(2, "current_impact", "it is empty"),
                at(2, "residual_proba", "it is empty"),
                at(3, "name", "the character NUL cannot be kept"),
                at(3, "current_proba", "`0` is not on the likelihood scale"),
                at(3, "current_impact", "`9` is not on the impact scale"),
            ]
        );
    }

    #[test]
    fn lists_are_separated_by_whatever_no_ref_contains_and_open_is_undecided() {
        let file = "ref_id;name;assets;treatment;existing_controls\n\
                    R-1;a;\"A-2,A-1\nA-3\";OPEN;\"A.8.3; A.5.2\"\nR-2;b;A-1 | A-2;Transfer;\n";
        let (drafts, errors) = checked(file);
        assert_eq!(errors, vec![]);
        assert_eq!(drafts[0].import.assets.as_deref(), Some(["A-1", "A-2", "A-3"].map(String::from).as_slice()));
        assert_eq!(drafts[0].import.existing_controls.as_ref().map(Vec::len), Some(2));
        assert_eq!((drafts[0].import.option, drafts[1].import.option), (None, Some(TreatmentOption::Transfer)));
        assert_eq!(drafts[1].import.existing_controls, None);
    }
}
