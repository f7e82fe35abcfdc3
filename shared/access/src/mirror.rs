use crate::admission::{Admission, Command, Event};
use crate::grant::{self, Grant};
use crate::identity::{self, Identity};
use crate::key::{self, Key};
use crate::lockout::{self, Lockout};
use crate::logo::{self, Logo};
use messaging::Reaction;

/// Copies what tenancy decided about access into the service's own events.
pub fn when_access_changes_then_copy_it() -> Reaction {
    Reaction::to(&["access.", "identity.", "key.", "grant.", "lockout.", "logo."], |work, event| {
        Box::pin(async move {
            if let Some(change) = event.decode::<Event>()? {
                work.execute::<Admission>(event.stream.id(), None, Command::Copy(change)).await?;
            }
            if let Some(change) = event.decode::<identity::Event>()? {
                work.execute::<Identity>(event.stream.id(), None, identity::Command::Copy(change)).await?;
            }
            if let Some(change) = event.decode::<key::Event>()? {
                work.execute::<Key>(event.stream.id(), None, key::Command::Copy(change)).await?;
            }
            if let Some(change) = event.decode::<grant::Event>()? {
                work.execute::<Grant>(event.stream.id(), None, grant::Command::Copy(change)).await?;
            }
            if let Some(change) = event.decode::<lockout::Event>()? {
                work.execute::<Lockout>(event.stream.id(), None, lockout::Command::Copy(change)).await?;
            }
            if let Some(change) = event.decode::<logo::Event>()? {
                work.execute::<Logo>(event.stream.id(), None, logo::Command::Copy(change)).await?;
            }
            Ok(())
        })
    })
}
