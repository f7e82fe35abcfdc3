use crate::organisation::Organisation;
use crate::tenant::{Command, Settings, Tenant};
use crate::{checked, organisation};
use access::Admission;
use axum::http::StatusCode;
use axum::response::Response;
use eventstore::{CommandKey, Cx, EventStore, TenantId, Work};
use serde::Deserialize;
use service::{Call, FieldError, Outcome, Problem, checked_text, field_error};
use utoipa::ToSchema;
use uuid::Uuid;

const LONGEST_RETENTION: u32 = 100;

/// All of a tenant's settings.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// Once only in the organisation, whatever its capitals; an administrator of it gives it. As it was where it is not given.
    name: Option<String>,
    /// A language tag, such as `pt-BR`.
    language: String,
    /// By its name in the tz database, such as `Europe/Berlin`.
    time_zone: String,
    /// For how many years what was recorded is to be kept after the tenant is closed, 1 to 100; without an end where it is not
    /// given. Nothing is ever removed by itself.
    #[schema(minimum = 1, maximum = 100)]
    retention_years: Option<u32>,
}

pub async fn change(call: Call) -> Result<Response, Problem> {
    let expected = call.if_match()?;
    let (body, cx) = call.command::<ChangeSettings>()?;
    let asked = checked(body)?;
    let (store, lane, administrator) = (&call.store, format!("tenant-{}", cx.tenant), call.caller.administrator);
    let done =
        store.perform(&cx, &lane, |work| Box::pin(decide(work, store.clone(), expected, asked.clone(), administrator)));
    Ok(call.carried_out(&done.await?, false))
}

/// What was asked for, with the name where one is given.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    name: Option<String>,
    language: String,
    time_zone: String,
    retention_years: Option<u32>,
}

fn checked(body: ChangeSettings) -> Result<Asked, Problem> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut take =
        |checked: Result<String, FieldError>| checked.map_err(|error| errors.push(error)).unwrap_or_default();
    let name = body.name.map(|name| take(checked_text("name", &name, 200)));
    let language = take(checked::language(&body.language));
    let time_zone = take(checked::time_zone(&body.time_zone));
    let retention_years = body.retention_years;
    if let Some(years) = retention_years.filter(|years| !(1..=LONGEST_RETENTION).contains(years)) {
        errors.push(field_error(
            "retention_years",
            format!("{years} is not from 1 to {LONGEST_RETENTION}: leave it out to keep everything"),
        ));
    }
    if errors.is_empty() {
        Ok(Asked { name, language, time_zone, retention_years })
    } else {
        Err(Problem::fields(errors))
    }
}

async fn decide(
    work: &mut Work,
    store: EventStore,
    expected: Option<i64>,
    asked: Asked,
    administrator: bool,
) -> Result<Outcome, Problem> {
    let id = work.cx().tenant.to_string();
    let (tenant, version) = work.load::<Tenant>(&id).await?;
    let Some(owner) = tenant.organisation() else { return Err(Problem::not_found(format!("tenant {id}"))) };
    let Asked { name, language, time_zone, retention_years } = asked;
    let known = tenant.name().to_owned();
    let name = name.unwrap_or_else(|| known.clone());
    // What is stale is refused before anything of it is recorded elsewhere.
    if name != known && expected.is_none_or(|expected| expected == version) {
        if !administrator {
            return Err(not_yours_to_name());
        }
        claim(&store, work.cx(), owner, name.clone()).await?;
    }
    let settings = Settings { name: name.clone(), language, time_zone, retention_years };
    let changed = work.execute::<Tenant>(&id, expected, Command::ChangeSettings(settings)).await?;
    // Also where nothing else changed: one that was opened before services were told its name is named so.
    work.execute::<Admission>(&id, None, access::Command::Name { name }).await?;
    Ok(Outcome { id, version: changed.version, changed: changed.changed })
}

/// A client's manager would hear by it which other clients the organisation has.
fn not_yours_to_name() -> Problem {
    let detail = "name: an administrator of the organisation that owns the tenant gives it: leave it out";
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// The organisation calls the tenant so from now on, or refuses where another of its tenants is called so. It is decided in
/// the organisation's own partition, before the tenant's: where the process ends between the two, a reaction does the rest
/// ([`crate::when_tenant_renamed_then_name_it`]). Done again it records nothing; and a request that is repeated after the
/// tenant was called otherwise again finds its first answer, under the key of that request.
async fn claim(store: &EventStore, cx: &Cx, organisation: Uuid, name: String) -> Result<(), Problem> {
    let tenant = cx.tenant;
    let key = |key: CommandKey| CommandKey { id: format!("{tenant} {}", key.id), ..key };
    let cx = Cx { tenant: TenantId(organisation), command: cx.command.clone().map(key), ..cx.clone() };
    let lane = format!("organisation-{organisation}");
    store.perform(&cx, &lane, |work| Box::pin(rename(work, tenant.0, name.clone()))).await.map(drop)
}

async fn rename(work: &mut Work, tenant: Uuid, name: String) -> Result<(), Problem> {
    let organisation = work.cx().tenant.to_string();
    work.execute::<Organisation>(&organisation, None, organisation::Command::Rename { tenant, name }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::checked;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<Option<u32>, String> {
        let body = serde_json::from_value(body).expect("a body");
        checked(body).map(|asked| asked.retention_years).map_err(|problem| problem.to_string())
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let right = json!({"language": "de", "time_zone": "Europe/Berlin", "retention_years": 10});
        assert_eq!(read(right), Ok(Some(10)));
        for (body, told) in [
            (json!({"name": " ", "language": "de", "time_zone": "UTC"}), "name: "),
            (json!({"language": "d", "time_zone": "UTC"}), "language: `d` is not a language tag"),
            (json!({"language": "de", "time_zone": "UTC", "retention_years": 0}), "retention_years: 0 is not from 1"),
            (json!({"language": "d", "time_zone": "", "retention_years": 101}), "3 fields are wrong"),
        ] {
            let problem = read(body).expect_err(told);
            assert!(problem.starts_with(told), "{problem}");
        }
    }
}
