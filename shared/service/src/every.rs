use crate::Problem;
use eventstore::Session;
use views::{Filter, Listing, Row, View, list};

const PAGE: i64 = 1000;

/// Every row of a view as of a position that passes the filters, in the list's order.
pub async fn every<V: View>(
    session: &mut Session,
    position: i64,
    filters: Vec<Filter>,
) -> Result<Vec<Row<V>>, Problem> {
    let mut listing = Listing { filters, sort: V::ORDER, descending: false, after: None, limit: PAGE };
    let mut rows = Vec::new();
    loop {
        let page = list::<V>(session, position, &listing).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => listing.after = Some(next),
            None => return Ok(rows),
        }
    }
}
