//! How a tenant measures risk: two labelled scales, a matrix from them to levels, and the level it lives with.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::LazyLock};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// Labels of the scores 1, 2, 3...
    pub likelihood: Vec<String>,
    /// Labels of the scores 1, 2, 3...
    pub impact: Vec<String>,
    /// From the least to the greatest.
    pub levels: Vec<String>,
    /// `matrix[likelihood - 1][impact - 1]` is an index into `levels`.
    pub matrix: Vec<Vec<u8>>,
    /// Index into `levels` of the highest level that needs no treatment.
    pub acceptance_level: u8,
    /// Categories of risk of which more or less is accepted than that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub appetite: Vec<Appetite>,
    /// For each level, after how many days a risk of it is looked at again; none where that is not laid down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review_days: Vec<u16>,
}

/// How much of one category of risk is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appetite {
    pub category: String,
    /// Index into `levels` of the highest level that needs no treatment.
    pub acceptance_level: u8,
}

/// Why scales cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScalesError {
    #[error("{list} has {count} labels: give {fewest} to {most}")]
    Count { list: &'static str, count: usize, fewest: usize, most: usize },
    #[error("label {place} of {list} is empty or longer than {LONGEST_LABEL} characters")]
    Label { list: &'static str, place: usize },
    #[error("label {place} of {list} is only a number: a score and its label could be confused")]
    NumberAsLabel { list: &'static str, place: usize },
    #[error("{list} names `{label}` twice")]
    Duplicate { list: &'static str, label: String },
    #[error("the matrix has {count} rows: give one for each of the {expected} likelihoods")]
    Rows { count: usize, expected: usize },
    #[error("row {row} of the matrix has {count} cells: give one for each of the {expected} impacts")]
    Cells { row: usize, count: usize, expected: usize },
    #[error("row {row}, column {column} of the matrix is {found}: levels are numbered 0 to {highest}")]
    Level { row: usize, column: usize, found: u8, highest: usize },
    #[error("the level at row {row}, column {column} of the matrix is lower than at a smaller likelihood or impact")]
    NotMonotone { row: usize, column: usize },
    #[error("the acceptance level is {found}: levels are numbered 0 to {highest}")]
    AcceptanceLevel { found: u8, highest: usize },
    #[error("the acceptance level of category `{category}` is {found}: levels are numbered 0 to {highest}")]
    AppetiteLevel { category: String, found: u8, highest: usize },
    #[error("there are {count} review intervals: give one for each of the {expected} levels, or none")]
    ReviewIntervals { count: usize, expected: usize },
    #[error("the review interval of level {level} is {found} days: give 1 to {LONGEST_INTERVAL}")]
    ReviewInterval { level: usize, found: u16 },
}

impl ScalesError {
    /// The field that is at fault.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Count { list, .. }
            | Self::Label { list, .. }
            | Self::NumberAsLabel { list, .. }
            | Self::Duplicate { list, .. } => list,
            Self::Rows { .. } | Self::Cells { .. } | Self::Level { .. } | Self::NotMonotone { .. } => "matrix",
            Self::AcceptanceLevel { .. } => "acceptance_level",
            Self::AppetiteLevel { .. } => "appetite",
            Self::ReviewIntervals { .. } | Self::ReviewInterval { .. } => "review_days",
        }
    }
}

/// What was written is neither a label nor a score of the scale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` is not on the {scale} scale: write a label or a number, one of {choices}")]
pub struct NotOnScale {
    written: String,
    scale: &'static str,
    choices: String,
}

const FEWEST: usize = 3;
const MOST: usize = 6;
const LONGEST_LABEL: usize = 60;
const MOST_CATEGORIES: usize = 100;
/// Three years.
const LONGEST_INTERVAL: u16 = 1096;

/// The 5x5 methodology that a tenant starts from, until it issues its own.
///
/// Only `low` is accepted. Whatever is `medium` or above is for a person to decide: treat it, or accept it by name and
/// with a reason. The other choice, accepting `medium` too, would silently wave through a rare but severe event (1x5).
pub fn baseline_scales() -> &'static Scales {
    static BASELINE: LazyLock<Scales> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../data/methodology_5x5.json")).expect("the embedded methodology is valid")
    });
    &BASELINE
}

impl Scales {
    pub fn validate(&self) -> Result<(), ScalesError> {
        validate_labels("likelihood", &self.likelihood)?;
        validate_labels("impact", &self.impact)?;
        validate_labels("levels", &self.levels)?;
        self.validate_matrix()?;
        let highest = self.levels.len() - 1;
        if usize::from(self.acceptance_level) > highest {
            return Err(ScalesError::AcceptanceLevel { found: self.acceptance_level, highest });
        }
        self.validate_appetite(highest)?;
        self.validate_reviews()
    }

    fn validate_appetite(&self, highest: usize) -> Result<(), ScalesError> {
        let categories: Vec<&String> = self.appetite.iter().map(|appetite| &appetite.category).collect();
        if !categories.is_empty() {
            validate_each("appetite", &categories, 1..=MOST_CATEGORIES)?;
        }
        match self.appetite.iter().find(|appetite| usize::from(appetite.acceptance_level) > highest) {
            Some(Appetite { category, acceptance_level: found }) => {
                Err(ScalesError::AppetiteLevel { category: category.clone(), found: *found, highest })
            }
            None => Ok(()),
        }
    }

    fn validate_reviews(&self) -> Result<(), ScalesError> {
        let (count, expected) = (self.review_days.len(), self.levels.len());
        if count != 0 && count != expected {
            return Err(ScalesError::ReviewIntervals { count, expected });
        }
        match self.review_days.iter().zip(0..).find(|(days, _)| !(1..=LONGEST_INTERVAL).contains(*days)) {
            Some((&found, level)) => Err(ScalesError::ReviewInterval { level, found }),
            None => Ok(()),
        }
    }

    /// Whether a level needs no treatment, of a risk of this category.
    pub fn accepts(&self, rank: u8, category: Option<&str>) -> bool {
        let category = category.map(fold);
        let of_category =
            self.appetite.iter().find(|appetite| category.as_deref() == Some(fold(&appetite.category).as_str()));
        rank <= of_category.map_or(self.acceptance_level, |appetite| appetite.acceptance_level)
    }

    /// After how many days a risk of this level is looked at again, where that is laid down.
    pub fn review_after_days(&self, rank: u8) -> Option<u16> {
        self.review_days.get(usize::from(rank)).copied()
    }

    fn validate_matrix(&self) -> Result<(), ScalesError> {
        let (count, expected) = (self.matrix.len(), self.likelihood.len());
        if count != expected {
            return Err(ScalesError::Rows { count, expected });
        }
        let highest = self.levels.len() - 1;
        let mut above: &[u8] = &[];
        for (row, cells) in (1..).zip(&self.matrix) {
            let (count, expected) = (cells.len(), self.impact.len());
            if count != expected {
                return Err(ScalesError::Cells { row, count, expected });
            }
            let mut left = 0;
            for (column, &found) in (1..).zip(cells) {
                if usize::from(found) > highest {
                    return Err(ScalesError::Level { row, column, found, highest });
                }
                if found < left || above.get(column - 1).is_some_and(|&above| found < above) {
                    return Err(ScalesError::NotMonotone { row, column });
                }
                left = found;
            }
            above = cells;
        }
        Ok(())
    }

    /// The index into `levels` for two scores; `None` when a score is off its scale.
    pub fn level(&self, likelihood: u8, impact: u8) -> Option<u8> {
        let row = self.matrix.get(usize::from(likelihood).checked_sub(1)?)?;
        row.get(usize::from(impact).checked_sub(1)?).copied()
    }

    /// The score of a label in any case (`likely`), a number (`4`) or both (`4 - Likely`).
    pub fn parse_likelihood(&self, written: &str) -> Result<u8, NotOnScale> {
        parse("likelihood", &self.likelihood, written)
    }

    /// The score of a label in any case (`major`), a number (`4`) or both (`4 - Major`).
    pub fn parse_impact(&self, written: &str) -> Result<u8, NotOnScale> {
        parse("impact", &self.impact, written)
    }
}

fn validate_labels(list: &'static str, labels: &[String]) -> Result<(), ScalesError> {
    validate_each(list, &labels.iter().collect::<Vec<_>>(), FEWEST..=MOST)
}

fn validate_each(list: &'static str, labels: &[&String], counts: RangeInclusive<usize>) -> Result<(), ScalesError> {
    let count = labels.len();
    if !counts.contains(&count) {
        let (fewest, most) = (*counts.start(), *counts.end());
        return Err(ScalesError::Count { list, count, fewest, most });
    }
    let mut seen = BTreeSet::new();
    for (place, label) in (1..).zip(labels) {
        let folded = fold(label);
        if folded.is_empty() || label.chars().count() > LONGEST_LABEL {
            return Err(ScalesError::Label { list, place });
        }
        if leading_number(&folded).is_some_and(|(_, rest)| rest.is_empty()) {
            return Err(ScalesError::NumberAsLabel { list, place });
        }
        if !seen.insert(folded) {
            return Err(ScalesError::Duplicate { list, label: (*label).clone() });
        }
    }
    Ok(())
}

fn parse(scale: &'static str, labels: &[String], written: &str) -> Result<u8, NotOnScale> {
    let folded = fold(written);
    let score_of = |text: &str| (1_u8..).zip(labels).find(|(_, label)| fold(label) == text).map(|(score, _)| score);
    let numbered = || {
        let (number, rest) = leading_number(&folded)?;
        let score = (1_u8..).zip(labels).map(|(score, _)| score).find(|&score| score == number)?;
        // With both given, they have to agree: neither is more likely than the other to be what was meant.
        (rest.is_empty() || score_of(rest) == Some(score)).then_some(score)
    };
    score_of(&folded).or_else(numbered).ok_or_else(|| NotOnScale {
        written: shorten(written.trim()),
        scale,
        choices: (1_u8..).zip(labels).map(|(score, label)| format!("{score} {label}")).collect::<Vec<_>>().join(", "),
    })
}

/// `4 - likely` is 4 and `likely`; a spreadsheet's `4.0` is 4.
fn leading_number(folded: &str) -> Option<(u8, &str)> {
    let whole = folded.strip_suffix(".0").unwrap_or(folded);
    let end = whole.find(|c: char| !c.is_ascii_digit()).unwrap_or(whole.len());
    let (number, rest) = whole.split_at(end);
    // "45" is not 4 and "5", and "4.5" is no score: what follows a number starts with a letter.
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | ':' | '.' | ')'));
    (!rest.starts_with(|c: char| c.is_numeric())).then_some((number.parse().ok()?, rest))
}

/// Lower case, without outer spaces and with single inner ones.
fn fold(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A whole column can end up in one cell: a message quotes its beginning.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_LABEL) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(change: impl FnOnce(&mut Scales)) -> Result<(), ScalesError> {
        let mut scales = baseline_scales().clone();
        change(&mut scales);
        scales.validate()
    }

    #[test]
    fn the_baseline_is_valid_and_uses_every_level() {
        let scales = baseline_scales();
        assert_eq!(scales.validate(), Ok(()));
        assert_eq!((scales.likelihood.len(), scales.impact.len()), (5, 5));
        for (index, level) in (0_u8..).zip(&scales.levels) {
            assert!(scales.matrix.iter().flatten().any(|&cell| cell == index), "{level} is never reached");
        }
        assert_eq!(scales.levels[usize::from(scales.acceptance_level)], "low");
    }

    #[test]
    fn a_level_is_read_by_likelihood_then_impact() {
        let scales = baseline_scales();
        assert_eq!(scales.level(1, 1), Some(0));
        assert_eq!(scales.level(1, 5), Some(1));
        assert_eq!(scales.level(3, 4), Some(2));
        assert_eq!(scales.level(5, 5), Some(3));
        for (likelihood, impact) in [(0, 1), (1, 0), (6, 1), (1, 6)] {
            assert_eq!(scales.level(likelihood, impact), None);
        }
        let lopsided = Scales {
            likelihood: ["a", "b", "c"].map(str::to_owned).to_vec(),
            impact: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            levels: ["x", "y", "z"].map(str::to_owned).to_vec(),
            matrix: vec![vec![0, 0, 0, 1], vec![0, 0, 1, 2], vec![0, 1, 2, 2]],
            acceptance_level: 0,
            appetite: vec![],
            review_days: vec![],
        };
        assert_eq!(lopsided.validate(), Ok(()));
        assert_eq!((lopsided.level(1, 4), lopsided.level(3, 1), lopsided.level(4, 1)), (Some(1), Some(0), None));
    }

    #[test]
    fn scales_that_cannot_be_used_are_refused() {
        let refused = |change: fn(&mut Scales)| changed(change).expect_err("refused");
        assert_eq!(
            refused(|s| s.impact.truncate(2)),
            ScalesError::Count { list: "impact", count: 2, fewest: 3, most: 6 }
        );
        assert_eq!(
            refused(|s| s.levels.extend(["x", "y", "z"].map(str::to_owned))),
            ScalesError::Count { list: "levels", count: 7, fewest: 3, most: 6 }
        );
        assert_eq!(refused(|s| s.likelihood[2] = "  ".into()), ScalesError::Label { list: "likelihood", place: 3 });
        assert_eq!(refused(|s| s.impact[0] = "5".into()), ScalesError::NumberAsLabel { list: "impact", place: 1 });
        assert_eq!(
            refused(|s| s.impact[0] = "mAJOR ".into()),
            ScalesError::Duplicate { list: "impact", label: "Major".into() }
        );
        assert_eq!(refused(|s| s.matrix.truncate(4)), ScalesError::Rows { count: 4, expected: 5 });
        assert_eq!(refused(|s| s.matrix[1].truncate(4)), ScalesError::Cells { row: 2, count: 4, expected: 5 });
        assert_eq!(refused(|s| s.matrix[4][4] = 4), ScalesError::Level { row: 5, column: 5, found: 4, highest: 3 });
        assert_eq!(refused(|s| s.acceptance_level = 4), ScalesError::AcceptanceLevel { found: 4, highest: 3 });
    }

    #[test]
    fn a_category_has_an_appetite_of_its_own_and_a_level_its_interval() {
        let appetite = |category: &str, acceptance_level| Appetite { category: category.to_owned(), acceptance_level };
        let mut scales = baseline_scales().clone();
        assert_eq!((scales.accepts(1, Some("Safety")), scales.review_after_days(3)), (false, None));
        scales.appetite = vec![appetite("Market", 2)];
        scales.review_days = vec![365, 180, 90, 30];
        assert_eq!(scales.validate(), Ok(()));
        assert_eq!((scales.accepts(2, Some(" market")), scales.accepts(2, Some("Safety"))), (true, false));
        assert_eq!((scales.accepts(0, None), scales.accepts(1, None)), (true, false));
        assert_eq!((scales.review_after_days(3), scales.review_after_days(4)), (Some(30), None));

        scales.appetite = vec![appetite("Market", 2), appetite("market ", 1)];
        let refused = scales.validate().expect_err("refused");
        assert_eq!((refused.field(), refused.to_string().as_str()), ("appetite", "appetite names `market ` twice"));
        scales.appetite = vec![appetite("Market", 4)];
        assert_eq!(
            scales.validate(),
            Err(ScalesError::AppetiteLevel { category: "Market".into(), found: 4, highest: 3 })
        );
        scales.appetite = vec![];
        scales.review_days = vec![365];
        assert_eq!(scales.validate(), Err(ScalesError::ReviewIntervals { count: 1, expected: 4 }));
        scales.review_days = vec![365, 180, 0, 30];
        assert_eq!(scales.validate(), Err(ScalesError::ReviewInterval { level: 2, found: 0 }));
    }

    #[test]
    fn a_matrix_never_falls_as_likelihood_or_impact_rises() {
        assert_eq!(changed(|s| s.matrix[0][3] = 2), Err(ScalesError::NotMonotone { row: 1, column: 5 }));
        assert_eq!(changed(|s| s.matrix[1][0] = 1), Err(ScalesError::NotMonotone { row: 2, column: 2 }));
        assert_eq!(changed(|s| s.matrix[4] = vec![0, 0, 2, 3, 3]), Err(ScalesError::NotMonotone { row: 5, column: 2 }));
    }

    #[test]
    fn a_score_is_written_as_a_label_a_number_or_both() {
        let scales = baseline_scales();
        for written in
            ["4", " 4 ", "4.0", "Likely", "LIKELY", "likely ", "4 - Likely", "4 – likely", "4: Likely", "4 Likely"]
        {
            assert_eq!(scales.parse_likelihood(written), Ok(4), "{written}");
        }
        assert_eq!(scales.parse_likelihood("almost  Certain"), Ok(5));
        assert_eq!(scales.parse_impact("2-minor"), Ok(2));
    }

    #[test]
    fn what_is_not_on_the_scale_is_answered_with_its_labels() {
        let scales = baseline_scales();
        for written in ["", "0", "6", "45", "256", "4.5", "-4", "4 5", "Likly", "Major", "4 - Rare", "Likely - 4"] {
            assert!(scales.parse_likelihood(written).is_err(), "{written}");
        }
        assert_eq!(
            scales.parse_likelihood("Frequent").expect_err("unknown").to_string(),
            "`Frequent` is not on the likelihood scale: write a label or a number, one of 1 Rare, 2 Unlikely, 3 Possible, \
             4 Likely, 5 Almost certain"
        );
        let endless = scales.parse_impact(&"é".repeat(100_000)).expect_err("unknown").to_string();
        assert!(endless.len() < 400, "{endless}");
    }
}
