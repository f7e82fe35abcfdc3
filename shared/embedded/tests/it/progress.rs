use crate::probes::folder;
use embedded::{Durability, Pair};
use std::sync::Mutex;

#[tokio::test]
async fn a_start_tells_its_steps() {
    let folder = folder();
    let steps = Mutex::new(Vec::new());
    let tell = |step: &str| steps.lock().unwrap().push(step.to_owned());
    for _ in 0..2 {
        Pair::start_with(folder.path(), Durability::Throwaway, &tell).await.unwrap().stop().await.unwrap();
    }
    let expected =
        ["initialising the database", "starting PostgreSQL", "starting NATS", "starting PostgreSQL", "starting NATS"];
    assert_eq!(*steps.lock().unwrap(), expected);
}
