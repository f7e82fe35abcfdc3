use crate::attainment::{Attainment, Event, Proof, Show, Way};
use crate::checks::{LONGEST_TEXT, past};
use crate::competence::{Competence, RegisteredCompetence};
use crate::holders::holders;
use access::Roster;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use eventstore::{Aggregate, Cx, Recorded, Session, StoreError, Stream, Work};
use serde::{Deserialize, Serialize};
use service::{Call, Faults, Listed, Outcome, Problem, checked_day, checked_person, checked_text, json, tidy};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use views::{Column, Filter, Folded, View, get, stream_key};

/// That a person has shown a competence.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowCompetence {
    /// A person's id.
    #[schema(example = "mara")]
    person: String,
    #[schema(format = Date)]
    shown_on: String,
    by: Way,
    /// What shows it: a certificate's number, a list of participants.
    #[schema(example = "Certificate 4711 of the course")]
    evidence: String,
    /// The last day on which it counts; without an end where it is not given.
    #[schema(format = Date)]
    holds_until: Option<String>,
}

/// Who has a competence, by what, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Having {
    pub competence: String,
    pub person: String,
    pub shown_on: NaiveDate,
    pub by: Way,
    pub evidence: String,
    pub holds_until: Option<NaiveDate>,
}

/// Who has a competence, and who of those who must does not.
#[derive(Serialize, ToSchema)]
pub struct Attainments {
    #[serde(flatten)]
    listed: Listed<Having>,
    /// Those who must have it, and have not shown it or no longer have it.
    gap: Vec<String>,
    /// There is a gap, and the day by which they must have it has passed.
    overdue: bool,
}

impl View for Having {
    const NAME: &'static str = "attainment";
    const COLUMNS: &'static [Column] = &[Column::text("person"), Column::day("holds_until")];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        let shown = event.decode::<Event>()?.map(|Event::Shown(shown)| {
            let Proof { competence, person, shown_on, by, evidence, holds_until } = shown;
            Self { competence, person, shown_on, by, evidence, holds_until }
        });
        Ok(shown.or(current))
    }
}

impl ShowCompetence {
    fn shown(&self, competence: &str, cx: &Cx) -> Result<Proof, Problem> {
        let mut faults = Faults::default();
        let person = faults.keep(checked_person("person", &self.person));
        let shown_on = faults.keep(past("shown_on", &self.shown_on, cx));
        let evidence = faults.keep(checked_text("evidence", &self.evidence, LONGEST_TEXT));
        let holds_until =
            self.holds_until.as_deref().and_then(|written| faults.keep(checked_day("holds_until", written)));
        if shown_on.zip(holds_until).is_some_and(|(shown, until)| until < shown) {
            faults.wrong("holds_until", "it lies before shown_on");
        }
        let (competence, by) = (competence.to_owned(), self.by);
        let made = person.zip(shown_on).zip(evidence);
        faults.settle(made.map(|((person, shown_on), evidence)| Proof {
            competence,
            person,
            shown_on,
            by,
            evidence,
            holds_until,
        }))
    }
}

/// `POST /competences/{id}/people`
pub async fn show(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<ShowCompetence>()?;
    let shown = body.shown(call.id(), &cx)?;
    let id = format!("{}/{}", shown.competence, shown.person);
    let lane = Stream::new(Attainment::TYPE, &id).to_string();
    let done = call.store.perform(&cx, &lane, |work| Box::pin(record(work, id.clone(), expected, shown.clone())));
    Ok(call.carried_out(&done.await?, false))
}

async fn record(work: &mut Work, id: String, expected: Option<i64>, shown: Proof) -> Result<Outcome, Problem> {
    let (competence, registered) = work.load::<Competence>(&shown.competence).await?;
    if registered == 0 {
        return Err(Problem::not_found(format!("competence {}", shown.competence)));
    }
    let needed = competence.is_needed();
    let changed = work.execute::<Attainment>(&id, expected, Show { shown, needed }).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// `GET /competences/{id}/people`
pub async fn list(call: Call) -> Result<Response, Problem> {
    let mut session = call.session().await?;
    let competences = call.position::<RegisteredCompetence>(&mut session).await?;
    let roles = call.position::<Roster>(&mut session).await?;
    let position = call.position::<Having>(&mut session).await?.min(competences).min(roles);
    let of_competence = vec![Filter::Is(Column::text("competence"), call.id().to_owned())];
    let listed = call.list_at::<Having>(&mut session, position, of_competence).await?;
    let competence = get::<RegisteredCompetence>(&mut session, call.id(), listed.position).await?;
    let competence = competence.ok_or_else(|| Problem::not_found(format!("competence {}", call.id())))?.data;
    let at = call.clock(&mut session, listed.position).await?;
    let today = at.date_naive();
    let have = who_have(&mut session, call.id(), today, listed.position).await?;
    let mut must = holders(&mut session, &competence.roles, listed.position, at).await?;
    must.extend(competence.people);
    let gap = tidy(must.into_iter().filter(|person| !have.contains(person)));
    let overdue = !gap.is_empty() && competence.due_on.is_some_and(|day| day < today);
    Ok(json(StatusCode::OK, listed.position, &Attainments { listed, gap, overdue }))
}

/// Whose competence counts on a day.
async fn who_have(
    session: &mut Session,
    competence: &str,
    today: NaiveDate,
    position: i64,
) -> Result<BTreeSet<String>, Problem> {
    let tenant = session.tenant();
    let people: Vec<String> = sqlx::query_scalar(
        "select person from view_attainment
         where tenant_id = $1 and competence = $2 and (holds_until = '' or holds_until >= $3)
               and valid_to > $4 and valid_from <= $4",
    )
    .bind(tenant)
    .bind(competence)
    .bind(today.to_string())
    .bind(position)
    .fetch_all(session.connection())
    .await
    .map_err(StoreError::from)?;
    Ok(people.into_iter().collect())
}
