//! Following a host.

use super::{FollowHost, Profile, UnfollowHost, UserError, UserEvent};

/// Most hosts that somebody follows.
pub const MAX_FOLLOWED_HOSTS: usize = 1_000;

impl Profile {
    pub(super) fn follow(&self, FollowHost { host_id, at }: FollowHost) -> Result<Vec<UserEvent>, UserError> {
        if host_id == self.id {
            return Err(UserError::FollowsOneself);
        }
        if self.following.contains(&host_id) {
            return Ok(vec![]);
        }
        if self.following.len() >= MAX_FOLLOWED_HOSTS {
            return Err(UserError::FollowsTooMany { max: MAX_FOLLOWED_HOSTS });
        }
        Ok(vec![UserEvent::HostFollowed { user_id: self.id, host_id, at }])
    }

    pub(super) fn unfollow(&self, UnfollowHost { host_id, at }: UnfollowHost) -> Vec<UserEvent> {
        if self.following.contains(&host_id) {
            vec![UserEvent::HostUnfollowed { user_id: self.id, host_id, at }]
        } else {
            vec![]
        }
    }
}
