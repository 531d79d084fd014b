//! The seam to cqrs-es: hands commands to [`User::decide`] and events to [`User::evolve`].

use cqrs_es::{Aggregate, event_sink::EventSink};

use super::{User, UserCommand, UserError, UserEvent};

impl Aggregate for User {
    const TYPE: &'static str = "user";
    type Command = UserCommand;
    type Event = UserEvent;
    type Error = UserError;
    type Services = ();

    async fn handle(
        &mut self,
        command: UserCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), UserError> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: UserEvent) {
        self.evolve(event);
    }
}
