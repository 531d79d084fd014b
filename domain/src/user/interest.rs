//! Being interested in a show: wanting to be told when its sale starts.

use super::{Profile, ShowInterest, UserError, UserEvent, WithdrawInterest};

/// Most shows that somebody is interested in.
pub const MAX_INTERESTS: usize = 1_000;

impl Profile {
    pub(super) fn show_interest(
        &self,
        ShowInterest { event_id, at }: ShowInterest,
    ) -> Result<Vec<UserEvent>, UserError> {
        if self.interests.contains(&event_id) {
            return Ok(vec![]);
        }
        if self.interests.len() >= MAX_INTERESTS {
            return Err(UserError::InterestedInTooMany { max: MAX_INTERESTS });
        }
        Ok(vec![UserEvent::InterestShown { user_id: self.id, event_id, at }])
    }

    pub(super) fn withdraw_interest(
        &self,
        WithdrawInterest { event_id, at }: WithdrawInterest,
    ) -> Vec<UserEvent> {
        if self.interests.contains(&event_id) {
            vec![UserEvent::InterestWithdrawn { user_id: self.id, event_id, at }]
        } else {
            vec![]
        }
    }
}
