use super::{Event, Kind, Profile, SecurityObjectives};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use service::{Sheet, cell};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View, stream_key};

/// An asset of the register. A list filters and sorts by `kind`, `owner` (empty: nobody) and `name`; otherwise it is in
/// the order of refs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Asset)]
pub struct RegisteredAsset {
    #[serde(flatten)]
    pub profile: Profile,
}

impl View for RegisteredAsset {
    const NAME: &'static str = "asset";
    const COLUMNS: &'static [Column] =
        &[Column::word("kind", Kind::VARIANTS), Column::text("owner"), Column::text("name")];
    const ORDER: Option<Column> = Some(Column::text("place"));

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode()? {
            Some(Event::Added(profile) | Event::Changed(profile)) => Some(Self { profile }),
            Some(Event::Removed {}) => None,
            None => current,
        })
    }
}

impl Sheet for RegisteredAsset {
    const HEADING: &'static [&'static str] =
        &["ref_id", "name", "description", "domain", "type", "owner", "security_objectives", "parent_assets"];

    fn cells(self, key: &str) -> Vec<String> {
        let Profile { name, description, kind, domain, owner, security_objectives, supports, scope: _ } = self.profile;
        let kind = match kind {
            Kind::Primary => "PR",
            Kind::Supporting => "SP",
        };
        let SecurityObjectives { confidentiality, integrity, availability } = security_objectives;
        let named = [("confidentiality", confidentiality), ("integrity", integrity), ("availability", availability)];
        let objectives = named.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
        let objectives = objectives.collect::<Vec<_>>().join(", ");
        let (domain, owner, parents) = (cell(domain), cell(owner), supports.join("|"));
        vec![key.to_owned(), name, description, domain, kind.to_owned(), owner, objectives, parents]
    }
}

#[cfg(test)]
mod tests {
    use super::RegisteredAsset;
    use crate::asset::Event;
    use crate::asset::tests::profile;
    use crate::fixture::{recorded, stored};
    use serde_json::json;
    use views::View;

    #[test]
    fn the_row_is_what_was_said_last() {
        let added = stored("asset-A-1", &Event::Added(profile("Ledger")));
        let changed = stored("asset-A-1", &Event::Changed(profile("Books")));
        let other = recorded("risk-R-1", "risk.identified", json!({}));
        assert_eq!(RegisteredAsset::keys(&added).expect("keys"), ["A-1"]);
        assert!(RegisteredAsset::keys(&other).expect("keys").is_empty());

        let row = RegisteredAsset::apply(None, "A-1", &added).expect("folded");
        let row = RegisteredAsset::apply(row, "A-1", &changed).expect("folded").expect("a row");
        assert_eq!(row.profile, profile("Books"));
        let shown = serde_json::to_value(&row).expect("json");
        assert_eq!((&shown["name"], &shown["security_objectives"]), (&json!("Books"), &json!({"integrity": 3})));
    }
}
