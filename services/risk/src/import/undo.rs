//! How assets and risks become again what they were before an upload.

use super::{Assets, Risks};
use crate::asset::{self, Asset, RegisteredAsset};
use crate::quantification::QuantifiedRisk;
use crate::register::RegisteredRisk;
use crate::risk::{self, Risk};
use crate::round::{AssessmentRound, Included};
use eventstore::{Session, Work};
use service::upload::{Back, Before, Touched};
use service::{FieldError, Problem, Undo, every, field_error};
use std::collections::{BTreeMap, BTreeSet};
use views::{Row, View, shown};

/// What is about an object, by the object.
type About = BTreeMap<String, Vec<String>>;

impl Undo for Assets {
    const REGISTER: &'static str = "assets";

    fn is_there(asset: &Asset) -> bool {
        asset.profile().is_some()
    }

    fn back(&self, asset: &Touched<'_, Asset>) -> Back<Self> {
        let back = asset.before.and_then(Asset::profile).cloned().map(asset::Command::Change);
        Ok(vec![back.unwrap_or(asset::Command::Remove)])
    }

    async fn relying(work: &mut Work, before: &Before<Asset>) -> Result<Vec<FieldError>, Problem> {
        let (begun, mut about) = (begun(before), About::new());
        let session = work.session().await?;
        for Row { key, data, .. } in all::<RegisteredRisk>(session).await? {
            note(&mut about, &begun, &key, data.assets);
        }
        for Row { key, data, .. } in all::<RegisteredAsset>(session).await? {
            // What goes with it does not stand in its way.
            if !begun.contains(&key) {
                note(&mut about, &begun, &key, data.profile.supports);
            }
        }
        Ok(told(about))
    }
}

impl Undo for Risks {
    const REGISTER: &'static str = "risks";

    fn is_there(risk: &Risk) -> bool {
        risk.is_there()
    }

    fn back(&self, risk: &Touched<'_, Risk>) -> Back<Self> {
        Ok(risk.before.map_or_else(|| vec![risk::Command::Remove], |before| risk.now.back_to(before)))
    }

    async fn relying(work: &mut Work, before: &Before<Risk>) -> Result<Vec<FieldError>, Problem> {
        let (begun, mut about) = (begun(before), About::new());
        let session = work.session().await?;
        for Row { key, .. } in all::<QuantifiedRisk>(session).await? {
            note(&mut about, &begun, "its quantification", [key]);
        }
        for Row { key, data, .. } in all::<AssessmentRound>(session).await? {
            // One that began since counts what the upload assessed as done before it.
            let counted = |included: &Included| {
                let before = before.get(&included.risk).and_then(Option::as_ref);
                before.is_some_and(|before| included.assessments > before.looked_at())
            };
            let runs = data.completed.is_none();
            let named: Vec<String> =
                data.risks.iter().filter(|one| runs && counted(one)).map(|one| one.risk.clone()).collect();
            note(&mut about, &named.iter().cloned().collect(), &key, named);
            note(&mut about, &begun, &key, data.risks.into_iter().map(|included| included.risk));
        }
        Ok(told(about))
    }
}

/// What the upload began.
fn begun<A>(before: &Before<A>) -> BTreeSet<String> {
    before.iter().filter(|(_, before)| before.is_none()).map(|(id, _)| id.clone()).collect()
}

/// Every row, as of all that was recorded.
async fn all<V: View>(session: &mut Session) -> Result<Vec<Row<V>>, Problem> {
    let head = session.head().await?;
    if shown::<V>(session).await? < head {
        return Err(Problem::unavailable("what is read here is still on its way: try again in a moment"));
    }
    every::<V>(session, head, Vec::new()).await
}

fn note(about: &mut About, begun: &BTreeSet<String>, name: &str, named: impl IntoIterator<Item = String>) {
    for object in named.into_iter().filter(|object| begun.contains(object)) {
        about.entry(object).or_default().push(name.to_owned());
    }
}

fn told(about: About) -> Vec<FieldError> {
    let told = |(object, names): (String, Vec<String>)| {
        let more = names.len().saturating_sub(5);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let names = names.into_iter().take(5).collect::<Vec<_>>().join(", ");
        field_error(object, format!("it is named by {names}{more}, since: take that back first"))
    };
    about.into_iter().map(told).collect()
}
