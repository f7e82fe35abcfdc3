//! What relies on what goes one way: nothing relies on itself by way of others.

use super::Asset;
use eventstore::Work;
use service::Problem;
use std::collections::HashSet;

/// What was followed already and led to no circle.
#[derive(Default)]
pub struct Circles {
    done: HashSet<String>,
}

impl Circles {
    /// The assets of a circle that `start` leads into, each of which supports the next; nothing where there is none. `said` is what
    /// `start` is about to support, where that is not decided yet.
    pub async fn find(
        &mut self,
        work: &mut Work,
        start: &str,
        said: Option<&[String]>,
    ) -> Result<Option<Vec<String>>, Problem> {
        // The way from `start`, and what is still to be followed from each asset on it.
        let ahead = match said {
            Some(said) => said.to_vec(),
            None => supported(work, start).await?,
        };
        let mut way = vec![(start.to_owned(), ahead)];
        while let Some((_, ahead)) = way.last_mut() {
            let Some(next) = ahead.pop() else {
                self.done.extend(way.pop().map(|(done, _)| done));
                continue;
            };
            if let Some(place) = way.iter().position(|(asset, _)| *asset == next) {
                return Ok(Some(way.drain(place..).map(|(asset, _)| asset).collect()));
            }
            if !self.done.contains(&next) {
                let ahead = supported(work, &next).await?;
                way.push((next, ahead));
            }
        }
        Ok(None)
    }
}

/// What is said of a circle.
pub fn circular(circle: &[String]) -> String {
    let first = circle.first().map(String::as_str).unwrap_or_default();
    format!("{}, {first} go round in a circle: leave one of them out", circle.join(", "))
}

async fn supported(work: &mut Work, id: &str) -> Result<Vec<String>, Problem> {
    let (asset, _) = work.load::<Asset>(id).await?;
    Ok(asset.profile.as_ref().map(|profile| profile.supports.clone()).unwrap_or_default())
}
