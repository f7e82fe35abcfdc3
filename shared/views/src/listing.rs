use crate::rows::table;
use crate::view::{Column, Kind, View};
use eventstore::NOW;

/// Up to it, what had begun is found by its beginning. The index that `index_view` makes says the same number.
const EARLY: i64 = 512;

/// So many rows that ended since are sorted; more are read in the list's order.
const FEW: i64 = 100;

const SELECTED: &str = "select key, valid_from, version, at, data";

/// Which rows, in which order, how many.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What the rows must be, all of it.
    pub filters: Vec<Filter>,
    pub sort: Option<Column>,
    pub descending: bool,
    /// The last row of the page before: its sort value (the key without a sort) and its key.
    pub after: Option<(String, String)>,
    pub limit: i64,
}

/// What a column must be. A row that says nothing in it is within no bounds.
#[derive(Clone, Debug)]
pub enum Filter {
    Is(Column, String),
    From(Column, String),
    Below(Column, String),
    /// It is said somewhere in the row, or in its key, in whichever case.
    Says(String),
}

impl From<(Column, String)> for Filter {
    fn from((column, value): (Column, String)) -> Self {
        Self::Is(column, value)
    }
}

/// One statement, hence one snapshot of the database. $1 is the tenant, $2 the position, `values` are bound after them.
pub struct Statement {
    pub text: String,
    pub values: Vec<Value>,
}

pub enum Value {
    Text(String),
    /// A value that is no number equals none: the caller has refused it before with a sentence.
    Int(Option<i64>),
}

impl Listing {
    /// The rows that stand, and those that stood at the position and ended since. Whether there can be any of those is
    /// decided in the same snapshot: what is appended between two statements would let rows vanish.
    pub fn statement<V: View>(&self, position: i64) -> Statement {
        let (view, table) = (V::NAME, table(V::NAME));
        // Column names are constants of the view; values are bound.
        let sort = self.sort.map_or("key", |column| column.name);
        let direction = if self.descending { "desc" } else { "asc" };
        let mut values = Vec::new();
        let wanted = self.wanted::<V>(sort, &mut values);
        let order = format!("order by {sort} {direction}, key {direction} limit {}", self.limit.saturating_add(1));
        let rows = |of: &str, condition: &str| {
            format!("(select * from {of} where {condition} and valid_from <= $2{wanted} {order})")
        };
        let reached = format!(
            "reached as materialized (select coalesce((select position from view_checkpoints
                 where tenant_id = $1 and view = '{view}'), 0) as position)"
        );
        let is_past = "$2 < (select position from reached)";
        let stands = format!("tenant_id = $1 and valid_to = {NOW}");
        let stood = format!("tenant_id = $1 and valid_to < {NOW} and valid_to > $2");
        let text = if position <= EARLY {
            let standing = rows(&table, &format!("{stands} and not {is_past}"));
            let early =
                rows(&table, &format!("tenant_id = $1 and valid_from <= {EARLY} and valid_to > $2 and {is_past}"));
            format!(
                "with {reached} {SELECTED}, {sort}::text as sorted from ({standing} union all {early}) as rows {order}"
            )
        } else {
            let few = format!(
                "few as materialized (select * from {table} where {stood} order by valid_to limit {})",
                FEW + 1
            );
            let standing = rows(&table, &stands);
            let ended = rows("few", &format!("{is_past} and (select count(*) from few) <= {FEW}"));
            let in_order = rows(&table, &format!("{stood} and {is_past} and (select count(*) from few) > {FEW}"));
            format!(
                "with {reached}, {few} {SELECTED}, {sort}::text as sorted
                 from ({standing} union all {ended} union all {in_order}) as rows {order}"
            )
        };
        Statement { text, values }
    }

    /// What filters and the page before leave.
    fn wanted<V: View>(&self, sort: &str, values: &mut Vec<Value>) -> String {
        let mut bound = |kind: Kind, value: &str| {
            values.push(Value::of(kind, value));
            format!("${}", values.len() + 2)
        };
        // Where a row says nothing, its column is '' or -1: see the migrations.
        let says = |column: &Column| match column.kind {
            Kind::Text | Kind::Word(_) | Kind::Day | Kind::Instant => format!("{} > ''", column.name),
            Kind::Int => format!("{} >= 0", column.name),
        };
        let filter = |filter: &Filter| match filter {
            Filter::Is(column, value) => format!(" and {} = {}", column.name, bound(column.kind, value)),
            Filter::From(column, value) => {
                format!(" and {} and {} >= {}", says(column), column.name, bound(column.kind, value))
            }
            Filter::Below(column, value) => {
                format!(" and {} and {} < {}", says(column), column.name, bound(column.kind, value))
            }
            Filter::Says(word) => {
                let untold = V::UNTOLD.join("', '");
                let (word, written) = (anywhere(word), anywhere(&as_written(word)));
                let (word, written) = (bound(Kind::Text, &word), bound(Kind::Text, &written));
                // What is not in the row as it is written need not be looked for in each of its texts, which takes much longer.
                format!(
                    " and (key ilike {word} or data::text ilike {written})
                      and said(key, data - array['{untold}']) ilike {word}"
                )
            }
        };
        let mut wanted = self.filters.iter().map(filter).collect::<Vec<_>>().concat();
        if let Some((value, key)) = &self.after {
            let place = bound(self.sort.map_or(Kind::Text, |column| column.kind), value);
            let key = bound(Kind::Text, key);
            let beyond = if self.descending { "<" } else { ">" };
            wanted = format!("{wanted} and ({sort}, key) {beyond} ({place}, {key})");
        }
        wanted
    }
}

/// A pattern that is the word itself and nothing else, wherever it stands.
fn anywhere(word: &str) -> String {
    let escaped: String =
        word.chars().flat_map(|c| matches!(c, '\\' | '%' | '_').then_some('\\').into_iter().chain([c])).collect();
    format!("%{escaped}%")
}

/// As it stands in a text of JSON.
fn as_written(word: &str) -> String {
    let quoted = serde_json::Value::from(word).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Value {
    fn of(kind: Kind, value: &str) -> Self {
        match kind {
            Kind::Text | Kind::Word(_) | Kind::Day | Kind::Instant => Self::Text(value.to_owned()),
            Kind::Int => Self::Int(value.parse().ok()),
        }
    }
}
