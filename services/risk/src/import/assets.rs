use super::names::AssetNames;
use crate::asset::{
    self, Asset, Broken, Command, HIGHEST_OBJECTIVE, Import, Kind, RegisteredAsset, SecurityObjectives,
};
use crate::checks::{LONGEST_NAME, LONGEST_TEXT, tidy};
use access::Action;
use eventstore::Work;
use service::upload::{Read, called_so};
use service::{
    Cells, Columns, Draft, FieldError, Problem, Progress, Row, Seen, Table, Undo, Upload, checked_ref, entries,
    field_error,
};
use std::collections::BTreeSet;
use views::Column;

/// A list of assets. CISO Assistant's has the same columns.
#[derive(Debug)]
pub struct Assets;

/// The assets that rows may refer to.
pub struct Known {
    /// Those of the register.
    standing: BTreeSet<String>,
    /// Those of the file itself too.
    all: BTreeSet<String>,
    /// Of the register and of the file, where the file names parents by their names.
    names: AssetNames,
}

impl Upload for Assets {
    type Of = Asset;
    type Known = Known;

    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[Action::WriteRisks];
    const COLUMNS: Columns = Columns::of(&[
        "ref_id",
        "name",
        "description",
        "domain",
        "type",
        "owner",
        "security_objectives",
        "parent_assets",
    ])
    .numbered(asset::LETTERS);

    async fn called(&self, work: &mut Work, names: &[String]) -> Result<Vec<(String, String)>, Problem> {
        called_so::<RegisteredAsset>(work, Column::text("name"), names).await
    }

    async fn look_up(&self, work: &mut Work, table: &Table) -> Result<Known, Problem> {
        let own = mentioned(table, "ref_id");
        let mentioned = tidy(own.iter().cloned().chain(mentioned(table, "parent_assets")));
        work.preload(asset::streams(&mentioned)).await?;
        let mut standing = BTreeSet::new();
        for id in mentioned {
            if asset::exists(work, &id).await? {
                standing.insert(id);
            }
        }
        let all = standing.iter().cloned().chain(own).collect();
        let mut names = AssetNames::look_up(work, table, "parent_assets", &all).await?;
        called_in(table, &mut names);
        Ok(Known { standing, all, names })
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        table.each(progress, |row, seen| draft(row, known, seen))
    }

    fn at_fault(_: &Broken) -> &'static str {
        "ref_id"
    }

    /// The rows that lead into a circle, by what all of them say together.
    async fn look_over(&self, work: &mut Work, table: &Table) -> Result<Vec<FieldError>, Problem> {
        let mut circles = asset::Circles::default();
        let mut errors = Vec::new();
        for row in table.rows.iter().filter(|row| !row.cell("parent_assets").is_empty()) {
            let Ok(id) = checked_ref("ref_id", row.cell("ref_id")) else { continue };
            if let Some(circle) = circles.find(work, &id, None).await? {
                let detail = asset::circular(&circle);
                errors.push(FieldError { row: Some(row.number), ..field_error("parent_assets", detail) });
            }
        }
        Ok(errors)
    }
}

/// The well-formed refs of a column, each once.
pub fn mentioned(table: &Table, column: &'static str) -> Vec<String> {
    let cells = table.rows.iter().flat_map(|row| entries(row.cell(column)));
    cells.filter_map(|entry| checked_ref(column, entry).ok()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What the rows call their assets.
fn called_in(table: &Table, names: &mut AssetNames) {
    for row in &table.rows {
        if let Ok(id) = checked_ref("ref_id", row.cell("ref_id")) {
            names.add(row.cell("name"), &id);
        }
    }
}

fn draft(row: &Row, known: &Known, seen: &mut Seen) -> Result<Draft<Command>, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let name = cells.name();
    let description = cells.text("description", LONGEST_TEXT);
    let domain = cells.text("domain", LONGEST_NAME);
    let kind = cells.word("type", kind);
    let owner = cells.person("owner");
    let security_objectives = objectives(&mut cells);
    let supports = cells.list("parent_assets", |parent| {
        let parent = known.names.meant("parent_assets", parent, &known.all)?;
        if id.as_ref() == Some(&parent) {
            return Err(field_error("parent_assets", format!("{parent} does not rely on itself: leave it out")));
        }
        Ok(parent)
    });
    let made = id.zip(name).map(|(id, name)| Draft {
        row: row.number,
        existed: known.standing.contains(&id),
        id,
        reason: None,
        commands: vec![Command::Import(Import {
            name,
            description,
            kind,
            domain,
            owner,
            security_objectives,
            supports,
        })],
    });
    cells.settle(made)
}

fn kind(written: &str) -> Result<Kind, String> {
    match written {
        "pr" | "primary" => Ok(Kind::Primary),
        "sp" | "supporting" | "support" => Ok(Kind::Supporting),
        other => {
            let other: String = other.chars().take(60).collect();
            Err(format!("`{other}` is no type of asset: write PR (primary) or SP (supporting)"))
        }
    }
}

/// Reads `confidentiality: 3, integrity: 3, availability: 3`, of which any may be left out.
fn objectives(cells: &mut Cells<'_>) -> Option<SecurityObjectives> {
    const COLUMN: &str = "security_objectives";
    let cell = cells.given(COLUMN)?;
    let mut objectives = SecurityObjectives::default();
    for entry in entries(cell) {
        let (name, value) = entry.split_once([':', '=']).unwrap_or((entry, ""));
        let place = match name.trim().to_lowercase().as_str() {
            "confidentiality" => &mut objectives.confidentiality,
            "integrity" => &mut objectives.integrity,
            "availability" => &mut objectives.availability,
            _ => {
                let name: String = name.trim().chars().take(60).collect();
                let detail = format!("`{name}` is none of confidentiality, integrity, availability: leave it out");
                cells.faults.wrong(COLUMN, detail);
                continue;
            }
        };
        match value.trim().parse::<u8>() {
            Ok(value) if value <= HIGHEST_OBJECTIVE => *place = Some(value),
            Ok(_) | Err(_) => {
                let name = name.trim();
                cells.faults.wrong(COLUMN, format!("{name} is a number from 0 to {HIGHEST_OBJECTIVE}: `{name}: 3`"));
            }
        }
    }
    Some(objectives)
}

#[cfg(test)]
mod tests {
    use super::{AssetNames, Assets, Known, called_in, mentioned};
    use crate::asset::{Command, Import, Kind, SecurityObjectives};
    use service::{FieldError, Progress, Table, Upload};

    fn checked(file: &str) -> (Vec<Import>, Vec<FieldError>) {
        let table = Table::read(file.as_bytes(), None, &Assets::COLUMNS).expect("a table");
        let mut names = AssetNames::default();
        called_in(&table, &mut names);
        let known = Known { standing: [].into(), all: mentioned(&table, "ref_id").into_iter().collect(), names };
        let (drafts, errors) = Assets.read(&table, &known, &Progress::default());
        let imports = drafts.into_iter().flat_map(|draft| draft.commands).map(|command| match command {
            Command::Import(import) => import,
            Command::Add(_) | Command::Change(_) | Command::Remove => panic!("a row is imported"),
        });
        (imports.collect(), errors)
    }

    #[test]
    fn the_example_list_has_no_mistake() {
        let (imports, errors) = checked(include_str!("../../../../examples/assets.csv"));
        assert_eq!((imports.len(), errors), (26, vec![]));
        let backups = &imports[18];
        assert_eq!((backups.name.as_str(), backups.kind), ("Backups", Some(Kind::Supporting)));
        assert_eq!(backups.supports.as_deref(), Some(["A-10", "A-11"].map(String::from).as_slice()));
        let objectives = SecurityObjectives { confidentiality: Some(3), integrity: Some(3), availability: Some(2) };
        assert_eq!(backups.security_objectives, Some(objectives));
    }

    #[test]
    fn a_parent_is_named_by_its_ref_or_by_a_name_that_only_one_asset_has() {
        let file = "ref_id,name,parent_assets\nA-1,Kundendaten,\nA-2,Archiv,\nA-3,archiv,\nA-4,Server,kundendaten|A-2\n\
                    A-5,Raum,Archiv\nA-6,Haus,haus\nA-7,Keller,Dach\n";
        let (imports, errors) = checked(file);
        assert_eq!(imports[3].supports.as_deref(), Some(["A-1", "A-2"].map(String::from).as_slice()));
        assert_eq!(
            errors.iter().map(|error| error.detail.as_str()).collect::<Vec<_>>(),
            [
                "several assets are called Archiv: write a ref",
                "A-6 does not rely on itself: leave it out",
                "Dach is not in the asset register: add it first",
            ]
        );
    }

    #[test]
    fn every_wrong_cell_is_told() {
        let file = "ref_id,name,type,security_objectives,parent_assets,owner\n\
                    A-1,a,thing,\"integrity: 5, proof: 1\",A-1|A-9,mara@example.org\n\
                    A-2,b,primary,availability,A-1,mara\n";
        let (imports, errors) = checked(file);
        assert_eq!(imports, vec![]);
        let told = errors.iter().map(|error| (error.row, error.field.as_str())).collect::<Vec<_>>();
        let objectives = "security_objectives";
        assert_eq!(
            told,
            [
                (Some(2), "type"),
                (Some(2), "owner"),
                (Some(2), objectives),
                (Some(2), objectives),
                (Some(2), "parent_assets"),
                (Some(2), "parent_assets"),
                (Some(3), objectives),
            ]
        );
        let owner = "`mara@example.org` is not a person's handle: use letters in lower case, digits, and . _ - after the \
                     first; or say whose it is, as in map=owner:mara@example.org=mara";
        assert_eq!(errors[1].detail, owner);
    }
}
