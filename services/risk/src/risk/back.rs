//! How a risk becomes again what it was before an upload: as somebody would do it by hand, and where it got its first owner,
//! assessment or treatment, without them again.

use super::{Command, Event, Risk, Stage, unless};

impl Risk {
    /// What makes of it what it was before.
    pub fn back_to(&self, before: &Self) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.profile != before.profile {
            commands.extend(before.profile.clone().map(Command::Describe));
        }
        if self.owner != before.owner {
            commands.push(before.owner.clone().map_or(Command::TakeBackOwner, Command::AssignOwner));
        }
        if self.existing_controls != before.existing_controls {
            commands.push(Command::NoteExistingControls(before.existing_controls.clone()));
        }
        if self.treatment != before.treatment {
            commands.push(before.treatment.clone().map_or(Command::TakeBackTreatment, Command::DecideTreatment));
        }
        for (stage, assessment) in &self.assessments {
            match before.assessments.get(stage) {
                Some(earlier) if earlier == assessment => {}
                Some(earlier) => commands.push(Command::Assess(earlier.clone())),
                None => commands.push(Command::TakeBackAssessment(*stage)),
            }
        }
        commands
    }

    pub(super) fn without_owner(&self) -> Vec<Event> {
        self.owner.clone().map(|former_owner| Event::OwnerTakenBack { former_owner }).into_iter().collect()
    }

    pub(super) fn without_assessment(&self, stage: Stage) -> Vec<Event> {
        unless(!self.assessments.contains_key(&stage), || {
            let of = |other: Stage| self.assessments.get(&other).filter(|_| other != stage);
            let standing = of(Stage::Current).or(of(Stage::Inherent)).map(|assessment| &assessment.rating);
            let (level, acceptable) = standing.map(|rating| (rating.level.clone(), rating.acceptable)).unzip();
            Event::AssessmentTakenBack { stage, level, acceptable }
        })
    }

    pub(super) fn without_treatment(&self) -> Vec<Event> {
        unless(self.treatment.is_none(), || Event::TreatmentTakenBack { released_controls: self.relied_on().to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::cx;
    use crate::methodology::Rating;
    use crate::risk::tests::{accepted, assessment, decided, given, owned, profile, texts};
    use crate::risk::{Because, Broken, Command, Event, Profile, Risk, Stage, TreatmentOption};

    fn before() -> Vec<Event> {
        vec![
            Event::Identified(profile("Leak")),
            Event::Assessed(assessment(Stage::Current, "3", "5")),
            decided(TreatmentOption::Mitigate, &["A.8.13"], &[]),
        ]
    }

    fn taken_back(mut risk: Risk, before: &Risk) -> (Risk, Vec<Event>) {
        let mut all = Vec::new();
        for command in risk.back_to(before) {
            for event in risk.decide(command, &cx()).expect("decided") {
                risk.apply(event.clone());
                all.push(event);
            }
        }
        assert_eq!(risk.back_to(before).len(), 0, "nothing is left to do");
        let same =
            |risk: &Risk| (risk.profile.clone(), risk.treatment.clone(), risk.assessments.clone(), risk.owner.clone());
        assert_eq!(same(&risk), same(before));
        assert!(risk.revision > before.revision, "what rested on the revision of the upload is stale");
        (risk, all)
    }

    #[test]
    fn a_risk_is_again_what_it_was() {
        let later = [
            Event::Described(Profile { name: "Spill".to_owned(), ..profile("Leak") }),
            Event::Assessed(assessment(Stage::Current, "1", "1")),
            decided(TreatmentOption::Mitigate, &["A.8.15"], &["A.8.13"]),
        ];
        taken_back(given(before().into_iter().chain(later)), &given(before()));
    }

    #[test]
    fn what_it_got_first_it_is_without_again() {
        let identified = Event::Identified(profile("Leak"));
        let got = [
            owned("mara", None),
            Event::Assessed(assessment(Stage::Inherent, "3", "5")),
            Event::Assessed(assessment(Stage::Residual, "1", "1")),
            decided(TreatmentOption::Mitigate, &["A.8.15"], &[]),
        ];
        let then = given([identified.clone()]);
        let (risk, events) = taken_back(given([identified].into_iter().chain(got)), &then);
        let unassessed = |stage, rating: Option<&Rating>| Event::AssessmentTakenBack {
            stage,
            level: rating.map(|rating| rating.level.clone()),
            acceptable: rating.map(|rating| rating.acceptable),
        };
        let expected = [
            Event::OwnerTakenBack { former_owner: "mara".to_owned() },
            Event::TreatmentTakenBack { released_controls: texts(&["A.8.15"]) },
            unassessed(Stage::Inherent, None),
            unassessed(Stage::Residual, None),
        ];
        assert_eq!(events, expected);
        assert_eq!(risk.looked_at(), 0, "nobody has assessed it");
        for command in [Command::TakeBackOwner, Command::TakeBackTreatment, Command::TakeBackAssessment(Stage::Current)]
        {
            assert_eq!(risk.decide(command, &cx()), Ok(vec![]));
        }

        // Where it was assessed before, it counts by that again.
        let inherent = assessment(Stage::Inherent, "3", "5");
        let then = vec![Event::Identified(profile("Leak")), Event::Assessed(inherent.clone())];
        let current = Event::Assessed(assessment(Stage::Current, "1", "1"));
        let (risk, events) = taken_back(given(then.iter().cloned().chain([current])), &given(then));
        assert_eq!((events, risk.looked_at()), (vec![unassessed(Stage::Current, Some(&inherent.rating))], 1));
    }

    #[test]
    fn an_acceptance_lapses_with_what_is_taken_back() {
        let mut risk = given(before().into_iter().chain([owned("mara", None)]));
        risk.apply(Event::Accepted(accepted(risk.revision)));
        let lapsed = |because| Event::AcceptanceLapsed { because };
        for (command, because) in [
            (Command::TakeBackOwner, Because::Owner),
            (Command::TakeBackTreatment, Because::Treatment),
            (Command::TakeBackAssessment(Stage::Current), Because::Assessment),
        ] {
            let events = risk.decide(command, &cx()).expect("decided");
            assert_eq!(events.last(), Some(&lapsed(because)));
        }
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
