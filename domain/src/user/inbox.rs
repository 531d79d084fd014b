//! How a user is told what, and what of it they have read.

use super::{ChangePreferences, Profile, ReadNotification, UserError, UserEvent};

impl Profile {
    pub(super) fn change_preferences(
        &self,
        command: &ChangePreferences,
    ) -> Result<Vec<UserEvent>, UserError> {
        if command.expected_version.is_some_and(|expected| expected != self.preferences_version) {
            return Err(UserError::VersionConflict { current: self.preferences_version });
        }
        let preferences = self.preferences.missing(&command.preferences);
        if preferences.is_empty() {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::PreferencesChanged { user_id: self.id, preferences, at: command.at }])
    }

    /// What a user was told stands in no stream; the id alone says whether it is theirs.
    pub(super) fn read_notification(
        &self,
        ReadNotification { notification_id, at }: ReadNotification,
    ) -> Result<Vec<UserEvent>, UserError> {
        if !notification_id.is_for(self.id) {
            return Err(UserError::NoSuchNotification);
        }
        if self.read.contains(&notification_id) {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::NotificationRead { user_id: self.id, notification_id, at }])
    }
}
