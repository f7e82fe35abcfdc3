//! What goes over NATS, as somebody hears it who may listen to everything.

use async_nats::Message;
use futures::StreamExt;
use std::sync::{Arc, Mutex};
use testkit::servers;

pub type Heard = Arc<Mutex<Vec<Message>>>;

/// Everything that is published under a prefix from now on.
pub async fn overhear(prefix: &str) -> Heard {
    let address: async_nats::ServerAddr = servers::nats_url().parse().expect("an address");
    let (user, password) = (address.username().expect("a user"), address.password().expect("a password"));
    let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    let client = options.connect(address).await.expect("connected");
    let mut messages = client.subscribe(format!("{prefix}.>")).await.expect("subscribed");
    client.flush().await.expect("flushed");
    let heard = Heard::default();
    let keep = heard.clone();
    tokio::spawn(async move {
        let _client = client;
        while let Some(message) = messages.next().await {
            keep.lock().expect("what was heard").push(message);
        }
    });
    heard
}

/// The message with its subject and headers, as one text.
pub fn text(message: &Message) -> String {
    let payload = String::from_utf8_lossy(&message.payload);
    format!("{} {:?} {payload}", message.subject, message.headers)
}
