use crate::client::{self, Figures, Report};
use crate::organisation;
use access::{KEY, Roster, Standing};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use eventstore::{NOW, Recorded, TenantId};
use serde::{Deserialize, Serialize};
use service::{Call, Problem, json};
use strum::VariantNames;
use utoipa::ToSchema;
use views::{Column, Folded, View};

/// A tenant as its organisation sees it among the others, under the tenant's id. A list filters and sorts by `name`, `state`,
/// `above_acceptance`, `untreated` and `last_activity`; otherwise it is in the order in which tenants came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OverseenTenant {
    /// As the organisation lists it.
    pub name: String,
    pub state: Standing,
    /// The position of the tenant's own log that this shows; 0 before anything was heard of it.
    pub tenant_position: u32,
    /// When something was last done that is counted here, or that changed its people or settings.
    pub last_activity: DateTime<Utc>,
    #[serde(flatten)]
    pub figures: Figures,
}

impl View for OverseenTenant {
    const NAME: &'static str = "portfolio";
    const COLUMNS: &'static [Column] = &[
        Column::text("name"),
        Column::word("state", Standing::VARIANTS),
        Column::int("above_acceptance"),
        Column::int("untreated"),
        Column::instant("last_activity"),
    ];

    fn keys(event: &Recorded) -> Folded<Vec<String>> {
        if let Some(client::Event::Reported(Report { tenant, .. })) = event.decode()? {
            return Ok(vec![tenant.to_string()]);
        }
        Ok(match event.decode::<organisation::Event>()? {
            Some(
                organisation::Event::TenantAdded { tenant, .. }
                | organisation::Event::TenantRenamed { tenant, .. }
                | organisation::Event::TenantHandedOver { tenant, .. },
            ) => vec![tenant.to_string()],
            Some(organisation::Event::Founded { .. } | organisation::Event::TokenIssued { .. }) | None => vec![],
        })
    }

    fn apply(current: Option<Self>, _: &str, event: &Recorded) -> Folded<Option<Self>> {
        if let Some(client::Event::Reported(report)) = event.decode()? {
            let Report { position: tenant_position, state, last_activity, figures, .. } = report;
            return Ok(current.map(|row| Self { state, tenant_position, last_activity, figures, ..row }));
        }
        Ok(match event.decode::<organisation::Event>()? {
            Some(organisation::Event::TenantAdded { name, .. }) => Some(Self {
                name,
                state: Standing::Active,
                tenant_position: 0,
                last_activity: event.occurred_at,
                figures: Figures::default(),
            }),
            Some(organisation::Event::TenantRenamed { name, .. }) => current.map(|row| Self { name, ..row }),
            Some(organisation::Event::TenantHandedOver { .. }) => None,
            Some(organisation::Event::Founded { .. } | organisation::Event::TokenIssued { .. }) | None => current,
        })
    }
}

/// `GET /portfolio`: an administrator sees all of the organisation's tenants, others those in which they have a role now. That
/// is asked of each tenant's own roster, as its requests are: a role that was taken away shows nothing from then on.
pub async fn list(call: Call) -> Result<Response, Problem> {
    if call.caller.administrator {
        let listed = call.list::<OverseenTenant>(Vec::new()).await?;
        return Ok(json(StatusCode::OK, listed.position, &listed));
    }
    let (store, caller, now) = (call.store.clone(), call.caller.clone(), call.cx.now);
    let is_known = move |tenant: String| {
        let (store, caller) = (store.clone(), caller.clone());
        async move {
            let Ok(tenant) = tenant.parse::<TenantId>() else { return Ok(false) };
            let mut session = store.session(tenant).await?;
            let roster = views::get::<Roster>(&mut session, KEY, NOW - 1).await?;
            Ok::<_, Problem>(roster.is_some_and(|row| row.data.knows(&caller, now)))
        }
    };
    let listed = call.list_those::<OverseenTenant, _>(is_known).await?;
    Ok(json(StatusCode::OK, listed.position, &listed))
}

#[cfg(test)]
mod tests {
    use super::OverseenTenant;
    use crate::client::{self, Figures, Report};
    use crate::organisation::Event;
    use access::Standing;
    use eventstore::Recorded;
    use testkit::recorded;
    use uuid::Uuid;
    use views::View;

    #[test]
    fn a_tenant_is_seen_from_its_coming_to_its_leaving() {
        let (language, time_zone) = ("en".to_owned(), "UTC".to_owned());
        let added = || Event::TenantAdded {
            tenant: Uuid::nil(),
            name: "Acme".to_owned(),
            language: language.clone(),
            time_zone: time_zone.clone(),
        };
        let report = client::Event::Reported(Report {
            tenant: Uuid::nil(),
            position: 9,
            state: Standing::Suspended,
            last_activity: "2026-03-02T09:30:00Z".parse().expect("an instant"),
            figures: Figures { risks: 3, above_acceptance: 1, ..Figures::default() },
        });
        let reported = recorded("00000000-0000-0000-0000-000000000000.2026-03", 1, &report);
        assert_eq!(OverseenTenant::keys(&reported).expect("keys"), [Uuid::nil().to_string()]);
        let apply = |row, event: &Recorded| OverseenTenant::apply(row, "", event).expect("folded");
        assert_eq!(apply(None, &reported), None, "it is not listed");
        let row = apply(apply(None, &recorded("o", 2, &added())), &reported).expect("a row");
        assert_eq!((row.name.as_str(), row.state, row.tenant_position), ("Acme", Standing::Suspended, 9));
        assert_eq!((row.figures.risks, row.figures.above_acceptance), (3, 1));
        let renamed = Event::TenantRenamed { tenant: Uuid::nil(), name: "Birch".to_owned() };
        let row = apply(Some(row), &recorded("o", 3, &renamed)).expect("a row");
        assert_eq!((row.name.as_str(), row.figures.risks), ("Birch", 3));
        let gone = Event::TenantHandedOver { tenant: Uuid::nil(), to: Uuid::max() };
        assert_eq!(apply(Some(row), &recorded("o", 4, &gone)), None);
        let back = apply(None, &recorded("o", 5, &added())).expect("a row");
        assert_eq!((back.tenant_position, back.figures.risks), (0, 0), "it is told anew");
    }
}
