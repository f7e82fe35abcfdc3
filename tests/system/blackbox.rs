//! The API as somebody meets it who has nothing but its OpenAPI document and a token: `schemathesis` reads the document,
//! makes requests of every kind for every operation, right and wrong ones, and holds the answers against it.

use crate::house::root;
use crate::up::{Up, folder, run};
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// `dev` makes it, of the versions in `tests/system/blackbox/requirements.txt`.
const SCHEMATHESIS: &str = "target/tools/schemathesis/bin/schemathesis";
const CONFIG: &str = "tests/system/blackbox/schemathesis.toml";

const PATIENCE: Duration = Duration::from_secs(400);

/// How many operations the document has.
fn operations(document: &Value) -> usize {
    let paths = document["paths"].as_object().expect("paths").values();
    paths.map(|item| item.as_object().expect("operations").len()).sum()
}

#[tokio::test]
async fn the_document_tells_all_that_the_system_answers() {
    let folder = folder();
    let data = folder.path().join("data");
    let rates = [("STELE_CALLER_RATE", "0"), ("STELE_TENANT_RATE", "0")];
    let up = Up::start_with(&data, &["--demo"], &rates).await;
    let (address, organisation) = (&up.variables["STELE"], &up.variables["ORGANISATION"]);
    let tenants = up.get(&format!("/v1/organisations/{organisation}/tenants")).await;
    let tenant = |at: usize| tenants["items"][at]["id"].as_str().expect("a client of the demo").to_owned();

    let mut schemathesis = Command::new(root().join(SCHEMATHESIS));
    schemathesis.arg("--config-file").arg(root().join(CONFIG));
    schemathesis.args(["run", "--no-color", &format!("{address}/openapi.json")]);
    schemathesis.env("STELE_TOKEN", &up.variables["TOKEN"]).env("STELE_ORGANISATION", organisation);
    schemathesis.env("STELE_TENANT", tenant(0)).env("STELE_SPARE", tenant(1));
    schemathesis.current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let asked = timeout(PATIENCE, schemathesis.output()).await.expect("it ends in time");
    let asked = asked.expect("schemathesis starts: `./dev test` installs it");
    let told = String::from_utf8_lossy(&asked.stdout).into_owned() + &String::from_utf8_lossy(&asked.stderr);
    assert!(asked.status.success(), "{told}");
    // It did ask for all of them.
    let all = operations(&up.get("/openapi.json").await);
    assert!(all > 50 && told.contains(&format!("Tested: {all}\n")), "{all} operations: {told}");

    // Whatever it sent, each event can be read, each view be folded, and nothing was a surprise to the system.
    let verified = run(&data, &["verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    up.stop().await;
    let faults = faults(&data.join("log"));
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The lines of the log that say that something is wrong with us.
fn faults(log: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(log).expect("the log").map(|file| file.expect("a file").path());
    let text: String = files.map(|file| std::fs::read_to_string(file).expect("text")).collect();
    assert!(text.contains(r#""level":"INFO""#), "a log of nothing: {text}");
    text.lines().filter(|line| line.contains(r#""level":"ERROR""#)).map(ToOwned::to_owned).collect()
}
