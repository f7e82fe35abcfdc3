//! How much an asset is worth with all that relies on it.

use super::{RegisteredAsset, SecurityObjectives};
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::Session;
use serde::Serialize;
use service::{Call, Item, Listed, Object, Problem, json, object_answer};
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;
use views::get_many;

/// An asset, and how much each objective matters for it with what it inherits.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValuedAsset {
    #[serde(flatten)]
    asset: RegisteredAsset,
    /// The greatest of its own and of all assets that rely on it, directly or by way of others.
    value: SecurityObjectives,
}

/// `GET /assets`
pub async fn valued_assets(call: Call) -> Result<Response, Problem> {
    let Listed { position, items, next } = call.list::<RegisteredAsset>(Vec::new()).await?;
    let items = valued(&mut call.session().await?, position, items).await?;
    Ok(json(StatusCode::OK, position, &Listed { position, items, next }))
}

/// `GET /assets/{id}`
pub async fn valued_asset(call: Call) -> Result<Response, Problem> {
    let Object { position, item } = call.object::<RegisteredAsset>(call.id()).await?;
    let items = valued(&mut call.session().await?, position, vec![item]).await?;
    let item = items.into_iter().next().ok_or_else(Problem::internal)?;
    Ok(object_answer(&Object { position, item }))
}

async fn valued(
    session: &mut Session,
    position: i64,
    items: Vec<Item<RegisteredAsset>>,
) -> Result<Vec<Item<ValuedAsset>>, Problem> {
    let mut known: HashMap<String, RegisteredAsset> =
        items.iter().map(|item| (item.id.clone(), item.data.clone())).collect();
    // Upward, a query for all that is one step further.
    loop {
        let named: BTreeSet<&String> = known.values().flat_map(|asset| &asset.profile.supports).collect();
        let missing: Vec<String> = named.into_iter().filter(|id| !known.contains_key(*id)).cloned().collect();
        let found = get_many::<RegisteredAsset>(session, &missing, position).await?;
        if found.is_empty() {
            break;
        }
        known.extend(found.into_iter().map(|row| (row.key, row.data)));
    }
    let show = |item: Item<RegisteredAsset>| {
        let value = value(&item.id, &known);
        item.map(|asset| ValuedAsset { asset, value })
    };
    Ok(items.into_iter().map(show).collect())
}

fn value(id: &str, known: &HashMap<String, RegisteredAsset>) -> SecurityObjectives {
    let mut value = SecurityObjectives::default();
    let (mut seen, mut ahead) = (BTreeSet::from([id]), vec![id]);
    while let Some(asset) = ahead.pop().and_then(|id| known.get(id)) {
        let own = &asset.profile.security_objectives;
        value.confidentiality = value.confidentiality.max(own.confidentiality);
        value.integrity = value.integrity.max(own.integrity);
        value.availability = value.availability.max(own.availability);
        let further = asset.profile.supports.iter().map(String::as_str);
        ahead.extend(further.filter(|id| known.contains_key(*id) && seen.insert(id)));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::value;
    use crate::asset::tests::profile;
    use crate::asset::{Profile, RegisteredAsset, SecurityObjectives};
    use std::collections::HashMap;

    fn asset(confidentiality: Option<u8>, supports: &[&str]) -> RegisteredAsset {
        let security_objectives = SecurityObjectives { confidentiality, ..SecurityObjectives::default() };
        let supports = supports.iter().map(|id| (*id).to_owned()).collect();
        RegisteredAsset { profile: Profile { security_objectives, supports, ..profile("x") } }
    }

    #[test]
    fn a_value_is_the_greatest_of_all_that_rely_on_the_asset() {
        let known: HashMap<String, RegisteredAsset> = [
            ("data", asset(Some(4), &[])),
            ("site", asset(Some(1), &[])),
            ("server", asset(Some(2), &["data", "site", "gone"])),
            ("power", asset(None, &["server"])),
            // What was recorded before circles were refused ends somewhere too.
            ("a", asset(Some(1), &["b"])),
            ("b", asset(Some(3), &["a"])),
        ]
        .map(|(id, asset)| (id.to_owned(), asset))
        .into();
        let of = |id: &str| value(id, &known).confidentiality;
        assert_eq!([of("data"), of("site"), of("server"), of("power")], [Some(4), Some(1), Some(4), Some(4)]);
        assert_eq!((of("a"), of("b")), (Some(3), Some(3)));
        assert_eq!(value("power", &known).integrity, None);
    }
}
