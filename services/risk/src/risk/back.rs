use super::{Command, Risk, Stage};

impl Risk {
    /// What makes of it what it was before: as somebody would do it by hand. Or why nobody can.
    pub fn back_to(&self, before: &Self) -> Result<Vec<Command>, String> {
        let mut commands = Vec::new();
        if self.profile != before.profile {
            commands.extend(before.profile.clone().map(Command::Describe));
        }
        match &before.owner {
            owner if *owner == self.owner => {}
            Some(owner) => commands.push(Command::AssignOwner(owner.clone())),
            None => return Err(stays("owner")),
        }
        if self.existing_controls != before.existing_controls {
            commands.push(Command::NoteExistingControls(before.existing_controls.clone()));
        }
        for (stage, assessment) in &self.assessments {
            match before.assessments.get(stage) {
                Some(earlier) if earlier == assessment => {}
                Some(earlier) => commands.push(Command::Assess(earlier.clone())),
                None => return Err(stays(assessment_of(*stage))),
            }
        }
        match &before.treatment {
            treatment if *treatment == self.treatment => {}
            Some(treatment) => commands.push(Command::DecideTreatment(treatment.clone())),
            None => return Err(stays("treatment")),
        }
        Ok(commands)
    }
}

fn assessment_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Inherent => "inherent assessment",
        Stage::Current => "current assessment",
        Stage::Residual => "residual assessment",
    }
}

fn stays(what: &str) -> String {
    format!("it got its first {what} by the upload, and a risk that has one is not without it again: change it by hand")
}

#[cfg(test)]
mod tests {
    use crate::fixture::cx;
    use crate::risk::tests::{assessment, decided, given, profile, texts};
    use crate::risk::{Broken, Command, Event, Profile, Stage, TreatmentOption};

    fn before() -> Vec<Event> {
        vec![
            Event::Identified(profile("Leak")),
            Event::Assessed(assessment(Stage::Current, "3", "5")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
        ]
    }

    #[test]
    fn a_risk_is_again_what_it_was_and_a_first_assessment_stays() {
        let later = [
            Event::Described(Profile { name: "Spill".to_owned(), ..profile("Leak") }),
            Event::Assessed(assessment(Stage::Current, "1", "1")),
            decided(TreatmentOption::Mitigate, &["A.8.15"], &["A.8.13"]),
        ];
        let mut risk = given(before().into_iter().chain(later));
        let then = given(before());
        for command in risk.back_to(&then).expect("there is a way back") {
            for event in risk.decide(command, &cx()).expect("decided") {
                risk.apply(event);
            }
        }
        assert_eq!(risk.back_to(&then).expect("nothing is left to do").len(), 0);
        assert_eq!(
            (&risk.profile, &risk.treatment, &risk.assessments),
            (&then.profile, &then.treatment, &then.assessments)
        );

        let residual = given(before().into_iter().chain([Event::Assessed(assessment(Stage::Residual, "1", "1"))]));
        let told = residual.back_to(&then).expect_err("refused");
        assert!(told.starts_with("it got its first residual assessment by the upload"), "{told}");
    }

    #[test]
    fn a_risk_that_was_removed_is_none_and_its_ref_is_free() {
        let mut risk = given(before());
        let removed = Event::Removed { released_controls: texts(&["A.8.13"]) };
        assert_eq!(risk.decide(Command::Remove, &cx()), Ok(vec![removed.clone()]));
        risk.apply(removed);
        assert_eq!(risk.decide(Command::Remove, &cx()), Ok(vec![]));
        assert_eq!(risk.decide(Command::Close, &cx()), Err(Broken::Removed));
        let identify = Command::Identify { profile: profile("Leak"), owner: None };
        assert_eq!(risk.decide(identify, &cx()), Ok(vec![Event::Identified(profile("Leak"))]));
    }
}
