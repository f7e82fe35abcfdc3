use http::Uri;
use serde::Deserialize;
use uuid::Uuid;

/// An identity provider that may vouch for the people of one organisation, and of no other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// `iss` of its tokens to the letter, `https://...`; its discovery document stands below it.
    pub issuer: String,
    /// `aud` of the tokens that are meant for this installation: its own name at the provider, never a client's.
    pub audience: String,
    /// Whose people it vouches for.
    pub organisation: Uuid,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTrusted {
    #[error(
        "the list of identity providers cannot be read: {0}; write [{{\"issuer\": \"https://...\", \"audience\": \"...\", \"organisation\": \"<id>\"}}]"
    )]
    Unreadable(String),
    #[error("issuer: `{0}` is no https address without query and fragment: write it as the provider's tokens have it")]
    Issuer(String),
    #[error("issuer: {0} is named twice: a provider vouches for one organisation only")]
    Twice(String),
    #[error("audience: {0} is trusted for any audience: write the name that this installation has there")]
    Audience(String),
    #[error(
        "requests to identity providers cannot be made, because the certificates of this machine cannot be read: {0}"
    )]
    Certificates(String),
}

pub fn read(text: &str) -> Result<Vec<Trusted>, NotTrusted> {
    serde_json::from_str(text).map_err(|error| NotTrusted::Unreadable(error.to_string()))
}

pub fn check(all: &[Trusted]) -> Result<(), NotTrusted> {
    for (index, one) in all.iter().enumerate() {
        let Trusted { issuer, audience, .. } = one;
        if address(issuer).is_none_or(|address| address.query().is_some()) {
            return Err(NotTrusted::Issuer(issuer.clone()));
        }
        if audience.trim().is_empty() {
            return Err(NotTrusted::Audience(issuer.clone()));
        }
        if all.iter().take(index).any(|before| before.issuer == *issuer) {
            return Err(NotTrusted::Twice(issuer.clone()));
        }
    }
    Ok(())
}

/// Keys come over TLS, or from this machine.
pub fn address(text: &str) -> Option<Uri> {
    // `Uri` would leave a fragment out without a word.
    let uri: Uri = text.parse().ok().filter(|_| !text.contains('#'))?;
    let is_here = matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
    let is_safe = uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here);
    is_safe.then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::{NotTrusted, Trusted, check, read};
    use uuid::Uuid;

    fn trusted(issuer: &str, audience: &str) -> Trusted {
        Trusted { issuer: issuer.to_owned(), audience: audience.to_owned(), organisation: Uuid::nil() }
    }

    #[test]
    fn a_list_reads_as_it_is_documented() {
        let text = r#"[{"issuer": "https://id.example.org", "audience": "stele", "organisation": "00000000-0000-0000-0000-000000000000"}]"#;
        assert_eq!(read(text), Ok(vec![trusted("https://id.example.org", "stele")]));
        for wrong in ["", "{}", r#"[{"issuer": "https://id.example.org"}]"#, r#"[{"isuer": "x"}]"#] {
            assert!(matches!(read(wrong), Err(NotTrusted::Unreadable(_))), "{wrong}");
        }
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for right in ["https://id.example.org", "https://id.example.org/realms/x/", "http://127.0.0.1:8080/x"] {
            assert_eq!(check(&[trusted(right, "stele")]), Ok(()), "{right}");
        }
        for wrong in [
            "http://id.example.org",
            "id.example.org",
            "https://id.example.org?x",
            "https://id.example.org#x",
            "stele-local",
        ] {
            assert_eq!(check(&[trusted(wrong, "stele")]), Err(NotTrusted::Issuer(wrong.to_owned())));
        }
    }

    #[test]
    fn a_provider_has_one_organisation_and_an_audience() {
        let (one, again) = (trusted("https://a.example.org", "stele"), trusted("https://a.example.org", "other"));
        assert_eq!(check(&[one.clone(), again]), Err(NotTrusted::Twice(one.issuer.clone())));
        assert_eq!(check(&[trusted(&one.issuer, " ")]), Err(NotTrusted::Audience(one.issuer)));
    }
}
