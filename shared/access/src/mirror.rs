use crate::admission::{Admission, Command, Event};
use messaging::Reaction;
use std::sync::Arc;

/// Copies what tenancy decided about access into the service's own events.
pub fn mirror() -> Reaction {
    Arc::new(|work, event| {
        Box::pin(async move {
            let command = match event.decode::<Event>()? {
                None => return Ok(()),
                Some(Event::Opened { organisation }) => Command::Open { organisation },
                Some(Event::Granted { person, role }) => Command::Grant { person, role },
                Some(Event::Revoked { person }) => Command::Revoke { person },
            };
            work.execute::<Admission>(event.stream.id(), None, command).await?;
            Ok(())
        })
    })
}
