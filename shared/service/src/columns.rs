/// What an uploaded table may say: the names of its columns.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub(crate) names: &'static [&'static str],
    /// How many of them, from the first on, must be there.
    required: usize,
    /// What other programs call some of them, and what we call those.
    elsewhere: &'static [(&'static str, &'static str)],
    /// Before the number by which an object is called that a row without a ref begins.
    letters: Option<&'static str>,
}

impl Columns {
    /// These, the first two of which must be there.
    pub const fn of(names: &'static [&'static str]) -> Self {
        Self { names, required: 2, elsewhere: &[], letters: None }
    }

    /// None of them must be there: each row says what it is about in one way or another.
    #[must_use]
    pub const fn any(self) -> Self {
        Self { required: 0, ..self }
    }

    /// Some have another name elsewhere: it counts where ours is not in the heading.
    #[must_use]
    pub const fn elsewhere(self, elsewhere: &'static [(&'static str, &'static str)]) -> Self {
        Self { elsewhere, ..self }
    }

    /// A row may say a name and no ref: what it begins is called by these letters and the next number of them.
    #[must_use]
    pub const fn numbered(self, letters: &'static str) -> Self {
        Self { letters: Some(letters), ..self }
    }

    pub(crate) fn letters(&self) -> Option<&'static str> {
        self.letters
    }

    pub(crate) fn required(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().take(self.required).copied()
    }

    /// The columns that a heading names, each in its place.
    pub(crate) fn read(&self, heading: &[String]) -> Vec<Option<&'static str>> {
        let ours: Vec<_> = heading.iter().map(|name| self.ours(name)).collect();
        let theirs = heading.iter().map(|name| self.theirs(name));
        let known = ours.iter().zip(theirs);
        known.map(|(our, their)| our.or(their.filter(|column| !ours.contains(&Some(*column))))).collect()
    }

    fn ours(&self, name: &str) -> Option<&'static str> {
        self.names.iter().find(|column| column.eq_ignore_ascii_case(name.trim())).copied()
    }

    fn theirs(&self, name: &str) -> Option<&'static str> {
        let theirs = self.elsewhere.iter().find(|(their, _)| their.eq_ignore_ascii_case(name.trim()));
        theirs.map(|(_, our)| *our)
    }

    /// The column of this name, or all that end in it: `proba` is `current_proba` and `residual_proba` too.
    pub(crate) fn called(&self, name: &str) -> Vec<&'static str> {
        if let Some(column) = self.ours(name).or_else(|| self.theirs(name)) {
            return vec![column];
        }
        let end = format!("_{}", name.trim().to_ascii_lowercase());
        let theirs = self.elsewhere.iter().filter(|(their, _)| their.ends_with(&end)).map(|(_, our)| *our);
        self.names.iter().filter(|column| column.ends_with(&end)).copied().chain(theirs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;

    const COLUMNS: Columns = Columns::of(&["ref_id", "name", "threat", "current_proba", "residual_proba"])
        .elsewhere(&[("threats", "threat")]);

    fn read(heading: &[&str]) -> Vec<Option<&'static str>> {
        COLUMNS.read(&heading.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_called_otherwise_elsewhere_counts_where_ours_is_not_there() {
        assert_eq!(read(&["Threats", " REF_ID", "colour"]), [Some("threat"), Some("ref_id"), None]);
        assert_eq!(read(&["threats", "threat"]), [None, Some("threat")]);
    }

    #[test]
    fn a_name_may_stand_for_several_columns() {
        assert_eq!(COLUMNS.called("proba"), ["current_proba", "residual_proba"]);
        assert_eq!(COLUMNS.called("current_proba"), ["current_proba"]);
        assert_eq!((COLUMNS.called("threats"), COLUMNS.called("colour")), (vec!["threat"], vec![]));
    }
}
