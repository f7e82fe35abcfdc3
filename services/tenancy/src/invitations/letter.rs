use super::Offer;
use super::token::Token;
use mail::{Address, Letter};

/// The mail to who is invited. It names nobody, and no client: whose mailbox it is is not known yet.
pub fn of(id: &str, to: Address, offer: &Offer, token: &Token) -> Letter {
    let Offer { person, organisation, expires_at, .. } = offer;
    let (invitation, until) = (token.text(), expires_at.format("%Y-%m-%d %H:%M UTC"));
    let text = format!(
        "You are invited to work in an information security management system.\n\n\
         Until {until}, send this to POST /v1/organisations/{organisation}/join at the address that you were given:\n\n\
         \x20 {{\"invitation\": \"{invitation}\", \"password\": \"...\"}}\n\n\
         with a password of your choice, 12 characters at least; or without one, and with a token of your organisation's identity \
         provider. You are called {person} there.\n\n\
         It counts once. Whoever has it can be you: forward it to nobody."
    );
    Letter {
        id: id.to_owned(),
        to,
        subject: "You are invited".to_owned(),
        text,
        because: "Somebody who manages that system gave this address. It is forgotten when the invitation is over.",
    }
}
