//! The seam to cqrs-es: hands commands to [`Show::decide`] and events to [`Show::evolve`].

use cqrs_es::{Aggregate, event_sink::EventSink};

use super::{Show, ShowCommand, ShowError, ShowEvent};

impl Aggregate for Show {
    const TYPE: &'static str = "event";
    type Command = ShowCommand;
    type Event = ShowEvent;
    type Error = ShowError;
    type Services = ();

    async fn handle(
        &mut self,
        command: ShowCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), ShowError> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ShowEvent) {
        self.evolve(event);
    }
}
