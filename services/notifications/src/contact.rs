use crate::notification::Channel;
use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};

/// By what a person is reached. The address itself is in no event: it can be erased, an event cannot.
#[derive(Default, Serialize, Deserialize)]
pub struct Contact {
    channels: Vec<Channel>,
}

#[derive(Clone, Debug)]
pub struct Change {
    pub channels: Vec<Channel>,
    /// It is another address than before.
    pub moved: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Changed { channels: Vec<Channel> },
}

/// No rule can be broken: who may change it is checked at the edge.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

impl Contact {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, Change { channels, moved }: Change, _: &Cx) -> Result<Vec<Event>, Broken> {
        let same = !moved && channels == self.channels;
        Ok(if same { vec![] } else { vec![Event::Changed { channels }] })
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Changed { channels } => self.channels = channels,
        }
    }
}

aggregate!(Contact, "contact", Change, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Change, Contact, Event};
    use crate::notification::Channel;
    use eventstore::{Actor, Cx, TenantId};

    fn decided(before: Vec<Channel>, channels: Vec<Channel>, moved: bool) -> Vec<Event> {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        Contact { channels: before }.decide(Change { channels, moved }, &cx).expect("decided")
    }

    #[test]
    fn another_address_is_a_change_and_the_same_is_none() {
        let changed = |channels| vec![Event::Changed { channels }];
        assert_eq!(decided(vec![], vec![Channel::Email], true), changed(vec![Channel::Email]));
        assert_eq!(decided(vec![Channel::Email], vec![Channel::Email], true), changed(vec![Channel::Email]));
        assert_eq!(decided(vec![Channel::Email], vec![Channel::Email], false), vec![]);
        assert_eq!(decided(vec![Channel::Email], vec![], true), changed(vec![]));
        assert_eq!(decided(vec![], vec![], false), vec![]);
    }
}
