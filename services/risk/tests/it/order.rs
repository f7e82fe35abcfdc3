//! The database and the code count alike.

use crate::tenant::Fixture;

#[tokio::test]
async fn refs_have_one_order_in_the_database_and_in_the_code() {
    let fixture = Fixture::new().await;
    let mut session = fixture.store.session(fixture.tenant).await.expect("a session");
    let (nines, long) = ("9".repeat(64), format!("0{}", "7".repeat(120)));
    let tangled = "1.".repeat(32);
    let names =
        ["", "R", "R-7", "R-007", "R-10", "7", "A.8.13", "a1b02_003", "0", "R-0000", "Ä 7", &nines, &long, &tangled];
    for name in names {
        let place: String = sqlx::query_scalar("select natural_place($1)")
            .bind(name)
            .fetch_one(session.connection())
            .await
            .expect("a place");
        assert_eq!(place, service::natural(name), "{name}");
    }
}
