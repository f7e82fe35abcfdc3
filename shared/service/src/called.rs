//! What people call an object that a command begins.

use crate::{FieldError, Problem, checked_ref};
use eventstore::{Aggregate, Cx, EventOf, Stream, Work};
use std::error::Error;

/// So many numbers at most are looked at: beyond them a tenant names its objects itself.
const HIGHEST: u64 = 1 << 40;

/// The ref of an object, which is its id for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    As(String),
    /// By these letters and the next number of them: R-13 after R-12. A number is given only after the one before it, so none is missing.
    Next(&'static str),
}

impl Called {
    /// As the body says in its field `ref`; where it does not, by the next number.
    pub fn by(written: Option<&str>, letters: &'static str) -> Result<Self, FieldError> {
        match written {
            Some(written) => Ok(Self::As(checked_ref("ref", written)?)),
            None => Ok(Self::Next(letters)),
        }
    }

    /// What commands on the same object wait for each other by.
    pub fn lane(&self, kind: &str) -> String {
        match self {
            Self::As(id) => format!("{kind}-{id}"),
            Self::Next(letters) => format!("{kind}-{letters}-"),
        }
    }

    /// The id, of which nothing was recorded yet where it is a number.
    pub async fn settle<A>(self, work: &mut Work) -> Result<String, Problem>
    where
        A: Aggregate<Services = Cx, Error: Error + Send, Event: EventOf> + 'static,
    {
        let letters = match self {
            Self::As(id) => return Ok(id),
            Self::Next(letters) => letters,
        };
        loop {
            let id = format!("{letters}-{}", next::<A>(work, letters).await?);
            // Somebody may have taken it since.
            if work.load::<A>(&id).await?.1 == 0 {
                return Ok(id);
            }
        }
    }
}

/// A number that is free while the one before it is taken: found by doubling, then by halving.
async fn next<A: Aggregate>(work: &mut Work, letters: &str) -> Result<u64, Problem> {
    let stream = |number: u64| Stream::new(A::TYPE, format!("{letters}-{number}"));
    let doubled: Vec<u64> =
        std::iter::successors(Some(1), |number| Some(number * 2)).take_while(|n| *n <= HIGHEST).collect();
    let begun = work.begun(&doubled.iter().copied().map(stream).collect::<Vec<_>>()).await?;
    let free = doubled.iter().copied().find(|number| !begun.contains(&stream(*number)));
    let mut free = free.ok_or_else(|| Problem::field("ref", "there are too many numbers: say what it is called"))?;
    let mut taken = free / 2;
    while free - taken > 1 {
        let middle = taken.midpoint(free);
        if work.begun(&[stream(middle)]).await?.is_empty() { free = middle } else { taken = middle }
    }
    Ok(free)
}
