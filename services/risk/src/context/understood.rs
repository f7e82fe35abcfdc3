use super::{Climate, Event, Issue, Party, Scope};
use chrono::{DateTime, Utc};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// What the ISMS is about, and whether top management approved it as it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Context)]
pub struct UnderstoodContext {
    /// Counts the changes of issues, parties and scope.
    pub revision: u32,
    pub issues: Vec<Issue>,
    /// Absent while nobody has answered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub climate: Option<Climate>,
    pub parties: Vec<Party>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Who is top management here: people's ids.
    pub management: BTreeSet<String>,
    pub approval: ContextApprovalState,
    /// The last approval; of a revision before this one where the approval is stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<ContextApproval>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextApprovalState {
    #[default]
    Missing,
    Approved,
    /// It changed since.
    Stale,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContextApproval {
    pub revision: u32,
    /// Of top management, who approved this revision.
    pub by: BTreeSet<String>,
    pub at: DateTime<Utc>,
    /// The position of the tenant's log at which it was.
    pub position: i64,
}

impl View for UnderstoodContext {
    const NAME: &'static str = "context";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let Some(happened) = event.decode()? else { return Ok(current) };
        let mut context = current.unwrap_or_default();
        context.take(happened, event);
        Ok(Some(context))
    }
}

impl UnderstoodContext {
    fn take(&mut self, happened: Event, event: &Recorded) {
        match happened {
            Event::IssuesDetermined { revision, issues, climate } => {
                (self.revision, self.issues, self.climate) = (revision, issues, Some(climate));
            }
            Event::PartiesDetermined { revision, parties } => (self.revision, self.parties) = (revision, parties),
            Event::ScopeDetermined { revision, scope } => (self.revision, self.scope) = (revision, Some(scope)),
            Event::ManagementNamed { people } => self.management = people,
            Event::Approved { revision, by } => self.approve(revision, by, event),
        }
        self.approval = match &self.approved {
            None => ContextApprovalState::Missing,
            Some(last) if last.revision == self.revision => ContextApprovalState::Approved,
            Some(_) => ContextApprovalState::Stale,
        };
    }

    fn approve(&mut self, revision: u32, by: String, event: &Recorded) {
        let (at, position) = (event.occurred_at, event.position);
        let mut people =
            self.approved.take().filter(|last| last.revision == revision).map(|last| last.by).unwrap_or_default();
        people.insert(by);
        self.approved = Some(ContextApproval { revision, by: people, at, position });
    }
}

#[cfg(test)]
mod tests {
    use super::{ContextApprovalState, UnderstoodContext};
    use crate::context::Event;
    use crate::context::tests::{scope, whole};
    use crate::fixture::stored;
    use views::View;

    fn folded(events: Vec<Event>) -> UnderstoodContext {
        let fold =
            |row, event: Event| UnderstoodContext::apply(row, "isms", &stored("context-isms", &event)).expect("folded");
        events.into_iter().fold(None, fold).expect("a row")
    }

    #[test]
    fn an_approval_is_stale_after_the_next_revision() {
        let approved = |revision, by: &str| Event::Approved { revision, by: by.to_owned() };
        let mut events = whole();
        assert_eq!(folded(events.clone()).approval, ContextApprovalState::Missing);
        events.extend([approved(3, "mara"), approved(3, "ann")]);
        let row = folded(events.clone());
        assert_eq!(row.approval, ContextApprovalState::Approved);
        assert_eq!(row.approved.map(|last| last.by), Some(["ann".to_owned(), "mara".to_owned()].into()));
        events.push(Event::ScopeDetermined { revision: 4, scope: scope(&[]) });
        let row = folded(events.clone());
        assert_eq!((row.approval, row.approved.map(|last| last.revision)), (ContextApprovalState::Stale, Some(3)));
        events.push(approved(4, "mara"));
        let row = folded(events);
        assert_eq!(row.approved.map(|last| (last.revision, last.by.len())), Some((4, 1)));
    }
}
