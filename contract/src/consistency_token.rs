//! Read your own writes.

use std::{fmt, str::FromStr};

/// What a successful command wrote: places in streams. A reader that sends it back waits until the read model includes
/// them. Clients treat it as opaque; its text is `type:id:sequence`, comma separated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsistencyToken(pub Vec<StreamPoint>);

/// A place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPoint {
    /// The stream's type.
    pub stream_type: String,
    /// The stream's id.
    pub stream_id: String,
    /// Counted from 1.
    pub sequence: i64,
}

/// The text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedToken;

impl ConsistencyToken {
    /// Most places in a token.
    pub const MAX_POINTS: usize = 16;
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, point) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}:{}", point.stream_type, point.stream_id, point.sequence)?;
        }
        Ok(())
    }
}

impl FromStr for ConsistencyToken {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, MalformedToken> {
        let point = |text: &str| {
            let (stream, sequence) = text.rsplit_once(':')?;
            let (stream_type, stream_id) = stream.split_once(':')?;
            let sequence = sequence.parse().ok().filter(|sequence| *sequence > 0)?;
            Some(StreamPoint { stream_type: stream_type.into(), stream_id: stream_id.into(), sequence })
        };
        let points: Option<Vec<_>> = text.split(',').take(Self::MAX_POINTS + 1).map(point).collect();
        points.filter(|points| points.len() <= Self::MAX_POINTS).map(Self).ok_or(MalformedToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_way_to_the_client_and_back() {
        let text = "booking:0193:1,event:0194:17";
        let token: ConsistencyToken = text.parse().expect("a token");
        assert_eq!(token.0.len(), 2);
        assert_eq!(token.0[1].sequence, 17);
        assert_eq!(token.to_string(), text);
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        for text in ["", "booking", "booking:1", "booking:1:x", "booking:1:0", ","] {
            assert_eq!(text.parse::<ConsistencyToken>(), Err(MalformedToken), "{text}");
        }
        let long = vec!["a:b:1"; ConsistencyToken::MAX_POINTS + 1].join(",");
        assert_eq!(long.parse::<ConsistencyToken>(), Err(MalformedToken));
    }
}
