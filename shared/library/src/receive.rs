use crate::proposal::{self, Command, Proposal, Version};
use crate::push::{self, Made};
use crate::takes::Takes;
use eventstore::{Cx, Recorded, Work};
use messaging::Reaction;
use service::Problem;

/// A version of a library came to the tenant: what is this service's of it is proposed; where the tenant was created from it, it is
/// carried out at once, by who created the tenant. What cannot be is left open, with the rest of the lines that nobody has decided.
pub fn when_a_library_is_pushed_then_propose_it<T: Takes>() -> Reaction {
    Reaction::to(&["push.made"], |work, event| {
        Box::pin(async move {
            let Some(push::Event::Made(made)) = event.decode::<push::Event>()? else { return Ok(()) };
            receive::<T>(work, event, made).await?;
            Ok(())
        })
    })
}

async fn receive<T: Takes>(work: &mut Work, event: &Recorded, made: Made) -> Result<(), Problem> {
    let Made { organisation, library, name, version, digest: _, items, accepted } = made;
    let id = proposal::id(organisation, &library);
    let reason = format!("version {version} of the library {name}");
    let items = items.into_iter().filter(T::takes).collect();
    let received = Version { organisation, library, name, version, items };
    work.execute::<Proposal>(&id, None, Command::Receive(received)).await?;
    if !accepted {
        return Ok(());
    }
    let reacting = work.cx().clone();
    work.continue_as(Cx { actor: event.metadata.actor.clone(), reason: Some(reason), ..reacting.clone() });
    let open: Vec<String> = work.load::<Proposal>(&id).await?.0.open().cloned().collect();
    let mut accept = Vec::new();
    for (key, refused) in take_all::<T>(work, &id, open).await? {
        match refused {
            None => accept.push(key),
            Some(problem) if problem.status() < 500 => {
                tracing::warn!(tenant.id = %work.cx().tenant, key, %problem, "an item of a library is left open");
            }
            Some(problem) => return Err(problem),
        }
    }
    work.execute::<Proposal>(&id, None, Command::Decide { accept, decline: vec![] }).await?;
    work.continue_as(reacting);
    Ok(())
}

/// Carries out what accepting these lines brings, and tells of each whether that was refused.
pub async fn take_all<T: Takes>(
    work: &mut Work,
    id: &str,
    keys: Vec<String>,
) -> Result<Vec<(String, Option<Problem>)>, Problem> {
    let (proposal, _) = work.load::<Proposal>(id).await?;
    let mut lines: Vec<_> = keys.into_iter().map(|key| (proposal.to_take(&key).cloned(), key)).collect();
    lines.sort_by_key(|(item, _)| item.as_ref().map(crate::Item::place));
    work.preload(lines.iter().filter_map(|(item, _)| item.as_ref()?.stream()).collect()).await?;
    let mut told = Vec::with_capacity(lines.len());
    for (item, key) in lines {
        let refused = match item {
            Some(item) => T::take(work, item).await.err(),
            None => None,
        };
        told.push((key, refused));
    }
    Ok(told)
}
