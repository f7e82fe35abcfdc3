use async_nats::HeaderMap;
use chrono::SecondsFormat;
use eventstore::{Metadata, Recorded, Stream};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// What CloudEvents' bindings have encoded in a header: everything but printable ASCII, the quote and the per cent sign.
const HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

#[derive(Debug, thiserror::Error)]
#[error("the message is not an event of ours: {0}")]
pub struct Malformed(String);

/// CloudEvents 1.0 in binary mode: everything but the data.
pub fn headers(service: &str, event: &Recorded) -> Result<HeaderMap, serde_json::Error> {
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| {
        headers.insert(name, utf8_percent_encode(value, HEADER).to_string().as_str());
    };
    put("ce-specversion", "1.0");
    put("ce-id", &event.id.to_string());
    put("ce-source", &format!("/stele/{service}"));
    put("ce-type", &event.event_type);
    put("ce-subject", event.stream.as_str());
    put("ce-time", &event.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true));
    put("ce-datacontenttype", "application/json");
    // Extensions: what lets a consumer recognise a duplicate, a loss and a reordering, and who did it and why.
    put("ce-tenantid", &event.tenant.to_string());
    put("ce-position", &event.position.to_string());
    put("ce-streamversion", &event.version.to_string());
    put("ce-schema", &event.schema.to_string());
    put("ce-recordedtime", &event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true));
    put("ce-hash", &event.hash);
    put("ce-metadata", &serde_json::to_string(&event.metadata)?);
    if let Some(traceparent) = &event.metadata.traceparent {
        put("traceparent", traceparent);
    }
    // With the hash: after a restore a position is given out again, to another event.
    let hash = event.hash.get(..16).unwrap_or(&event.hash);
    put("Nats-Msg-Id", &format!("{service}:{}:{}:{hash}", event.tenant, event.position));
    Ok(headers)
}

/// The event that a message carries.
pub fn recorded(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Recorded, Malformed> {
    let headers = headers.ok_or_else(|| Malformed("it has no headers".to_owned()))?;
    let text = |name: &str| {
        let value = headers.get(name).ok_or_else(|| Malformed(format!("{name} is missing")))?;
        let decoded = percent_decode_str(value.as_str()).decode_utf8();
        decoded.map(Cow::into_owned).map_err(|error| Malformed(format!("{name}: {error}")))
    };
    let json = |error: serde_json::Error| Malformed(error.to_string());
    let metadata: Metadata = serde_json::from_str(&text("ce-metadata")?).map_err(json)?;
    Ok(Recorded {
        tenant: parsed("ce-tenantid", &text("ce-tenantid")?)?,
        position: parsed("ce-position", &text("ce-position")?)?,
        stream: Stream::try_from(text("ce-subject")?).map_err(|error| Malformed(error.to_string()))?,
        version: parsed("ce-streamversion", &text("ce-streamversion")?)?,
        id: parsed("ce-id", &text("ce-id")?)?,
        event_type: text("ce-type")?,
        schema: parsed("ce-schema", &text("ce-schema")?)?,
        occurred_at: parsed("ce-time", &text("ce-time")?)?,
        recorded_at: parsed("ce-recordedtime", &text("ce-recordedtime")?)?,
        data: serde_json::from_slice(payload).map_err(json)?,
        metadata,
        hash: text("ce-hash")?,
    })
}

fn parsed<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Malformed>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Malformed(format!("{name}: {error}")))
}
