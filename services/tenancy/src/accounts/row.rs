use chrono::{DateTime, Utc};
use eventstore::{EventStore, StoreError, TenantId, Work};

/// What an account is signed in with.
#[derive(Clone, sqlx::FromRow)]
pub struct Row {
    pub person: String,
    pub administrator: bool,
    pub password: Option<String>,
    pub totp: Option<Vec<u8>>,
    pub totp_new: Option<Vec<u8>>,
    pub totp_step: i64,
    pub recovery: Vec<String>,
    pub link: Option<String>,
    pub link_until: Option<DateTime<Utc>>,
}

impl Row {
    pub async fn find(store: &EventStore, organisation: TenantId, person: &str) -> Result<Option<Self>, StoreError> {
        let mut session = store.session(organisation).await?;
        let row = sqlx::query_as(
            "select person, administrator, password, totp, totp_new, totp_step, recovery, link, link_until from accounts
             where tenant_id = $1 and person = $2",
        );
        Ok(row.bind(organisation).bind(person).fetch_optional(session.connection()).await?)
    }

    /// Whose link it is, while it counts.
    pub async fn of_link(
        store: &EventStore,
        organisation: TenantId,
        link: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, StoreError> {
        let mut session = store.session(organisation).await?;
        let row = sqlx::query_as(
            "select person, administrator, password, totp, totp_new, totp_step, recovery, link, link_until from accounts
             where tenant_id = $1 and link = $2 and link_until > $3",
        );
        Ok(row.bind(organisation).bind(link).bind(now).fetch_optional(session.connection()).await?)
    }

    /// As it is now; nobody else changes it before the work is done.
    pub async fn held(work: &mut Work, person: &str) -> Result<Option<Self>, StoreError> {
        let organisation = work.cx().tenant;
        let row = sqlx::query_as(
            "select person, administrator, password, totp, totp_new, totp_step, recovery, link, link_until from accounts
             where tenant_id = $1 and person = $2 for update",
        );
        Ok(row.bind(organisation).bind(person).fetch_optional(work.connection().await?).await?)
    }

    /// Writes all of it, together with what the work records.
    pub async fn keep(&self, work: &mut Work) -> Result<(), StoreError> {
        let (organisation, now) = (work.cx().tenant, work.cx().now);
        sqlx::query(
            "insert into accounts (tenant_id, person, administrator, opened_at, password, totp, totp_new, totp_step, recovery,
                                   link, link_until)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             on conflict (tenant_id, person) do update set
                 administrator = excluded.administrator, password = excluded.password, totp = excluded.totp,
                 totp_new = excluded.totp_new, totp_step = excluded.totp_step, recovery = excluded.recovery,
                 link = excluded.link, link_until = excluded.link_until",
        )
        .bind(organisation)
        .bind(&self.person)
        .bind(self.administrator)
        .bind(now)
        .bind(&self.password)
        .bind(&self.totp)
        .bind(&self.totp_new)
        .bind(self.totp_step)
        .bind(&self.recovery)
        .bind(&self.link)
        .bind(self.link_until)
        .execute(work.connection().await?)
        .await?;
        Ok(())
    }

    pub async fn delete(work: &mut Work, person: &str) -> Result<(), StoreError> {
        let organisation = work.cx().tenant;
        let deleted = sqlx::query("delete from accounts where tenant_id = $1 and person = $2");
        deleted.bind(organisation).bind(person).execute(work.connection().await?).await?;
        Ok(())
    }

    pub fn new(person: String, administrator: bool) -> Self {
        Self {
            person,
            administrator,
            password: None,
            totp: None,
            totp_new: None,
            totp_step: 0,
            recovery: Vec::new(),
            link: None,
            link_until: None,
        }
    }
}
