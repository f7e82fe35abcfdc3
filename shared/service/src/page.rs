//! Pages: how large one is, and where it ends.

use crate::{Call, Problem, Route};

const USUAL: i64 = 100;
const LARGEST: i64 = 1000;

impl Route {
    /// The parameter that [`Call::page_size`] reads.
    #[must_use]
    pub fn limit(self) -> Self {
        self.parameter("limit", "How many items a page has at most: 1 to 1000, 100 where it is not given")
    }
}

impl Call {
    /// How many items a page has at most. Ask for one more, and [`cut`].
    pub fn page_size(&self) -> Result<i64, Problem> {
        self.query.whole("limit", 1, LARGEST, USUAL)
    }
}

/// The page, of rows that were asked for with one more than it holds; and whether there is a next one.
pub fn cut<T>(mut rows: Vec<T>, limit: i64) -> (Vec<T>, bool) {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    (rows, more)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn only_a_row_too_many_makes_a_next_page() {
        assert_eq!(cut(vec![1, 2, 3], 2), (vec![1, 2], true));
        assert_eq!(cut(vec![1, 2], 2), (vec![1, 2], false));
        assert_eq!(cut(Vec::<i32>::new(), 2), (vec![], false));
    }
}
