use crate::one_time::OneTime;
use eventstore::TenantId;
use service::Problem;
use uuid::Uuid;

/// What an invitation begins with, so that who finds one lying about knows what it is.
const MARK: &str = "stele-invitation_";

/// What is sent to who is invited. It leads to its tenant by itself: it is looked up in no other.
pub struct Token {
    pub tenant: TenantId,
    pub secret: OneTime,
}

impl Token {
    pub fn new(tenant: TenantId) -> Result<Self, Problem> {
        Ok(Self { tenant, secret: OneTime::new()? })
    }

    pub fn read(text: &str) -> Option<Self> {
        let (tenant, secret) = text.trim().strip_prefix(MARK)?.split_once('_')?;
        Some(Self { tenant: TenantId(Uuid::try_parse(tenant).ok()?), secret: OneTime::read("", secret)? })
    }

    pub fn text(&self) -> String {
        format!("{MARK}{}_{}", self.tenant.0.simple(), self.secret.text(""))
    }
}

#[cfg(test)]
mod tests {
    use super::Token;
    use eventstore::TenantId;

    #[test]
    fn it_reads_as_it_was_sent() {
        for _ in 0..50 {
            let token = Token::new(TenantId::random()).expect("random");
            let read = Token::read(&format!(" {}\n", token.text())).expect("whole");
            assert!(read.tenant == token.tenant && read.secret == token.secret);
        }
        let text = Token::new(TenantId::random()).expect("random").text();
        for wrong in ["", "stele-invitation_", &text[..text.len() - 3], &text.replace("invitation", "link")] {
            assert!(Token::read(wrong).is_none(), "{wrong}");
        }
    }
}
