//! Registers are downloaded as they are uploaded: what comes back changes nothing.

use crate::system::{System, example};
use reqwest::Method;
use serde_json::json;

const SUPPLIERS: &str = "ref_id,name,criticality,services,information,owner\n\
    S-1,\"Fjordcloud, Ltd\",high,Hosting|Backups,\"All of it\nand \"\"more\"\"\",mara\nS-2,=Post & Söhne,low,,,\n";
const EXCEPTIONS: &str = "ref_id,name,description,controls,justification,compensating_measure,expiration_date\n\
    E-1,Old system,No second factor,A.8.5|A.8.9,Too old,- only from inside,2999-12-31\n";
const FINDINGS: &str = "ref_id,name,kind,description,requirements,source,raised_on,owner,due_date,status\n\
    F-1,Restores,minor_nonconformity,Not rehearsed,9.1|A.8.13,Walk,2026-01-10,mara,2026-02-01,closed\n\
    F-2,Handovers,good_practice,,,,2026-01-11,,,open\n";
const CONTROLS: &str = "reference_control,status,description,owner\n\
    A.8.13,implemented,\"Nightly\n+ weekly\",mara\nA.8.15,planned,,\n";

/// Every tenant has controls; those of which nobody has said anything say nothing of it.
fn rows_of_somebody(file: &str) -> Vec<&str> {
    file.lines().skip(1).filter(|row| !row.ends_with(",not_started,,,,")).collect()
}

#[tokio::test]
async fn a_register_that_comes_back_changes_nothing() {
    let system = System::start().await;
    let (tenant, other) = (system.tenant("Larkspur").await, system.tenant("Quill").await);
    let admin = system.as_admin();
    let at = |tail: &str| format!("/v1/tenants/{tenant}{tail}");
    let uploads = [
        ("assets", example("assets.csv")),
        ("risks", example("risks.csv")),
        ("suppliers", SUPPLIERS.to_owned()),
        ("exceptions", EXCEPTIONS.to_owned()),
        ("findings", FINDINGS.to_owned()),
        ("controls", CONTROLS.to_owned()),
    ];
    for (register, file) in &uploads {
        let done = admin.upload(&at(&format!("/imports/{register}")), file.clone()).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }
    // What a file alone could not say so.
    let services =
        json!({"ref": "S-3", "name": "--", "criticality": "low", "services": ["Hosting; incl. backups", "a|b"]});
    admin.post(&at("/suppliers"), services).await;
    let long = json!({"ref": "F-3", "title": "Lang", "kind": "observation", "description": "ä".repeat(2500)});
    admin.post(&at("/findings"), long).await;
    let asset = json!({"ref": "A-99", "name": "--", "kind": "primary", "description": "-- nobody knows"});
    admin.post(&at("/assets"), asset).await;
    admin.put(&at("/suppliers/S-3/end"), json!({"ended_on": "2026-03-01", "reason": "x"})).await;
    // What is over or excluded is in the file too.
    admin.put(&at("/suppliers/S-2/end"), json!({"ended_on": "2026-03-01", "reason": "x"})).await;
    admin.put(&at("/exceptions/E-1/end"), json!({"reason": "x"})).await;
    let excluded = json!({"applicable": false, "justification": "none here"});
    admin.put(&at("/controls/A.7.4/applicability"), excluded).await;

    let stranger = system.person(&other, "quentin", &["isms_manager"]).await;
    for (register, _) in &uploads {
        let whole = admin.get(&at(&format!("/{register}.csv"))).await;
        assert!(whole.headers["content-disposition"].contains(&format!("{register}.csv")), "{register}");
        let rows = whole.body.lines().count() - 1;
        assert!(rows > 0, "{register}");
        let again = admin.upload(&at(&format!("/imports/{register}")), whole.body.clone()).await;
        assert_eq!(again.status, 200, "{register}: {}", again.body);
        assert_eq!(
            (&again.json["created"], &again.json["changed"], &again.json["unchanged"]),
            (&json!(0), &json!(0), &again.json["rows"]),
            "{register}: {}\n{}",
            again.body,
            whole.body
        );
        let before = admin.get(&at(&format!("/{register}.csv?as_of=1"))).await.body;
        assert_eq!(rows_of_somebody(&before), [""; 0], "as of the beginning {register} is empty");
        let refused = stranger.send(Method::GET, &at(&format!("/{register}.csv")), None, &[]).await;
        assert_eq!(refused.status, 404, "{register}: {}", refused.body);
        let theirs = stranger.get(&format!("/v1/tenants/{other}/{register}.csv")).await.body;
        assert_eq!(theirs.lines().next(), whole.body.lines().next(), "{register}");
        assert_eq!(rows_of_somebody(&theirs), [""; 0], "{register} of another tenant");
    }
}
