use super::{control, short};
use crate::checks::{LONGEST_TEXT, not_passed};
use crate::control::Control;
use crate::document::Document;
use crate::exception::{Broken, Command, Exception, RegisteredException, RequestException, Waiver};
use access::Action;
use chrono::NaiveDate;
use eventstore::{Aggregate, Cx, Stream, Work};
use service::upload::{Back, Read, Touched, called_so};
use service::{
    Cells, Columns, Draft, FieldError, Problem, Progress, Register, Row, Seen, Table, Undo, Upload, checked_ref,
    entries, field_error,
};
use std::collections::{BTreeSet, HashMap};
use views::Column;

/// A list of exceptions that are asked for. Who approves them does so here, one by one.
#[derive(Debug)]
pub struct Exceptions;

/// What the rows are held against.
pub struct Known {
    cx: Cx,
    /// What was asked for already.
    asked: HashMap<String, Waiver>,
    controls: BTreeSet<String>,
    documents: BTreeSet<String>,
}

impl Upload for Exceptions {
    type Of = Exception;
    type Known = Known;

    const COLUMNS: Columns = Columns::of(&[
        "ref_id",
        "name",
        "description",
        "controls",
        "document",
        "justification",
        "compensating_measure",
        "expiration_date",
        "status",
    ])
    .elsewhere(&[("title", "name"), ("waived", "description"), ("expires_on", "expiration_date")])
    .numbered(RequestException::LETTERS);
    const KEPT_AS: Option<&'static str> = Some(<Self as Undo>::REGISTER);
    const NEEDS: &'static [Action] = &[Action::WriteControls];

    async fn called(&self, work: &mut Work, names: &[String]) -> Result<Vec<(String, String)>, Problem> {
        called_so::<RegisteredException>(work, Column::text("title"), names).await
    }

    async fn look_up(&self, work: &mut Work, table: &Table) -> Result<Known, Problem> {
        let refs = |column| -> BTreeSet<String> {
            table.rows.iter().filter_map(|row| checked_ref(column, row.cell(column)).ok()).collect()
        };
        let (own, named) = (refs("ref_id"), refs("document"));
        let meant = table.rows.iter().flat_map(|row| entries(row.cell("controls")));
        let meant: BTreeSet<String> = meant.filter_map(|entry| control("controls", entry).ok()).collect();
        let streams = own.iter().map(|id| Stream::new(Exception::TYPE, id));
        let streams = streams.chain(named.iter().map(|id| Stream::new(Document::TYPE, id)));
        work.preload(streams.chain(meant.iter().map(|id| Stream::new(Control::TYPE, id))).collect()).await?;
        let mut known = Known {
            cx: work.cx().clone(),
            asked: HashMap::new(),
            controls: BTreeSet::new(),
            documents: BTreeSet::new(),
        };
        for id in own {
            if let Some(waiver) = work.load::<Exception>(&id).await?.0.waiver().cloned() {
                known.asked.insert(id, waiver);
            }
        }
        for id in named {
            if work.load::<Document>(&id).await?.1 > 0 {
                known.documents.insert(id);
            }
        }
        for id in meant {
            if work.load::<Control>(&id).await?.1 > 0 {
                known.controls.insert(id);
            }
        }
        Ok(known)
    }

    fn read(&self, table: &Table, known: &Known, progress: &Progress) -> Read<Self> {
        table.each(progress, |row, seen| draft(row, known, seen))
    }

    fn at_fault(broken: &Broken) -> &'static str {
        match broken {
            Broken::Expired(_) => "expiration_date",
            Broken::Taken
            | Broken::NotRequested
            | Broken::OwnRequest(_)
            | Broken::NotAPerson
            | Broken::Refused
            | Broken::Approved
            | Broken::Ended => "ref_id",
        }
    }
}

/// Nothing else refers to an exception: what is decided of it changes it.
impl Undo for Exceptions {
    const REGISTER: &'static str = "exceptions";

    fn is_there(exception: &Exception) -> bool {
        exception.waiver().is_some()
    }

    fn back(&self, exception: &Touched<'_, Exception>) -> Back<Self> {
        Ok(vec![exception.before.and_then(Exception::asked).map_or(Command::Remove, Command::Restore)])
    }
}

/// What a row leaves open stays as it is.
fn draft(row: &Row, known: &Known, seen: &mut Seen) -> Result<Draft<Command>, Vec<FieldError>> {
    let mut cells = Cells::of(row);
    let id = cells.reference(seen);
    let title = cells.name();
    let standing = id.as_ref().and_then(|id| known.asked.get(id));
    cells.word("status", asked_for);
    let mut text = |column: &'static str, before: Option<&String>, most: usize| {
        if cells.given(column).is_none() && before.is_none() {
            cells
                .faults
                .wrong(column, "it is empty: an exception says what is not done, why, and what is done instead");
        }
        cells.text(column, most).or(before.cloned())
    };
    let waived = text("description", standing.map(|waiver| &waiver.waived), LONGEST_TEXT);
    let justification = text("justification", standing.map(|waiver| &waiver.justification), LONGEST_TEXT);
    let before = standing.map(|waiver| &waiver.compensating_measure);
    let compensating_measure = text("compensating_measure", before, LONGEST_TEXT);
    let controls = cells.list("controls", |written| match control("controls", written)? {
        id if known.controls.contains(&id) => Ok(id),
        id => Err(field_error("controls", format!("there is no control {id} here: GET /controls lists them"))),
    });
    let controls = controls.or(standing.map(|waiver| waiver.controls.clone())).unwrap_or_default();
    let document = document(&mut cells, known).or(standing.and_then(|waiver| waiver.document.clone()));
    if cells.given("controls").is_none() && controls.is_empty() && document.is_none() {
        cells.faults.wrong("controls", "say what it is about: controls, a document, or both");
    }
    let expires_on = expiry(&mut cells, known, standing);
    let texts = title.zip(waived).zip(justification).zip(compensating_measure);
    let made = id.zip(texts).zip(expires_on).map(|((id, texts), expires_on)| {
        let (((title, waived), justification), compensating_measure) = texts;
        let asked = Waiver { title, waived, controls, document, justification, compensating_measure, expires_on };
        let commands = match standing {
            None => vec![Command::Request(asked)],
            Some(standing) if *standing == asked => vec![],
            Some(_) => vec![Command::Change(asked)],
        };
        Draft { row: row.number, id, existed: standing.is_some(), reason: None, commands }
    });
    cells.settle(made)
}

/// Whether somebody gave leave elsewhere, or looks at it: here it is asked for. What is over is asked for no more.
fn asked_for(word: &str) -> Result<(), String> {
    match word.replace(' ', "_").as_str() {
        "draft" | "in_review" | "approved" | "requested" => Ok(()),
        other => {
            let other = short(other);
            Err(format!(
                "`{other}` is not asked for: leave the row out, or write draft, in_review or approved; it is approved here \
                 by somebody else than who uploads it"
            ))
        }
    }
}

fn document(cells: &mut Cells<'_>, known: &Known) -> Option<String> {
    let written = cells.given("document")?;
    let found = checked_ref("document", written).and_then(|id| {
        if known.documents.contains(&id) {
            return Ok(id);
        }
        Err(field_error("document", format!("there is no document {id} here: GET /documents lists them")))
    });
    cells.faults.keep(found)
}

/// A day that has passed is no mistake where it is the one that stands.
fn expiry(cells: &mut Cells<'_>, known: &Known, standing: Option<&Waiver>) -> Option<NaiveDate> {
    const COLUMN: &str = "expiration_date";
    let before = standing.map(|waiver| waiver.expires_on);
    if cells.given(COLUMN).is_none() {
        if before.is_none() {
            cells.faults.wrong(COLUMN, "it is empty: say the last day on which it holds, such as 2027-03-31");
        }
        return before;
    }
    let day = cells.day(COLUMN)?;
    if before == Some(day) {
        return before;
    }
    cells.faults.keep(not_passed(COLUMN, day, &known.cx))
}

#[cfg(test)]
mod tests {
    use super::{Exceptions, Known};
    use crate::exception::{Command, Waiver};
    use eventstore::{Actor, Cx, TenantId};
    use service::{Progress, Table, Upload};

    const HEADING: &str =
        "ref_id,name,description,severity,status,expiration_date,controls,justification,compensating_measure\n";

    fn read(rows: &str, asked: &[(&str, Waiver)]) -> (Vec<Vec<Command>>, Vec<String>) {
        let table = Table::read(format!("{HEADING}{rows}").as_bytes(), None, &Exceptions::COLUMNS).expect("a table");
        assert_eq!(table.ignored_columns, ["severity"]);
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let known = Known {
            cx: Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now),
            asked: asked.iter().map(|(id, waiver)| ((*id).to_owned(), waiver.clone())).collect(),
            controls: ["A.8.5".to_owned()].into(),
            documents: [].into(),
        };
        let (drafts, errors) = Exceptions.read(&table, &known, &Progress::default());
        let told = errors.iter().map(|error| format!("{} {}: {}", error.row.unwrap_or(0), error.field, error.detail));
        (drafts.into_iter().map(|draft| draft.commands).collect(), told.collect())
    }

    #[test]
    fn a_row_asks_for_an_exception_and_the_same_row_for_nothing() {
        let row = "E-1,Old system,No second factor,high,approved,2026-12-31,8.5,Too old,Only from inside\n";
        let (commands, errors) = read(row, &[]);
        assert_eq!(errors, Vec::<String>::new());
        let [Command::Request(waiver)] = &commands[0][..] else { panic!("{commands:?}") };
        assert_eq!(
            (waiver.controls.as_slice(), waiver.expires_on.to_string().as_str()),
            (["A.8.5".to_owned()].as_slice(), "2026-12-31")
        );

        let over = Waiver { expires_on: "2026-01-31".parse().expect("a day"), ..waiver.clone() };
        let later = row.replace("2026-12-31", "2026-01-31");
        assert!(matches!(read(&later, &[("E-1", over)]).0[..], [ref none] if none.is_empty()));
        let renamed = "E-1,Oldest system,,,,,,,\n";
        let (commands, _) = read(renamed, &[("E-1", waiver.clone())]);
        let expected = Waiver { title: "Oldest system".to_owned(), ..waiver.clone() };
        assert!(matches!(&commands[0][..], [Command::Change(changed)] if *changed == expected));
    }

    #[test]
    fn every_wrong_cell_is_told() {
        let (_, errors) = read("E-1,a,b,,resolved,2026-01-31,A.5.1,,d\n", &[]);
        let starts = [
            "2 status: `resolved` is not asked for",
            "2 justification: it is empty",
            "2 controls: there is no control A.5.1 here",
            "2 expiration_date: 2026-01-31 has passed",
        ];
        assert_eq!(errors.len(), starts.len(), "{errors:?}");
        for (error, start) in errors.iter().zip(starts) {
            assert!(error.starts_with(start), "{error}");
        }
    }
}
