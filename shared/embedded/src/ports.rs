use crate::{Error, files};
use std::net::TcpListener;
use std::path::Path;

/// Below the range from which systems take the near ends of outgoing connections: a client that tries again while its
/// server is away could otherwise be given the server's own port, and hold it against the restart.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;
const TRIES: u8 = 100;

/// The port of the last start where it is free, so that addresses stay; else a new one, which is kept in `file`.
pub fn kept(file: &Path) -> Result<u16, Error> {
    if let Some(port) = files::read(file).and_then(|text| text.parse().ok())
        && is_free(port)
    {
        return Ok(port);
    }
    let port = (0..TRIES).map(|_| any()).find(|port| is_free(*port)).ok_or(Error::NoPort)?;
    files::write(file, port.to_string().as_bytes())?;
    Ok(port)
}

fn any() -> u16 {
    let [high, low, ..] = *uuid::Uuid::new_v4().as_bytes();
    FIRST + u16::from_be_bytes([high, low]) % COUNT
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
