use crate::asset::{self, RegisteredAsset};
use eventstore::Work;
use service::{FieldError, Problem, Table, entries, every, field_error};
use std::collections::{BTreeMap, BTreeSet};
use views::shown;

/// The refs of assets by their names in lower case: none where several are called that.
#[derive(Debug, Default)]
pub struct AssetNames(BTreeMap<String, Option<String>>);

impl AssetNames {
    /// Those of the register, where an entry of the column is none of the refs.
    pub async fn look_up(
        work: &mut Work,
        table: &Table,
        column: &'static str,
        refs: &BTreeSet<String>,
    ) -> Result<Self, Problem> {
        let mut names = Self::default();
        let mut cells = table.rows.iter().flat_map(|row| entries(row.cell(column)));
        if cells.all(|entry| refs.contains(entry)) {
            return Ok(names);
        }
        let session = work.session().await?;
        let position = shown::<RegisteredAsset>(session).await?;
        for row in every::<RegisteredAsset>(session, position, Vec::new()).await? {
            names.add(&row.data.profile.name, &row.key);
        }
        Ok(names)
    }

    /// The same asset may be called so twice: in the register, and in a file that says it anew.
    pub fn add(&mut self, name: &str, id: &str) {
        let several = |standing: &mut Option<String>| {
            if standing.as_deref() != Some(id) {
                *standing = None;
            }
        };
        self.0.entry(name.to_lowercase()).and_modify(several).or_insert_with(|| Some(id.to_owned()));
    }

    /// By its ref, or by its name where only one asset has it.
    pub fn meant(&self, column: &'static str, written: &str, refs: &BTreeSet<String>) -> Result<String, FieldError> {
        if refs.contains(written) {
            return Ok(written.to_owned());
        }
        let shown: String = written.chars().take(64).collect();
        match self.0.get(&written.to_lowercase()) {
            Some(Some(id)) => Ok(id.clone()),
            Some(None) => Err(field_error(column, format!("several assets are called {shown}: write a ref"))),
            None => Err(field_error(column, asset::unknown(&shown))),
        }
    }
}
