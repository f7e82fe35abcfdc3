use crate::fixture::{ControlEvent, FindingEvent, House, RiskEvent, risk_owner};
use access::{Action, Command, Role, RoleName, Term};
use reqwest::Method;
use serde_json::{Value, json};

fn texts(told: &[Value]) -> Vec<&str> {
    told.iter().filter_map(|item| item["text"].as_str()).collect()
}

#[tokio::test]
async fn owners_hear_what_concerns_them_newest_first() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner), ("jo", Role::ControlOwner)]).await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    house.say_of_control(tenant, "admin", "A.8.13", ControlEvent::OwnerAssigned { owner: "jo".to_owned() }).await;
    house.until_told("mara", tenant, 2).await;
    house.until_told("jo", tenant, 2).await;
    let controls = vec!["A.8.13".to_owned()];
    let decided = RiskEvent::TreatmentDecided { option: "mitigate".to_owned(), controls, released_controls: vec![] };
    house.say_of_risk(tenant, "admin", "R-7", decided).await;
    let required = ControlEvent::Required { risk: "R-7".to_owned(), option: "mitigate".to_owned() };
    house.say_of_control(tenant, "admin", "A.8.13", required).await;

    let mara = house.until_told("mara", tenant, 3).await;
    let jo = house.until_told("jo", tenant, 3).await;
    assert_eq!(
        texts(&mara),
        [
            "It was decided how your risk R-7 is treated: mitigate, with A.8.13.",
            "Risk R-7 is yours: you own it from now on.",
            "You are a risk owner here from now on.",
        ]
    );
    assert_eq!(
        texts(&jo),
        [
            "Your control A.8.13 is needed: the treatment of risk R-7 relies on it.",
            "Control A.8.13 is yours: you own it from now on.",
            "You are a control owner here from now on.",
        ]
    );
    assert_eq!(mara[1]["about"], json!({ "service": "risk", "object": "R-7" }));
    assert_eq!((&mara[1]["read"], &mara[1]["email"]), (&json!(false), &json!("none")));
    assert_eq!(house.store.verify_chain(tenant).await.expect("verified").fault, None);
}

#[tokio::test]
async fn who_is_to_see_to_a_finding_hears_of_it_once() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::ControlOwner), ("jo", Role::ControlOwner)]).await;
    let title = || "Restores are not rehearsed".to_owned();
    let said = |owner: Option<&str>| FindingEvent::Described { title: title(), owner: owner.map(ToOwned::to_owned) };
    house.say_of_finding(tenant, "admin", "F-1", FindingEvent::Raised { title: title(), owner: None }).await;
    for owner in [Some("mara"), Some("mara"), Some("jo")] {
        house.say_of_finding(tenant, "admin", "F-1", said(owner)).await;
    }
    let jo = house.until_told("jo", tenant, 2).await;
    assert_eq!(texts(&jo)[0], "Finding F-1 is yours to see to: Restores are not rehearsed.");
    assert_eq!(jo[0]["about"], json!({ "service": "audit", "object": "F-1" }));
    assert_eq!(house.told("mara", tenant).await.len(), 2, "her role and the finding, once");
}

#[tokio::test]
async fn nobody_is_told_what_they_did_themselves() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    house.say_of_risk(tenant, "mara", "R-1", risk_owner("mara")).await;
    // What comes after it is heard after it.
    house.say_of_risk(tenant, "admin", "R-2", risk_owner("mara")).await;
    let told = house.until_told("mara", tenant, 2).await;
    assert_eq!(texts(&told)[0], "Risk R-2 is yours: you own it from now on.");
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn each_reads_their_own_and_nobody_elses() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner), ("jo", Role::IsmsManager)]).await;
    let others = house.tenant(&[("theo", Role::IsmsManager)]).await;
    house.say_of_risk(tenant, "admin", "R-7", risk_owner("mara")).await;
    let told = house.until_told("mara", tenant, 2).await;
    let path = format!("/notifications/{}/read", told[0]["id"].as_str().expect("an id"));

    let (status, problem) = house.ask("jo", Method::POST, tenant, &path, json!({})).await;
    let (_, missing) = house.ask("jo", Method::POST, tenant, "/notifications/none/read", json!({})).await;
    assert_eq!((status, &problem["type"]), (404, &missing["type"]));
    assert_eq!(house.ask("theo", Method::POST, others, &path, json!({})).await.0, 404);
    assert_eq!(house.ask("theo", Method::POST, tenant, &path, json!({})).await.0, 404);
    assert_eq!(house.told("theo", others).await.len(), 1);

    for changed in [true, false] {
        let (status, outcome) = house.ask("mara", Method::POST, tenant, &path, json!({})).await;
        assert_eq!((status, &outcome["changed"]), (200, &json!(changed)), "{outcome}");
    }
    let unread = house.get("mara", tenant, "/notifications?unread=true").await.1;
    assert_eq!(texts(unread["items"].as_array().expect("items")), ["You are a risk owner here from now on."]);
    assert_eq!(house.get("mara", tenant, "/notifications?unread=false").await.1["items"][0]["read"], json!(true));
    // The filter by person is not the caller's to set.
    let (status, problem) = house.get("mara", tenant, "/notifications?person=jo").await;
    assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("person")));
}

#[tokio::test]
async fn a_page_ends_and_the_next_goes_on() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("mara", Role::RiskOwner)]).await;
    for n in 1..=4 {
        house.say_of_risk(tenant, "admin", &format!("R-{n}"), risk_owner("mara")).await;
    }
    let whole = house.until_told("mara", tenant, 5).await;
    let mut paged = Vec::new();
    let mut path = "/notifications?limit=2".to_owned();
    loop {
        let (_, page) = house.get("mara", tenant, &path).await;
        paged.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/notifications?limit=2&cursor={next}");
    }
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn who_holds_a_role_of_the_tenants_own_hears_of_it_and_of_its_change() {
    let house = House::new(None).await;
    let tenant = house.tenant(&[("jo", Role::Viewer)]).await;
    let define = |actions: &[Action]| {
        let (role, actions) = ("keeper".to_owned(), actions.iter().copied().collect());
        Command::Define { role, actions, administrator: true }
    };
    let until = "2999-06-30T22:00:00Z".parse().ok();
    let (person, keeper) = ("mara".to_owned(), RoleName::Own("keeper".to_owned()));
    let assign = Command::Assign { person, roles: [(keeper, Term { from: None, until })].into(), administrator: true };
    house.decide_access(tenant, [define(&[Action::Read]), assign]).await;
    house.until_told("mara", tenant, 1).await;
    house.decide_access(tenant, [define(&[Action::Read, Action::WriteControls])]).await;
    let told = house.until_told("mara", tenant, 2).await;
    assert_eq!(
        texts(&told),
        [
            "Your role keeper has changed: from now on it allows read, write_controls.",
            "You have the role keeper here from now until 30 June 2999, 22:00 UTC."
        ]
    );
    assert_eq!(told[0]["kind"], "role_changed");
    assert_eq!(house.told("jo", tenant).await.len(), 1);
}
