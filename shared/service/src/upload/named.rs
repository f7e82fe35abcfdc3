//! Rows without a ref: each is about the one object of its name, or begins one under the next number.

use super::Upload;
use crate::called::numbers;
use crate::{Columns, FieldError, Problem, Row, Table, field_error};
use eventstore::Work;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use views::{Column, View, shown};

const REF: &str = "ref_id";
const NAME: &str = "name";

/// The rows of each name.
type Called = HashMap<String, Vec<u64>>;

/// The refs of the view's objects of which `column` says one of `names`, each with its name, as of all that was recorded.
pub async fn called_so<V: View>(
    work: &mut Work,
    column: Column,
    names: &[String],
) -> Result<Vec<(String, String)>, Problem> {
    let session = work.session().await?;
    if shown::<V>(session).await? < session.head().await? {
        return Err(Problem::unavailable("the register is still on its way to its list: try again in a moment"));
    }
    Ok(views::keys_where::<V>(session, column, names).await?)
}

/// Whether a row says a name and no ref, and may.
pub fn any_without_ref(table: &Table, columns: &Columns) -> bool {
    columns.letters().is_some() && table.rows.iter().any(is_without_ref)
}

fn is_without_ref(row: &Row) -> bool {
    row.cell(REF).is_empty() && !row.cell(NAME).is_empty()
}

/// The table in which each row says its ref. A row of which nobody can tell what it is about is a mistake.
pub async fn with_refs<U: Upload>(work: &mut Work, upload: &U, table: &Arc<Table>) -> Result<Arc<Table>, Problem> {
    let Some(letters) = U::COLUMNS.letters().filter(|_| any_without_ref(table, &U::COLUMNS)) else {
        return Ok(table.clone());
    };
    let mut rows_called = Called::new();
    for row in &table.rows {
        rows_called.entry(row.cell(NAME).to_owned()).or_default().push(row.number);
    }
    let names: BTreeSet<&str> = table.rows.iter().filter(|row| is_without_ref(row)).map(|row| row.cell(NAME)).collect();
    let names: Vec<String> = names.into_iter().map(ToOwned::to_owned).collect();
    let mut refs_called: HashMap<String, Vec<String>> = HashMap::new();
    for (id, name) in upload.called(work, &names).await? {
        refs_called.entry(name).or_default().push(id);
    }
    let mut table = Table::clone(table);
    let new = names.iter().filter(|name| !refs_called.contains_key(*name)).count();
    let said: BTreeSet<String> = table.rows.iter().map(|row| row.cell(REF).to_owned()).collect();
    let mut numbers = numbers::<U::Of>(work, letters, new, &said).await?.into_iter();
    let mut errors = Vec::new();
    table.rows.retain_mut(|row| {
        if !is_without_ref(row) {
            return true;
        }
        match meant(row, &rows_called, &refs_called) {
            Ok(Some(id)) => row.say(REF, id),
            // There are as many as rows at most: it is left without one where they ran out, and told so.
            Ok(None) => row.say(REF, numbers.next().unwrap_or_default()),
            Err(detail) => {
                errors.push(FieldError { row: Some(row.number), ..field_error(REF, detail) });
                return false;
            }
        }
        true
    });
    table.errors.extend(errors);
    Ok(Arc::new(table))
}

/// The object that the row is about; none: it is new. Or why nobody can tell.
fn meant(row: &Row, rows: &Called, refs: &HashMap<String, Vec<String>>) -> Result<Option<String>, String> {
    let name = row.cell(NAME);
    if let Some(other) = rows.get(name).into_iter().flatten().find(|number| **number != row.number) {
        return Err(format!("it is empty, and row {other} is called the same: give each of them its ref"));
    }
    match refs.get(name).map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([only]) => Ok(Some(only.clone())),
        Some(several) => {
            let shown: Vec<&str> = several.iter().take(5).map(String::as_str).collect();
            let more = if several.len() > shown.len() { " and others" } else { "" };
            Err(format!("it is empty, and {}{more} are called so: say which is meant", shown.join(", ")))
        }
    }
}
