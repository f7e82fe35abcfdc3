//! Where the risks lie: likelihood by impact, as the methodology in force weighs them.

use super::drawing::{Anchor, Drawing, short};
use super::{Assessed, RegisteredRisk, State};
use crate::methodology::{self, AdoptedMethodology};
use crate::risk::Stage;
use axum::response::Response;
use paper::{Figure, shade};
use service::{Call, Content, Problem, every};
use std::collections::BTreeMap;
use views::{Row, get};

const CELL: (u32, u32) = (112, 64);
const LEFT: u32 = 150;

/// The room of a level below the map.
const KEY: u32 = 120;
const TOP: u32 = 70;

/// How many risks lie where.
pub struct HeatMap {
    methodology: AdoptedMethodology,
    stage: Stage,
    /// By the scores of likelihood and impact.
    risks: BTreeMap<(usize, usize), usize>,
    unassessed: usize,
}

/// `GET /heat-map.svg`
pub async fn heat_map(call: Call) -> Result<Response, Problem> {
    let stage = match call.query.get("stage") {
        None | Some("current") => Stage::Current,
        Some("residual") => Stage::Residual,
        Some("inherent") => Stage::Inherent,
        Some(other) => {
            return Err(Problem::field("stage", format!("`{other}` is none of inherent, current, residual")));
        }
    };
    let mut session = call.session().await?;
    let position = call.position::<RegisteredRisk>(&mut session).await?;
    let risks = every::<RegisteredRisk>(&mut session, position, Vec::new()).await?;
    let methodology = get::<AdoptedMethodology>(&mut session, methodology::ID, position).await?;
    let methodology = methodology.ok_or_else(|| Problem::not_found("methodology"))?.data;
    let svg = HeatMap::of(&risks, methodology, stage).figure().svg.into_bytes();
    Ok(Content::of(position, &svg).shown("image/svg+xml", svg))
}

impl HeatMap {
    /// Of the risks that are open.
    pub fn of(risks: &[Row<RegisteredRisk>], methodology: AdoptedMethodology, stage: Stage) -> Self {
        let mut map = Self { methodology, stage, risks: BTreeMap::new(), unassessed: 0 };
        for risk in risks.iter().map(|row| &row.data).filter(|risk| risk.state != State::Closed) {
            let assessed = match stage {
                Stage::Inherent => risk.inherent.as_ref(),
                Stage::Current => risk.standing(),
                Stage::Residual => risk.residual.as_ref(),
            };
            map.count(assessed);
        }
        map
    }

    fn count(&mut self, assessed: Option<&Assessed>) {
        let place =
            assessed.map(|assessed| (assessed.rating.likelihood.score.into(), assessed.rating.impact.score.into()));
        let (likelihoods, impacts) = (self.methodology.likelihood.len(), self.methodology.impact.len());
        match place.filter(|(likelihood, impact)| *likelihood <= likelihoods && *impact <= impacts) {
            Some(place) => *self.risks.entry(place).or_default() += 1,
            // Also what was assessed on a longer scale than the one in force: it has no place on this one.
            None => self.unassessed += 1,
        }
    }

    pub fn figure(&self) -> Figure {
        let title = match self.stage {
            Stage::Inherent => "Risks before anything is done about them",
            Stage::Current => "Risks as things are",
            Stage::Residual => "Risks that are left after treatment",
        };
        Figure { title: title.to_owned(), svg: self.svg(title) }
    }

    fn svg(&self, title: &str) -> String {
        let AdoptedMethodology { likelihood, impact, levels, .. } = &self.methodology;
        let (width, height) = CELL;
        let (columns, rows) = (count(impact.len()), count(likelihood.len()));
        // There may be more levels than columns.
        let room = (columns * width + 20).max(count(levels.len()) * KEY);
        let mut drawing = Drawing::new(LEFT + room, TOP + rows * height + 110);
        drawing.text((LEFT, 28), Anchor::Start, 20, title);
        drawing.text((LEFT, 52), Anchor::Start, 13, &self.total());
        // The likeliest is above.
        for (down, (at, label)) in (0..).zip(likelihood.iter().enumerate().rev()) {
            let (y, score) = (TOP + down * height, at + 1);
            drawing.text((LEFT - 10, y + height / 2 + 5), Anchor::End, 14, &short(&format!("{score} {label}"), 19));
            for (across, of_impact) in (0..columns).zip(1..) {
                self.cell(&mut drawing, (LEFT + across * width, y), (score, of_impact));
            }
        }
        let below = TOP + rows * height;
        for (across, (score, label)) in (0..).zip((1_usize..).zip(impact)) {
            let x = LEFT + across * width + width / 2;
            drawing.text((x, below + 20), Anchor::Middle, 14, &short(&format!("{score} {label}"), 16));
        }
        drawing.text((LEFT + columns * width / 2, below + 44), Anchor::Middle, 14, "Impact");
        drawing.upright((20, TOP + rows * height / 2), 14, "Likelihood");
        for (at, (rank, level)) in (0..).zip(levels.iter().enumerate()) {
            let x = LEFT + at * KEY;
            drawing.rectangle((x, below + 66), (16, 16), &shade(rank, levels.len()).hex());
            drawing.text((x + 24, below + 79), Anchor::Start, 14, &short(level, 14));
        }
        drawing.svg(title, &self.described())
    }

    fn cell(&self, drawing: &mut Drawing, (x, y): (u32, u32), (likelihood, impact): (usize, usize)) {
        let levels = &self.methodology.levels;
        let rank = self.methodology.matrix.get(likelihood - 1).and_then(|row| row.get(impact - 1)).copied();
        let rank = usize::from(rank.unwrap_or_default());
        let (shade, (width, height)) = (shade(rank, levels.len()), CELL);
        drawing.rectangle((x, y), CELL, &shade.hex());
        let level = levels.get(rank).map(String::as_str).unwrap_or_default();
        drawing.inked((x + 8, y + height - 8), Anchor::Start, 11, shade.ink(), &short(level, 16));
        if let Some(risks) = self.risks.get(&(likelihood, impact)) {
            let at = (x + width / 2, y + height / 2 + 6);
            drawing.inked(at, Anchor::Middle, 24, shade.ink(), &risks.to_string());
        }
    }

    fn total(&self) -> String {
        let placed: usize = self.risks.values().sum();
        match self.unassessed {
            0 => format!("{placed} open risks"),
            some => format!("{placed} open risks; {some} more are not assessed on this scale"),
        }
    }

    /// What it shows, for whom does not see it.
    fn described(&self) -> String {
        let AdoptedMethodology { likelihood, impact, .. } = &self.methodology;
        let cells = self.risks.iter().filter_map(|((of_likelihood, of_impact), risks)| {
            let (likely, hard) = (likelihood.get(of_likelihood - 1)?, impact.get(of_impact - 1)?);
            Some(format!("; likelihood {likely}, impact {hard}: {risks}"))
        });
        self.total() + &cells.collect::<String>()
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::HeatMap;
    use crate::fixture::cx;
    use crate::methodology::AdoptedMethodology;
    use crate::register::tests::folded;
    use crate::risk::tests::{assessment, profile};
    use crate::risk::{Event, Stage};
    use catalogue::baseline_scales;
    use views::Row;

    fn map(stage: Stage) -> HeatMap {
        let scales = baseline_scales().clone();
        let methodology = AdoptedMethodology {
            revision: 1,
            likelihood: scales.likelihood,
            impact: vec!["<b>".to_owned(), "Minor".to_owned(), "Moderate".to_owned(), "Major".to_owned()],
            levels: scales.levels,
            matrix: scales.matrix,
            acceptance_level: 0,
            appetite: vec![],
            review_days: vec![],
        };
        let identified = Event::Identified(profile("Leak"));
        let inherent = Event::Assessed(assessment(Stage::Inherent, "5", "5"));
        let current = Event::Assessed(assessment(Stage::Current, "3", "4"));
        let closed = Event::Closed { released_controls: vec![] };
        let rows = [
            vec![identified.clone(), current.clone()],
            vec![identified.clone(), inherent, current.clone()],
            vec![identified.clone()],
            vec![identified, current, closed],
        ];
        let row = |events: &Vec<Event>| Row {
            key: "R-1".to_owned(),
            from: 1,
            version: 1,
            at: cx().now,
            data: folded(events),
        };
        HeatMap::of(&rows.iter().map(row).collect::<Vec<_>>(), methodology, stage)
    }

    #[test]
    fn open_risks_are_counted_where_they_lie() {
        let current = map(Stage::Current);
        assert_eq!(current.risks.iter().collect::<Vec<_>>(), [(&(3, 4), &2)]);
        assert_eq!(current.unassessed, 1);
        let svg = current.figure().svg;
        assert!(
            svg.contains("2 open risks; 1 more are not assessed on this scale; likelihood Possible, impact Major: 2"),
            "{svg}"
        );
        assert!(svg.contains(">2</text>") && svg.contains("&lt;b&gt;") && !svg.contains("<b>"), "{svg}");
        let mut narrow = map(Stage::Current);
        narrow.methodology.impact.truncate(3);
        narrow.methodology.levels = ["a", "b", "c", "d", "e", "f"].map(ToOwned::to_owned).to_vec();
        assert!(narrow.figure().svg.contains("width=\"870\""), "all levels are told, where there are few columns");
        // On the scale in force there is no impact of 5 any more.
        let inherent = map(Stage::Inherent);
        assert_eq!((inherent.risks.len(), inherent.unassessed), (0, 3));
    }
}
