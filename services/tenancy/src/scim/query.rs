//! What of a list is asked for (RFC 7644, 3.4.2) and what of each resource (3.9).

use super::refusal::{invalid_filter, invalid_value};
use super::schema::{Attributes, Kind};
use scim_v2::filter::{AttrExp, AttrPath, CompValue, CompareOp, Filter};
use serde::Deserialize;
use serde_json::Value;
use service::{Call, Problem, Route};

const USUAL: i64 = 100;
const MOST: i64 = 200;

/// A list that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// An attribute and what it must be: the only filter that is understood.
    pub filter: Option<(Sought, String)>,
    /// How many come before.
    pub offset: i64,
    pub count: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    Id,
    ExternalId,
    /// `userName` of a user, `displayName` of a group.
    Name,
}

impl Query {
    /// The one of this id.
    pub fn of(id: &str) -> Self {
        Self { filter: Some((Sought::Id, id.to_owned())), offset: 0, count: 1 }
    }
}

/// Which attributes are shown.
#[derive(Default)]
pub struct Wanted {
    only: Vec<String>,
    without: Vec<String>,
}

/// The body of a search, which says what the query of a list does.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    attributes: Option<Vec<String>>,
    excluded_attributes: Option<Vec<String>>,
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
}

impl Search {
    pub fn of(call: &Call) -> Result<Self, Problem> {
        let names = |name: &str| call.query.get(name).map(|text| text.split(',').map(ToOwned::to_owned).collect());
        let whole = |name: &str| {
            let parsed = call
                .query
                .get(name)
                .map(|text| text.parse().map_err(|_| invalid_value(name, "a whole number is expected")));
            parsed.transpose()
        };
        Ok(Self {
            attributes: names("attributes"),
            excluded_attributes: names("excludedAttributes"),
            filter: call.query.get("filter").map(ToOwned::to_owned),
            start_index: whole("startIndex")?,
            count: whole("count")?,
        })
    }

    pub fn query(&self, name: &str) -> Result<Query, Problem> {
        let filter = self.filter.as_deref().map(|filter| sought(filter, name)).transpose()?;
        // Less than the first is the first, and less than none is none.
        let offset = self.start_index.unwrap_or(1).max(1).saturating_sub(1);
        Ok(Query { filter, offset, count: self.count.unwrap_or(USUAL).clamp(0, MOST) })
    }

    pub fn wanted(&self) -> Wanted {
        let names = |names: &Option<Vec<String>>| {
            names
                .iter()
                .flatten()
                .map(|name| plain(name.trim()).to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect()
        };
        Wanted { only: names(&self.attributes), without: names(&self.excluded_attributes) }
    }
}

/// Without the schema before it.
fn plain(name: &str) -> &str {
    if name.starts_with("urn:") { name.rsplit(':').next().unwrap_or(name) } else { name }
}

fn sought(written: &str, name: &str) -> Result<(Sought, String), Problem> {
    let told = || invalid_filter(&format!("`eq` on id, externalId or {name} is all that is understood here"));
    let filter: Filter = written.parse().map_err(|_| invalid_filter("it is no filter of SCIM"))?;
    let Filter::Attr(AttrExp::Comparison(
        AttrPath { name: path, sub_attr: None, .. },
        CompareOp::Eq,
        CompValue::Str(value),
    )) = filter
    else {
        return Err(told());
    };
    let sought = match path {
        path if path.eq_ignore_ascii_case("id") => Sought::Id,
        path if path.eq_ignore_ascii_case("externalId") => Sought::ExternalId,
        path if path.eq_ignore_ascii_case(name) => Sought::Name,
        _ => return Err(told()),
    };
    Ok((sought, value))
}

impl Wanted {
    pub fn of(call: &Call) -> Result<Self, Problem> {
        Search::of(call).map(|search| search.wanted())
    }

    /// Whether an attribute is shown, whole or in part.
    pub fn shows(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let within = |path: &String| *path == name || path.split('.').next() == Some(name.as_str());
        (self.only.is_empty() || self.only.iter().any(within)) && !self.without.contains(&name)
    }

    /// The resource with what is wanted of it. `id` and `schemas` are always told.
    pub fn cut(&self, mut resource: Attributes) -> Value {
        resource.retain(|name, _| ["id", "schemas"].contains(&name.as_str()) || self.shows(name));
        for (name, value) in &mut resource {
            let name = name.to_ascii_lowercase();
            let whole = self.only.is_empty() || self.only.contains(&name);
            let shown = |part: &str| {
                let path = format!("{name}.{}", part.to_ascii_lowercase());
                (whole || self.only.contains(&path)) && !self.without.contains(&path)
            };
            match value {
                Value::Object(parts) => parts.retain(|part, _| shown(part)),
                Value::Array(values) => values
                    .iter_mut()
                    .filter_map(Value::as_object_mut)
                    .for_each(|parts| parts.retain(|part, _| shown(part))),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        Value::Object(resource)
    }
}

/// The parameters of whoever shows resources.
pub fn shows(route: Route) -> Route {
    route
        .parameter("attributes", "Only these attributes, separated by commas")
        .parameter("excludedAttributes", "All but these attributes, separated by commas")
}

/// Those of a list.
pub fn lists(route: Route) -> Route {
    shows(route)
        .parameter("filter", "`eq` on id, externalId or the name, such as: userName eq \"mara@example.com\"")
        .parameter("startIndex", "The first of the list that is shown; 1 where it is not given")
        .parameter("count", "How many are shown, 200 at most; 100 where it is not given")
}

/// What a filter calls the name of such a resource.
pub fn name_of(kind: &Kind) -> &'static str {
    if kind.name == "User" { "userName" } else { "displayName" }
}

#[cfg(test)]
mod tests {
    use super::{Query, Search, Sought};
    use serde_json::{Value, json};

    fn search(body: Value) -> Search {
        serde_json::from_value(body).expect("a search")
    }

    #[test]
    fn a_filter_is_an_equality_and_everything_else_is_told() {
        let query = |filter: &str| search(json!({ "filter": filter })).query("userName");
        let found = |sought, value: &str| Some((sought, value.to_owned()));
        assert_eq!(query(r#"USERNAME Eq "mara""#).expect("understood").filter, found(Sought::Name, "mara"));
        let urn = r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "m\"x""#;
        assert_eq!(query(urn).expect("understood").filter, found(Sought::Name, "m\"x"));
        assert_eq!(query(r#"externalId eq "1""#).expect("understood").filter, found(Sought::ExternalId, "1"));
        for wrong in [
            "",
            "userName",
            r#"userName co "a""#,
            r#"title eq "x""#,
            r#"userName eq "a" or userName eq "b""#,
            "id eq 3",
            "userName pr",
        ] {
            let problem = query(wrong).expect_err(wrong);
            assert_eq!((problem.status(), problem.code()), (400, "invalid_filter"), "{wrong}");
        }
    }

    #[test]
    fn a_page_begins_with_the_first_and_has_an_end() {
        let page = |start: i64, count: i64| {
            search(json!({"startIndex": start, "count": count})).query("userName").expect("a page")
        };
        assert_eq!(page(0, 10), Query { filter: None, offset: 0, count: 10 });
        assert_eq!(page(3, -1), Query { filter: None, offset: 2, count: 0 });
        assert_eq!(page(i64::MIN, 10_000), Query { filter: None, offset: 0, count: 200 });
    }

    #[test]
    fn what_is_wanted_is_shown_and_what_is_not_is_left_out() {
        let mara = json!({"id": "p-1", "schemas": [], "userName": "mara", "active": true, "name": {"givenName": "M", "familyName": "L"}, "emails": [{"value": "x", "type": "work"}]});
        let cut = |search: Value| self::search(search).wanted().cut(mara.as_object().expect("one").clone());
        assert_eq!(cut(json!({})), mara);
        assert_eq!(
            cut(json!({"attributes": ["USERNAME", "name.givenName", "emails.value"]})),
            json!({"id": "p-1", "schemas": [], "userName": "mara", "name": {"givenName": "M"}, "emails": [{"value": "x"}]})
        );
        assert_eq!(
            cut(
                json!({"excludedAttributes": ["urn:ietf:params:scim:schemas:core:2.0:User:name", "id", "emails", "active"]})
            ),
            json!({"id": "p-1", "schemas": [], "userName": "mara"})
        );
    }
}
