use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file that was received, under its SHA-256: evidence and documents refer to it. Its bytes are kept before this is recorded.
#[derive(Default, Serialize, Deserialize)]
pub struct File {
    received: Option<Facts>,
}

/// What is known of a file beside its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FileFacts)]
pub struct Facts {
    /// What its sender calls it.
    pub name: String,
    pub media_type: String,
    pub bytes: u32,
}

#[derive(Clone, Debug)]
pub enum Command {
    Receive(Facts),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Received(Facts),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Broken {}

impl File {
    /// What was said of it last; nothing where it never came.
    pub fn facts(&self) -> Option<&Facts> {
        self.received.as_ref()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let Command::Receive(facts) = command;
        let is_so = self.received.as_ref() == Some(&facts);
        Ok(if is_so { vec![] } else { vec![Event::Received(facts)] })
    }

    fn apply(&mut self, event: Event) {
        let Event::Received(facts) = event;
        self.received = Some(facts);
    }
}

aggregate!(File, "file", Command, Event, Broken);

#[cfg(test)]
mod tests {
    use super::{Command, Event, Facts, File};
    use eventstore::{Actor, Cx, TenantId};

    #[test]
    fn the_same_file_again_is_no_news_and_another_name_is() {
        let now = "2026-03-01T09:30:00Z".parse().expect("an instant");
        let cx = Cx::new(TenantId::random(), Actor::Person("mara".to_owned()), now);
        let facts = |name: &str| Facts { name: name.to_owned(), media_type: "text/plain".to_owned(), bytes: 3 };
        let mut file = File::default();
        let mut received = |name: &str| {
            let events = file.decide(Command::Receive(facts(name)), &cx).expect("no rule is against it");
            for event in events.iter().cloned() {
                file.apply(event);
            }
            events
        };
        assert_eq!(received("a.txt"), [Event::Received(facts("a.txt"))]);
        assert_eq!(received("a.txt"), []);
        assert_eq!(received("b.txt"), [Event::Received(facts("b.txt"))]);
    }
}
