use crate::control::{Basis, Effectiveness, Event, Framework, ImplementationState, Test};
use catalogue::Theme;
use chrono::NaiveDate;
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::{Sheet, cell};
use strum::VariantNames;
use utoipa::ToSchema;
use uuid::Uuid;
use views::{Column, Folded, View, stream_key};

/// What the tenant says of one control, without the risks that rely on it. A list filters and sorts by `theme`, `state`, `owner`
/// (empty: nobody), `applicability` (`included`, `excluded` or `undecided`), `next_review` and `effectiveness` (of the last test; empty: none);
/// otherwise it is in the standard's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    pub framework: Framework,
    pub title: String,
    #[schema(value_type = String, example = "technological")]
    pub theme: Theme,
    /// What was decided; nothing until somebody does.
    pub applicable: Option<bool>,
    pub basis: Option<Basis>,
    /// The words of whoever decided.
    pub justification: Option<String>,
    pub state: ImplementationState,
    pub how: Option<String>,
    pub owner: Option<String>,
    /// What nothing has replaced, oldest first.
    pub evidence: Vec<Support>,
    /// The day by which it is looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_review: Option<NaiveDate>,
    /// 0 to 5: not there, done by some, repeated, written down, measured, always bettered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity: Option<u32>,
    /// The one that was recorded last; those before are in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_test: Option<Test>,
}

/// Evidence that supports a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Support {
    pub id: Uuid,
    pub title: String,
}

impl View for Statement {
    const NAME: &'static str = "control";
    const COLUMNS: &'static [Column] = &[
        Column::word("theme", Theme::VARIANTS),
        Column::word("state", ImplementationState::VARIANTS),
        Column::text("owner"),
        Column::word("applicability", &["included", "excluded", "undecided"]),
        Column::day("next_review"),
        Column::word("effectiveness", Effectiveness::VARIANTS).or_none(),
    ];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(event) = event.decode::<Event>()? else { return Ok(current) };
        Ok(Self::after(current, event))
    }
}

/// How far each control is implemented, and whose it is; whether it applies is the Statement of Applicability's to say.
impl Sheet for Statement {
    const HEADING: &'static [&'static str] =
        &["reference_control", "title", "status", "description", "owner", "next_review", "maturity"];

    fn cells(self, key: &str) -> Vec<String> {
        let state = <&str>::from(self.state).to_owned();
        let (review, maturity) = (cell(self.next_review), cell(self.maturity));
        vec![key.to_owned(), self.title, state, cell(self.how), cell(self.owner), review, maturity]
    }
}

impl Statement {
    fn after(current: Option<Self>, event: Event) -> Option<Self> {
        if let Event::Added { framework, title, theme } = event {
            return Some(Self::undecided(framework, title, theme));
        }
        let mut statement = current?;
        statement.follow(event);
        Some(statement)
    }

    fn undecided(framework: Framework, title: String, theme: Theme) -> Self {
        Self {
            framework,
            title,
            theme,
            applicable: None,
            basis: None,
            justification: None,
            state: ImplementationState::NotStarted,
            how: None,
            owner: None,
            evidence: Vec::new(),
            next_review: None,
            maturity: None,
            last_test: None,
        }
    }

    fn follow(&mut self, event: Event) {
        match event {
            // Each requirement is a row of its own; this one moves on, since the object's version does.
            Event::Added { .. } | Event::Required { .. } | Event::Released { .. } => {}
            Event::Included { basis, justification } => self.decided(true, Some(basis), justification),
            Event::Excluded { justification } => self.decided(false, None, justification),
            Event::ImplementationSet { state, how } => (self.state, self.how) = (state, how),
            Event::OwnerAssigned { owner, .. } => self.owner = Some(owner),
            Event::OwnerTakenBack { .. } => self.owner = None,
            Event::EvidenceAttached { evidence, title } => self.evidence.push(Support { id: evidence, title }),
            Event::EvidenceDetached { evidence, .. } => self.evidence.retain(|support| support.id != evidence),
            Event::ReviewPlanned { next_review } => self.next_review = next_review,
            Event::MaturityAssessed { level } => self.maturity = Some(level),
            Event::Tested(test) => self.last_test = Some(test),
        }
    }

    fn decided(&mut self, applicable: bool, basis: Option<Basis>, justification: String) {
        (self.applicable, self.basis, self.justification) = (Some(applicable), basis, Some(justification));
    }
}

#[cfg(test)]
pub mod tests {
    use super::Statement;
    use crate::control::{Basis, Event, Framework, ImplementationState, TreatmentOption};
    use catalogue::Theme;
    use uuid::Uuid;

    /// An added control, as it stands after `events`.
    pub fn given(events: Vec<Event>) -> Statement {
        let added = Event::Added {
            framework: Framework::Iso27001_2022,
            title: "Information backup".to_owned(),
            theme: Theme::Technological,
        };
        let statement = std::iter::once(added).chain(events).fold(None, Statement::after);
        statement.expect("an added control")
    }

    pub fn excluded(why: &str) -> Event {
        Event::Excluded { justification: why.to_owned() }
    }

    #[test]
    fn a_new_control_is_undecided_and_not_started() {
        let statement = given(vec![]);
        assert_eq!((statement.applicable, statement.state), (None, ImplementationState::NotStarted));
        assert_eq!(statement.justification, None);
    }

    /// What stands in the rows of an older program is what is folded today.
    #[test]
    fn a_control_of_which_no_more_was_said_reads_and_writes_as_ever() {
        let written = serde_json::to_value(given(vec![])).expect("written");
        let names: Vec<&String> = written.as_object().expect("an object").keys().collect();
        let ever = [
            "applicable",
            "basis",
            "evidence",
            "framework",
            "how",
            "justification",
            "owner",
            "state",
            "theme",
            "title",
        ];
        assert_eq!(names, ever);
        assert_eq!(serde_json::from_value::<Statement>(written).expect("read"), given(vec![]));
    }

    #[test]
    fn the_last_decision_stands_with_its_own_words() {
        let included = Event::Included { basis: Basis::Contract, justification: "customers ask".to_owned() };
        let statement = given(vec![included, excluded("no premises")]);
        assert_eq!((statement.applicable, statement.basis), (Some(false), None));
        assert_eq!(statement.justification.as_deref(), Some("no premises"));
    }

    #[test]
    fn a_row_does_not_grow_with_the_risks_that_rely_on_the_control() {
        let required = |n: usize| Event::Required { risk: format!("R-{n}"), option: TreatmentOption::Mitigate };
        assert_eq!(given((0..100).map(required).collect()), given(vec![]));
        assert_eq!(given(vec![Event::Released { risk: "R-1".to_owned() }]), given(vec![]));
    }

    #[test]
    fn evidence_is_listed_as_it_came() {
        let attached = |title: &str| Event::EvidenceAttached { evidence: Uuid::new_v4(), title: title.to_owned() };
        let titles: Vec<_> =
            given(vec![attached("b"), attached("a")]).evidence.into_iter().map(|one| one.title).collect();
        assert_eq!(titles, ["b", "a"]);
    }

    #[test]
    fn evidence_that_was_replaced_supports_nothing_any_more() {
        let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let attached = |evidence| Event::EvidenceAttached { evidence, title: "Restore test".to_owned() };
        let detached = Event::EvidenceDetached { evidence: old, replaced_by: new };
        let left = given(vec![attached(old), detached, attached(new)]).evidence;
        assert_eq!(left.iter().map(|support| support.id).collect::<Vec<_>>(), [new]);
    }
}
