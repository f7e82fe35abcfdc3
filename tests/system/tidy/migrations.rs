//! Every row belongs to a tenant, and what is written stays. Read from the text: a slip is told before a database is made.

use super::none;
use crate::house::{sources, sql_code, words};

/// Written once, by the database's own functions or by the ledger, and read for ever.
const KEPT: &[&str] = &["events", "trail"];

/// A statement that makes a table, without what stands around it.
struct Table<'a> {
    name: &'a str,
    /// From behind the name on.
    rest: &'a str,
}

impl<'a> Table<'a> {
    fn all(sql: &'a str) -> impl Iterator<Item = Self> {
        // What stands between the first two pieces belongs to no table.
        let pieces =
            sql.split("create table ").flat_map(|piece| piece.split("create unlogged table ").collect::<Vec<_>>());
        pieces.skip(1).map(|piece| {
            let piece = piece.strip_prefix("if not exists ").unwrap_or(piece);
            let (name, rest) = piece.split_at(piece.find([' ', '(', '\'']).unwrap_or(piece.len()));
            Self { name, rest }
        })
    }

    /// What is between the parentheses: columns and keys.
    fn columns(&self) -> &'a str {
        let Some(start) = self.rest.find('(') else { return "" };
        let mut depth = 0;
        for (at, c) in self.rest.char_indices().skip_while(|(at, _)| *at < start) {
            match c {
                '(' => depth += 1,
                ')' if depth == 1 => return &self.rest[start + 1..at],
                ')' => depth -= 1,
                _ => {}
            }
        }
        self.rest
    }

    /// How the file must protect it. A name with a pattern is made by `format`: once in `create_view`, else in the loop that
    /// makes a table's partitions, which takes the same pattern again.
    fn protection(&self) -> String {
        if self.name == "%i" {
            "protect(v_table::regclass)".to_owned()
        } else if self.name.contains('%') {
            format!("protect(format('{}', i)::regclass)", self.name)
        } else {
            format!("protect('{}')", self.name)
        }
    }

    /// A partition has the columns and keys of its table.
    fn is_partition(&self) -> bool {
        self.rest.trim_start().starts_with("partition of ")
    }
}

fn unprotected(sql: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for table in Table::all(sql) {
        let name = table.name;
        if !sql.contains(&table.protection()) {
            faults.push(format!(
                "{name}: `select protect('{name}');` in the same file, so that no tenant sees another's rows"
            ));
        }
        if table.is_partition() {
            continue;
        }
        let columns = table.columns();
        if !words(columns).any(|word| word == "tenant_id") {
            faults.push(format!("{name}: give it `tenant_id uuid not null`; without a tenant there is no row"));
        }
        let leads = columns.trim_start().starts_with("tenant_id uuid primary key");
        if !leads && !columns.contains("primary key (tenant_id") {
            faults.push(format!("{name}: let its primary key begin with tenant_id"));
        }
        if columns.matches("unique (").count() != columns.matches("unique (tenant_id").count() {
            faults.push(format!(
                "{name}: let `unique` begin with tenant_id: what is taken in one tenant is free in another"
            ));
        }
    }
    faults
}

/// Rows of all tenants are only looked for by the engine, where a policy lets it.
fn loose_indexes(sql: &str) -> Vec<String> {
    let statements = sql.split(';').map(str::trim);
    let indexes = statements.filter(|it| it.starts_with("create index ") || it.starts_with("create unique index "));
    let is_loose = |index: &&str| {
        let (table, columns) = index.split_once(" on ").and_then(|(_, on)| on.split_once('(')).unwrap_or_default();
        let is_engines = sql.contains(&format!("create policy engine on {} ", table.trim()));
        let may_mix = is_engines && !index.starts_with("create unique ");
        !columns.trim_start().starts_with("tenant_id") && !may_mix
    };
    let told = |index| format!("`{index}`: let it begin with tenant_id, as every query of a service does");
    indexes.filter(is_loose).map(told).collect()
}

/// Owns the function that appends, and cannot log in.
const APPENDER: &str = "stele_appender";

fn grants_to_change(sql: &str) -> Vec<String> {
    let grants = sql.split(';').filter_map(|statement| {
        let (allowed, rest) = statement.trim().strip_prefix("grant ")?.split_once(" on ")?;
        let (tables, roles) = rest.split_once(" to ")?;
        Some((allowed, tables, roles))
    });
    let mut faults = Vec::new();
    for (allowed, tables, roles) in grants {
        let kept: Vec<&str> = words(tables).filter(|table| KEPT.contains(table)).collect();
        let changes = words(allowed).any(|word| matches!(word, "update" | "delete" | "truncate" | "all"));
        let appends =
            words(allowed).any(|word| word == "insert") && kept.contains(&"events") && roles.trim() != APPENDER;
        if !kept.is_empty() && (changes || appends) {
            faults.push(format!(
                "`grant {allowed} on {tables} to {roles}`: what is in {} stays as it was written; grant select, and insert \
                 on the trail",
                kept.join(", ")
            ));
        }
    }
    faults
}

fn unfit(sql: &str) -> Vec<String> {
    let all: Vec<&str> = words(sql).collect();
    let mut faults = Vec::new();
    if all.iter().any(|word| matches!(*word, "notify" | "pg_notify")) {
        faults.push(
            "notify: it holds one lock for all commits; announce in the process and sweep, as the relay does"
                .to_owned(),
        );
    }
    let serial =
        |word: &&str| matches!(*word, "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "nextval");
    let pairs = all.windows(2).any(|pair| matches!(pair, ["create", "sequence"] | ["as", "identity"]));
    if pairs || all.iter().any(serial) {
        faults.push("a sequence skips and stalls: count under the tenant's head, or take a UUID".to_owned());
    }
    faults
}

/// All faults of all migrations, each with its file.
fn faults(of: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let files = sources(&["migrations"], "sql");
    files
        .iter()
        .flat_map(|file| {
            of(&sql_code(&file.text)).into_iter().map(|fault| format!("{}: {fault}", file.path)).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_table_belongs_to_tenants() {
    none("A table is open between tenants", &faults(unprotected));
    none("An index mixes tenants", &faults(loose_indexes));
}

#[test]
fn nobody_is_granted_to_change_what_is_kept() {
    none("A grant lets a service rewrite history", &faults(grants_to_change));
}

#[test]
fn migrations_use_no_notify_and_no_sequence() {
    none("What measured badly is not used", &faults(unfit));
}

#[test]
fn slips_in_sql_are_found() {
    let good = "create table a (tenant_id uuid not null, b text, primary key (tenant_id, b), unique (tenant_id, b));
                select protect('a'); -- notify
                create index c on a (tenant_id, b);
                create index d on a (b); create policy engine on a for select to stele_engine;
                grant select, insert on trail to stele_app; grant insert on events to stele_appender;
                create table a_%s partition of a for values; protect(format('a_%s', i)::regclass)";
    let good = sql_code(good);
    for check in [unprotected, loose_indexes, grants_to_change, unfit] {
        assert_eq!(check(&good), Vec::<String>::new());
    }
    for (slip, found) in [
        ("create table a (tenant_id uuid primary key)", "a: `select protect('a');`"),
        ("create table a (b text primary key); select protect('a')", "give it `tenant_id"),
        ("create table a (tenant_id uuid, b text primary key); select protect('a')", "let its primary key begin"),
        ("create table a (tenant_id uuid primary key, b text, unique (b)); select protect('a')", "let `unique` begin"),
        ("create unlogged table a (tenant_id uuid primary key)", "a: `select protect('a');`"),
        ("create table a_%s partition of a for values", "a_%s: `select protect"),
        ("create index b on a (c)", "let it begin with tenant_id"),
        ("create unique index b on a (c, tenant_id); create policy engine on a for x", "let it begin with tenant_id"),
        ("grant select, update on heads, events to stele_app", "what is in events stays"),
        ("grant insert on events to stele_app", "what is in events stays"),
        ("grant update on events to stele_appender", "what is in events stays"),
        ("grant delete on trail to stele_app", "what is in trail stays"),
        ("perform pg_notify('a', 'b')", "notify: it holds one lock"),
        ("create table a (b bigint generated always as identity)", "a sequence skips"),
        ("alter table a add column b bigserial", "a sequence skips"),
    ] {
        let sql = sql_code(slip);
        let told: Vec<String> =
            [unprotected, loose_indexes, grants_to_change, unfit].iter().flat_map(|check| check(&sql)).collect();
        assert!(told.iter().any(|fault| fault.contains(found)), "{slip}: {told:?}");
    }
}
