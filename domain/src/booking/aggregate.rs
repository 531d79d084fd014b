//! The seam to cqrs-es: hands commands to [`Booking::decide`] and events to [`Booking::evolve`].

use cqrs_es::{Aggregate, event_sink::EventSink};

use super::{Booking, BookingCommand, BookingError, BookingEvent};

impl Aggregate for Booking {
    const TYPE: &'static str = "booking";
    type Command = BookingCommand;
    type Event = BookingEvent;
    type Error = BookingError;
    type Services = ();

    async fn handle(
        &mut self,
        command: BookingCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), BookingError> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: BookingEvent) {
        self.evolve(event);
    }
}
