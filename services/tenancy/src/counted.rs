use crate::client::{AcceptedUntil, AtLevel, DueActions, Expiring, Figures, LastStatement};
use crate::figure::Event;
use chrono::{DateTime, Utc};
use eventstore::{Recorded, Session, StoreError};
use serde::{Deserialize, Serialize};
use views::{Folded, View, stream_key};

/// The row of one object: what was noted of it last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counted(Event);

impl View for Counted {
    const NAME: &'static str = "figure";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(event.decode()?.map(Self).or(current))
    }
}

/// The risks of one level, or those that are not assessed.
#[derive(sqlx::FromRow)]
struct Rated {
    rank: Option<i32>,
    label: Option<String>,
    risks: i64,
    above_acceptance: i64,
    untreated: i64,
}

/// A tenant's figures as of a position of its own log.
pub async fn figures(session: &mut Session, position: i64) -> Result<Figures, StoreError> {
    let mut figures = of_controls_and_evidence(session, position).await?;
    figures.accepted = accepted(session, position).await?;
    figures.actions = actions(session, position).await?;
    figures.soa = last_statement(session, position).await?;
    let levels: Vec<Rated> = sqlx::query_as(
        "select (data->'data'->'level'->>'rank')::int as rank, data->'data'->'level'->>'label' as label, count(*) as risks,
                count(*) filter (where data->'data'->>'acceptable' = 'false') as above_acceptance,
                count(*) filter (where data->'data'->>'acceptable' = 'false' and not data->'data' ? 'option') as untreated
         from view_figure
         where tenant_id = $1 and valid_from <= $2 and valid_to > $2 and data->>'type' = 'risk_noted'
           and not data->'data' ? 'closed'
         group by 1, 2 order by 1, 2",
    )
    .bind(session.tenant())
    .bind(position)
    .fetch_all(session.connection())
    .await?;
    for Rated { rank, label, risks, above_acceptance, untreated } in levels {
        let risks = number(risks);
        figures.risks += risks;
        figures.above_acceptance += number(above_acceptance);
        figures.untreated += number(untreated);
        if let Some((rank, label)) = rank.and_then(|rank| u32::try_from(rank).ok()).zip(label) {
            figures.levels.push(AtLevel { rank, label, risks });
        }
    }
    Ok(figures)
}

/// By the last day. What was accepted by an earlier revision of the methodology is no more.
async fn accepted(session: &mut Session, position: i64) -> Result<Vec<AcceptedUntil>, StoreError> {
    let accepted: Vec<(String, i64)> = sqlx::query_as(
        "with figure as (
             select data->>'type' as kind, data->'data' as said from view_figure
             where tenant_id = $1 and valid_from <= $2 and valid_to > $2
         )
         select said->'acceptance'->>'until', count(*) from figure
         where kind = 'risk_noted' and said ? 'acceptance' and (said->'acceptance'->>'methodology_revision')::bigint >=
             coalesce((select max((said->>'revision')::bigint) from figure where kind = 'methodology_noted'), 0)
         group by 1 order by 1",
    )
    .bind(session.tenant())
    .bind(position)
    .fetch_all(session.connection())
    .await?;
    Ok(accepted.into_iter().map(|(on, risks)| AcceptedUntil { on, risks: number(risks) }).collect())
}

/// What is to be done, by its last day.
async fn actions(session: &mut Session, position: i64) -> Result<Vec<DueActions>, StoreError> {
    let actions: Vec<(String, i64)> = sqlx::query_as(
        "select data->'data'->>'due', count(*) from view_figure
         where tenant_id = $1 and valid_from <= $2 and valid_to > $2
           and data->>'type' = 'action_noted' and data->'data' ? 'due'
         group by 1 order by 1",
    )
    .bind(session.tenant())
    .bind(position)
    .fetch_all(session.connection())
    .await?;
    Ok(actions.into_iter().map(|(on, actions)| DueActions { on, actions: number(actions) }).collect())
}

/// The newest, of whichever framework.
async fn last_statement(session: &mut Session, position: i64) -> Result<Option<LastStatement>, StoreError> {
    let statement: Option<(i64, DateTime<Utc>)> = sqlx::query_as(
        "select (data->'data'->>'number')::bigint, (data->'data'->>'issued_at')::timestamptz as issued_at from view_figure
         where tenant_id = $1 and valid_from <= $2 and valid_to > $2 and data->>'type' = 'statement_noted'
         order by issued_at desc limit 1",
    )
    .bind(session.tenant())
    .bind(position)
    .fetch_optional(session.connection())
    .await?;
    Ok(statement.map(|(issue, issued_at)| LastStatement { number: number(issue), issued_at }))
}

async fn of_controls_and_evidence(session: &mut Session, position: i64) -> Result<Figures, StoreError> {
    let tenant = session.tenant();
    // As the Statement of Applicability has it: what is decided counts, and else whether a risk relies on the control.
    let (applicable, excluded, implemented): (i64, i64, i64) = sqlx::query_as(
        "with figure as (
             select key, data->>'type' as kind, data->'data' as said from view_figure
             where tenant_id = $1 and valid_from <= $2 and valid_to > $2
         ), decided as (
             select substr(key, length('control:') + 1) as id, (said->>'applicable')::boolean as applicable,
                    said->>'state' in ('implemented', 'operating') as implemented
             from figure where kind = 'control_noted'
         ), required as (
             select distinct said->>'control' as id from figure
             where kind = 'requirement_noted' and (said->>'holds')::boolean
         ), control as (
             select coalesce(decided.applicable, case when required.id is not null then true end) as applicable,
                    coalesce(decided.implemented, false) as implemented
             from decided full join required using (id)
         )
         select count(*) filter (where applicable), count(*) filter (where not applicable),
                count(*) filter (where applicable and implemented)
         from control",
    )
    .bind(tenant)
    .bind(position)
    .fetch_one(session.connection())
    .await?;
    let evidence: i64 = sqlx::query_scalar(
        "select count(*) from view_figure
         where tenant_id = $1 and valid_from <= $2 and valid_to > $2 and data->>'type' = 'evidence_noted'",
    )
    .bind(tenant)
    .bind(position)
    .fetch_one(session.connection())
    .await?;
    let expiring: Vec<(String, i64)> = sqlx::query_as(
        "select left(data->'data'->>'valid_until', 10), count(*) from view_figure
         where tenant_id = $1 and valid_from <= $2 and valid_to > $2
           and data->>'type' = 'evidence_noted' and data->'data' ? 'valid_until'
         group by 1 order by 1",
    )
    .bind(tenant)
    .bind(position)
    .fetch_all(session.connection())
    .await?;
    Ok(Figures {
        applicable: number(applicable),
        excluded: number(excluded),
        implemented: number(implemented),
        evidence: number(evidence),
        expiring: expiring.into_iter().map(|(on, evidence)| Expiring { on, evidence: number(evidence) }).collect(),
        ..Figures::default()
    })
}

fn number(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
