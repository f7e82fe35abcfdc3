use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use eventstore::{Cx, Recorded, aggregate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// What an organisation's papers carry at their head. One stream, in the organisation's own partition, in every service; tenancy
/// decides, the others copy.
#[derive(Default, Serialize, Deserialize)]
pub struct Logo {
    put: Option<Picture>,
}

/// A picture, as small as a log can carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub kind: PictureKind,
    /// Base64.
    pub data: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureKind {
    Png,
    Svg,
}

#[derive(Clone, Debug)]
pub enum Command {
    Put(Picture),
    Remove,
    /// What tenancy decided.
    Copy(Event),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Put(Picture),
    Removed {},
}

/// Whether it is a picture that can be carried is checked where it comes in.
#[derive(Debug, PartialEq, thiserror::Error, strum::IntoStaticStr)]
pub enum Broken {}

impl Picture {
    pub fn of(kind: PictureKind, bytes: &[u8]) -> Self {
        Self { kind, data: BASE64_STANDARD.encode(bytes) }
    }

    /// Nothing where it is no base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(&self.data).ok()
    }
}

impl Logo {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of every decision")]
    fn decide(&self, command: Command, _: &Cx) -> Result<Vec<Event>, Broken> {
        let event = match command {
            Command::Put(picture) => Event::Put(picture),
            Command::Remove => Event::Removed {},
            Command::Copy(event) => event,
        };
        let is_so = match &event {
            Event::Put(picture) => self.put.as_ref() == Some(picture),
            Event::Removed {} => self.put.is_none(),
        };
        Ok(if is_so { vec![] } else { vec![event] })
    }

    fn apply(&mut self, event: Event) {
        self.put = match event {
            Event::Put(picture) => Some(picture),
            Event::Removed {} => None,
        };
    }
}

aggregate!(Logo, "logo", Command, Event, Broken);

/// There is a row for the organisation's logo, under the organisation's id, where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownLogo(pub Picture);

impl View for KnownLogo {
    const NAME: &'static str = "logo";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Put(picture)) => Some(Self(picture)),
            Some(Event::Removed {}) => None,
            None => current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Event, KnownLogo, Logo, Picture, PictureKind};
    use crate::testing::by;
    use testkit::recorded;
    use views::View;

    #[test]
    fn it_is_put_and_removed_and_nothing_is_recorded_twice() {
        let picture = || Picture::of(PictureKind::Png, b"picture");
        let mut logo = Logo::default();
        let mut when = |command, recorded: &[Event]| {
            assert_eq!(logo.decide(command, &by("mara")), Ok(recorded.to_vec()));
            recorded.iter().cloned().for_each(|event| logo.apply(event));
        };
        when(Command::Remove, &[]);
        when(Command::Put(picture()), &[Event::Put(picture())]);
        when(Command::Put(picture()), &[]);
        when(Command::Copy(Event::Put(picture())), &[]);
        when(Command::Remove, &[Event::Removed {}]);
        when(Command::Copy(Event::Removed {}), &[]);
    }

    #[test]
    fn a_row_stands_while_there_is_one() {
        let picture = Picture::of(PictureKind::Svg, b"<svg/>");
        let put = recorded("o", 1, &Event::Put(picture.clone()));
        assert_eq!(KnownLogo::keys(&put).expect("keys"), ["o"]);
        let row = KnownLogo::apply(None, "o", &put).expect("folded");
        assert_eq!(row.as_ref().and_then(|row| row.0.bytes()).as_deref(), Some(b"<svg/>".as_slice()));
        assert_eq!(KnownLogo::apply(row, "o", &recorded("o", 2, &Event::Removed {})).expect("folded"), None);
    }
}
