use super::row::Row;
use super::{Accounts, password};
use crate::account::{Account, Command, Factor};
use eventstore::{Actor, Cx, EventStore, StoreError, TenantId, Work};
use service::{Call, Problem};

/// Whether the person has an account.
pub async fn is_open(store: &EventStore, organisation: TenantId, person: &str) -> Result<bool, StoreError> {
    Ok(Row::find(store, organisation, person).await?.is_some())
}

impl Accounts {
    /// Opens an account with this password for who is invited to be the person. Where there is one already, gives whether it is
    /// theirs: then they were cut off the first time, and send the same again.
    pub async fn open_or_confirm(&self, call: &Call, person: &str, chosen: &str) -> Result<bool, Problem> {
        let organisation = call.cx.tenant;
        if let Some(row) = Row::find(&call.store, organisation, person).await? {
            let attempt = self.attempt_of(call, person)?;
            let fits = self.hasher.fits(chosen, row.password.clone()).await?;
            // Where a code is asked for, a password is not enough.
            if fits && row.totp.is_none() {
                attempt.succeeded();
                return Ok(true);
            }
            self.note_refusal(call, person, Factor::Password, attempt.wait_s).await?;
            return Ok(false);
        }
        let name = super::organisation_name(call).await?;
        password::checked("password", chosen, &[person, &name])?;
        let hash = self.hasher.hash(chosen).await?;
        let cx = Cx { actor: Actor::Person(person.to_owned()), ..call.cx.clone() };
        let lane = format!("account-{person}");
        let done = call.store.perform(&cx, &lane, |work| Box::pin(open(work, person.to_owned(), hash.clone()))).await?;
        Ok(done.answer)
    }
}

async fn open(work: &mut Work, person: String, hash: String) -> Result<bool, Problem> {
    if Row::held(work, &person).await?.is_some() {
        return Ok(false);
    }
    let row = Row { password: Some(hash), ..Row::new(person.clone(), false) };
    row.keep(work).await?;
    work.execute::<Account>(&person, None, Command::Open { administrator: false }).await?;
    work.execute::<Account>(&person, None, Command::SetPassword { by_link: true }).await?;
    Ok(true)
}
