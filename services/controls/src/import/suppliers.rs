use super::short;
use crate::checks::{LONGEST_TEXT, LONGEST_TITLE};
use crate::supplier::{
    Broken, Command, Criticality, DescribeSupplier, MOST_SERVICES, Profile, RegisteredSupplier, Supplier,
};
use access::Action;
use eventstore::{Aggregate, Stream, Work};
use service::upload::{Back, Read, Touched, called_so};
use service::{
    Cells, Columns, Draft, FieldError, Problem, Progress, Register, Row, Seen, Table, Undo, Upload, checked_ref,
    checked_text,
};
use std::collections::HashMap;
use views::Column;

/// A list of suppliers. CISO Assistant's entities have some of its columns.
#[derive(Debug)]
pub struct Suppliers;

/// What is said of the suppliers that there are.
pub struct Known(HashMap<String, Profile>);

impl Upload for Suppliers {
    type Of = Supplier;
    type Known = Known;

    const COLUMNS: Columns = Columns::of(&["ref_id", "name", "criticality", "services", "information", "owner"])
        .elsewhere(&[("mission", "services")])
        .numbered(DescribeSupplier::LETTERS);
    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[Action::WriteControls];

    async fn called(&self, work: &mut Work, names: &[String]) -> Result<Vec<(String, String)>, Problem> {
        called_so::<RegisteredSupplier>(work, Column::text("name"), names).await
    }

    async fn look_up(&self, work: &mut Work, table: &Table) -> Result<Known, Problem> {
        let refs: Vec<String> =
            table.rows.iter().filter_map(|row| checked_ref("ref_id", row.cell("ref_id")).ok()).collect();
        work.preload(refs.iter().map(|id| Stream::new(Supplier::TYPE, id)).collect()).await?;
        let mut known = HashMap::new();
        for id in refs {
            if let Some(profile) = work.load::<Supplier>(&id).await?.0.profile().cloned() {
                known.insert(id, profile);
            }
        }
        Ok(Known(known))
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        table.each(progress, |row, seen| draft(row, known, seen))
    }

    fn at_fault(_: &Broken) -> &'static str {
        "ref_id"
    }
}

/// Nothing else refers to a supplier: what is recorded of it changes it.
impl Undo for Suppliers {
    const REGISTER: &'static str = "suppliers";

    fn is_there(supplier: &Supplier) -> bool {
        supplier.profile().is_some()
    }

    fn back(&self, supplier: &Touched<'_, Supplier>) -> Back<Self> {
        let before = supplier.before.and_then(Supplier::profile).cloned();
        Ok(vec![before.map_or(Command::Remove, Command::Describe)])
    }
}

/// What a row leaves open stays as it is.
fn draft(row: &Row, known: &Known, seen: &mut Seen) -> Result<Draft<Command>, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let name = cells.name();
    let standing = id.as_ref().and_then(|id| known.0.get(id));
    let criticality = cells.word("criticality", criticality);
    if standing.is_none() && cells.given("criticality").is_none() {
        cells.faults.wrong("criticality", "it is empty: write low, medium, high or critical");
    }
    let criticality = criticality.or(standing.map(|standing| standing.criticality));
    let services = services(&mut cells, standing);
    let information = cells.text("information", LONGEST_TEXT);
    let owner = cells.person("owner");
    let made = id.zip(name).zip(criticality).map(|((id, name), criticality)| {
        let profile = Profile {
            name,
            criticality,
            services: services.or(standing.map(|standing| standing.services.clone())).unwrap_or_default(),
            information: information.or(standing.and_then(|standing| standing.information.clone())),
            owner: owner.or(standing.and_then(|standing| standing.owner.clone())),
        };
        let existed = standing.is_some();
        let command = if existed { Command::Describe(profile) } else { Command::Register(profile) };
        Draft { row: row.number, id, existed, reason: None, commands: vec![command] }
    });
    cells.settle(made)
}

/// In words, or by the numbers that CISO Assistant has for it.
fn criticality(word: &str) -> Result<Criticality, String> {
    match word {
        "low" | "1" => Ok(Criticality::Low),
        "medium" | "2" => Ok(Criticality::Medium),
        "high" | "3" => Ok(Criticality::High),
        "critical" | "4" => Ok(Criticality::Critical),
        other => {
            let other = short(other);
            Err(format!(
                "`{other}` is no criticality: write low, medium, high or critical, or say what it means, as in \
                 map=criticality:{other}=high"
            ))
        }
    }
}

/// Sentences, which have commas in them. As they are downloaded they stay, whatever else they have in them.
fn services(cells: &mut Cells<'_>, standing: Option<&Profile>) -> Option<Vec<String>> {
    let cell = cells.given("services")?;
    if standing.is_some_and(|standing| standing.services.join("|") == cell) {
        return None;
    }
    let written: Vec<&str> = cell.split(['|', ';', '\n']).map(str::trim).filter(|one| !one.is_empty()).collect();
    if written.len() > MOST_SERVICES {
        cells.faults.wrong("services", format!("{MOST_SERVICES} are the most"));
    }
    let checked = written.into_iter().map(|one| checked_text("services", one, LONGEST_TITLE));
    Some(checked.filter_map(|one| cells.faults.keep(one)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Known, Suppliers};
    use crate::supplier::{Command, Criticality, Profile};
    use service::{Progress, Table, Upload};

    #[test]
    fn a_new_supplier_is_registered_and_a_known_one_keeps_what_the_row_leaves_open() {
        let file = "ref_id,name,criticality,mission,owner,country\n\
                    S-1,Fjordcloud,,\"Hosts it, all of it|Backups\",,NO\nS-2,Post,2,,,DE\nS-3,New,,,,\nS-4,x,grave,,,\n";
        let table = Table::read(file.as_bytes(), None, &Suppliers::COLUMNS).expect("a table");
        let standing = Profile {
            name: "Fjord".to_owned(),
            criticality: Criticality::High,
            services: vec![],
            information: Some("All".to_owned()),
            owner: Some("mara".to_owned()),
        };
        let known = Known([("S-1".to_owned(), standing.clone())].into());
        let (drafts, errors) = Suppliers.read(&table, &known, &Progress::default());
        assert_eq!(table.ignored_columns, ["country"]);
        let services = ["Hosts it, all of it", "Backups"].map(ToOwned::to_owned).to_vec();
        let described = Profile { name: "Fjordcloud".to_owned(), services, ..standing };
        assert!(matches!(&drafts[0].commands[..], [Command::Describe(profile)] if *profile == described));
        assert!(
            matches!(&drafts[1].commands[..], [Command::Register(profile)] if profile.criticality == Criticality::Medium)
        );
        let told: Vec<_> = errors.iter().map(|error| (error.row, error.detail.as_str())).collect();
        let expected = [
            (Some(4), "it is empty: write low, medium, high or critical"),
            (
                Some(5),
                "`grave` is no criticality: write low, medium, high or critical, or say what it means, as in map=criticality:grave=high",
            ),
        ];
        assert_eq!(told, expected);
    }
}
