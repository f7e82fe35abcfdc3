use anyhow::bail;
use files::Files;
use mail::Mail;
use service::{Press, Service};
use std::sync::Arc;
use tenancy::Entrance;
use typesetting::Typst;

/// Every service, in the order in which they start.
pub const NAMES: [&str; 5] = ["tenancy", "risk", "controls", "audit", "notifications"];

/// What services use that need not be there: tools go without.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    /// How people come to tokens, which tenancy then signs.
    pub entrance: Option<&'a Entrance>,
    pub mail: Option<&'a Mail>,
    pub files: Option<&'a Files>,
}

/// The service of this name.
pub fn named(name: &str, given: Given) -> anyhow::Result<Service> {
    let Given { entrance, mail, files } = given;
    Ok(match name {
        "tenancy" => match entrance {
            None => tenancy::service(None),
            Some(entrance) => tenancy::service_behind(Entrance { mail: mail.cloned(), ..entrance.clone() }),
        },
        "risk" => risk::service(),
        "controls" => controls::service(files.cloned()),
        "audit" => audit::service(),
        "notifications" => notifications::service(mail.cloned()),
        other => bail!("there is no service {other}: choose from {}", NAMES.join(", ")),
    })
}

/// All of them.
pub fn all(given: Given) -> anyhow::Result<Vec<Service>> {
    NAMES.iter().map(|name| named(name, given)).collect()
}

/// The same, with a press that they share: those that are asked for papers.
pub fn printing(services: Vec<Service>, printer: Typst) -> Vec<Service> {
    let press = Press::new(Arc::new(printer));
    services.into_iter().map(|service| service.prints_with(press.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::{Given, all};

    /// In one document, each name means one type, and nothing is referred to that is not there.
    #[test]
    fn the_api_document_of_all_services_holds_together() {
        let (issuer, _) = access::Issuer::from_seed(&"a".repeat(64)).expect("a key");
        let services =
            all(Given { entrance: Some(&tenancy::Entrance::by(Some(issuer))), ..Given::default() }).expect("services");
        let document = service::document(services.iter().map(|one| (one.name, one.about, &one.routes)));
        let text = document.to_json().expect("JSON");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().expect("a name");
            assert!(json["components"]["schemas"][name].is_object(), "{name} is referred to and missing");
        }
    }
}
