//! Tokens whose signature was checked before, so that it is not checked again with every request.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use uuid::Uuid;

use super::{AccessClaims, ISSUER};

/// So many tokens are remembered as verified for sure: those shown last. There are at most twice as many, of about 150
/// bytes each.
pub const MAX_VERIFIED_TOKENS: usize = 131_072;

/// What tokens said whose signature was checked, by the token's hash: those of late, and those of before that.
#[derive(Default)]
pub(super) struct Verified {
    of_late: HashMap<blake3::Hash, Remembered>,
    before: HashMap<blake3::Hash, Remembered>,
    /// There are few: each is here once.
    roles: HashSet<Arc<str>>,
}

/// The claims of a token of ours, in less space.
#[derive(Clone)]
struct Remembered {
    sub: Uuid,
    role: Arc<str>,
    sid: Uuid,
    iat: i64,
    exp: i64,
}

impl Remembered {
    fn claims(&self) -> AccessClaims {
        AccessClaims {
            sub: self.sub,
            role: self.role.as_ref().to_owned(),
            sid: self.sid,
            iat: self.iat,
            exp: self.exp,
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
        }
    }
}

impl Verified {
    pub(super) fn recall(&mut self, hash: &blake3::Hash) -> Option<AccessClaims> {
        if let Some(remembered) = self.of_late.get(hash) {
            return Some(remembered.claims());
        }
        let claims = self.before.remove(hash)?.claims();
        self.remember(*hash, &claims);
        Some(claims)
    }

    /// When there are too many, those that nobody has shown for longest are forgotten.
    pub(super) fn remember(&mut self, hash: blake3::Hash, claims: &AccessClaims) {
        if self.of_late.len() >= MAX_VERIFIED_TOKENS {
            self.before = std::mem::take(&mut self.of_late);
        }
        let role =
            self.roles.get(claims.role.as_str()).map_or_else(|| claims.role.as_str().into(), Arc::clone);
        self.roles.insert(Arc::clone(&role));
        let AccessClaims { sub, sid, iat, exp, .. } = *claims;
        self.of_late.insert(hash, Remembered { sub, role, sid, iat, exp });
    }
}
