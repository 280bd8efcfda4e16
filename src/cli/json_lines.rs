//! Events as one JSON object per line, for other programs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hobnob::client::Event;
use hobnob::client::Recovered;
use hobnob::client::Request;
use serde::Serialize;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Message {
        room: &'a str,
        offset: u64,
        time: u64,
        sender: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    Ack {
        room: &'a str,
        id: u64,
        offset: u64,
    },
    Gap {
        room: &'a str,
        from: u64,
        to: u64,
    },
    /// `lost` is null if it is unknown.
    Joined {
        room: &'a str,
        recovered: &'static str,
        following: u64,
        lost: Option<u64>,
    },
    Refused {
        room: Option<&'a str>,
        id: Option<u64>,
        reason: &'a str,
    },
    Disconnected {
        reason: String,
        retry_ms: Option<u64>,
    },
    Draining {},
}

/// Returns the line of an event, with its newline; `None` for events that do not concern messages.
pub(super) fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::Message { room, offset, time, sender, payload } => {
            let text = std::str::from_utf8(payload).ok();
            let base64 = text.is_none().then(|| BASE64.encode(payload));
            let (offset, time) = (*offset, *time);
            Line::Message { room, offset, time, sender, text, base64 }
        }
        Event::Acked { room, id, offset } => Line::Ack { room, id: *id, offset: *offset },
        Event::Gap { room, from, to } => Line::Gap { room, from: *from, to: *to },
        Event::Joined { room, recovered, .. } => joined(room, *recovered),
        Event::Refused { request, text, .. } => {
            let (room, id) = match request {
                Request::Join(room) => (Some(&**room), None),
                Request::Publish { room, id } => (Some(&**room), Some(*id)),
                Request::DirectMessage { id, .. } => (None, Some(*id)),
                Request::Other => (None, None),
            };
            Line::Refused { room, id, reason: text }
        }
        Event::Disconnected { cause, retry_in } => Line::Disconnected {
            reason: cause.to_string(),
            retry_ms: retry_in.map(|wait| wait.as_millis() as u64),
        },
        Event::Draining => Line::Draining {},
        _ => return None,
    };
    let mut text = serde_json::to_string(&line).ok()?;
    text.push('\n');
    Some(text)
}

fn joined(room: &str, recovered: Recovered) -> Line<'_> {
    let (recovered, following, lost) = match recovered {
        Recovered::Fresh { history } => ("fresh", history, Some(0)),
        Recovered::NothingMissed => ("nothing_missed", 0, Some(0)),
        Recovered::Complete { missed } => ("complete", missed, Some(0)),
        Recovered::Lost { lost, following } => ("lost", following, lost),
    };
    Line::Joined { room, recovered, following, lost }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_programs_were_told_to_expect() {
        let message = |payload: &[u8]| Event::Message {
            room: "lobby".into(),
            offset: 3,
            time: 5,
            sender: "ann".to_owned(),
            payload: payload.to_vec(),
        };
        let start = r#"{"type":"message","room":"lobby","offset":3,"time":5,"sender":"ann","#;
        let wanted = format!("{start}{}\n", r#""text":"a\nb"}"#);
        assert_eq!(line(&message(b"a\nb")), Some(wanted));
        let wanted = format!("{start}{}\n", r#""base64":"/w=="}"#);
        assert_eq!(line(&message(&[0xff])), Some(wanted));
        let gap = Event::Gap { room: "lobby".into(), from: 1, to: 2 };
        let wanted = "{\"type\":\"gap\",\"room\":\"lobby\",\"from\":1,\"to\":2}\n";
        assert_eq!(line(&gap).as_deref(), Some(wanted));
        let recovered = Recovered::Lost { lost: None, following: 2 };
        let joined = Event::Joined { room: "lobby".into(), members: 1, recovered };
        let wanted = "{\"type\":\"joined\",\"room\":\"lobby\",\"recovered\":\"lost\",\"following\":2,\"lost\":null}\n";
        assert_eq!(line(&joined).as_deref(), Some(wanted));
        assert_eq!(line(&Event::Welcomed { name: "ann".to_owned() }), None);
    }
}
