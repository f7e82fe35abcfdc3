use crate::body::instant;
use crate::{Call, Problem};
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::Session;
use views::{View, shown};

/// Longer than any append takes: statements and idle transactions are cut off before.
const IN_FLIGHT: TimeDelta = TimeDelta::minutes(2);

impl Call {
    /// The position that an answer from view `V` shows: what `as_of` asks for, or else the last that the caller's grant shows, or
    /// the last that the view has reached.
    pub async fn position<V: View>(&self, session: &mut Session) -> Result<i64, Problem> {
        let position = match (self.query.get("as_of"), self.shows_until()) {
            (None, None) => return Ok(shown::<V>(session).await?),
            (None, Some(until)) => at_instant(session, until).await?,
            (Some(asked), _) => self.asked(session, asked).await?,
        };
        let reached = shown::<V>(session).await?;
        if position > reached {
            let detail =
                format!("this view has reached position {reached} of {position} and is catching up: try again");
            return Err(Problem::unavailable(detail));
        }
        Ok(position)
    }

    /// The instant at which dated things are judged that an answer as of `position` shows: the one that `as_of` or the caller's
    /// grant names, the last that was recorded by a position that is named, and otherwise now.
    pub async fn clock(&self, session: &mut Session, position: i64) -> Result<DateTime<Utc>, Problem> {
        match self.query.get("as_of") {
            None => Ok(self.shows_until().unwrap_or(self.cx.now)),
            Some(asked) if asked.parse::<i64>().is_err() => Ok(instant("as_of", asked)?),
            Some(_) => Ok(session.events_at(&[position]).await?.first().map_or(self.cx.now, |last| last.recorded_at)),
        }
    }

    async fn asked(&self, session: &mut Session, asked: &str) -> Result<i64, Problem> {
        let Ok(position) = asked.parse::<i64>() else {
            let at = instant("as_of", asked).map_err(|error| {
                let detail = format!("{}, or give a position of the log", error.detail);
                Problem::field("as_of", detail)
            })?;
            return at_instant(session, self.within_grant(at)?).await;
        };
        if position < 0 {
            return Err(Problem::field("as_of", "positions begin at 0"));
        }
        // First: who is shown the past does not hear how far the log is by now.
        let position = self.position_within_grant(session, position).await?;
        let head = session.head().await?;
        if position > head {
            let detail = format!("position {position} is not recorded yet: the last one is {head}");
            return Err(Problem::field("as_of", detail));
        }
        Ok(position)
    }
}

async fn at_instant(session: &mut Session, at: DateTime<Utc>) -> Result<i64, Problem> {
    let now = session.now().await?;
    if at > now {
        return Err(Problem::field("as_of", "it lies in the future, which may still change"));
    }
    if now - at < IN_FLIGHT {
        // An append may have its instant already and not be committed: the answer must not change with it.
        session.wait_for_appends().await?;
    }
    Ok(session.position_at(at).await?)
}
