//! One aggregate as three programs knew it, each newer than the one before.

use eventstore::{Cx, aggregate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("never")]
pub struct Never;

/// The amount was a text.
pub mod first {
    use super::{Cx, Deserialize, Never, Serialize, aggregate};

    #[derive(Default, Serialize, Deserialize)]
    pub struct Stock;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data", rename_all = "snake_case")]
    pub enum Event {
        Delivered { amount: String },
        Counted {},
    }

    impl Stock {
        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of every decision")]
        fn decide(&self, event: Event, _: &Cx) -> Result<Vec<Event>, Never> {
            Ok(vec![event])
        }

        #[expect(clippy::unused_self, reason = "the shape of every fold")]
        fn apply(&mut self, _: Event) {}
    }

    aggregate!(Stock, "stock", Event, Event, Never);
}

/// The amount is a number.
pub mod second {
    use super::{Cx, Deserialize, Never, Serialize, aggregate, as_number};

    #[derive(Default, Serialize, Deserialize)]
    pub struct Stock(pub i64);

    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data", rename_all = "snake_case")]
    pub enum Event {
        Delivered { amount: i64 },
        Counted {},
    }

    impl Stock {
        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape of every decision")]
        fn decide(&self, amount: i64, _: &Cx) -> Result<Vec<Event>, Never> {
            Ok(vec![Event::Delivered { amount }])
        }

        fn apply(&mut self, event: Event) {
            if let Event::Delivered { amount } = event {
                self.0 += amount;
            }
        }
    }

    aggregate!(Stock, "stock", i64, Event, Never, { delivered: [as_number] });
}

/// The amount has a unit, and is to be a whole number of them.
pub mod third {
    use super::{Cx, Deserialize, Serialize, aggregate, as_number, with_unit};

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Stock {
        pub pieces: i64,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data", rename_all = "snake_case")]
    pub enum Event {
        Delivered { amount: i64, unit: String },
        Counted {},
        Emptied { pieces: i64 },
    }

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("there is nothing left")]
    pub struct Empty;

    /// Takes everything out.
    pub struct TakeAll;

    impl Stock {
        fn decide(&self, _: TakeAll, _: &Cx) -> Result<Vec<Event>, Empty> {
            if self.pieces == 0 { Err(Empty) } else { Ok(vec![Event::Emptied { pieces: self.pieces }]) }
        }

        fn apply(&mut self, event: Event) {
            match event {
                Event::Delivered { amount, unit } => self.pieces += if unit == "dozen" { 12 * amount } else { amount },
                Event::Counted {} => {}
                Event::Emptied { pieces } => self.pieces -= pieces,
            }
        }
    }

    aggregate!(Stock, "stock", TakeAll, Event, Empty, { delivered: [as_number, with_unit] });
}

fn as_number(mut data: Value) -> Value {
    let amount = data["amount"].as_str().and_then(|text| text.parse::<i64>().ok());
    data["amount"] = json!(amount);
    data
}

fn with_unit(mut data: Value) -> Value {
    data["unit"] = json!("piece");
    data
}

/// What no service may declare.
pub mod misdeclared {
    use super::{Deserialize, Serialize, with_unit};
    use eventstore::{Change, DomainEvent, EventOf};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data", rename_all = "snake_case")]
    pub enum Event {
        Delivered { amount: i64 },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Untagged;

    impl EventOf for Event {
        const STREAM: &'static str = "stock";
        const CHANGES: &'static [Change] = &[Change { event: "delivred", upcasts: &[with_unit] }];
    }

    impl EventOf for Untagged {
        const STREAM: &'static str = "bare";
    }

    impl DomainEvent for Event {
        fn event_type(&self) -> String {
            "stock.delivered".to_owned()
        }

        fn event_version(&self) -> String {
            "1".to_owned()
        }
    }

    impl DomainEvent for Untagged {
        fn event_type(&self) -> String {
            "bare".to_owned()
        }

        fn event_version(&self) -> String {
            "1".to_owned()
        }
    }
}
