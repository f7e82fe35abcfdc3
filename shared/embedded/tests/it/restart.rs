//! The first start answers; the second finds the data, and the ports where they are free.

use crate::probes::{both_answer, folder, is_alive};
use embedded::{Durability, Pair};
use std::fs;
use std::net::TcpListener;

#[tokio::test]
async fn a_second_start_finds_the_data_and_the_addresses() {
    let folder = folder();
    let data = folder.path().join("new/data");
    let pair = Pair::start(&data, Durability::Fsync).await.unwrap();
    assert!(pair.healthy());
    assert!(both_answer(&pair).await);
    let addresses = (pair.postgres.admin_url(), pair.nats.url());
    let pids = [pair.postgres.state().pid.unwrap(), pair.nats.state().pid.unwrap()];
    pair.stop().await.unwrap();
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    // Every database has an identifier of its own, in the first eight bytes.
    let identifier = || fs::read(data.join("postgres/data/global/pg_control")).unwrap()[..8].to_vec();
    let first = identifier();

    let pair = Pair::start(&data, Durability::Fsync).await.unwrap();
    assert!(both_answer(&pair).await);
    assert_eq!((pair.postgres.admin_url(), pair.nats.url()), addresses);
    assert_eq!(identifier(), first);

    let taken = (pair.postgres.port(), pair.nats.port());
    pair.stop().await.unwrap();
    let _postgres = TcpListener::bind(("127.0.0.1", taken.0)).unwrap();
    let _nats = TcpListener::bind(("127.0.0.1", taken.1)).unwrap();
    let pair = Pair::start(&data, Durability::Fsync).await.unwrap();
    assert!(both_answer(&pair).await);
    assert_ne!(pair.postgres.port(), taken.0);
    assert_ne!(pair.nats.port(), taken.1);
    pair.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_pair_stops_its_servers() {
    let folder = folder();
    let pair = Pair::start(folder.path(), Durability::Throwaway).await.unwrap();
    let pids = [pair.postgres.state().pid.unwrap(), pair.nats.state().pid.unwrap()];
    drop(pair);
    crate::probes::until("both servers to be gone", async || pids.iter().all(|pid| !is_alive(*pid))).await;
}
