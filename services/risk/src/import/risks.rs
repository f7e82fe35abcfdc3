use super::assets::mentioned;
use super::names::AssetNames;
use crate::asset;
use crate::checks::{LONGEST_LABEL, LONGEST_TEXT};
use crate::control;
use crate::methodology::{self, InForce, Written};
use crate::register::RegisteredRisk;
use crate::risk::{self, Assessment, Broken, Command, Import, Risk, Stage, TreatmentOption};
use access::Action;
use eventstore::{Aggregate, Stream, Work};
use service::upload::{Read, called_so};
use service::{
    Cells, Columns, Draft, FieldError, Problem, Progress, Row, Seen, Table, Undo, Upload, entries, field_error,
};
use std::collections::{BTreeSet, HashMap};
use views::Column;

/// As of any reason.
const LONGEST_REASON: usize = 2_000;

const STAGES: [Rated; 3] = [
    Rated { stage: Stage::Inherent, proba: "inherent_proba", impact: "inherent_impact", level: "inherent_level" },
    Rated { stage: Stage::Current, proba: "current_proba", impact: "current_impact", level: "current_level" },
    Rated { stage: Stage::Residual, proba: "residual_proba", impact: "residual_impact", level: "residual_level" },
];

/// The columns of one stage.
#[derive(Clone, Copy)]
struct Rated {
    stage: Stage,
    proba: &'static str,
    impact: &'static str,
    level: &'static str,
}

/// A risk register: ours, as a consultant's template has it, or as CISO Assistant exports it.
#[derive(Debug)]
pub struct Risks;

/// What the rows are held against.
pub struct Known {
    methodology: InForce,
    /// The risks that there are, each with its category where it has one.
    risks: HashMap<String, Option<String>>,
    /// Those of the assets that the file names that there are.
    assets: BTreeSet<String>,
    /// Where the file names some by their names.
    names: AssetNames,
    /// Those of the controls that the file plans that do not apply.
    excluded: BTreeSet<String>,
}

impl Upload for Risks {
    type Of = Risk;
    type Known = Known;

    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[Action::WriteRisks, Action::DecideTreatment];
    const COLUMNS: Columns = Columns::of(&[
        "ref_id",
        "name",
        "description",
        "inherent_proba",
        "inherent_impact",
        "inherent_level",
        "existing_controls",
        "current_proba",
        "current_impact",
        "current_level",
        "additional_controls",
        "residual_proba",
        "residual_impact",
        "residual_level",
        "treatment",
        "treatment_reason",
        "assets",
        "category",
        "threat",
        "vulnerability",
        "owner",
    ])
    .elsewhere(&[
        ("rid", "ref_id"),
        ("inherent_risk", "inherent_level"),
        ("existing_applied_controls", "existing_controls"),
        ("current_risk", "current_level"),
        ("applied_controls", "additional_controls"),
        ("residual_risk", "residual_level"),
        ("justification", "treatment_reason"),
        ("threats", "threat"),
        ("vulnerabilities", "vulnerability"),
    ])
    .numbered(risk::LETTERS);

    async fn called(&self, work: &mut Work, names: &[String]) -> Result<Vec<(String, String)>, Problem> {
        called_so::<RegisteredRisk>(work, Column::text("name"), names).await
    }

    /// Reads everything that the file mentions in one query.
    async fn look_up(&self, work: &mut Work, table: &Table) -> Result<Known, Problem> {
        let (refs, relied_on, controls) = (mentioned(table, "ref_id"), mentioned(table, "assets"), planned(table));
        let mut streams = [asset::streams(&relied_on), control::streams(&controls)].concat();
        streams.extend(refs.iter().map(|id| Stream::new(Risk::TYPE, id)));
        work.preload(streams).await?;
        let methodology = methodology::in_force(work).await?;
        let mut risks = HashMap::new();
        for id in refs {
            let (risk, _) = work.load::<Risk>(&id).await?;
            if risk.is_there() {
                let category = risk.category().map(ToOwned::to_owned);
                risks.insert(id, category);
            }
        }
        let mut assets = BTreeSet::new();
        for id in relied_on {
            if asset::exists(work, &id).await? {
                assets.insert(id);
            }
        }
        let mut excluded = BTreeSet::new();
        for id in controls {
            if control::is_excluded(work, &id).await? {
                excluded.insert(id);
            }
        }
        let names = AssetNames::look_up(work, table, "assets", &assets).await?;
        Ok(Known { methodology, risks, assets, names, excluded })
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        table.each(progress, |row, seen| draft(row, known, seen))
    }

    /// The column in which a row breaks a rule of the register.
    fn at_fault(broken: &Broken) -> &'static str {
        match broken {
            Broken::NotAssessed | Broken::NoOption => "treatment",
            Broken::NoControls(_) => "additional_controls",
            // The risk as a whole, and what no upload asks for.
            Broken::RefTaken
            | Broken::Closed
            | Broken::Removed
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
        }
    }
}

/// The controls that the rows plan, each once.
fn planned(table: &Table) -> Vec<String> {
    let cells = table.rows.iter().flat_map(|row| entries(row.cell("additional_controls")));
    let meant = cells.filter_map(|entry| control::control_meant("additional_controls", entry).ok());
    meant.collect::<BTreeSet<_>>().into_iter().collect()
}

fn draft(row: &Row, known: &Known, seen: &mut Seen) -> Result<Draft<Command>, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let name = cells.name();
    let description = cells.text("description", LONGEST_TEXT);
    let existing_controls = cells.list("existing_controls", |id| control::control_meant("existing_controls", id));
    let controls = cells.list("additional_controls", |id| plannable(id, known));
    let option = cells.word("treatment", option).flatten();
    let reason = cells.text("treatment_reason", LONGEST_REASON);
    let assets = cells.list("assets", |written| known.names.meant("assets", written, &known.assets));
    let [category, threat, vulnerability] =
        [("category", LONGEST_LABEL), ("threat", LONGEST_TEXT), ("vulnerability", LONGEST_TEXT)]
            .map(|(column, longest)| cells.text(column, longest));
    let owner = cells.person("owner");
    let standing = id.as_ref().and_then(|id| known.risks.get(id));
    // The one that the row gives it, or that it has already.
    let of = category.as_deref().or_else(|| standing.and_then(Option::as_deref));
    let assessments = STAGES.into_iter().filter_map(|rated| assessment(&mut cells, known, of, rated)).collect();
    let made = id.zip(name).map(|(id, name)| Draft {
        row: row.number,
        existed: standing.is_some(),
        id,
        reason,
        commands: vec![Command::Import(Import {
            name,
            description,
            assets,
            category,
            threat,
            vulnerability,
            owner,
            existing_controls,
            assessments,
            option,
            controls,
        })],
    });
    cells.settle(made)
}

fn plannable(written: &str, known: &Known) -> Result<String, FieldError> {
    let id = control::control_meant("additional_controls", written)?;
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
            return Err(format!(
                "`{other}` is no treatment: write mitigate, transfer, accept, avoid or open, or say what it means, as in \
                 map=treatment:{other}=mitigate"
            ));
        }
    }))
}

fn assessment(cells: &mut Cells<'_>, known: &Known, category: Option<&str>, rated: Rated) -> Option<Assessment> {
    let Rated { stage, proba, impact, level } = rated;
    let (likelihood, severity) = match (cells.given(proba), cells.given(impact)) {
        (None, None) => {
            // What a level alone means, only its sender knows.
            let (likelihood, severity) = by_level(cells, level)?;
            let at = |text| Written { field: level, text };
            (at(likelihood), at(severity))
        }
        (Some(likelihood), Some(severity)) => {
            (Written { field: proba, text: likelihood }, Written { field: impact, text: severity })
        }
        (Some(_), None) => {
            cells.faults.wrong(impact, format!("it is empty, and {proba} is not: give both or neither"));
            return None;
        }
        (None, Some(_)) => {
            cells.faults.wrong(proba, format!("it is empty, and {impact} is not: give both or neither"));
            return None;
        }
    };
    let written = [(likelihood.field, likelihood.text), (severity.field, severity.text)];
    match known.methodology.rate(likelihood, severity, category) {
        Ok(rating) => Some(Assessment { stage, rating, rationale: None }),
        Err(errors) => {
            for error in errors {
                let word = written.iter().find(|(field, _)| error.field == *field).map_or("word", |(_, text)| *text);
                let word: String = word.chars().take(60).collect();
                let detail = format!("{}; or say what it means, as in map={}:{word}=4", error.detail, error.field);
                cells.faults.add(FieldError { detail, ..error });
            }
            None
        }
    }
}

fn by_level<'a>(cells: &mut Cells<'a>, column: &'static str) -> Option<(&'a str, &'a str)> {
    let cell = cells.given(column)?;
    let scores = cell.split_once('/');
    if scores.is_none() {
        let cell: String = cell.chars().take(60).collect();
        let detail = format!(
            "`{cell}` alone says neither how likely nor how bad it is: fill the columns of both, or say which likelihood \
             and impact it means, as in map={column}:{cell}=4/3"
        );
        cells.faults.wrong(column, detail);
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::{AssetNames, Known, Risks};
    use crate::methodology::InForce;
    use crate::risk::{Command, Import, TreatmentOption};
    use service::{Draft, FieldError, Progress, Sent, Upload};
    use std::collections::HashMap;

    fn known() -> Known {
        let mut names = AssetNames::default();
        for (name, id) in [("Billing", "A-7"), ("Laptop", "A-8"), ("laptop", "A-9")] {
            names.add(name, id);
        }
        Known {
            methodology: InForce::baseline(),
            assets: (1..=26).map(|n| format!("A-{n}")).collect(),
            excluded: ["A.7.4".to_owned()].into(),
            risks: HashMap::new(),
            names,
        }
    }

    async fn checked_as(file: &str, words: Option<&str>) -> (Vec<Draft<Command>>, Vec<FieldError>) {
        let sent = Sent { file: file.to_owned().into(), words: words.map(ToOwned::to_owned), sheet: None };
        let table = sent.table(Risks::COLUMNS).await.expect("read").expect("a table");
        Risks.read(&table, &known(), &Progress::default())
    }

    async fn checked(file: &str) -> (Vec<Draft<Command>>, Vec<FieldError>) {
        checked_as(file, None).await
    }

    fn import(draft: &Draft<Command>) -> &Import {
        let [Command::Import(import)] = draft.commands.as_slice() else { panic!("a row is imported") };
        import
    }

    async fn told(file: &str) -> Vec<(Option<u64>, String, String)> {
        let told = |error: FieldError| {
            let start = error.detail.split([':', ',']).next().unwrap_or_default().to_owned();
            (error.row, error.field, start)
        };
        checked(file).await.1.into_iter().map(told).collect()
    }

    fn at(row: u64, field: &str, detail: &str) -> (Option<u64>, String, String) {
        (Some(row), field.to_owned(), detail.to_owned())
    }

    #[tokio::test]
    async fn the_example_register_has_no_mistake() {
        let (drafts, errors) = checked(include_str!("../../../../examples/risks.csv")).await;
        assert_eq!((drafts.len(), errors), (48, vec![]));
        assert_eq!(drafts.iter().filter(|draft| import(draft).option.is_none()).count(), 13);
        let first = &drafts[0];
        assert_eq!((first.row, first.id.as_str(), import(first).assessments.len()), (2, "R-1", 3));
        assert_eq!(import(first).option, Some(TreatmentOption::Mitigate));
        assert_eq!(import(first).controls.as_deref(), Some(["A.8.9", "A.8.12", "A.8.16"].map(String::from).as_slice()));
    }

    #[tokio::test]
    async fn the_example_with_errors_has_exactly_its_six() {
        assert_eq!(
            told(include_str!("../../../../examples/risks-with-errors.csv")).await,
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

    #[tokio::test]
    async fn every_wrong_cell_of_a_row_is_told() {
        let long = "x".repeat(10_001);
        let file = format!(
            "ref_id,name,description,current_proba,current_impact,additional_controls,residual_proba,residual_impact\n\
             R 1,,{long},3,,A.7.4,,2\nR-2,a\0b,,0,9,,,\n"
        );
        assert_eq!(
            told(&file).await,
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

    #[tokio::test]
    async fn lists_are_separated_by_whatever_no_ref_contains_and_open_is_undecided() {
        let file = "ref_id;name;assets;treatment;existing_controls\n\
                    R-1;a;\"A-2,A-1\nA-3\";OPEN;\"A.8.3; A.5.2\"\nR-2;b;A-1 | A-2;Transfer;\n";
        let (drafts, errors) = checked(file).await;
        assert_eq!(errors, vec![]);
        assert_eq!(import(&drafts[0]).assets.as_deref(), Some(["A-1", "A-2", "A-3"].map(String::from).as_slice()));
        assert_eq!(import(&drafts[0]).existing_controls.as_ref().map(Vec::len), Some(2));
        assert_eq!((import(&drafts[0]).option, import(&drafts[1]).option), (None, Some(TreatmentOption::Transfer)));
        assert_eq!(import(&drafts[1]).existing_controls, None);
    }

    const EXPORTED: &str = "\u{feff}ref_id;assets;threats;name;description;existing_controls;current_impact;current_proba;\
                            current_risk;additional_controls;residual_impact;residual_proba;residual_risk;treatment;\
                            strength_of_knowledge\n\
                            R.1;Billing,A-2;Fire,Flood;Loss;It burns;5.1 ;Major;Likely;High;A.8.13 Backups;--;--;--;open;--\n";

    #[tokio::test]
    async fn an_export_of_ciso_assistant_is_understood() {
        let (drafts, errors) = checked(EXPORTED).await;
        assert_eq!(errors, vec![]);
        let risk = import(&drafts[0]);
        assert_eq!(risk.assets.as_deref(), Some(["A-2", "A-7"].map(String::from).as_slice()));
        assert_eq!((risk.threat.as_deref(), risk.option), (Some("Fire,Flood"), None));
        assert_eq!(risk.existing_controls.as_deref(), Some(["A.5.1".to_owned()].as_slice()));
        assert_eq!(risk.controls.as_deref(), Some(["A.8.13".to_owned()].as_slice()));
        assert_eq!(risk.assessments.iter().map(|one| one.rating.score()).collect::<Vec<_>>(), [16]);
    }

    #[tokio::test]
    async fn words_of_another_house_are_refused_until_somebody_says_what_they_mean() {
        let file = EXPORTED.replace("Likely", "Probable").replace("A.8.13 Backups", "Backup policy");
        let file = file + "R.2;Laptop;;Theft;;;--;--;High;;;;;transfer;\n";
        let told = checked(&file).await.1;
        let told: Vec<_> =
            told.iter().map(|error| format!("{:?} {}: {}", error.row, error.field, error.detail)).collect();
        let expected = [
            "Some(2) additional_controls: `Backup policy` is no control of ISO/IEC 27001:2022 Annex A: write an id such as \
             A.8.13, or say which it means, as in map=controls:Backup policy=A.8.13",
            "Some(2) current_proba: `Probable` is not on the likelihood scale: write a label or a number, one of 1 Rare, \
             2 Unlikely, 3 Possible, 4 Likely, 5 Almost certain; or say what it means, as in map=current_proba:Probable=4",
            "Some(3) assets: several assets are called Laptop: write a ref",
            "Some(3) current_level: `High` alone says neither how likely nor how bad it is: fill the columns of both, or \
             say which likelihood and impact it means, as in map=current_level:High=4/3",
        ];
        assert_eq!(told, expected);

        let words = "proba:Probable=4;controls:backup policy=A.8.13;risk:High=Likely/5;assets:Laptop=A-3";
        let (drafts, errors) = checked_as(&file, Some(words)).await;
        assert_eq!(errors, vec![]);
        let scores = drafts.iter().flat_map(|draft| &import(draft).assessments).map(|one| one.rating.score());
        assert_eq!(scores.collect::<Vec<_>>(), [16, 20]);
        assert_eq!(import(&drafts[0]).controls.as_deref(), Some(["A.8.13".to_owned()].as_slice()));
    }

    #[tokio::test]
    async fn why_a_treatment_was_chosen_is_the_reason_of_its_row() {
        let (drafts, _) = checked("ref_id,name,justification,owner\nR-1,a,Too dear,mara\nR-2,b,,\n").await;
        let said: Vec<_> =
            drafts.iter().map(|draft| (draft.reason.as_deref(), import(draft).owner.as_deref())).collect();
        assert_eq!(said, [(Some("Too dear"), Some("mara")), (None, None)]);
    }
}
