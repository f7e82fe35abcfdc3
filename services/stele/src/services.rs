use access::Issuer;
use anyhow::bail;
use notifications::Mail;
use service::Service;

/// Every service, in the order in which they start.
pub const NAMES: [&str; 5] = ["tenancy", "risk", "controls", "audit", "notifications"];

/// The service of this name. Tenancy signs tokens where it is given the key.
pub fn named(name: &str, issuer: Option<&Issuer>, mail: Option<&Mail>) -> anyhow::Result<Service> {
    Ok(match name {
        "tenancy" => tenancy::service(issuer.cloned()),
        "risk" => risk::service(),
        "controls" => controls::service(),
        "audit" => audit::service(),
        "notifications" => notifications::service(mail.cloned()),
        other => bail!("there is no service {other}: choose from {}", NAMES.join(", ")),
    })
}

/// All of them.
pub fn all(issuer: Option<&Issuer>, mail: Option<&Mail>) -> anyhow::Result<Vec<Service>> {
    NAMES.iter().map(|name| named(name, issuer, mail)).collect()
}
