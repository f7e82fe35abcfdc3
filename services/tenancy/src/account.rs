use chrono::{DateTime, Utc};
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// That a person of an organisation signs in with a password of ours. One stream a person, in the organisation's partition. What
/// they sign in with stands beside the log.
#[derive(Default, Serialize, Deserialize)]
pub struct Account {
    /// Whether it administers, while it is open.
    open: Option<bool>,
    second_factor: bool,
}

/// What a person showed to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    Password,
    /// A code of an authenticator app, beside the password.
    Totp,
    /// A recovery code, beside the password.
    RecoveryCode,
}

#[derive(Clone, Copy, Debug)]
pub enum Command {
    Open { administrator: bool },
    MakeLink { expires_at: DateTime<Utc> },
    SetPassword { by_link: bool },
    EnableSecondFactor,
    DisableSecondFactor,
    SignIn { factor: Factor, token_id: Uuid, expires_at: DateTime<Utc> },
    Refuse { factor: Factor, wait_s: u32 },
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Opened {
        administrator: bool,
    },
    /// That a one-time link was made by which a password is set, never the link.
    LinkMade {
        expires_at: DateTime<Utc>,
    },
    PasswordSet {
        by_link: bool,
    },
    SecondFactorEnabled {},
    SecondFactorDisabled {},
    /// A token was issued to the person.
    SignedIn {
        factor: Factor,
        token_id: Uuid,
        expires_at: DateTime<Utc>,
    },
    /// What was shown was wrong. For so long nothing else is looked at.
    SignInRefused {
        factor: Factor,
        wait_s: u32,
    },
    Closed {},
}

#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {
    #[error("there is no account any more")]
    NoAccount,
    #[error("an authenticator is confirmed already: remove it first")]
    SecondFactorOn,
}

impl Account {
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        if self.open.is_none() && !matches!(command, Command::Open { .. } | Command::Close) {
            return Err(Broken::NoAccount);
        }
        Ok(match command {
            Command::Open { administrator } if self.open == Some(administrator) => vec![],
            Command::Open { administrator } => vec![Event::Opened { administrator }],
            Command::MakeLink { expires_at } => vec![Event::LinkMade { expires_at }],
            Command::SetPassword { by_link } => vec![Event::PasswordSet { by_link }],
            Command::EnableSecondFactor if self.second_factor => return Err(Broken::SecondFactorOn),
            Command::EnableSecondFactor => vec![Event::SecondFactorEnabled {}],
            Command::DisableSecondFactor if self.second_factor => vec![Event::SecondFactorDisabled {}],
            Command::Close if self.open.is_some() => vec![Event::Closed {}],
            Command::DisableSecondFactor | Command::Close => vec![],
            Command::SignIn { factor, token_id, expires_at } => {
                vec![Event::SignedIn { factor, token_id, expires_at }]
            }
            Command::Refuse { factor, wait_s } => vec![Event::SignInRefused { factor, wait_s }],
        })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Opened { administrator } => self.open = Some(administrator),
            Event::SecondFactorEnabled {} => self.second_factor = true,
            Event::SecondFactorDisabled {} => self.second_factor = false,
            Event::Closed {} => *self = Self::default(),
            Event::LinkMade { .. }
            | Event::PasswordSet { .. }
            | Event::SignedIn { .. }
            | Event::SignInRefused { .. } => {}
        }
    }
}

aggregate!(Account, "account", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Account, Broken, Command, Event};
    use crate::testing::cx;
    use eventstore::TenantId;

    fn given(events: Vec<Event>) -> Account {
        let mut account = Account::default();
        for event in events {
            account.apply(event);
        }
        account
    }

    fn when(account: &Account, command: Command) -> Result<Vec<Event>, Broken> {
        account.decide(command, &cx(TenantId::random()))
    }

    const OPENED: Event = Event::Opened { administrator: false };

    #[test]
    fn it_is_opened_once_and_closed_once() {
        assert_eq!(when(&given(vec![]), Command::Open { administrator: false }), Ok(vec![OPENED]));
        let open = given(vec![OPENED]);
        assert_eq!(when(&open, Command::Open { administrator: false }), Ok(vec![]));
        let raised = Event::Opened { administrator: true };
        assert_eq!(when(&open, Command::Open { administrator: true }), Ok(vec![raised]));
        assert_eq!(when(&open, Command::Close), Ok(vec![Event::Closed {}]));
        let closed = given(vec![OPENED, Event::SecondFactorEnabled {}, Event::Closed {}]);
        assert_eq!(when(&closed, Command::Close), Ok(vec![]));
        assert_eq!(when(&closed, Command::SetPassword { by_link: true }), Err(Broken::NoAccount));
    }

    #[test]
    fn a_second_factor_is_on_or_off() {
        let open = given(vec![OPENED]);
        assert_eq!(when(&open, Command::DisableSecondFactor), Ok(vec![]));
        assert_eq!(when(&open, Command::EnableSecondFactor), Ok(vec![Event::SecondFactorEnabled {}]));
        let on = given(vec![OPENED, Event::SecondFactorEnabled {}]);
        assert_eq!(when(&on, Command::EnableSecondFactor), Err(Broken::SecondFactorOn));
        assert_eq!(when(&on, Command::DisableSecondFactor), Ok(vec![Event::SecondFactorDisabled {}]));
    }
}
