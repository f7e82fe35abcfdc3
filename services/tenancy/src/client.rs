use access::Standing;
use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What an organisation was told of one of its tenants, in the organisation's own partition: one stream a tenant and month, so
/// that none grows for ever.
#[derive(Default, Serialize, Deserialize)]
pub struct Client {
    position: u32,
}

/// A tenant as it stood at a position of its own log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub tenant: Uuid,
    /// The position of the tenant's log that this shows.
    pub position: u32,
    pub state: Standing,
    pub last_activity: DateTime<Utc>,
    pub figures: Figures,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// All in the register that are not closed.
    pub risks: u32,
    /// Those that are assessed, by their level: the current one, or the inherent one where there is no current.
    #[serde(default)]
    pub levels: Vec<AtLevel>,
    /// Those whose level the methodology does not accept.
    pub above_acceptance: u32,
    /// Of these, those whose treatment nobody has decided.
    pub untreated: u32,
    /// Controls that apply, by decision or because a risk relies on them.
    pub applicable: u32,
    /// Controls that do not apply.
    pub excluded: u32,
    /// Controls that apply and are implemented or operating.
    pub implemented: u32,
    /// Pieces of evidence.
    pub evidence: u32,
    /// Evidence that is valid until a day only, by that day.
    #[serde(default)]
    pub expiring: Vec<Expiring>,
    /// Risks of which what is left is accepted until a day only, by that day.
    #[serde(default)]
    pub accepted: Vec<AcceptedUntil>,
    /// What is still to be done for treatments, by its last day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<DueActions>,
    /// The Statement of Applicability that was issued last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soa: Option<LastStatement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AtLevel {
    /// 0 is the least.
    pub rank: u32,
    pub label: String,
    pub risks: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Expiring {
    /// A day in UTC, such as `2026-03-01`.
    pub on: String,
    pub evidence: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedUntil {
    /// A day in UTC, such as `2026-03-01`.
    pub on: String,
    pub risks: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DueActions {
    /// A day in UTC, such as `2026-03-01`.
    pub on: String,
    pub actions: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastStatement {
    /// 1 is the first that was issued.
    pub number: u32,
    pub issued_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Reported(Report),
}

/// A report is as it is.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {}

impl Client {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, report: Report, _: &Cx) -> Result<Vec<Event>, Broken> {
        Ok(if report.position > self.position { vec![Event::Reported(report)] } else { vec![] })
    }

    fn apply(&mut self, event: Event) {
        let Event::Reported(report) = event;
        self.position = report.position;
    }
}

aggregate!(Client, "client", Report, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Client, Event, Figures, Report};
    use crate::testing::cx;
    use access::Standing;
    use eventstore::TenantId;
    use uuid::Uuid;

    #[test]
    fn what_was_reported_before_is_not_reported_again() {
        let report = |position| Report {
            tenant: Uuid::nil(),
            position,
            state: Standing::Active,
            last_activity: "2026-03-01T09:30:00Z".parse().expect("an instant"),
            figures: Figures::default(),
        };
        let mut client = Client::default();
        let cx = cx(TenantId::random());
        assert_eq!(client.decide(report(4), &cx), Ok(vec![Event::Reported(report(4))]));
        client.apply(Event::Reported(report(4)));
        for position in [3, 4] {
            assert_eq!(client.decide(report(position), &cx), Ok(vec![]));
        }
        assert_eq!(client.decide(report(5), &cx), Ok(vec![Event::Reported(report(5))]));
    }
}
