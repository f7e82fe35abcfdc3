use super::cells::{Cells, entries};
use super::risks::mentioned;
use super::table::{Row, Table};
use super::{Taken, aside, decided};
use crate::asset::{self, Asset, Command, HIGHEST_OBJECTIVE, Import, Kind, SecurityObjectives};
use crate::checks::{LONGEST_NAME, LONGEST_TEXT, tidy};
use eventstore::Work;
use service::{FieldError, Problem, Progress, field_error};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub const COLUMNS: &[&str] =
    &["ref_id", "name", "description", "domain", "type", "security_objectives", "parent_assets"];

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
    let mut rows = Vec::new();
    for (index, Draft { row, id, import }) in drafts.into_iter().enumerate() {
        decided(index, table, progress).await;
        rows.extend(import.supports.is_some().then(|| (row, id.clone())));
        let existed = asset::exists(work, &id).await?;
        let changed = work.execute::<Asset>(&id, None, Command::Import(import)).await?;
        taken.count(existed, &changed);
    }
    taken.errors.extend(circles(work, &rows).await?);
    Ok(taken)
}

/// The rows that lead into a circle, by what all of them say together.
async fn circles(work: &mut Work, rows: &[(u64, String)]) -> Result<Vec<FieldError>, Problem> {
    let mut circles = asset::Circles::default();
    let mut errors = Vec::new();
    for (row, id) in rows {
        if let Some(circle) = circles.find(work, id, None).await? {
            let detail = asset::circular(&circle);
            errors.push(FieldError { row: Some(*row), ..field_error("parent_assets", detail) });
        }
    }
    Ok(errors)
}

/// The assets that rows may refer to: those of the register, and those of the file itself.
async fn look_up(work: &mut Work, table: &Table) -> Result<BTreeSet<String>, Problem> {
    let own = mentioned(table, "ref_id");
    let parents = mentioned(table, "parent_assets");
    let all = tidy(own.iter().chain(&parents).cloned());
    work.preload(asset::streams(&all)).await?;
    let mut known: BTreeSet<String> = own.into_iter().collect();
    for id in parents {
        if asset::exists(work, &id).await? {
            known.insert(id);
        }
    }
    Ok(known)
}

/// The rows that are right, and every mistake of those that are not.
fn check(table: &Table, known: &BTreeSet<String>, progress: &Progress) -> (Vec<Draft>, Vec<FieldError>) {
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

fn draft(row: &Row, known: &BTreeSet<String>, seen: &mut HashMap<String, u64>) -> Result<Draft, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let name = cells.name();
    let description = cells.text("description", LONGEST_TEXT);
    let domain = cells.text("domain", LONGEST_NAME);
    let kind = cells.word("type", kind);
    let security_objectives = objectives(&mut cells);
    let supports = cells.list("parent_assets", |parent| match known.get(parent) {
        Some(_) if id.as_deref() == Some(parent) => {
            Err(field_error("parent_assets", format!("{parent} does not rely on itself: leave it out")))
        }
        Some(asset) => Ok(asset.clone()),
        None => Err(field_error("parent_assets", asset::unknown(&parent.chars().take(64).collect::<String>()))),
    });
    let made = id.zip(name).map(|(id, name)| Draft {
        row: row.number,
        id,
        import: Import { name, description, kind, domain, security_objectives, supports },
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
    use super::{COLUMNS, Draft, check};
    use crate::asset::{Kind, SecurityObjectives};
    use crate::import::risks::mentioned;
    use crate::import::table::Table;
    use service::{FieldError, Progress};

    fn checked(file: &str) -> (Vec<Draft>, Vec<FieldError>) {
        let table = Table::read(file.as_bytes(), COLUMNS).expect("a table");
        check(&table, &mentioned(&table, "ref_id").into_iter().collect(), &Progress::default())
    }

    #[test]
    fn the_example_list_has_no_mistake() {
        let (drafts, errors) = checked(include_str!("../../../../examples/assets.csv"));
        assert_eq!((drafts.len(), errors), (26, vec![]));
        let backups = &drafts[18].import;
        assert_eq!((backups.name.as_str(), backups.kind), ("Backups", Some(Kind::Supporting)));
        assert_eq!(backups.supports.as_deref(), Some(["A-10", "A-11"].map(String::from).as_slice()));
        let objectives = SecurityObjectives { confidentiality: Some(3), integrity: Some(3), availability: Some(2) };
        assert_eq!(backups.security_objectives, Some(objectives));
    }

    #[test]
    fn every_wrong_cell_is_told() {
        let file = "ref_id,name,type,security_objectives,parent_assets\n\
                    A-1,a,thing,\"integrity: 5, proof: 1\",A-1|A-9\n\
                    A-2,b,primary,availability,A-1\n";
        let (drafts, errors) = checked(file);
        assert_eq!(drafts, vec![]);
        let told = errors.iter().map(|error| (error.row, error.field.as_str())).collect::<Vec<_>>();
        let objectives = "security_objectives";
        assert_eq!(
            told,
            [
                (Some(2), "type"),
                (Some(2), objectives),
                (Some(2), objectives),
                (Some(2), "parent_assets"),
                (Some(2), "parent_assets"),
                (Some(3), objectives),
            ]
        );
    }
}
