//! `stele rebuild`, killed in the middle and begun again, while the services go on.

use crate::forgery::alter;
use crate::system::{STELE, System, example};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use tokio::process::Command;

async fn rebuild(system: &System, arguments: &[&str], crash: Option<&str>) -> Output {
    let mut command = Command::new(STELE);
    command.arg("rebuild").args(arguments).kill_on_drop(true);
    system.environment(&mut command);
    if let Some(point) = crash {
        command.env("STELE_CRASH_AT", point);
    }
    command.output().await.expect("stele rebuild")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn a_killed_rebuild_is_listed_and_measured_and_goes_on_where_it_was() {
    let system = System::start().await;
    let tenant = system.tenant("Larkspur").await;
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    assert_eq!(admin.upload(&at("/imports/assets"), example("assets.csv")).await.status, 200);
    let rows: Vec<String> = (1..=1500).map(|n| format!("R-{n},Risk {n},{},{}", n % 5 + 1, n % 4 + 1)).collect();
    let file = format!("ref_id,name,inherent_proba,inherent_impact\n{}\n", rows.join("\n"));
    assert_eq!(admin.upload(&at("/imports/risks"), file).await.status, 200);
    let altered = "update view_risk set data = jsonb_set(data, '{name}', '\"Altered\"') where key = 'R-7'";
    alter(&system, "risk", &tenant, altered).await;
    let one = ["risk", "--view", "risk", "--tenant", &tenant];
    let measured = async |metric: &str| {
        let (_, metrics) = system.processes[0].get("/metrics").await.expect("metrics");
        let name = format!("{metric}{{service=\"risk\",view=\"risk\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name)).map(ToOwned::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse::<u64>().expect("a number")
    };
    assert_eq!((measured("stele_rebuild_done_events").await, measured("stele_rebuild_total_events").await), (0, 0));

    let killed = rebuild(&system, &one, Some("risk:rebuilding")).await;
    assert!(killed.status.signal().is_some(), "{}", text(&killed));
    let listed = text(&rebuild(&system, &[], None).await);
    assert!(listed.contains(&format!("risk {tenant} risk: 2000 of 3")) && listed.contains("interrupted"), "{listed}");
    assert!(listed.contains(&format!("stele rebuild risk --view risk --tenant {tenant}")), "{listed}");
    assert_eq!(measured("stele_rebuild_done_events").await, 2000);
    assert!(measured("stele_rebuild_total_events").await > 3000);
    // The services go on, and so does what is shown.
    admin.put(&at("/risks/R-8/owner"), json!({"owner": "olga"})).await;
    assert_eq!(admin.get(&at("/risks/R-8")).await.json["owner"], "olga");
    assert_eq!(admin.get(&at("/risks/R-7")).await.json["name"], "Altered");

    let killed = rebuild(&system, &one, Some("risk:swapping")).await;
    assert!(killed.status.signal().is_some(), "{}", text(&killed));
    assert!(text(&killed).contains("goes on after event 2000"), "{}", text(&killed));
    assert_eq!(admin.get(&at("/risks/R-7")).await.json["name"], "Altered");
    let (sound, report) = system.verify().await;
    assert!(!sound && report.contains("view risk, row R-7"), "{report}");

    let ended = rebuild(&system, &one, None).await;
    assert!(ended.status.success(), "{}", text(&ended));
    assert!(text(&ended).contains("goes on after event 3") && text(&ended).contains("events/s"), "{}", text(&ended));
    assert_eq!(admin.get(&at("/risks/R-7")).await.json["name"], "Risk 7");
    assert_eq!(admin.get(&at("/risks/R-8")).await.json["owner"], "olga");
    assert!(text(&rebuild(&system, &[], None).await).contains("no rebuild is unfinished"));
    assert_eq!((measured("stele_rebuild_done_events").await, measured("stele_rebuild_total_events").await), (0, 0));
    let (sound, report) = system.verify().await;
    assert!(sound, "{report}");
}
