//! Mails to people, for whichever service has something to tell them.

pub use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;
use tokio::time::timeout;

/// For one answer of the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// For one mail: shorter than PostgreSQL lets the transaction that sends it wait.
const LONGEST: Duration = Duration::from_secs(30);

/// A mail server and the sender that mails name.
#[derive(Clone)]
pub struct Mail {
    server: AsyncSmtpTransportBuilder,
    from: Mailbox,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidMail {
    #[error("this is not the address of a mail server: write it as smtps://user:password@host:465 ({0})")]
    Server(SmtpError),
    #[error("this is not a sender: write it as `Stele <stele@example.com>`")]
    From,
}

/// What one mail says.
pub struct Letter {
    /// Of what it is about: the same mail sent again is recognised by it.
    pub id: String,
    pub to: Address,
    pub subject: String,
    pub text: String,
    /// Why it is sent to this address.
    pub because: &'static str,
}

impl Mail {
    /// `url`: `smtps://user:password@host:port`, or `smtp://..?tls=required` for STARTTLS; without `tls`, `smtp` is not
    /// encrypted. `from`: an address, with or without a name before it.
    pub fn new(url: &str, from: &str) -> Result<Self, InvalidMail> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(InvalidMail::Server)?;
        let from = from.trim().parse().map_err(|_| InvalidMail::From)?;
        Ok(Self { server: server.timeout(Some(PATIENCE)), from })
    }

    /// Within a runtime: connections are pooled there.
    pub fn open(self) -> Post {
        Post { transport: self.server.build(), from: self.from }
    }
}

/// Sends mails.
pub struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Post {
    /// Hands the letter to the server, or says why that failed. What it says names no address: it becomes an event.
    pub async fn send(&self, letter: Letter) -> Result<(), String> {
        let message = self.message(letter)?;
        match timeout(LONGEST, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(told(&error)),
            Err(_) => Err("the mail server took too long".to_owned()),
        }
    }

    fn message(&self, Letter { id, to, subject, text, because }: Letter) -> Result<Message, String> {
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        MessageBuilder::new()
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            // RFC 3834: no answering machine answers it.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{text}\n\n-- \n{because}\n"))
            .map_err(|_| "the mail could not be written".to_owned())
    }
}

/// RFC 5321: a path has 256 octets at most, with its angle brackets.
const LONGEST_ADDRESS: usize = 254;

/// An address as it is written, if it is one.
pub fn address(written: &str) -> Option<Address> {
    let written = written.trim();
    let address = written.parse::<Address>().ok()?;
    (written.is_ascii() && written.len() <= LONGEST_ADDRESS).then_some(address)
}

/// The server's own words may repeat the address; only their code is kept.
fn told(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("the mail server refused it with {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "no encrypted connection to the mail server could be made".to_owned(),
        None if error.is_response() || error.is_client() => {
            "the mail server and Stele did not understand each other".to_owned()
        }
        None => "the mail server cannot be reached".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Letter, Mail};

    fn letter() -> Letter {
        Letter {
            id: "7d9f2b4e".to_owned(),
            to: "mara@example.com".parse().expect("an address"),
            subject: "A risk is yours".to_owned(),
            text: "Risk R-7 is yours: you own it from now on.".to_owned(),
            because: "Your address is kept in its contacts.",
        }
    }

    #[tokio::test]
    async fn a_mail_names_its_notification_and_no_other_person() {
        let mail = Mail::new("smtp://localhost:2525", "Stele <stele@example.org>").expect("valid");
        let sent = mail.open().message(letter()).expect("written").formatted();
        let sent = String::from_utf8(sent).expect("text");
        for line in [
            "Message-ID: <7d9f2b4e@example.org>",
            "From: Stele <stele@example.org>",
            "To: mara@example.com",
            "Subject: A risk is yours",
            "Auto-Submitted: auto-generated",
            "Risk R-7 is yours: you own it from now on.",
            "Your address is kept in its contacts.",
        ] {
            assert!(sent.lines().any(|written| written == line), "{line} is missing in {sent}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_without_an_address() {
        // Port 1 of this machine: nobody listens there.
        let mail = Mail::new("smtp://127.0.0.1:1", "stele@example.org").expect("valid");
        assert_eq!(mail.open().send(letter()).await, Err("the mail server cannot be reached".to_owned()));
    }

    #[test]
    fn what_is_no_server_and_no_sender_is_refused() {
        for url in ["", "localhost", "http://localhost", "smtp://"] {
            assert!(Mail::new(url, "stele@example.org").is_err(), "{url}");
        }
        assert!(Mail::new("smtps://user:secret@localhost", "stele").is_err());
        let told = Mail::new("imap://user:secret@localhost", "stele@example.org").err().expect("refused").to_string();
        assert!(!told.contains("secret"), "{told}");
    }
}
