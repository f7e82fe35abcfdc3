//! A server that is killed comes back, on the same port.

use crate::probes::{both_answer, folder, kill_9, until};
use embedded::{Durability, Pair, State};

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port() {
    let folder = folder();
    let pair = Pair::start(folder.path(), Durability::Throwaway).await.unwrap();
    let addresses = (pair.postgres.admin_url(), pair.nats.url());
    let servers: [(&str, &dyn Fn() -> State); 2] =
        [("postgres", &|| pair.postgres.state()), ("nats", &|| pair.nats.state())];
    for (name, state) in servers {
        for restarts in 1..=2 {
            let killed = state().pid.unwrap();
            kill_9(killed);
            until(name, async || state().healthy && state().restarts == restarts).await;
            assert_ne!(state().pid.unwrap(), killed);
        }
    }
    assert!(pair.healthy());
    assert!(both_answer(&pair).await);
    assert_eq!((pair.postgres.admin_url(), pair.nats.url()), addresses);
    pair.stop().await.unwrap();
}

#[tokio::test]
async fn a_pair_stops_while_a_server_is_down() {
    let folder = folder();
    let pair = Pair::start(folder.path(), Durability::Throwaway).await.unwrap();
    let (postgres, nats) = (pair.postgres.state().pid.unwrap(), pair.nats.state().pid.unwrap());
    kill_9(postgres);
    kill_9(nats);
    until("both to be down", async || pair.postgres.state().pid.is_none() && pair.nats.state().pid.is_none()).await;
    assert!(!pair.healthy());
    pair.stop().await.unwrap();
    // Nothing holds the directory any more.
    Pair::start(folder.path(), Durability::Throwaway).await.unwrap().stop().await.unwrap();
}
