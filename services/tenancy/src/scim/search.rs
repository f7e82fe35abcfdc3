//! One search over users and groups (RFC 7644, 3.4.3): by a body, because what is looked for may be a name.

use super::query::{Query, Search, name_of};
use super::schema::{GROUP, USER};
use super::{groups, listed, users};
use axum::response::Response;
use service::{Call, Problem};

/// `POST /.search`: users first, then groups.
pub async fn search(call: Call) -> Result<Response, Problem> {
    let (search, _) = call.command::<Search>()?;
    let wanted = search.wanted();
    let mut session = call.session().await?;
    let position = session.head().await?;
    let (of_users, of_groups) = (search.query(name_of(&USER)), search.query(name_of(&GROUP)));
    // A filter by the name of the one kind finds none of the other.
    let start = match (&of_users, &of_groups) {
        (Ok(query), _) | (_, Ok(query)) => query.offset + 1,
        (Err(_), Err(_)) => return Err(of_users.err().unwrap_or_else(Problem::internal)),
    };
    let (mut total, mut resources) = (0, Vec::new());
    if let Ok(query) = of_users {
        let (count, found) = users::page(&mut session, &query).await?;
        total += count;
        resources.extend(found.into_iter().map(|one| wanted.cut(one.resource(&call, &USER))));
    }
    if let Ok(query) = of_groups {
        let seen = i64::try_from(resources.len()).unwrap_or_default();
        let rest = Query { offset: (query.offset - total).max(0), count: query.count - seen, ..query };
        let (count, found) = groups::page(&call, &mut session, &rest).await?;
        total += count;
        resources.extend(found.into_iter().map(|one| wanted.cut(one.resource(&call, &GROUP))));
    }
    Ok(listed(position, total, start, &resources))
}
