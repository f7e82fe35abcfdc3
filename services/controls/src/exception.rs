mod body;
mod list;
#[cfg(test)]
mod tests;

pub use body::{ApproveException, EndException, RefuseException, RequestException};
pub use list::RegisteredException;

use chrono::NaiveDate;
use eventstore::{Actor, Cx, aggregate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Leave to do without something that the ISMS asks for, until a day. Who asks for it is not who gives it.
#[derive(Default, Serialize, Deserialize)]
pub struct Exception {
    waiver: Option<Waiver>,
    /// Who asked for it last.
    requested_by: String,
    /// Who asked for it, and who changed what was asked.
    asked_by: BTreeSet<String>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    #[default]
    Requested,
    Approved,
    Refused,
    Ended,
}

/// What is asked for, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    pub title: String,
    /// What is not done.
    pub waived: String,
    /// The controls that it is about.
    #[serde(default)]
    pub controls: Vec<String>,
    /// The document whose rule is not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    pub justification: String,
    /// What is done instead.
    pub compensating_measure: String,
    /// The last day on which it holds.
    pub expires_on: NaiveDate,
}

/// What was asked for, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Petition {
    #[serde(flatten)]
    pub waiver: Waiver,
    /// Who did so last.
    pub requested_by: String,
    /// All who did, and changed what was asked: none of them decides.
    pub asked_by: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Request(Waiver),
    /// Something else is asked for: what was approved before is approved no more.
    Change(Waiver),
    Approve,
    Refuse,
    End,
    /// It should never have been there.
    Remove,
    /// It should not have been changed: what was asked for before is.
    Restore(Petition),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Requested {
        #[serde(flatten)]
        waiver: Waiver,
        requested_by: String,
    },
    Changed {
        #[serde(flatten)]
        waiver: Waiver,
        requested_by: String,
    },
    Approved {
        approver: String,
    },
    Refused {
        approver: String,
    },
    Ended {},
    /// Nobody asks for it, or ever did. Its ref is free.
    Removed {},
    /// A change was taken back: what was asked for before, by the same people, is decided anew.
    Restored(Petition),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is an exception of this ref already: choose another one")]
    Taken,
    #[error("this tenant has no such exception")]
    NotRequested,
    #[error("{} asked for it: somebody else decides", .0.join(", "))]
    OwnRequest(Vec<String>),
    #[error("an exception is decided by a person")]
    NotAPerson,
    #[error("it would have expired on {0}: ask for it until a later day first")]
    Expired(NaiveDate),
    #[error("it was refused: change what is asked for first")]
    Refused,
    #[error("it was approved: end it, or change what is asked for")]
    Approved,
    #[error("it has ended: ask for another one")]
    Ended,
}

impl Exception {
    /// What was asked for last.
    pub fn waiver(&self) -> Option<&Waiver> {
        self.waiver.as_ref()
    }

    /// The same, and by whom.
    pub fn asked(&self) -> Option<Petition> {
        let (requested_by, asked_by) = (self.requested_by.clone(), self.asked_by.iter().cloned().collect());
        self.waiver.clone().map(|waiver| Petition { waiver, requested_by, asked_by })
    }

    fn decide(&self, command: Command, cx: &Cx) -> Result<Vec<Event>, Broken> {
        let requested_by = cx.actor.to_string();
        let Some(waiver) = &self.waiver else {
            return match command {
                Command::Request(waiver) => Ok(vec![Event::Requested { waiver, requested_by }]),
                Command::Remove => Ok(vec![]),
                Command::Change(_) | Command::Approve | Command::Refuse | Command::End | Command::Restore(_) => {
                    Err(Broken::NotRequested)
                }
            };
        };
        match (command, self.standing) {
            (Command::Remove, _) => Ok(vec![Event::Removed {}]),
            (Command::Restore(asked), _) if self.asked().as_ref() == Some(&asked) => Ok(vec![]),
            (Command::Restore(asked), _) => Ok(vec![Event::Restored(asked)]),
            (Command::Request(same), _) if same == *waiver => Ok(vec![]),
            (Command::Request(_), _) => Err(Broken::Taken),
            (Command::End, Standing::Ended)
            | (Command::Approve, Standing::Approved)
            | (Command::Refuse, Standing::Refused) => Ok(vec![]),
            (_, Standing::Ended) => Err(Broken::Ended),
            (Command::Change(same), Standing::Requested | Standing::Approved) if same == *waiver => Ok(vec![]),
            (Command::Change(waiver), _) => Ok(vec![Event::Changed { waiver, requested_by }]),
            (Command::End, _) => Ok(vec![Event::Ended {}]),
            (Command::Approve, Standing::Refused) => Err(Broken::Refused),
            (Command::Refuse, Standing::Approved) => Err(Broken::Approved),
            (Command::Approve, Standing::Requested) if waiver.expires_on < cx.now.date_naive() => {
                Err(Broken::Expired(waiver.expires_on))
            }
            (Command::Approve, Standing::Requested) => Ok(vec![Event::Approved { approver: self.decider(cx)? }]),
            (Command::Refuse, Standing::Requested) => Ok(vec![Event::Refused { approver: self.decider(cx)? }]),
        }
    }

    fn decider(&self, cx: &Cx) -> Result<String, Broken> {
        let Actor::Person(person) = &cx.actor else { return Err(Broken::NotAPerson) };
        if self.asked_by.contains(person) {
            return Err(Broken::OwnRequest(self.asked_by.iter().cloned().collect()));
        }
        Ok(person.clone())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Requested { waiver, requested_by } | Event::Changed { waiver, requested_by } => {
                (self.waiver, self.standing) = (Some(waiver), Standing::Requested);
                self.asked_by.insert(requested_by.clone());
                self.requested_by = requested_by;
            }
            Event::Restored(Petition { waiver, requested_by, asked_by }) => {
                (self.waiver, self.standing) = (Some(waiver), Standing::Requested);
                (self.requested_by, self.asked_by) = (requested_by, asked_by.into_iter().collect());
            }
            Event::Removed {} => *self = Self::default(),
            Event::Approved { .. } => self.standing = Standing::Approved,
            Event::Refused { .. } => self.standing = Standing::Refused,
            Event::Ended {} => self.standing = Standing::Ended,
        }
    }
}

aggregate!(Exception, "exception", Command, Event, Broken);
