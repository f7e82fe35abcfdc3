use anyhow::bail;
use mail::Mail;
use service::{Press, Service};
use std::sync::Arc;
use tenancy::Entrance;
use typesetting::Typst;

/// Every service, in the order in which they start.
pub const NAMES: [&str; 5] = ["tenancy", "risk", "controls", "audit", "notifications"];

/// The service of this name. Tenancy signs tokens where it is told how people come to them.
pub fn named(name: &str, entrance: Option<&Entrance>, mail: Option<&Mail>) -> anyhow::Result<Service> {
    Ok(match name {
        "tenancy" => match entrance {
            None => tenancy::service(None),
            Some(entrance) => tenancy::service_behind(Entrance { mail: mail.cloned(), ..entrance.clone() }),
        },
        "risk" => risk::service(),
        "controls" => controls::service(),
        "audit" => audit::service(),
        "notifications" => notifications::service(mail.cloned()),
        other => bail!("there is no service {other}: choose from {}", NAMES.join(", ")),
    })
}

/// All of them.
pub fn all(entrance: Option<&Entrance>, mail: Option<&Mail>) -> anyhow::Result<Vec<Service>> {
    NAMES.iter().map(|name| named(name, entrance, mail)).collect()
}

/// The same, with a press that they share: those that are asked for papers.
pub fn printing(services: Vec<Service>) -> Vec<Service> {
    let press = Press::new(Arc::new(Typst::default()));
    services.into_iter().map(|service| service.prints_with(press.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::all;

    /// In one document, each name means one type, and nothing is referred to that is not there.
    #[test]
    fn the_api_document_of_all_services_holds_together() {
        let (issuer, _) = access::Issuer::from_seed(&"a".repeat(64)).expect("a key");
        let services = all(Some(&tenancy::Entrance::by(Some(issuer))), None).expect("services");
        let document = service::document(services.iter().map(|one| (one.name, one.about, &one.routes)));
        let text = document.to_json().expect("JSON");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().expect("a name");
            assert!(json["components"]["schemas"][name].is_object(), "{name} is referred to and missing");
        }
    }
}
