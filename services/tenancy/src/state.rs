use crate::tenant::{Archived, Command, Tenant};
use access::{Admission, Standing};
use axum::response::Response;
use eventstore::{Aggregate, EventStore, NOW, Stream, Work};
use serde::Deserialize;
use service::{Call, Outcome, Problem};
use utoipa::ToSchema;

/// Suspends the tenant, resumes it, or closes it for ever.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeState {
    state: Standing,
    /// Closes it although not everything of it is in an archive that `stele export` made.
    #[serde(default)]
    without_export: bool,
}

/// `PUT /state`. Every service hears of it by the tenant's access, which its requests are held against.
pub async fn change(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<ChangeState>()?;
    if cx.reason().is_none() {
        return Err(Problem::field("reason", "say why: an auditor will ask"));
    }
    let (store, lane) = (&call.store, format!("tenant-{}", cx.tenant));
    let done = store.perform(&cx, &lane, |work| Box::pin(decide(work, store.clone(), expected, body.clone())));
    Ok(call.carried_out(&done.await?, false))
}

async fn decide(
    work: &mut Work,
    store: EventStore,
    expected: Option<i64>,
    ChangeState { state, without_export }: ChangeState,
) -> Result<Outcome, Problem> {
    let id = work.cx().tenant.to_string();
    if work.load::<Tenant>(&id).await?.1 == 0 {
        return Err(Problem::not_found(format!("tenant {id}")));
    }
    let unexported =
        if state == Standing::Closed && !without_export { unexported(work, &store, &id).await? } else { None };
    let changed = work.execute::<Tenant>(&id, expected, Command::Stand { standing: state, unexported }).await?;
    let access = match state {
        Standing::Active => access::Event::Resumed {},
        Standing::Suspended => access::Event::Suspended {},
        Standing::Closed => access::Event::Closed {},
    };
    work.execute::<Admission>(&id, None, access::Command::Copy(access)).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// What of the tenant is in no archive, by what was heard of the other services so far.
async fn unexported(work: &mut Work, store: &EventStore, id: &str) -> Result<Option<String>, Problem> {
    let Some(exported) = work.load::<Tenant>(id).await?.0.exported().map(<[Archived]>::to_vec) else {
        return Ok(Some("the tenant was not exported since it was changed last".to_owned()));
    };
    // Before the work has a connection: nobody holds one and waits for a second.
    let mut last = store.snapshot(work.cx().tenant).await?.taken().await?;
    let access = work.session().await?.stream(&Stream::new(Admission::TYPE, id), NOW).await?;
    // Its own log goes on by the note of the export itself: what counts of it is who may do what.
    last.retain(|(source, _)| source != "tenancy");
    last.extend(access.last().map(|event| ("tenancy".to_owned(), event.position)));
    let changed = changed_since(&exported, &last);
    Ok(changed.map(|service| format!("something was recorded by {service} since the tenant was exported")))
}

fn changed_since<'a>(exported: &[Archived], last: &'a [(String, i64)]) -> Option<&'a str> {
    let kept =
        |service: &str| exported.iter().find(|kept| kept.service == service).map_or(0, |kept| i64::from(kept.position));
    last.iter().find(|(service, position)| *position > kept(service)).map(|(service, _)| service.as_str())
}

#[cfg(test)]
mod tests {
    use super::changed_since;
    use crate::tenant::Archived;

    #[test]
    fn what_was_recorded_after_the_archive_is_in_none() {
        let exported =
            [("risk", 7), ("tenancy", 4)].map(|(service, position)| Archived { service: service.to_owned(), position });
        let last = |risk, controls| [("risk".to_owned(), risk), ("controls".to_owned(), controls)];
        assert_eq!(changed_since(&exported, &last(7, 0)), None);
        assert_eq!(changed_since(&exported, &last(8, 0)), Some("risk"));
        assert_eq!(changed_since(&exported, &last(7, 1)), Some("controls"), "it had nothing then");
    }
}
