//! How many risks there were at which level, at the ends of the last months.

use super::RegisteredRisk;
use super::drawing::{Anchor, Drawing, short};
use crate::methodology::{self, AdoptedMethodology};
use axum::response::Response;
use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use eventstore::Session;
use paper::{Figure, shade};
use service::{Call, Content, Problem};
use std::collections::BTreeMap;
use views::{Column, get, tally};

/// The last month end is today.
const MONTHS: u32 = 12;

const BAR: (u32, u32) = (42, 58);
const LEFT: u32 = 60;
const TOP: u32 = 70;
const HEIGHT: u32 = 240;

/// Open risks by level, at some instants.
pub struct Trend {
    /// From the least.
    levels: Vec<String>,
    points: Vec<Point>,
}

struct Point {
    on: NaiveDate,
    /// By rank.
    risks: BTreeMap<usize, i64>,
}

/// `GET /risk-trend.svg`
pub async fn trend(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = call.position::<RegisteredRisk>(&mut session).await?;
    let clock = call.clock(&mut session, position).await?;
    let svg = Trend::at(&mut session, position, clock).await?.figure().svg.into_bytes();
    Ok(Content::of(position, &svg).shown("image/svg+xml", svg))
}

impl Trend {
    /// Up to the position, which was the last at `clock`.
    pub async fn at(session: &mut Session, position: i64, clock: DateTime<Utc>) -> Result<Self, Problem> {
        let methodology = get::<AdoptedMethodology>(session, methodology::ID, position).await?;
        let levels = methodology.map(|row| row.data.levels).unwrap_or_default();
        let mut points = Vec::new();
        for (on, instant) in month_ends(clock) {
            points.push((on, session.position_at(instant).await?.min(position)));
        }
        points.push((clock.date_naive(), position));
        let mut positions: Vec<i64> = points.iter().map(|(_, position)| *position).collect();
        positions.dedup();
        let by = [Column::text("state"), Column::int("level")];
        let mut counted: BTreeMap<i64, BTreeMap<usize, i64>> = BTreeMap::new();
        for tally in tally::<RegisteredRisk>(session, &positions, &by).await? {
            // One that is not assessed has the level -1.
            let [state, level] = tally.said.as_slice() else { continue };
            if let (false, Ok(rank)) = (state == "closed", level.parse::<usize>()) {
                *counted.entry(tally.position).or_default().entry(rank).or_default() += tally.rows;
            }
        }
        let point = |(on, position)| Point { on, risks: counted.get(&position).cloned().unwrap_or_default() };
        Ok(Self { levels, points: points.into_iter().map(point).collect() })
    }

    pub fn figure(&self) -> Figure {
        let title = "Open risks by level at the ends of the last months";
        Figure { title: title.to_owned(), svg: self.svg(title) }
    }

    fn svg(&self, title: &str) -> String {
        let (bar, step) = BAR;
        let most = self.points.iter().map(Point::total).max().unwrap_or(0).max(1);
        let width = LEFT + u32::try_from(self.points.len()).unwrap_or(0) * step + 30;
        let mut drawing = Drawing::new(width, TOP + HEIGHT + 90);
        let foot = TOP + HEIGHT;
        drawing.text((LEFT, 28), Anchor::Start, 20, title);
        for part in [0, 1, 2] {
            let (y, value) = (foot - HEIGHT * part / 2, most * i64::from(part));
            if value % 2 == 0 {
                drawing.line((LEFT, y), (width - 20, y));
                drawing.text((LEFT - 8, y + 4), Anchor::End, 12, &(value / 2).to_string());
            }
        }
        for (at, point) in (0..).zip(&self.points) {
            let x = LEFT + at * step + 12;
            self.stack(&mut drawing, point, (x, foot), most);
            drawing.text((x + bar / 2, foot + 18), Anchor::Middle, 11, &point.on.format("%b %y").to_string());
        }
        for (at, (rank, level)) in (0..).zip(self.levels.iter().enumerate()) {
            let x = LEFT + at * 120;
            drawing.rectangle((x, foot + 40), (16, 16), &shade(rank, self.levels.len()).hex());
            drawing.text((x + 24, foot + 53), Anchor::Start, 14, &short(level, 14));
        }
        drawing.svg(title, &self.described())
    }

    /// One bar, the greatest level above.
    fn stack(&self, drawing: &mut Drawing, point: &Point, (x, foot): (u32, u32), most: i64) {
        let scaled = |risks: i64| u32::try_from(risks * i64::from(HEIGHT) / most).unwrap_or(0);
        let mut below = 0;
        for (rank, risks) in &point.risks {
            let (from, to) = (scaled(below), scaled(below + risks));
            let (shade, height) = (shade(*rank, self.levels.len()), to - from);
            drawing.rectangle((x, foot - to), (BAR.0, height), &shade.hex());
            if height >= 14 {
                let at = (x + BAR.0 / 2, foot - to + height / 2 + 4);
                drawing.inked(at, Anchor::Middle, 12, shade.ink(), &risks.to_string());
            }
            below += risks;
        }
        if below > 0 {
            drawing.text((x + BAR.0 / 2, foot - scaled(below) - 5), Anchor::Middle, 11, &below.to_string());
        }
    }

    fn described(&self) -> String {
        let point = |point: &Point| {
            let of_level = |(rank, risks): (&usize, &i64)| {
                let level = self.levels.get(*rank).map_or("of a level that is no more", String::as_str);
                format!("{level} {risks}")
            };
            let levels = point.risks.iter().map(of_level).collect::<Vec<_>>().join(", ");
            format!("{}: {}", point.on, if levels.is_empty() { "none" } else { &levels })
        };
        self.points.iter().map(point).collect::<Vec<_>>().join("; ")
    }
}

impl Point {
    fn total(&self) -> i64 {
        self.risks.values().sum()
    }
}

/// The last days of the months before that of the instant, and when each was over.
fn month_ends(clock: DateTime<Utc>) -> Vec<(NaiveDate, DateTime<Utc>)> {
    let today = clock.date_naive();
    let this_month = today.with_day(1).unwrap_or(today);
    let end = |before| {
        let next = this_month.checked_sub_months(Months::new(before))?;
        let over = next.and_hms_opt(0, 0, 0)?.and_utc() - TimeDelta::microseconds(1);
        Some((over.date_naive(), over))
    };
    (0..MONTHS).rev().filter_map(end).collect()
}

#[cfg(test)]
mod tests {
    use super::{Point, Trend, month_ends};

    #[test]
    fn the_last_months_end_before_the_one_that_runs() {
        let ends = month_ends("2024-03-15T12:00:00Z".parse().expect("an instant"));
        let days: Vec<String> = ends.iter().map(|(on, _)| on.to_string()).collect();
        assert_eq!(days.len(), 12);
        assert_eq!((days[0].as_str(), days[11].as_str()), ("2023-03-31", "2024-02-29"));
        assert_eq!(ends[11].1.to_string(), "2024-02-29 23:59:59.999999 UTC");
    }

    #[test]
    fn it_says_what_it_shows() {
        let on = |day: &str| day.parse().expect("a day");
        let trend = Trend {
            levels: ["low", "high"].map(ToOwned::to_owned).to_vec(),
            points: vec![
                Point { on: on("2026-01-31"), risks: [].into() },
                Point { on: on("2026-02-28"), risks: [(0, 2), (1, 5)].into() },
            ],
        };
        let svg = trend.figure().svg;
        assert!(svg.contains("2026-01-31: none; 2026-02-28: low 2, high 5"), "{svg}");
        assert!(svg.contains(">7</text>") && svg.contains("Feb 26"), "{svg}");
    }
}
