//! What people call an object that a command begins.

use crate::{FieldError, Problem, checked_ref};
use eventstore::{Aggregate, Cx, EventOf, Stream, Work};
use std::collections::{BTreeSet, HashSet};
use std::error::Error;

/// So many numbers at most are looked at: beyond them a tenant names its objects itself.
const HIGHEST: u64 = 1 << 40;

/// So many numbers are looked at together, where fewer are asked for.
const FEWEST: u64 = 100;

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

    /// The id, under which nothing stands where it is a number.
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
            if work.load::<A>(&id).await?.1 == 0 || taken::<A>(work, vec![id.clone()]).await?.is_empty() {
                return Ok(id);
            }
        }
    }
}

/// The next `count` numbers, none of which is among `but`, which will be taken too.
pub async fn numbers<A: Aggregate>(
    work: &mut Work,
    letters: &str,
    count: usize,
    but: &BTreeSet<String>,
) -> Result<Vec<String>, Problem> {
    let mut given = Vec::with_capacity(count);
    let mut from = if count == 0 { HIGHEST } else { next::<A>(work, letters).await? };
    while given.len() < count {
        let wanted = u64::try_from(count - given.len()).unwrap_or(u64::MAX).max(FEWEST);
        let ids: Vec<String> = (from..from + wanted).map(|number| format!("{letters}-{number}")).collect();
        from += wanted;
        let taken = taken::<A>(work, ids.clone()).await?;
        let free = ids.into_iter().filter(|id| !taken.contains(id) && !but.contains(id));
        given.extend(free.take(count - given.len()));
    }
    Ok(given)
}

/// Those of the ids under which something stands. What was removed, as if it had never been there, has left its number free.
async fn taken<A: Aggregate>(work: &mut Work, ids: Vec<String>) -> Result<HashSet<String>, Problem> {
    let streams: Vec<Stream> = ids.iter().map(|id| Stream::new(A::TYPE, id)).collect();
    let standing = work.standing(&streams, &format!("{}.removed", A::TYPE)).await?;
    Ok(standing.into_iter().map(|stream| stream.id().to_owned()).collect())
}

/// A number that is free while the one before it is taken: found by doubling, then by halving.
async fn next<A: Aggregate>(work: &mut Work, letters: &str) -> Result<u64, Problem> {
    let id = |number: u64| format!("{letters}-{number}");
    let doubled: Vec<u64> =
        std::iter::successors(Some(1), |number| Some(number * 2)).take_while(|n| *n <= HIGHEST).collect();
    let begun = taken::<A>(work, doubled.iter().copied().map(id).collect()).await?;
    let free = doubled.iter().copied().find(|number| !begun.contains(&id(*number)));
    let mut free = free.ok_or_else(|| Problem::field("ref", "there are too many numbers: say what it is called"))?;
    let mut last = free / 2;
    while free - last > 1 {
        let middle = last.midpoint(free);
        if taken::<A>(work, vec![id(middle)]).await?.is_empty() { free = middle } else { last = middle }
    }
    Ok(free)
}
