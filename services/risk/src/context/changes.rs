use super::body::PreviewScope;
use super::{Exclusion, ID, Scope, ScopeElement, UnderstoodContext};
use crate::asset::RegisteredAsset;
use crate::register::{RegisteredRisk, State};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Session;
use serde::Serialize;
use service::{Call, Problem, every, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use views::{Row, get};

/// What differs between two scopes, and what that touches.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScopeChanges {
    /// The position of the tenant's log that this shows.
    position: i64,
    /// The position that it is compared with; 0 where nothing was approved and none was given.
    since: i64,
    #[serde(flatten)]
    difference: Difference,
    /// Assets that belong to what was added or removed, in the order of refs.
    assets: Vec<TouchedAsset>,
    /// Risks that threaten these assets and are not closed, in the order of refs.
    risks: Vec<TouchedRisk>,
    /// Ids of the controls that the treatment of these risks relies on.
    controls: BTreeSet<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ScopeDifference)]
struct Difference {
    /// The statement is another.
    restated: bool,
    /// Sites, units, systems and interfaces that were not in it.
    added: Vec<ScopeElement>,
    /// Those that are no more.
    removed: Vec<ScopeElement>,
    exclusions_added: Vec<Exclusion>,
    exclusions_removed: Vec<Exclusion>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct TouchedAsset {
    id: String,
    name: String,
    /// What it belongs to, of what was added or removed.
    belongs_to: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct TouchedRisk {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Those of the assets above that it threatens.
    assets: Vec<String>,
}

/// `GET /context/scope/changes`: since the approved scope, or since a position.
pub async fn scope_changes(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let position = common_position(&call, &mut session).await?;
    let now = understood(&mut session, position).await?;
    let approved = now.approved.as_ref().map_or(0, |last| last.position);
    let since = call.query.whole("since", 0, position, approved)?;
    let then = understood(&mut session, since).await?.scope.unwrap_or_default();
    let changes = touched(&mut session, position, since, &then, &now.scope.unwrap_or_default()).await?;
    Ok(json(StatusCode::OK, position, &changes))
}

/// `POST /context/scope/preview`: from the scope as it is to one that nobody has decided yet. Nothing is recorded.
pub async fn scope_preview(call: Call) -> Result<Response, Problem> {
    let (body, _) = call.command::<PreviewScope>()?;
    let next = body.checked()?;
    let mut session = call.session().await?;
    let position = common_position(&call, &mut session).await?;
    let now = understood(&mut session, position).await?.scope.unwrap_or_default();
    let changes = touched(&mut session, position, position, &now, &next).await?;
    Ok(json(StatusCode::OK, position, &changes))
}

/// What all three views show that are looked at together.
async fn common_position(call: &Call, session: &mut Session) -> Result<i64, Problem> {
    let context = call.position::<UnderstoodContext>(session).await?;
    let assets = call.position::<RegisteredAsset>(session).await?;
    Ok(call.position::<RegisteredRisk>(session).await?.min(assets).min(context))
}

async fn understood(session: &mut Session, position: i64) -> Result<UnderstoodContext, Problem> {
    Ok(get::<UnderstoodContext>(session, ID, position).await?.map(|row| row.data).unwrap_or_default())
}

async fn touched(
    session: &mut Session,
    position: i64,
    since: i64,
    then: &Scope,
    now: &Scope,
) -> Result<ScopeChanges, Problem> {
    let difference = Difference::between(then, now);
    let assets = difference.touched(every::<RegisteredAsset>(session, position, Vec::new()).await?);
    let (risks, controls) = threatening(every::<RegisteredRisk>(session, position, Vec::new()).await?, &assets);
    Ok(ScopeChanges { position, since, difference, assets, risks, controls })
}

impl Difference {
    fn between(then: &Scope, now: &Scope) -> Self {
        let elements = |scope: &Scope| scope.elements().cloned().collect::<BTreeSet<_>>();
        let exclusions = |scope: &Scope| scope.exclusions.iter().cloned().collect::<BTreeSet<_>>();
        let (before, after) = (elements(then), elements(now));
        let (left_out, leaves_out) = (exclusions(then), exclusions(now));
        Self {
            restated: then.statement != now.statement,
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
            exclusions_added: leaves_out.difference(&left_out).cloned().collect(),
            exclusions_removed: left_out.difference(&leaves_out).cloned().collect(),
        }
    }

    fn touched(&self, assets: Vec<Row<RegisteredAsset>>) -> Vec<TouchedAsset> {
        let refs: BTreeSet<&str> = self.added.iter().chain(&self.removed).map(|one| one.reference.as_str()).collect();
        let touched = assets.into_iter().map(|Row { key: id, data, .. }| {
            let mut belongs_to = data.profile.scope;
            belongs_to.retain(|element| refs.contains(element.as_str()));
            TouchedAsset { id, name: data.profile.name, belongs_to }
        });
        touched.filter(|asset| !asset.belongs_to.is_empty()).collect()
    }
}

fn threatening(risks: Vec<Row<RegisteredRisk>>, assets: &[TouchedAsset]) -> (Vec<TouchedRisk>, BTreeSet<String>) {
    let ids: BTreeSet<&str> = assets.iter().map(|asset| asset.id.as_str()).collect();
    let (mut touched, mut controls) = (Vec::new(), BTreeSet::new());
    for Row { key: id, data: risk, .. } in risks.into_iter().filter(|row| row.data.state != State::Closed) {
        let assets: Vec<String> = risk.assets.into_iter().filter(|asset| ids.contains(asset.as_str())).collect();
        if !assets.is_empty() {
            controls.extend(risk.treatment.into_iter().flat_map(|treatment| treatment.controls));
            touched.push(TouchedRisk { id, name: risk.name, owner: risk.owner, assets });
        }
    }
    (touched, controls)
}

#[cfg(test)]
mod tests {
    use super::Difference;
    use crate::context::tests::scope;
    use crate::context::{Exclusion, Scope};

    #[test]
    fn what_came_and_what_went_is_told() {
        let tills = Exclusion { what: "Tills".to_owned(), reason: "The landlord's".to_owned() };
        let before = Scope { exclusions: vec![tills.clone()], ..scope(&["S-1", "S-2"]) };
        let after = Scope { statement: "Less of it".to_owned(), ..scope(&["S-2", "S-3"]) };
        let difference = Difference::between(&before, &after);
        let refs = |elements: &[crate::context::ScopeElement]| {
            elements.iter().map(|one| one.reference.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (refs(&difference.added), refs(&difference.removed)),
            (vec!["S-3".to_owned()], vec!["S-1".to_owned()])
        );
        assert_eq!((difference.restated, difference.exclusions_removed), (true, vec![tills]));
        assert_eq!(Difference::between(&after, &after), Difference::default());
    }
}
