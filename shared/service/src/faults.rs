//! What bodies and uploaded rows are checked by: mistakes collected, lists of refs.

use crate::{FieldError, Problem, checked_person, checked_ref, field_error, natural};

/// More links than this on one object is a mistake, not a register.
const MOST_LINKS: usize = 200;

/// All people of a large organisation.
const MOST_PEOPLE: usize = 2000;

/// The mistakes of one body or one row, all of them.
#[derive(Debug, Default)]
pub struct Faults {
    row: Option<u64>,
    errors: Vec<FieldError>,
}

impl Faults {
    pub fn in_row(row: u64) -> Self {
        Self { row: Some(row), errors: Vec::new() }
    }

    pub fn wrong(&mut self, field: &str, detail: impl Into<String>) {
        self.add(field_error(field, detail));
    }

    pub fn add(&mut self, error: FieldError) {
        self.errors.push(FieldError { row: self.row, ..error });
    }

    /// The value, or its mistake noted and nothing.
    pub fn keep<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.add(error)).ok()
    }

    /// The list, or its mistakes noted and an empty one.
    pub fn keep_list<T>(&mut self, checked: Result<Vec<T>, Vec<FieldError>>) -> Vec<T> {
        checked.unwrap_or_else(|errors| {
            self.add_all(errors);
            Vec::new()
        })
    }

    pub fn add_all(&mut self, errors: Vec<FieldError>) {
        for error in errors {
            self.add(error);
        }
    }

    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// `made` out of what was kept, unless anything was wrong.
    pub fn settle<T>(self, made: Option<T>) -> Result<T, Problem> {
        match made {
            Some(made) if self.errors.is_empty() => Ok(made),
            Some(_) | None => Err(Problem::fields(self.errors)),
        }
    }
}

/// A list of refs, each well formed, as [`tidy`] puts them.
pub fn checked_refs(field: &str, written: &[String]) -> Result<Vec<String>, Vec<FieldError>> {
    if written.len() > MOST_LINKS {
        return Err(vec![field_error(field, format!("it names {}, and {MOST_LINKS} are the most", written.len()))]);
    }
    let mut faults = Faults::default();
    let refs = written.iter().filter_map(|name| faults.keep(checked_ref(field, name))).collect::<Vec<_>>();
    let errors = faults.into_errors();
    if errors.is_empty() { Ok(tidy(refs)) } else { Err(errors) }
}

/// A list of people's handles, in the same way.
pub fn checked_people(field: &str, written: &[String]) -> Result<Vec<String>, Vec<FieldError>> {
    let mut faults = Faults::default();
    if written.len() > MOST_PEOPLE {
        faults.wrong(field, format!("it names {}, and {MOST_PEOPLE} are the most", written.len()));
    }
    let people = written.iter().filter_map(|name| faults.keep(checked_person(field, name))).collect::<Vec<_>>();
    let errors = faults.into_errors();
    if errors.is_empty() { Ok(tidy(people)) } else { Err(errors) }
}

/// A list as a set that reads well: each once, A-2 before A-10. Equal sets become equal lists.
pub fn tidy(refs: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut refs: Vec<String> = refs.into_iter().collect();
    refs.sort_by_cached_key(|name| (natural(name), name.clone()));
    refs.dedup();
    refs
}

#[cfg(test)]
mod tests {
    use super::{Faults, checked_refs, tidy};
    use crate::field_error;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_list_is_a_set_in_the_order_in_which_people_count() {
        let written = texts(&["A.5.10", "A-10", "A.5.2", "A-2", "A-10", "A-x"]);
        assert_eq!(tidy(written), texts(&["A-2", "A-10", "A-x", "A.5.2", "A.5.10"]));
    }

    #[test]
    fn every_malformed_ref_is_told() {
        let errors = checked_refs("assets", &texts(&["A 1", "A-2", ""])).expect_err("refused");
        assert_eq!(errors.len(), 2);
        assert_eq!(checked_refs("assets", &texts(&[" A-2 "])), Ok(texts(&["A-2"])));
        assert!(checked_refs("assets", &vec!["A-1".to_owned(); 201]).is_err());
    }

    #[test]
    fn a_mistake_knows_its_row() {
        let mut faults = Faults::in_row(7);
        assert_eq!(faults.keep::<()>(Err(field_error("name", "it is empty"))), None);
        assert_eq!(faults.into_errors()[0].row, Some(7));
    }
}
