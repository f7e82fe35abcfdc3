use super::{Assessment, Broken, Command, Event, Profile, Risk, Treatment, TreatmentOption};
use eventstore::Cx;

/// A row of an uploaded register. What its cells leave open stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub name: String,
    pub description: Option<String>,
    pub assets: Option<Vec<String>>,
    pub category: Option<String>,
    pub threat: Option<String>,
    pub vulnerability: Option<String>,
    pub owner: Option<String>,
    pub existing_controls: Option<Vec<String>>,
    pub assessments: Vec<Assessment>,
    pub option: Option<TreatmentOption>,
    /// The controls that the treatment relies on.
    pub controls: Option<Vec<String>>,
}

impl Risk {
    /// The row as the commands that a person would give, each of which tells only what it changes.
    pub(super) fn import(&self, row: Import, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let mut commands = vec![self.imported_profile(&row)];
        commands.extend(row.owner.map(Command::AssignOwner));
        commands.extend(row.existing_controls.map(Command::NoteExistingControls));
        let news = row.assessments.into_iter().filter(|assessment| !self.rated_so(assessment));
        commands.extend(news.map(Command::Assess));
        commands.extend(self.imported_treatment(row.option, row.controls)?.map(Command::DecideTreatment));

        let mut risk = self.clone();
        let mut events = Vec::new();
        for command in commands {
            for event in risk.decide(command, cx)? {
                risk.apply(event.clone());
                events.push(event);
            }
        }
        Ok(events)
    }

    fn imported_profile(&self, row: &Import) -> Command {
        let standing = self.profile.as_ref();
        let or = |said: &Option<String>, standing: Option<&String>| said.clone().or(standing.cloned());
        let profile = Profile {
            name: row.name.clone(),
            description: or(&row.description, standing.map(|profile| &profile.description)).unwrap_or_default(),
            assets: row.assets.clone().or(standing.map(|profile| profile.assets.clone())).unwrap_or_default(),
            category: or(&row.category, standing.and_then(|profile| profile.category.as_ref())),
            threat: or(&row.threat, standing.and_then(|profile| profile.threat.as_ref())),
            vulnerability: or(&row.vulnerability, standing.and_then(|profile| profile.vulnerability.as_ref())),
        };
        if standing.is_none() { Command::Identify { profile, owner: None } } else { Command::Describe(profile) }
    }

    /// A file has no rationale: the one that stands is not lost to the same scores.
    fn rated_so(&self, assessment: &Assessment) -> bool {
        self.assessments.get(&assessment.stage).is_some_and(|standing| standing.rating == assessment.rating)
    }

    fn imported_treatment(
        &self,
        option: Option<TreatmentOption>,
        controls: Option<Vec<String>>,
    ) -> Result<Option<Treatment>, Broken> {
        if option.is_none() && controls.is_none() {
            return Ok(None);
        }
        let standing = self.treatment.as_ref();
        let option = option.or(standing.map(|standing| standing.option)).ok_or(Broken::NoOption)?;
        let controls = controls.or_else(|| standing.map(|standing| standing.controls.clone())).unwrap_or_default();
        Ok(Some(Treatment::new(option, controls)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Import;
    use crate::fixture::cx;
    use crate::risk::tests::{assessment, decided, given, owned, profile, texts};
    use crate::risk::{Assessment, Broken, Command, Event, Profile, Stage, TreatmentOption};

    fn bare() -> Import {
        Import {
            name: "Leak".to_owned(),
            description: None,
            assets: None,
            category: None,
            threat: None,
            vulnerability: None,
            owner: None,
            existing_controls: None,
            assessments: vec![],
            option: None,
            controls: None,
        }
    }

    fn full() -> Import {
        Import {
            description: Some("What may happen".to_owned()),
            assets: Some(texts(&["A-1"])),
            existing_controls: Some(texts(&["A.8.3"])),
            assessments: vec![assessment(Stage::Current, "3", "5"), assessment(Stage::Residual, "2", "4")],
            option: Some(TreatmentOption::Mitigate),
            controls: Some(texts(&["A.8.13"])),
            ..bare()
        }
    }

    fn imported() -> Vec<Event> {
        vec![
            Event::Identified(profile("Leak")),
            Event::ExistingControlsNoted { controls: texts(&["A.8.3"]) },
            Event::Assessed(assessment(Stage::Current, "3", "5")),
            Event::Assessed(assessment(Stage::Residual, "2", "4")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
        ]
    }

    #[test]
    fn a_row_is_what_a_person_would_have_done_and_twice_is_once() {
        assert_eq!(given([]).decide(Command::Import(full()), &cx()), Ok(imported()));
        assert_eq!(given(imported()).decide(Command::Import(full()), &cx()), Ok(vec![]));
    }

    #[test]
    fn empty_cells_delete_nothing() {
        let risk = given(imported().into_iter().chain([owned("mara", None)]));
        assert_eq!(risk.decide(Command::Import(bare()), &cx()), Ok(vec![]));
        let renamed = Import { name: "Spill".to_owned(), ..bare() };
        let described = Event::Described(Profile { name: "Spill".to_owned(), ..profile("Leak") });
        assert_eq!(risk.decide(Command::Import(renamed), &cx()), Ok(vec![described]));
        let option = Import { option: Some(TreatmentOption::Mitigate), ..bare() };
        assert_eq!(risk.decide(Command::Import(option), &cx()), Ok(vec![]));
        let controls = Import { controls: Some(texts(&["A.8.15"])), ..bare() };
        let moved = decided(TreatmentOption::Mitigate, &["A.8.15"], &["A.8.13"]);
        assert_eq!(risk.decide(Command::Import(controls), &cx()), Ok(vec![moved]));
    }

    #[test]
    fn a_category_is_kept_by_a_file_without_one() {
        let row = Import { category: Some("Safety".to_owned()), threat: Some("Heat".to_owned()), ..full() };
        let events = given([]).decide(Command::Import(row.clone()), &cx()).expect("decided");
        assert!(matches!(&events[0], Event::Identified(profile) if profile.category.as_deref() == Some("Safety")));
        let risk = given(events);
        assert_eq!(risk.decide(Command::Import(row), &cx()), Ok(vec![]));
        assert_eq!(risk.decide(Command::Import(full()), &cx()), Ok(vec![]));
    }

    #[test]
    fn a_rationale_outlives_a_file_with_the_same_scores() {
        let why = Some("Seen twice".to_owned());
        let explained = Event::Assessed(Assessment { rationale: why, ..assessment(Stage::Current, "3", "5") });
        let risk = given(imported().into_iter().chain([explained]));
        assert_eq!(risk.decide(Command::Import(full()), &cx()), Ok(vec![]));
    }

    #[test]
    fn the_rules_hold_for_a_file_too() {
        let refused = |row| given([]).decide(Command::Import(row), &cx()).expect_err("refused");
        assert_eq!(refused(Import { assessments: vec![], ..full() }), Broken::NotAssessed);
        assert!(matches!(refused(Import { controls: None, ..full() }), Broken::NoControls(_)));
        assert_eq!(refused(Import { option: None, ..full() }), Broken::NoOption);
    }
}
