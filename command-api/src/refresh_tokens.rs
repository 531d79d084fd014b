//! Refresh tokens: what they look like, and how one that was ever handed out is told from one that never was.
//!
//! 72 bytes in base64url: the session, the token's place in the session's family, a secret, and a tag over these that
//! only the master key can make. So a session needs to remember its youngest token alone (by a keyed hash): whatever
//! else bears a good tag is one of its older tokens, used a second time.

use aws_lc_rs::{constant_time, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL};
use event_store::MasterKey;
use uuid::Uuid;

const SESSION_BYTES: usize = 16;
const PLACE_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const BODY_BYTES: usize = SESSION_BYTES + PLACE_BYTES + SECRET_BYTES;

/// A refresh token that this deployment made; never printed.
pub(crate) struct RefreshToken {
    /// The session whose family it belongs to.
    pub(crate) session_id: Uuid,
    /// Its place in the family, from 1.
    pub(crate) place: i64,
    bytes: [u8; BODY_BYTES + TAG_BYTES],
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl RefreshToken {
    /// A new token at a place of a session's family.
    pub(crate) fn new(master_key: &MasterKey, session_id: Uuid, place: i64) -> Self {
        let mut bytes = [0; BODY_BYTES + TAG_BYTES];
        bytes[..SESSION_BYTES].copy_from_slice(session_id.as_bytes());
        bytes[SESSION_BYTES..SESSION_BYTES + PLACE_BYTES].copy_from_slice(&place.to_be_bytes());
        rand::fill(&mut bytes[SESSION_BYTES + PLACE_BYTES..BODY_BYTES])
            .expect("the operating system's random source works");
        let tag = tag(master_key, &bytes[..BODY_BYTES]);
        bytes[BODY_BYTES..].copy_from_slice(&tag);
        Self { session_id, place, bytes }
    }

    /// The token of this text; nothing if it was never handed out.
    pub(crate) fn parse(master_key: &MasterKey, text: &str) -> Option<Self> {
        let bytes: [u8; BODY_BYTES + TAG_BYTES] = BASE64_URL.decode(text).ok()?.try_into().ok()?;
        let (body, its_tag) = bytes.split_at(BODY_BYTES);
        constant_time::verify_slices_are_equal(&tag(master_key, body), its_tag).ok()?;
        let (session_id, rest) = body.split_first_chunk::<SESSION_BYTES>()?;
        let place = i64::from_be_bytes(*rest.first_chunk::<PLACE_BYTES>()?);
        Some(Self { session_id: Uuid::from_bytes(*session_id), place, bytes })
    }

    /// What the database keeps of it.
    pub(crate) fn hash(&self, master_key: &MasterKey) -> [u8; 32] {
        master_key.hash("refresh token", &self.bytes)
    }

    /// What the client gets.
    pub(crate) fn text(&self) -> String {
        BASE64_URL.encode(self.bytes)
    }
}

fn tag(master_key: &MasterKey, body: &[u8]) -> [u8; TAG_BYTES] {
    let hash = master_key.hash("tag of a refresh token", body);
    *hash.first_chunk().expect("a hash is longer than a tag")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master_key() -> MasterKey {
        MasterKey::parse(&MasterKey::generate()).expect("generated keys parse")
    }

    #[test]
    fn a_token_survives_the_way_to_the_client_and_back() {
        let (key, session_id) = (master_key(), Uuid::now_v7());
        let token = RefreshToken::new(&key, session_id, 7);
        let back = RefreshToken::parse(&key, &token.text()).expect("its own token");
        assert_eq!((back.session_id, back.place, back.hash(&key)), (session_id, 7, token.hash(&key)));
        assert_ne!(RefreshToken::new(&key, session_id, 7).text(), token.text());
        assert!(!format!("{token:?}").contains(&token.text()));
    }

    #[test]
    fn a_token_that_was_never_handed_out_is_none() {
        let key = master_key();
        let text = RefreshToken::new(&key, Uuid::now_v7(), 1).text();
        assert!(RefreshToken::parse(&master_key(), &text).is_none());
        for at in [0, 25, 40, text.len() - 2] {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(RefreshToken::parse(&key, &String::from_utf8(forged).expect("ASCII")).is_none());
        }
        for nonsense in ["", "%", "AAAA", &format!("{text}AAAA")] {
            assert!(RefreshToken::parse(&key, nonsense).is_none());
        }
    }
}
