//! Findings as they are uploaded. CISO Assistant's have some of the columns.

use super::body::{LONGEST_TEXT, LONGEST_TITLE, not_to_come, requirement, today};
use super::{Broken, Command, Finding, Kind, LETTERS, Profile, RaisedFinding};
use access::Action;
use chrono::NaiveDate;
use eventstore::{Aggregate, Cx, Stream, Work};
use service::upload::{Back, Read, Touched, called_so};
use service::{Cells, Columns, Draft, FieldError, Problem, Progress, Row, Seen, Table, Undo, Upload, checked_ref};
use std::collections::HashMap;
use views::Column;

/// A list of findings.
#[derive(Debug)]
pub struct Findings;

/// What the rows are held against.
pub struct Known {
    cx: Cx,
    /// What is said of those that there are, and whether they are closed.
    standing: HashMap<String, (Profile, bool)>,
}

impl Upload for Findings {
    type Of = Finding;
    type Known = Known;

    const COLUMNS: Columns = Columns::of(&[
        "ref_id",
        "name",
        "kind",
        "description",
        "requirements",
        "source",
        "raised_on",
        "owner",
        "due_date",
        "status",
        "observation",
    ])
    .elsewhere(&[("title", "name"), ("severity", "kind"), ("due", "due_date"), ("state", "status")])
    .numbered(LETTERS);
    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[Action::WriteFindings];

    async fn called(&self, work: &mut Work, names: &[String]) -> Result<Vec<(String, String)>, Problem> {
        called_so::<RaisedFinding>(work, Column::text("title"), names).await
    }

    async fn look_up(&self, work: &mut Work, table: &Table) -> Result<Known, Problem> {
        let refs: Vec<String> =
            table.rows.iter().filter_map(|row| checked_ref("ref_id", row.cell("ref_id")).ok()).collect();
        work.preload(refs.iter().map(|id| Stream::new(Finding::TYPE, id)).collect()).await?;
        let mut standing = HashMap::new();
        for id in refs {
            let finding = work.load::<Finding>(&id).await?.0;
            if let Some(profile) = finding.profile().cloned() {
                standing.insert(id, (profile, finding.is_closed()));
            }
        }
        Ok(Known { cx: work.cx().clone(), standing })
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        table.each(progress, |row, seen| draft(row, known, seen))
    }

    fn at_fault(_: &Broken) -> &'static str {
        "ref_id"
    }
}

impl Undo for Findings {
    const REGISTER: &'static str = "findings";

    fn is_there(finding: &Finding) -> bool {
        finding.profile().is_some()
    }

    fn back(&self, finding: &Touched<'_, Finding>) -> Back<Self> {
        let Some(before) = finding.before else { return Ok(vec![Command::Remove]) };
        // What is closed is described by nobody.
        let said = before.profile().cloned().map(Command::Describe);
        let open = finding.now.is_closed().then_some(Command::Reopen);
        let closed = before.is_closed().then_some(Command::Close);
        Ok(if finding.now.profile() == before.profile() && finding.now.is_closed() == before.is_closed() {
            vec![]
        } else {
            open.into_iter().chain(said).chain(closed).collect()
        })
    }
}

/// What a row leaves open stays as it is.
fn draft(row: &Row, known: &Known, seen: &mut Seen) -> Result<Draft<Command>, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let title = cells.name();
    let standing = id.as_ref().and_then(|id| known.standing.get(id));
    let was_closed = standing.is_some_and(|(_, closed)| *closed);
    let standing = standing.map(|(profile, _)| profile);
    let kind = cells.word("kind", kind);
    if standing.is_none() && cells.given("kind").is_none() {
        cells.faults.wrong("kind", format!("it is empty: write one of {KINDS}"));
    }
    let kind = kind.or(standing.map(|standing| standing.kind));
    let closed = cells.word("status", is_closed);
    let description = described(&mut cells);
    let requirements = cells.list("requirements", |entry| requirement("requirements", entry));
    let source = cells.text("source", LONGEST_TITLE);
    let raised_on = cells.day("raised_on").and_then(|day| cells.faults.keep(not_to_come("raised_on", day, &known.cx)));
    let owner = cells.person("owner");
    let due = cells.day("due_date");
    let raised_on =
        raised_on.or(standing.map(|standing| standing.raised_on)).unwrap_or_else(|| started(due, &known.cx));
    let due = due.or(standing.and_then(|standing| standing.due));
    if due.is_some_and(|due| due < raised_on) {
        cells.faults.wrong("due_date", format!("it lies before {raised_on}, the day on which it was found"));
    }
    let made = id.zip(title).zip(kind).map(|((id, title), kind)| {
        let profile = Profile {
            title,
            kind,
            description: description.or(standing.and_then(|standing| standing.description.clone())),
            requirements: requirements.or(standing.map(|standing| standing.requirements.clone())).unwrap_or_default(),
            source: source.or(standing.and_then(|standing| standing.source.clone())),
            raised_on,
            owner: owner.or(standing.and_then(|standing| standing.owner.clone())),
            due,
        };
        let commands = commands(profile, standing, was_closed, closed);
        Draft { row: row.number, id, existed: standing.is_some(), reason: None, commands }
    });
    cells.settle(made)
}

/// What follows from a row: what is closed is reopened to be described.
fn commands(profile: Profile, standing: Option<&Profile>, was_closed: bool, closed: Option<bool>) -> Vec<Command> {
    let is_closed = closed.unwrap_or(was_closed);
    let mut commands = Vec::new();
    match standing {
        None => commands.push(Command::Raise(profile)),
        Some(same) if *same == profile => {}
        Some(_) => {
            commands.extend(was_closed.then_some(Command::Reopen));
            commands.push(Command::Describe(profile));
        }
    }
    commands.push(if is_closed { Command::Close } else { Command::Reopen });
    commands
}

/// A file without the day on which it was found says that it was found by now, and before it was due.
fn started(due: Option<NaiveDate>, cx: &Cx) -> NaiveDate {
    due.map_or(today(cx), |due| due.min(today(cx)))
}

/// What was found, and what somebody noted about it since.
fn described(cells: &mut Cells<'_>) -> Option<String> {
    let parts = [cells.text("description", LONGEST_TEXT), cells.text("observation", LONGEST_TEXT)];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    if text.chars().count() > LONGEST_TEXT {
        cells.faults.wrong("observation", format!("with the description it is longer than {LONGEST_TEXT} characters"));
    }
    Some(text).filter(|text| !text.is_empty())
}

const KINDS: &str = "major_nonconformity, minor_nonconformity, observation, opportunity, good_practice";

/// How severe a weakness is says not which of them it is.
fn kind(word: &str) -> Result<Kind, String> {
    word.replace([' ', '-'], "_").parse().map_err(|_| {
        let word: String = word.chars().take(60).collect();
        format!("`{word}` is no kind of finding: write one of {KINDS}, or say which it means, as in map=kind:{word}=observation")
    })
}

/// In our words, or in those that CISO Assistant has for it.
fn is_closed(word: &str) -> Result<bool, String> {
    match word {
        "open" | "identified" | "confirmed" | "assigned" | "in_progress" | "mitigated" => Ok(false),
        "closed" | "resolved" => Ok(true),
        other => {
            let other: String = other.chars().take(60).collect();
            Err(format!(
                "`{other}` does not say whether something is to be done: write open or closed, leave the row out, or say which \
                 it means, as in map=status:{other}=closed"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, Known};
    use crate::finding::tests::{cx, profile};
    use crate::finding::{Command, Kind};
    use service::{Progress, Table, Upload};

    /// Row, field and detail.
    type Told = (Option<u64>, String, String);

    fn drafts(file: &str, closed: bool) -> (Vec<(String, Vec<Command>)>, Vec<Told>) {
        let table = Table::read(file.as_bytes(), None, &Findings::COLUMNS).expect("a table");
        let known = Known { cx: cx(), standing: [("F-1".to_owned(), (profile("Old"), closed))].into() };
        let (drafts, errors) = Findings.read(&table, &known, &Progress::default());
        let drafts = drafts.into_iter().map(|draft| (draft.id, draft.commands)).collect();
        (drafts, errors.into_iter().map(|error| (error.row, error.field, error.detail)).collect())
    }

    #[test]
    fn a_row_raises_describes_and_closes_and_leaves_open_what_it_does_not_say() {
        let file = "ref_id,name,severity,status,due_date,observation,filtering_labels\n\
                    F-1,Old,,,,,x\nF-2,New,Minor nonconformity,resolved,2026-01-31,Seen,\n";
        let (made, errors) = drafts(file, true);
        assert_eq!(errors, []);
        assert!(matches!(&made[0].1[..], [Command::Close]), "it stays closed, and says nothing new");
        let [Command::Raise(raised), Command::Close] = &made[1].1[..] else { panic!("{:?}", made[1]) };
        assert_eq!((raised.kind, raised.description.as_deref()), (Kind::MinorNonconformity, Some("Seen")));
        assert_eq!(raised.raised_on.to_string(), "2026-01-31", "not found after it was due");
        let (made, _) = drafts("ref_id,name\nF-1,Renamed\n", true);
        assert!(matches!(&made[0].1[..], [Command::Reopen, Command::Describe(_), Command::Close]));
        let (made, _) = drafts("ref_id,name,status\nF-1,Old,in_progress\n", true);
        assert!(matches!(&made[0].1[..], [Command::Reopen]));
    }

    #[test]
    fn no_word_of_another_house_is_guessed() {
        let file = "ref_id,name,kind,status,requirements,raised_on,due_date\n\
                    F-2,New,high,,,,\nF-3,New,,,,,\nF-4,New,observation,dismissed,,,\nF-5,New,observation,,A.99,,\n\
                    F-6,New,observation,,,2026-02-01,2026-01-01\n";
        let (_, errors) = drafts(file, false);
        let told: Vec<_> = errors.iter().map(|(row, field, _)| (row.unwrap_or(0), field.as_str())).collect();
        assert_eq!(told, [(2, "kind"), (3, "kind"), (4, "status"), (5, "requirements"), (6, "due_date")]);
        assert!(errors[0].2.starts_with("`high` is no kind of finding"), "{}", errors[0].2);
    }
}
