//! Roles by group: a tenant says which roles the people of one of its organisation's groups have in it, and they have them for as long
//! as they are in it.

use crate::group::Group;
use crate::grouping::{self, Command, Due, Event, Grouping};
use crate::known_group::KnownGroup;
use crate::organisation::Organisation;
use crate::people::refuse_unless_tenant;
use crate::tenant::Tenant;
use access::{Action, Admission, Broken, RoleName, Term};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use eventstore::{Actor, Cx, EventStore, Recorded, Refused, StoreError, TenantId, Work};
use messaging::Errand;
use serde::{Deserialize, Serialize};
use service::{Answered, Call, Listed, Outcome, Problem, Route, Routes, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use views::{Folded, View, stream_key};

/// Which roles the people of a group have in the tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupRoles {
    /// The group's id in the organisation.
    pub group: String,
    #[schema(value_type = BTreeSet<String>, example = json!(["risk_owner"]))]
    pub roles: BTreeSet<RoleName>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetGroupRoles {
    /// All roles that whoever is in the group has by it from now on; none ends that. `GET /roles` lists what there is.
    #[schema(value_type = BTreeSet<String>, example = json!(["risk_owner"]))]
    roles: BTreeSet<RoleName>,
}

impl View for GroupRoles {
    const NAME: &'static str = "grouping";

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        Ok(stream_key::<Event>(event))
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        Ok(match event.decode::<Event>()? {
            Some(Event::Set { group, roles }) => Some(Self { group, roles }),
            Some(Event::Ended {}) => None,
            Some(Event::Given { .. } | Event::Taken { .. }) | None => current,
        })
    }
}

/// `PUT /groups/{id}` of a tenant.
///
/// The group is looked for in its organisation's own partition: of the one that owns the tenant, whose administrator the caller is, and
/// of no other. Who manages one tenant must not learn whom the organisation knows elsewhere.
async fn set(call: Call) -> Result<Response, Problem> {
    call.by_a_person()?;
    let expected = call.if_match()?;
    let (SetGroupRoles { roles }, cx) = call.command()?;
    let (group, organisation) = (call.id().to_owned(), TenantId(call.caller.organisation));
    if members(&call.store, &cx, organisation, &group).await?.is_none() {
        return Err(Problem::not_found(format!("group {group}")));
    }
    let lane = format!("access-{}", cx.tenant);
    let done = call.store.perform(&cx, &lane, |work| Box::pin(decide(work, expected, group.clone(), roles.clone())));
    let mut done = done.await?;
    // Only now is looked who is in it: who joins later is found by the errand.
    let version = settle_in(&call.store, Cx { command: None, ..cx }, organisation, &group).await?;
    done.answer.version = version.unwrap_or(done.answer.version);
    Ok(call.carried_out(&done, false))
}

async fn decide(
    work: &mut Work,
    expected: Option<i64>,
    group: String,
    roles: BTreeSet<RoleName>,
) -> Result<Outcome, Problem> {
    let tenant = refuse_unless_tenant(work).await?;
    let id = grouping::id(work.cx().tenant, &group);
    let known: BTreeSet<RoleName> = work.load::<Grouping>(&id).await?.0.roles().clone();
    let admission = work.load::<Admission>(&tenant).await?.0;
    // Which roles there are, only the tenant knows; to the caller it is a wrong field like any other.
    let unknown = |broken: Broken| Problem::field("roles", broken.to_string());
    admission.refuse_unknown(roles.difference(&known)).map_err(unknown)?;
    let changed = work.execute::<Grouping>(&id, expected, Command::Set { group: group.clone(), roles }).await?;
    Ok(Outcome { id: group, version: changed.version, changed: changed.changed })
}

/// `GET /groups` of a tenant.
async fn list(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<GroupRoles>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

/// `GET /groups` of an organisation.
async fn list_groups(call: Call) -> Result<Response, Problem> {
    let listed = call.list::<KnownGroup>(Vec::new()).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

/// Who is in the group; nothing where the organisation has no such group.
async fn members(
    store: &EventStore,
    cx: &Cx,
    organisation: TenantId,
    group: &str,
) -> Result<Option<BTreeSet<String>>, StoreError> {
    let mut work = store.work(Cx { tenant: organisation, ..cx.clone() });
    let (group, _) = work.load::<Group>(group).await?;
    Ok(group.description().map(|_| group.members().clone()))
}

/// People joined a group or left it: each tenant that gives it roles gives and takes them.
pub fn when_a_group_changed_then_settle_its_roles() -> Errand {
    Errand::to(&["group."], |store, cause, event| Box::pin(settle_everywhere(store, cause, event))).of_the_newest()
}

async fn settle_everywhere(store: &EventStore, cause: Cx, event: &Recorded) -> anyhow::Result<()> {
    let organisation = event.tenant;
    let tenants: Vec<TenantId> = {
        let mut work = store.work(cause.clone());
        work.load::<Organisation>(&organisation.to_string()).await?.0.tenants().collect()
    };
    for tenant in tenants {
        let rows = {
            let mut session = store.session(tenant).await?;
            views::standing::<GroupRoles>(&mut session, None, 0, i64::MAX).await?.1
        };
        for row in rows {
            settle_in(store, Cx { tenant, ..cause.clone() }, organisation, &row.data.group).await?;
        }
    }
    Ok(())
}

/// Gives and takes in the context's tenant what is due; the version after it, nothing where the tenant is another organisation's.
///
/// An administrator decided it when they named the roles for the group; what follows from who is in it is this service's.
async fn settle_in(store: &EventStore, cx: Cx, organisation: TenantId, group: &str) -> Result<Option<i64>, Problem> {
    let members = members(store, &cx, organisation, group).await?;
    let (cx, lane) = (Cx { actor: Actor::Service(store.service().to_owned()), ..cx }, format!("access-{}", cx.tenant));
    let id = grouping::id(cx.tenant, group);
    let done = store.perform(&cx, &lane, |work| Box::pin(settle(work, organisation, id.clone(), members.clone())));
    Ok(done.await?.answer)
}

async fn settle(
    work: &mut Work,
    organisation: TenantId,
    id: String,
    members: Option<BTreeSet<String>>,
) -> Result<Option<i64>, Problem> {
    let tenant = work.cx().tenant.to_string();
    if work.load::<Tenant>(&tenant).await?.0.organisation() != Some(organisation.0) {
        return Ok(None);
    }
    let Due { give, take } = work.load::<Grouping>(&id).await?.0.due(&members.clone().unwrap_or_default());
    for (person, role) in give {
        let mut roles = held(work, &tenant, &person).await?;
        // Who holds it otherwise keeps it when they leave the group.
        let is_new = roles.insert(role.clone(), Term::ALWAYS).is_none();
        if is_new && assign(work, &tenant, &person, roles).await? {
            work.execute::<Grouping>(&id, None, Command::Give { person, role }).await?;
        }
    }
    for (person, role) in take {
        let mut roles = held(work, &tenant, &person).await?;
        let was_taken = roles.remove(&role).is_none();
        if was_taken || assign(work, &tenant, &person, roles).await? {
            work.execute::<Grouping>(&id, None, Command::Take { person, role }).await?;
        }
    }
    if members.is_none() {
        work.execute::<Grouping>(&id, None, Command::End).await?;
    }
    Ok(Some(work.load::<Grouping>(&id).await?.1))
}

async fn held(work: &mut Work, tenant: &str, person: &str) -> Result<BTreeMap<RoleName, Term>, Problem> {
    Ok(work.load::<Admission>(tenant).await?.0.roster().held(person).collect())
}

/// Whether the person has exactly these roles now. A last manager stays one, and what is no role any more is given to nobody.
async fn assign(work: &mut Work, tenant: &str, person: &str, roles: BTreeMap<RoleName, Term>) -> Result<bool, Problem> {
    let assign = access::Command::Assign { person: person.to_owned(), roles, administrator: true };
    match work.execute::<Admission>(tenant, None, assign).await {
        Ok(_) => Ok(true),
        Err(Refused::Rule(broken)) => {
            tracing::warn!(tenant.id = tenant, person, %broken, "a role is not given or taken as a group says");
            Ok(false)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Takes the roles of all groups away, which are another organisation's from now on.
pub async fn end_all(work: &mut Work) -> Result<(), Problem> {
    let rows = views::standing::<GroupRoles>(work.session().await?, None, 0, i64::MAX).await?.1;
    for row in rows {
        work.execute::<Grouping>(&row.key, None, Command::End).await?;
    }
    Ok(())
}

pub fn routes(routes: Routes) -> Routes {
    use Action::{ManageTenant, Read};
    routes
        .with(
            Route::organisation(
                Method::GET,
                "/groups",
                ManageTenant,
                "List the groups that the identity provider names",
            )
            .pages::<KnownGroup>()
            .gives::<Listed<KnownGroup>>(200)
            .answered_by(list_groups),
        )
        .with(
            Route::tenant(Method::GET, "/groups", Read, "List which roles the people of a group have")
                .pages::<GroupRoles>()
                .gives::<Listed<GroupRoles>>(200)
                .answered_by(list),
        )
        .with(
            Route::tenant(
                Method::PUT,
                "/groups/{id}",
                ManageTenant,
                "Say which roles the people of a group have, all of them",
            )
            .for_administrators()
            .takes::<SetGroupRoles>()
            .gives::<Answered>(200)
            .answered_by(set),
        )
}
