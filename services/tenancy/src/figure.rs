use chrono::{DateTime, NaiveDate, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// What one object of another service adds to a tenant's figures: one stream an object, in the tenant's own partition.
#[derive(Default, Serialize, Deserialize)]
pub struct Figure {
    noted: Option<Event>,
}

/// What another service said of the object, as far as it counts.
#[derive(Clone, Debug)]
pub enum Heard {
    RiskIdentified,
    /// The inherent level counts until there is a current one.
    RiskAssessed {
        current: bool,
        level: Level,
        acceptable: bool,
    },
    /// It counts by what is left of its assessments, where anything is.
    RiskUnassessed {
        current: bool,
        level: Option<Level>,
        acceptable: Option<bool>,
    },
    /// Absent: that is undecided again.
    RiskTreated {
        option: Option<String>,
    },
    /// What is left of it is accepted until a day; absent: not, or no more.
    RiskAccepted {
        acceptance: Option<NotedAcceptance>,
    },
    RiskClosed {
        closed: bool,
    },
    MethodologyAdopted {
        revision: u32,
    },
    ControlDecided {
        applicable: bool,
    },
    ControlImplemented {
        state: String,
    },
    /// A risk relies on the control, or does no more.
    ControlRequired {
        control: String,
        holds: bool,
    },
    EvidenceCollected {
        valid_until: Option<DateTime<Utc>>,
    },
    /// What is to be done for a risk's treatment, by its last day; absent: it is done, or given up.
    ActionDue {
        due: Option<NaiveDate>,
    },
    StatementIssued {
        number: u32,
        issued_at: DateTime<Utc>,
    },
}

/// Of the scale that the risk was assessed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Level {
    pub rank: u32,
    pub label: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NotedRisk {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Whether that level needs no treatment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptable: Option<bool>,
    /// The level is that with the controls in place.
    pub current: bool,
    /// How it is treated, where that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<NotedAcceptance>,
    /// True where it is a risk no more, and else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
}

/// Of what is left of a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedAcceptance {
    /// Its last day, in UTC.
    pub until: NaiveDate,
    /// It counts while no later revision is in force.
    pub methodology_revision: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NotedControl {
    /// Absent while nobody has decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicable: Option<bool>,
    /// How far it is implemented, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "each notes an object of another kind, and is named after it")]
pub enum Event {
    RiskNoted(NotedRisk),
    MethodologyNoted {
        revision: u32,
    },
    ControlNoted(NotedControl),
    RequirementNoted {
        control: String,
        holds: bool,
    },
    EvidenceNoted {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid_until: Option<DateTime<Utc>>,
    },
    ActionNoted {
        /// Its last day, in UTC; absent where nothing is to be done any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<NaiveDate>,
    },
    StatementNoted {
        number: u32,
        issued_at: DateTime<Utc>,
    },
}

/// What another service has recorded is so.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {}

impl Figure {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, heard: Heard, _: &Cx) -> Result<Vec<Event>, Broken> {
        let now = match heard {
            Heard::RiskIdentified => Event::RiskNoted(NotedRisk::default()),
            Heard::RiskAssessed { current, level, acceptable } => {
                let before = self.risk();
                if before.current && !current {
                    return Ok(vec![]);
                }
                Event::RiskNoted(NotedRisk { level: Some(level), acceptable: Some(acceptable), current, ..before })
            }
            Heard::RiskUnassessed { current, level, acceptable } => {
                Event::RiskNoted(NotedRisk { level, acceptable, current, ..self.risk() })
            }
            Heard::RiskTreated { option } => Event::RiskNoted(NotedRisk { option, ..self.risk() }),
            Heard::RiskAccepted { acceptance } => Event::RiskNoted(NotedRisk { acceptance, ..self.risk() }),
            Heard::RiskClosed { closed } => {
                Event::RiskNoted(NotedRisk { closed: closed.then_some(true), ..self.risk() })
            }
            Heard::MethodologyAdopted { revision } => Event::MethodologyNoted { revision },
            Heard::ControlDecided { applicable } => {
                Event::ControlNoted(NotedControl { applicable: Some(applicable), ..self.control() })
            }
            Heard::ControlImplemented { state } => {
                Event::ControlNoted(NotedControl { state: Some(state), ..self.control() })
            }
            Heard::ControlRequired { control, holds } => Event::RequirementNoted { control, holds },
            Heard::EvidenceCollected { valid_until } => Event::EvidenceNoted { valid_until },
            Heard::ActionDue { due } => Event::ActionNoted { due },
            Heard::StatementIssued { number, issued_at } => Event::StatementNoted { number, issued_at },
        };
        Ok(if self.noted.as_ref() == Some(&now) { vec![] } else { vec![now] })
    }

    fn risk(&self) -> NotedRisk {
        if let Some(Event::RiskNoted(noted)) = &self.noted { noted.clone() } else { NotedRisk::default() }
    }

    fn control(&self) -> NotedControl {
        if let Some(Event::ControlNoted(noted)) = &self.noted { noted.clone() } else { NotedControl::default() }
    }

    fn apply(&mut self, event: Event) {
        self.noted = Some(event);
    }
}

aggregate!(Figure, "figure", Heard, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Event, Figure, Heard, Level, NotedAcceptance, NotedControl, NotedRisk};
    use crate::testing::cx;
    use eventstore::TenantId;

    /// All that was noted of one object, in the order in which it was heard.
    fn noted(heard: Vec<Heard>) -> Vec<Event> {
        let mut figure = Figure::default();
        let mut all = Vec::new();
        for heard in heard {
            let events = figure.decide(heard, &cx(TenantId::random())).expect("no rule refuses");
            events.iter().cloned().for_each(|event| figure.apply(event));
            all.extend(events);
        }
        all
    }

    fn assessed(current: bool, rank: u32) -> Heard {
        Heard::RiskAssessed { current, level: Level { rank, label: format!("level {rank}") }, acceptable: rank < 2 }
    }

    fn risk(rank: u32, current: bool, option: Option<&str>) -> Event {
        let level = Some(Level { rank, label: format!("level {rank}") });
        let option = option.map(ToOwned::to_owned);
        Event::RiskNoted(NotedRisk { level, acceptable: Some(rank < 2), current, option, ..NotedRisk::default() })
    }

    #[test]
    fn a_risk_counts_by_its_current_level_and_before_by_its_inherent_one() {
        let treated = Heard::RiskTreated { option: Some("accept".to_owned()) };
        let all = vec![Heard::RiskIdentified, assessed(false, 3), assessed(true, 1), assessed(false, 2), treated];
        let expected = [
            Event::RiskNoted(NotedRisk::default()),
            risk(3, false, None),
            risk(1, true, None),
            risk(1, true, Some("accept")),
        ];
        assert_eq!(noted(all), expected);
    }

    #[test]
    fn an_acceptance_counts_until_it_ends_and_a_closed_risk_keeps_what_was_noted() {
        let until = "2026-12-31".parse().expect("a day");
        let acceptance = Some(NotedAcceptance { until, methodology_revision: 2 });
        let all = vec![
            Heard::RiskAccepted { acceptance: acceptance.clone() },
            Heard::RiskClosed { closed: true },
            Heard::RiskAccepted { acceptance: None },
            Heard::RiskAccepted { acceptance: None },
        ];
        let risk = |acceptance, closed| Event::RiskNoted(NotedRisk { acceptance, closed, ..NotedRisk::default() });
        assert_eq!(noted(all), [risk(acceptance.clone(), None), risk(acceptance, Some(true)), risk(None, Some(true))]);
    }

    #[test]
    fn what_is_taken_back_counts_no_more() {
        let inherent = Level { rank: 3, label: "level 3".to_owned() };
        let unassessed = |level: Option<Level>| {
            let acceptable = level.as_ref().map(|_| false);
            Heard::RiskUnassessed { current: false, level, acceptable }
        };
        let all = vec![
            assessed(false, 3),
            assessed(true, 1),
            Heard::RiskTreated { option: Some("avoid".to_owned()) },
            Heard::RiskTreated { option: None },
            unassessed(Some(inherent)),
            unassessed(None),
        ];
        let expected = [
            risk(3, false, None),
            risk(1, true, None),
            risk(1, true, Some("avoid")),
            risk(1, true, None),
            risk(3, false, None),
            Event::RiskNoted(NotedRisk::default()),
        ];
        assert_eq!(noted(all), expected);
    }

    #[test]
    fn what_changes_no_figure_is_no_event() {
        let all = vec![assessed(true, 1), assessed(true, 1)];
        assert_eq!(noted(all), [risk(1, true, None)]);
    }

    #[test]
    fn a_risk_that_an_upload_took_away_begins_anew() {
        let removed = Heard::RiskClosed { closed: true };
        let noted_risk = |closed| NotedRisk {
            level: Some(Level { rank: 1, label: "level 1".to_owned() }),
            acceptable: Some(true),
            current: true,
            closed,
            ..NotedRisk::default()
        };
        let there = |closed| Event::RiskNoted(noted_risk(closed));
        let expected = [there(None), there(Some(true)), Event::RiskNoted(NotedRisk::default())];
        assert_eq!(noted(vec![assessed(true, 1), removed, Heard::RiskIdentified]), expected);
    }

    #[test]
    fn a_control_counts_by_both_that_is_decided_of_it() {
        let all = vec![
            Heard::ControlImplemented { state: "planned".to_owned() },
            Heard::ControlDecided { applicable: false },
        ];
        let control = |applicable| Event::ControlNoted(NotedControl { applicable, state: Some("planned".to_owned()) });
        assert_eq!(noted(all), [control(None), control(Some(false))]);
    }
}
